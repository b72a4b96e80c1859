"""contest - one case, played on all of its sides in turn

DESCRIPTION
    Rounds are interleaved, one of each side, after a warm-up, so that
    whatever else the machine does hits all sides alike. Each case has
    instances of its own.
"""

import contextlib
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench import MEMORY
from bench.cases import Case, Side
from bench.load import RECIPIENT, Round, RoundError, play, running
from tests.suite import peers
from tests.suite.instance import Instance

HEADER_CHECKS = Path(__file__).parent / "header_checks"
RULES = 20
# Neither the pace of a queue manager that is not there nor a limit below the largest message.
SETTINGS: Mapping[str, str] = {"in_flow_delay": "0", "message_size_limit": "20480000"}
# What may happen to a case, in words of the instances, which tests use too.
FAILURES = (
    *(RoundError, OSError, AssertionError, subprocess.SubprocessError),
    *(pytest.fail.Exception, pytest.skip.Exception),
)
ALIAS = f"{RECIPIENT} alias@to.test\n"


@dataclass(frozen=True, slots=True)
class Score:
    """What the rounds of one side came to."""

    side: str
    rounds: tuple[Round, ...]

    @property
    def rate(self) -> float:
        """Messages a second: the median."""
        return statistics.median(one.rate for one in self.rounds)

    @property
    def cpu(self) -> float:
        """Microseconds a message: the median."""
        return statistics.median(one.cpu for one in self.rounds)

    @property
    def spread(self) -> float:
        """How far the rates lie apart, as a part of their median."""
        rates = [one.rate for one in self.rounds]
        return (max(rates) - min(rates)) / self.rate


@dataclass(frozen=True, slots=True)
class Result:
    """What one case came to; the first score is what the others are compared with."""

    case: Case
    scores: tuple[Score, ...]

    def rate_ratio(self, score: Score) -> float:
        """Return how many times the first side's rate a side has."""
        return score.rate / self.scores[0].rate

    def cpu_ratio(self, score: Score) -> float:
        """Return what a message costs a side, the first side being 1."""
        return score.cpu / self.scores[0].cpu


def compare(case: Case, rounds: int, disk: Path) -> Result:
    """Play a case; disk: a folder on a disk, where queue files may stay.

    Raises:
        RoundError: a round does not count; or another of FAILURES.
    """
    played: dict[str, list[Round]] = {side.name: [] for side in case.sides}
    graveyard = Path(tempfile.mkdtemp(dir=disk)) if case.on_disk else None
    with instances(case, disk if case.on_disk else Path(MEMORY)) as found:
        for count in range(rounds + 1):
            for side, instance in zip(case.sides, found, strict=True):
                try:
                    result = play(instance, case.shape, graveyard)
                except RoundError as error:
                    raise RoundError(f"{side.name}: {error}") from None
                if count:  # the first is a warm-up
                    played[side.name].append(result)
    return Result(case, tuple(Score(name, tuple(seen)) for name, seen in played.items()))


@contextlib.contextmanager
def instances(case: Case, folder: Path) -> Iterator[list[Instance]]:
    """Start an instance for each side of a case, its queue below folder."""
    with contextlib.ExitStack() as stack:
        settings = dict(SETTINGS)
        if case.checked:
            tables = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
            settings |= checks(tables)
        yield [stack.enter_context(running(made(side, settings, folder))) for side in case.sides]


def made(side: Side, settings: Mapping[str, str], folder: Path) -> Instance:
    """Return the instance of a side below folder, not yet started."""
    usual, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        return side.product({**settings, **side.settings})
    finally:
        tempfile.tempdir = usual


def checks(folder: Path) -> Mapping[str, str]:
    """Make tables, and return the settings that name them."""
    folder.chmod(0o755)  # for workers without privileges
    rules = [line for line in HEADER_CHECKS.read_text().splitlines() if line[:1] == "/"][:RULES]
    (folder / "header_checks").write_text("\n".join(rules) + "\n")
    (folder / "aliases").write_text(ALIAS)
    subprocess.run([str(peers.program("postmap")), f"cdb:{folder}/aliases"], check=True)
    for path in folder.iterdir():  # else a process that finds them new waits a moment
        os.utime(path, (1, path.stat().st_mtime - 60))
    return {
        "header_checks": f"regexp:{folder}/header_checks",
        "virtual_alias_maps": f"cdb:{folder}/aliases",
    }
