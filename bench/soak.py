"""soak - message after message for a long time, and whether memory grows

SYNOPSIS
    python -P -m bench.soak [--messages N] [--minutes N]

DESCRIPTION
    Workers that never leave serve a million messages, or as many as go into
    twenty minutes. After each 5,000 the private memory (USS) of master, of the
    largest qmqpd and of the largest cleanup is noted. A straight line through
    what follows the first 10,000 must rise by less than 1 % per 100,000
    messages; else the exit status is 1.

    Needs root, and Debian's postfix for its client.
"""

import argparse
import statistics
import sys
import tempfile
import time

from bench import MEMORY
from bench.load import running
from bench.memory import CHUNK, SETTINGS, Usage, private, send, usage
from tests.suite.instance import Instance, Postroom

MESSAGES, MINUTES = 1_000_000, 20.0
WARM = 10_000  # messages until everything has been touched once
PER = 100_000
GROWTH = 0.01
SHOWN = 100_000  # a line of figures after so many

Samples = list[tuple[int, Usage]]


def main() -> int:
    """Soak, print, judge."""
    options = parse_options()
    tempfile.tempdir = MEMORY
    began = time.monotonic()
    with running(Postroom(SETTINGS)) as instance:
        samples = soak(instance, options.messages, began + 60 * options.minutes)
    count, last = samples[-1]
    show(count, last)
    print(f"{count:,} messages in {time.monotonic() - began:.0f} s")
    slopes = {name: slope(samples, name) for name in last}
    print(f"growth per {PER:,}:", *(f"{name} {part:+.3%}" for name, part in slopes.items()))
    return int(max(slopes.values()) >= GROWTH)


def parse_options() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="bench.soak", description="does memory grow?")
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    return parser.parse_args()


def soak(instance: Instance, messages: int, deadline: float) -> Samples:
    """Send so many messages, or until the time is over; return what memory was then and then."""
    samples: Samples = []
    sent = 0
    while sent < messages and time.monotonic() < deadline:
        send(instance, CHUNK)
        instance.log_path.open("r+").truncate(0)
        sent += CHUNK
        samples.append((sent, everybodys(instance)))
        if sent == WARM or sent % SHOWN == 0:
            show(*samples[-1])
    return samples


def everybodys(instance: Instance) -> Usage:
    """Return the private memory of master and of its largest workers."""
    master = instance.master()
    assert master
    return {"master": private(master), **usage(instance)}


def slope(samples: Samples, name: str) -> float:
    """Return by what part of itself a program grows with each 100,000 messages."""
    warm = [(count, found[name]) for count, found in samples if count >= WARM]
    if len(warm) < 2:
        return 0.0
    counts, sizes = zip(*warm, strict=True)
    rise: float = statistics.linear_regression(counts, sizes).slope
    usual: float = statistics.mean(sizes)
    return rise * PER / usual


def show(count: int, found: Usage) -> None:
    """Print a line of figures."""
    print(f"{count:9,}", *(f"{name} {size:10,}" for name, size in found.items()), flush=True)


if __name__ == "__main__":
    sys.exit(main())
