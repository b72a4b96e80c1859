"""bench - rates and costs of QMQP intake, Postroom beside Postfix

SYNOPSIS
    python -P -m bench [--rounds N] [--json FILE] [--disk DIR] [--quick] [--list] [CASE...]

DESCRIPTION
    Private instances of Debian's Postfix and of Postroom, the latter once
    with frames between its daemons and once with Postfix's records, take the
    same messages in turn. All log to a file, none has a queue manager, none
    waits for one (in_flow_delay = 0). For each case the table shows the
    medians of all rounds but the first and what they are to Postfix's; the
    spread is that of the rates, lowest to highest. Absolute figures mean
    little on another machine.

    CASE is a pattern of the shell: 'tmpfs/size/*' (bench/cases.py). --disk
    names a folder on a disk, for a while, with room for 10 GB. The exit
    status is 1 if a round did not count: something was missing in a queue or
    a log. The other cases are played all the same.

    Needs root, and Debian's postfix.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench import report
from bench.cases import QUICK, Case, chosen
from bench.contest import FAILURES, compare

DISK = Path("/var/tmp")
QUICK_PART = 3  # a quick run sends so many times fewer messages
QUICK_ROUNDS = 3


def main() -> int:
    """Measure, print a table, write JSON."""
    options = parse_options()
    cases = list(cases_of(options))
    if options.list:
        print("\n".join(case.name for case in cases))
        return 0
    results, failed = [], False
    print(report.HEAD)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.disk) as folder:
        disk = Path(folder)
        disk.chmod(0o755)  # workers without privileges pass through
        for case in cases:
            try:
                result = compare(case, options.rounds, disk)
            except FAILURES as error:
                print(f"{case.name}: does not count: {error}", flush=True)
                failed = True
                continue
            print("\n".join(report.rows(result)), flush=True)
            results.append(result)
            if options.json:
                options.json.write_text(report.as_json(results))
    return int(failed)


def parse_options() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="bench", description="Postroom beside Postfix")
    parser.add_argument("--rounds", type=int, help="that count, each case")
    parser.add_argument("--json", type=Path, help="where results go for programs")
    parser.add_argument("--disk", type=Path, default=DISK, help="a folder on a disk")
    parser.add_argument("--quick", action="store_true", help="little of everything: a minute")
    parser.add_argument("--list", action="store_true", help="name the cases, and measure nothing")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="a name, or a pattern of names")
    options = parser.parse_args()
    options.rounds = options.rounds or (QUICK_ROUNDS if options.quick else 5)
    return options


def cases_of(options: argparse.Namespace) -> Iterator[Case]:
    """Yield what is to be measured."""
    try:
        cases = chosen(options.cases or (QUICK if options.quick else ()))
    except ValueError as error:
        sys.exit(f"bench: {error}")
    for case in cases:
        part = QUICK_PART if options.quick else 1
        yield replace(case, shape=replace(case.shape, messages=case.shape.messages // part))


if __name__ == "__main__":
    sys.exit(main())
