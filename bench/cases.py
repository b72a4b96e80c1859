"""cases - what is measured, by name

DESCRIPTION
    A case is one load, played on several sides in turn; the first side is
    what the others are compared with. Its name says where the queue lies,
    tmpfs or disk, what is varied, and how: patterns of the shell choose cases.

    Unless a case says otherwise a message is one that qmqp-source sends: one
    recipient, lines of 79 bytes, ten sessions.
"""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.load import Shape
from tests.suite.instance import Instance, Postroom
from tests.suite.reference import Postfix

KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True, slots=True)
class Side:
    """A mail system, set up in one way."""

    name: str
    product: type[Instance]
    settings: Mapping[str, str] = field(default_factory=dict)


POSTFIX = Side("Postfix", Postfix)
FRAME = Side("frame", Postroom)
WIRE = Side("wire", Postroom, {"native_submission": "no"})
FAST = Side("fast", Postroom, {"fast_short_lines": "yes"})
LASTING = Side("no max_use", Postroom, {"max_use": "1000000000"})
SHORT = (POSTFIX, FRAME, FAST, WIRE)


@dataclass(frozen=True, slots=True)
class Case:
    """One load, and who bears it."""

    name: str
    shape: Shape
    sides: tuple[Side, ...] = (POSTFIX, FRAME, WIRE)
    checked: bool = False  # 20 header checks and a virtual alias table

    @property
    def on_disk(self) -> bool:
        """Whether the queue is on a disk."""
        return self.name.startswith("disk/")


CASES = (
    Case("tmpfs/size/1K", Shape(KIB, 3000)),
    Case("tmpfs/size/50K", Shape(50 * KIB, 1500)),
    Case("tmpfs/size/1M", Shape(MIB, 400)),
    Case("tmpfs/size/10M", Shape(10 * MIB, 30)),
    Case("tmpfs/sessions/1", Shape(KIB, 1500, sessions=1)),
    Case("tmpfs/sessions/50", Shape(KIB, 3000, sessions=50)),
    Case("tmpfs/lines/0-4", Shape(MIB, 100, lines=(0, 4)), SHORT),
    Case("tmpfs/lines/0-20", Shape(MIB, 100, lines=(0, 20)), SHORT),
    Case("tmpfs/lines/60-80", Shape(MIB, 200, lines=(60, 80))),
    Case("tmpfs/lines/76", Shape(MIB, 200, lines=(76, 76))),
    Case("tmpfs/lines/900-1000", Shape(MIB, 200, lines=(900, 1000))),
    Case("tmpfs/lines/50000", Shape(MIB, 200, lines=(50_000, 50_000))),
    Case("tmpfs/recipients/100", Shape(KIB, 500, recipients=100)),
    Case("tmpfs/recipients/10000", Shape(KIB, 20, recipients=10_000)),
    Case("tmpfs/recycling/1K", Shape(KIB, 3000), (LASTING, FRAME)),
    Case("tmpfs/checks/1K", Shape(KIB, 2000), checked=True),
    Case("tmpfs/checks/50K", Shape(50 * KIB, 1000), checked=True),
    Case("tmpfs/checks/1M", Shape(MIB, 100, lines=(60, 80)), checked=True),
    Case("disk/size/1K", Shape(KIB, 2000)),
    Case("disk/size/50K", Shape(50 * KIB, 1000)),
    Case("disk/size/1M", Shape(MIB, 80)),
    Case("disk/size/10M", Shape(10 * MIB, 10)),
    Case("disk/sessions/1", Shape(KIB, 600, sessions=1)),
    Case("disk/sessions/50", Shape(KIB, 2000, sessions=50)),
    Case("disk/lines/60-80", Shape(MIB, 80, lines=(60, 80))),
    Case("disk/recipients/10000", Shape(KIB, 20, recipients=10_000)),
    Case("disk/checks/1K", Shape(KIB, 1500), checked=True),
)
QUICK = ("tmpfs/size/1K", "tmpfs/size/50K", "tmpfs/size/1M", "disk/size/1K")


def chosen(patterns: Sequence[str]) -> list[Case]:
    """Return the cases whose name fits a pattern; all of them without patterns.

    Raises:
        ValueError: a pattern fits none.
    """
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(case.name, pattern) for case in CASES):
            raise ValueError(f"no case is named {pattern}")
    return [
        case
        for case in CASES
        if not patterns or any(fnmatch.fnmatchcase(case.name, one) for one in patterns)
    ]
