"""bench - rates and costs of QMQP intake, Postroom against Postfix

SYNOPSIS
    python -P -m bench [--rounds N] [--json FILE] [--quick]

DESCRIPTION
    Both run as private instances on tmpfs, both log to a file, neither has a
    queue manager. Rounds are interleaved, one of each in turn, after a
    warm-up, so that whatever else the machine does hits both. Reported are
    medians and their ratio; absolute figures mean little elsewhere.

    Needs root, and Debian's postfix.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import MEMORY
from bench.load import Round, Shape, play, running
from tests.suite.instance import Instance, Postroom
from tests.suite.reference import Postfix

SETTINGS: Mapping[str, str] = {"in_flow_delay": "0"}
SESSIONS = 10
SHAPES = {
    "1 KiB": Shape(1024, 3000, SESSIONS),
    "50 KiB": Shape(50 * 1024, 1500, SESSIONS),
    "1 MiB": Shape(1024 * 1024, 200, SESSIONS),
}
QUICK_PART = 4  # a quick run sends so many times fewer messages


@dataclass(frozen=True, slots=True)
class Comparison:
    """The medians of one shape."""

    shape: str
    postfix: Round
    postroom: Round

    @property
    def rate_ratio(self) -> float:
        """How many times faster Postroom is."""
        return self.postroom.rate / self.postfix.rate

    @property
    def cpu_ratio(self) -> float:
        """What a message costs in Postroom, Postfix being 1."""
        return self.postroom.cpu / self.postfix.cpu


def main() -> int:
    """Measure, print a table, write JSON."""
    options = parse_options()
    tempfile.tempdir = MEMORY
    with running(Postfix(SETTINGS)) as postfix, running(Postroom(SETTINGS)) as postroom:
        results = [
            compare(name, shape, postfix, postroom, options.rounds)
            for name, shape in shapes(quick=options.quick)
        ]
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps([as_json(one) for one in results], indent=2) + "\n")
    return 0


def parse_options() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="bench", description="Postroom beside Postfix")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="fewer messages, for a first look")
    return parser.parse_args()


def shapes(*, quick: bool) -> list[tuple[str, Shape]]:
    """Return what is measured."""
    part = QUICK_PART if quick else 1
    return [
        (name, Shape(shape.size, shape.messages // part, shape.sessions))
        for name, shape in SHAPES.items()
    ]


def compare(
    name: str, shape: Shape, postfix: Instance, postroom: Instance, rounds: int
) -> Comparison:
    """Play rounds in turn; the first of each is a warm-up."""
    seen: dict[Instance, list[Round]] = {postfix: [], postroom: []}
    for count in range(rounds + 1):
        for instance, results in seen.items():
            result = play(instance, shape)
            if count:
                results.append(result)
        print(f"{name}: round {count} of {rounds}", file=sys.stderr)
    return Comparison(name, median(seen[postfix]), median(seen[postroom]))


def median(rounds: list[Round]) -> Round:
    """Return the medians of rate and cost."""
    return Round(
        statistics.median(one.rate for one in rounds), statistics.median(one.cpu for one in rounds)
    )


def table(results: list[Comparison]) -> str:
    """Return the results for people."""
    lines = [
        f"{'':8} {'Postfix':>18} {'Postroom':>18} {'ratio':>14}",
        f"{'size':8} {'msg/s':>9} {'CPU us':>8} {'msg/s':>9} {'CPU us':>8} {'rate':>7} {'CPU':>6}",
    ]
    for one in results:
        lines.append(
            f"{one.shape:8} {one.postfix.rate:9.0f} {one.postfix.cpu:8.0f}"
            f" {one.postroom.rate:9.0f} {one.postroom.cpu:8.0f}"
            f" {one.rate_ratio:6.2f}x {one.cpu_ratio:5.2f}x"
        )
    return "\n".join(lines)


def as_json(one: Comparison) -> dict[str, object]:
    """Return one result for programs."""
    return {**asdict(one), "rate_ratio": one.rate_ratio, "cpu_ratio": one.cpu_ratio}


if __name__ == "__main__":
    sys.exit(main())
