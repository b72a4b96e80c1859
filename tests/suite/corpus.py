"""corpus - the recorded cases, and what each of them demands

DESCRIPTION
    Loads the conformance corpus, expands inputs, and tells how an Observed
    conversation differs from the recorded one. It talks to nobody: see
    exchange.

    One rule makes allowance for Postroom, which asks cleanup for a queue id
    only when the packet is complete: a packet that never was has no `client='
    line, and its trouble is logged with NOQUEUE in place of the queue id.

SEE ALSO
    conformance/README.md
"""

import base64
import difflib
import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.suite.qmqp import Outcome, netstring

DEADLINE = 12.0  # seconds until a conversation counts as still open, unless the case says
LINGER = 0.15  # seconds between the last byte and a close or reset
TIMING_SLACK = (0.25, 3.0)  # seconds that a recorded duration may be missed by: less, more
DIFF_LINES = 60

INCOMPLETE = re.compile(
    r"<QUEUE-ID>: (?=.*(?:lost connection|read/write timeout|netstring format error"
    r"|netstring length exceeds storage limit) while )"
)
CLIENT = re.compile(r"<QUEUE-ID>: client=")

Records = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Write:
    """How a case's bytes are sent, and what the client does then."""

    pieces: list[bytes]
    gap: float  # seconds between two pieces
    then: str
    linger: float  # seconds before a close or reset


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A queue file as recorded: all records, or their digest with the ends."""

    queue: str
    total: int
    digest: str
    records: Records | None


@dataclass(frozen=True, slots=True)
class Observed:
    """What one conversation left behind, with placeholders put in."""

    reply: str | None
    outcome: Outcome
    seconds: float
    queue: str | None
    records: Records
    log: list[str]
    troubles: list[str]


@dataclass(frozen=True, slots=True)
class Case:
    """One recorded conversation."""

    id: str
    group: str
    what: str
    settings: Mapping[str, str]
    data: bytes
    write: Write
    deadline: float
    reply: str | None
    outcome: Outcome
    seconds: float | None
    stored: StoredFile | None
    log: list[str]

    @property
    def reaches_cleanup(self) -> bool:
        """Whether a packet became complete, and so went to cleanup."""
        return any(map(CLIENT.search, self.log)) and not any(map(INCOMPLETE.search, self.log))

    def expected_log(self, *, late_cleanup: bool) -> Counter[str]:
        """Return the lines to be logged, by the one rule for a late connection to cleanup."""
        if not late_cleanup or not any(map(INCOMPLETE.search, self.log)):
            return Counter(self.log)
        return Counter(
            INCOMPLETE.sub("NOQUEUE: ", line) for line in self.log if not CLIENT.search(line)
        )

    def differences(self, seen: Observed, *, late_cleanup: bool) -> list[str]:
        """Return one paragraph for each way in which seen is not what was recorded."""
        return [
            *seen.troubles,
            *_compare("reply", self.reply, seen.reply),
            *_compare("outcome", _closing(self.outcome), _closing(seen.outcome)),
            *self._timing(seen),
            *self._storage(seen),
            *_compare_logs(self.expected_log(late_cleanup=late_cleanup), Counter(seen.log)),
        ]

    def _timing(self, seen: Observed) -> Iterator[str]:
        if self.seconds is not None:
            less, more = TIMING_SLACK
            if not self.seconds - less <= seen.seconds <= self.seconds + more:
                yield f"closed after {seen.seconds:.2f} s, recorded were {self.seconds} s"

    def _storage(self, seen: Observed) -> Iterator[str]:
        stored = self.stored
        yield from _compare("queue", stored and stored.queue, seen.queue)
        if stored is None or seen.queue is None:
            return
        if stored.records is not None and stored.records != seen.records:
            yield "records:\n" + _diff(stored.records, seen.records)
        elif digest(seen.records) != stored.digest:
            yield f"records: {len(seen.records)} of other content, recorded were {stored.total}"


def load(path: Path) -> list[Case]:
    """Return all cases, those of one setting next to each other."""
    with path.open() as lines:
        cases = [_case(json.loads(line)) for line in lines]
    order: dict[str, int] = {}
    for case in cases:
        order.setdefault(settings_key(case.settings), len(order))
    return sorted(cases, key=lambda case: order[settings_key(case.settings)])


def settings_key(settings: Mapping[str, str]) -> str:
    """Return a text that is equal for equal settings."""
    return json.dumps(dict(settings), sort_keys=True)


def digest(records: Records) -> str:
    """Return the digest of a record list, as the corpus defines it."""
    return hashlib.sha256(json.dumps([list(record) for record in records]).encode()).hexdigest()


def expand(source: Any) -> bytes:
    """Return the bytes that an `input' of the corpus describes."""
    match source:
        case list():
            return b"".join(map(expand, source))
        case {"b64": text}:
            return base64.b64decode(text)
        case {"text": text}:
            return str(text).encode("latin-1")
        case {"repeat": what, "times": times}:
            return expand(what) * int(times)
        case {"seq": form, "from": first, "to": last}:
            items = [(form % number).encode("latin-1") for number in range(first, last + 1)]
            return b"".join(map(netstring, items) if source.get("netstring") else items)
        case {"netstring": what}:
            return netstring(expand(what))
    raise ValueError(f"unknown input: {source!r}")


def cut(data: bytes, write: Mapping[str, Any]) -> list[bytes]:
    """Return data in the pieces that a `write' of the corpus demands."""
    match write["mode"]:
        case "all":
            return [data]
        case "bytes":
            step = 1
        case "chunks":
            step = int(write["chunk"])
        case "split":
            at = sorted(position % len(data) for position in write["at"])
            return [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)]
        case mode:
            raise ValueError(f"unknown mode: {mode!r}")
    return [data[start : start + step] for start in range(0, len(data), step)]


def _case(raw: Mapping[str, Any]) -> Case:
    data = expand(raw["input"])
    assert len(data) == raw["input_len"], raw["id"]
    assert hashlib.sha256(data).hexdigest() == raw["input_sha256"], raw["id"]
    write = raw["write"]
    return Case(
        id=raw["id"],
        group=raw["group"],
        what=raw["what"],
        settings=raw["main_cf"],
        data=data,
        write=Write(
            pieces=cut(data, write),
            gap=write.get("gap_ms", 0) / 1000,
            then=write["then"],
            linger=write.get("linger_ms", LINGER * 1000) / 1000,
        ),
        deadline=raw.get("deadline_s", DEADLINE),
        reply=raw["reply"],
        outcome=Outcome(raw["outcome"]),
        seconds=raw.get("seconds"),
        stored=_stored(raw["queue"]) if raw["queue"] else None,
        log=raw["log"],
    )


def _stored(raw: Mapping[str, Any]) -> StoredFile:
    records: Records | None = None
    if "records" in raw:
        runs = [(kind, value, *count) for kind, value, *count in raw["records"]]
        records = [
            (str(run[0]), str(run[1])) for run in runs for _ in range(run[2] if run[2:] else 1)
        ]
        assert digest(records) == raw["records_sha256"]
    return StoredFile(raw["name"], raw["records_total"], raw["records_sha256"], records)


def _closing(outcome: Outcome) -> Outcome:
    """Treat a reset as an end: a server that closes with unread input makes the kernel reset."""
    return Outcome.EOF if outcome is Outcome.RESET else outcome


def _compare(name: str, recorded: object, seen: object) -> Iterator[str]:
    if recorded != seen:
        yield f"{name}: {seen!r}, recorded was {recorded!r}"


def _compare_logs(recorded: Counter[str], seen: Counter[str]) -> Iterator[str]:
    absent, extra = recorded - seen, seen - recorded
    if absent or extra:
        lines = [f"- {ln}" for ln in absent.elements()] + [f"+ {ln}" for ln in extra.elements()]
        yield "log (- recorded, + seen):\n" + "\n".join(lines)


def _diff(recorded: Records, seen: Records) -> str:
    before, after = ([f"{kind} {value!r}" for kind, value in side] for side in (recorded, seen))
    lines = difflib.unified_diff(before, after, "recorded", "seen", n=1, lineterm="")
    return "\n".join(itertools.islice(lines, DIFF_LINES))
