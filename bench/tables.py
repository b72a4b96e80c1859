"""tables - what lookups cost

SYNOPSIS
    python -P -m bench.tables [--entries N]

DESCRIPTION
    CPU time of lookups in large tables, and of 400 rules for headers
    (bench/header_checks) beside Debian's postmap: rounds of one and the other
    in turn. Start-up counts for neither.

SEE ALSO
    bench/header_checks
"""

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from commands.complaints import Complaints
from commands.map_making import make_table
from common.tables import Options, Table, open_table
from tests.suite import peers

HEADER_CHECKS = Path(__file__).parent / "header_checks"
PROBES = 20_000
NETS = 10_000
HEADERS = 20_000
ROUNDS = 5

WORDS = "the of and to a in is minutes meeting report thursday please find attached your our re"
NAMES = "Received From To Subject Message-Id Date MIME-Version Content-Type X-Mailer References"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.tables", description="costs of lookups")
    parser.add_argument("--entries", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        for kind in ("cdb", "lmdb"):
            table = opened(stored(kind, options.entries, top))
            print(f"{kind}: {lookups(table, options.entries):.1f} us a lookup", end=" ")
            print(f"among {options.entries:,} entries")
        print(f"cidr: {networks(top):.1f} us an address among {NETS:,} networks")
        for kind in ("regexp", "pcre"):
            ours, theirs = header_checks(kind, top)
            print(
                f"{kind}: {ours:.1f} us a header with 400 rules, postmap {theirs:.1f} us:"
                f" {ours / theirs:.2f}x"
            )
    return 0


def stored(kind: str, entries: int, top: Path) -> str:
    """Make a table of so many entries, return its name."""
    source = top / kind
    with source.open("w") as file:
        file.writelines(f"{user(number)} value{number}\n" for number in range(entries))
    options = Options(Complaints("bench"), strict=True)
    make_table(f"{kind}:{source}", options, keep_root=True, own_mode=True)
    return f"{kind}:{source}"


def lookups(table: Table, entries: int) -> float:
    """Return what a lookup in such a table costs; every second key is not there."""
    return cost(table, [user(random.randrange(2 * entries)) for _ in range(PROBES)])


def opened(name: str) -> Table:
    """Return a table, which must be there."""
    return open_table(name, Options(Complaints("bench"), strict=True))


def user(number: int) -> str:
    """Return a key."""
    return f"user{number}@example{number % 97}.com"


def networks(top: Path) -> float:
    """Return what an address costs in a list of networks, most of them of 16 to 28 bits."""
    chosen = random.Random(1)
    lines = []
    for _ in range(NETS):
        prefix = chosen.randint(16, 28)
        number = chosen.getrandbits(32) >> (32 - prefix) << (32 - prefix)
        lines.append(f"{dotted(number)}/{prefix} x\n")
    path = top / "networks"
    path.write_text("".join(lines))
    keys = [dotted(chosen.getrandbits(32)) for _ in range(PROBES)]
    return cost(opened(f"cidr:{path}"), keys)


def dotted(number: int) -> str:
    """Return an address as text."""
    return ".".join(map(str, number.to_bytes(4, "big")))


def header_checks(kind: str, top: Path, rounds: int = ROUNDS) -> tuple[float, float]:
    """Return what a header costs us and Debian's postmap."""
    path = top / "headers"
    path.write_text("".join(f"{line}\n" for line in headers(HEADERS)))
    checks = top / "header_checks"
    checks.write_bytes(HEADER_CHECKS.read_bytes())
    os.utime(checks, (1, 1))
    (top / "main.cf").touch()
    os.utime(top / "main.cf", (1, 1))
    theirs = [str(peers.postmap()), "-c", str(top)]
    ours = [str(peers.postroom()), "map", "-c", str(top)]
    question = ["-q", "-", f"{kind}:{checks}"]
    times: dict[str, list[float]] = {"theirs": [], "ours": []}
    for _ in range(rounds):
        for side, command in (("theirs", theirs), ("ours", ours)):
            with path.open() as full, open(os.devnull) as empty:
                whole = seconds([*command, *question], full)
                times[side].append((whole - seconds([*command, *question], empty)) / HEADERS * 1e6)
    return statistics.median(times["ours"]), statistics.median(times["theirs"])


def headers(count: int) -> list[str]:
    """Return ordinary headers."""
    chosen = random.Random(2)
    names, words = NAMES.split(), WORDS.split()
    texts = (" ".join(chosen.choices(words, k=chosen.randint(2, 14))) for _ in range(count))
    return [f"{chosen.choice(names)}: {text} {number}" for number, text in enumerate(texts)]


def seconds(command: Sequence[str], stdin: object) -> float:
    """Return the CPU time of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdin=stdin, stdout=subprocess.DEVNULL, check=False)  # type: ignore[call-overload]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cost(table: Table, keys: list[str]) -> float:
    """Return microseconds of CPU time a lookup, in the best of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for key in keys:
            table.lookup(key)
        rounds.append(time.process_time() - begun)
    return min(rounds) / len(keys) * 1e6


if __name__ == "__main__":
    sys.exit(main())
