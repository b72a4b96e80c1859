"""fuzz - make fuzz: all targets, for a while

SYNOPSIS
    python -P -m tests.fuzz [--time SECONDS] [--runs N] [--plain] [--folder FOLDER] [TARGET...]
    python -P -m tests.fuzz TARGET --input FILE...

DESCRIPTION
    Shares the time between the targets, each a process of its own, as many at
    a time as there are processors. With --runs a target ends earlier, when it
    has taken so many inputs. Inputs are led by the branches that others took,
    if atheris is installed; --plain does without, and is faster.

    An input that crashes a target, takes more than a second of the processor,
    or is left behind in memory, is a fault: its file is named, and --input
    tries it again. Inputs that took new branches stay in the folder for the
    next time.

DIAGNOSTICS
    Exit status 1 if a target failed.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.bounds import GROWTH_LIMIT, Limited
from tests.fuzz.engine import HANG_SECONDS, Account
from tests.fuzz.target import NAMES, load

START_SECONDS = 60  # that a target may take beside its time, to begin and to end
SHOWN = 15  # lines of a failure


@dataclass(frozen=True, slots=True)
class Plan:
    """What each target is allowed."""

    folder: Path
    seconds: int
    runs: int
    plain: bool


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one target."""

    name: str
    account: Account
    failure: str  # empty if there is none


def main() -> int:
    """Run the targets, print the account; return the exit status."""
    options = parse()
    names = options.targets or NAMES
    if options.input:
        return try_again(names[0], options.input)
    cores = len(os.sched_getaffinity(0))
    seconds = max(1, options.time * min(cores, len(names)) // len(names))
    options.folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(options.folder.resolve(), seconds, options.runs, options.plain)
    print(f"{len(names)} targets, {seconds} s each; what they find is kept in {plan.folder}")
    with ThreadPoolExecutor(cores) as pool:
        results = list(pool.map(lambda name: run(name, plan), names))
    return report(results)


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="tests.fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--time", type=int, default=600, help="seconds in all")
    parser.add_argument("--runs", type=int, default=0, help="inputs for each target")
    parser.add_argument("--plain", action="store_true", help="by chance alone")
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"))
    parser.add_argument("--input", type=Path, nargs="+", help="take these files only")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(NAMES):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    return options


def run(name: str, plan: Plan) -> Result:
    """Run one target to its end."""
    words = (name, str(plan.folder), str(plan.seconds), str(plan.runs), *["plain"] * plan.plain)
    note, log = plan.folder / f"{name}.json", plan.folder / f"{name}.log"
    note.unlink(missing_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.fuzz.engine", *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            status = process.wait(plan.seconds + HANG_SECONDS + START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
    account = Account(**json.loads(note.read_text())) if note.exists() else Account(0, 0, 0, 0, 0)
    failure = ""
    if status:
        lines = log.read_text(errors="replace").splitlines()
        failure = "\n".join([f"exit status {status}, {log}:", *lines[-SHOWN:]])
    elif account.growth > GROWTH_LIMIT:
        failure = f"memory grew by {account.growth} blocks"
    print(f"{name}: {account.executions} inputs{', FAILED' if failure else ''}", flush=True)
    return Result(name, account, failure)


def report(results: list[Result]) -> int:
    """Print the account of all targets; return the exit status."""
    print(
        f"\n{'target':<16} {'inputs':>10} {'a second':>9} {'slowest':>8} {'growth':>7} {'peak':>7}"
    )
    for one in results:
        found = one.account
        rate = found.executions / found.seconds if found.seconds else 0
        print(
            f"{one.name:<16} {found.executions:>10} {rate:>9.0f} {found.slowest:>6.3f} s"
            f" {found.growth:>7} {found.peak:>4} MB"
        )
    print(f"{'in all':<16} {sum(one.account.executions for one in results):>10}")
    failed = [one for one in results if one.failure]
    for one in failed:
        print(f"\n{one.name}: {one.failure}")
    return 1 if failed else 0


def try_again(name: str, paths: list[Path]) -> int:
    """Let a target take the inputs of files; what fails shows its traceback."""
    check = Limited(load(name).check)
    for path in paths:
        check(path.read_bytes())
        print(f"{path}: nothing wrong")
    return 0


if __name__ == "__main__":
    sys.exit(main())
