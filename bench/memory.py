"""memory - what a worker takes, and whether it grows

SYNOPSIS
    python -P -m bench.memory

DESCRIPTION
    Workers that never leave serve message after message. Reported is the
    private memory (USS) of the largest qmqpd and the largest cleanup after
    1,000, 10,000 and 100,000 messages. The first figure must be at most 8 MB
    and the third less than 1 % above the second; else the exit status is 1.

    Takes about a minute. Needs root, and Debian's postfix for its client.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence

import psutil

from bench import MEMORY
from bench.load import running
from tests.suite import peers
from tests.suite.instance import Instance, Postroom
from tests.suite.processes import Process

PROGRAMS = ("qmqpd", "cleanup")
SETTINGS = {"max_use": "10000000", "max_idle": "1h", "default_prefork_count": "1"}
COUNTS = (1_000, 10_000, 100_000)
LARGEST = 8_000_000  # bytes
GROWTH = 0.01
CHUNK = 5_000  # messages, after which the queue is emptied
TIMEOUT = 600.0

Usage = dict[str, int]  # bytes by program


def main() -> int:
    """Measure, print, judge."""
    tempfile.tempdir = MEMORY
    with running(Postroom(SETTINGS)) as instance:
        found = list(usages(instance, COUNTS))
    for count, usage in zip(COUNTS, found, strict=True):
        print(f"{count:7} messages", *(f"{name} {size:9,}" for name, size in usage.items()))
    growth = {name: found[-1][name] / found[1][name] - 1 for name in PROGRAMS}
    print("growth", *(f"{name} {part:+.2%}" for name, part in growth.items()))
    return int(max(found[0].values()) > LARGEST or max(growth.values()) >= GROWTH)


def usages(instance: Instance, counts: Sequence[int]) -> Iterator[Usage]:
    """Yield the workers' private memory after so many messages each."""
    sent = 0
    for count in counts:
        while sent < count:
            part = min(CHUNK, count - sent)
            send(instance, part)
            sent += part
        yield usage(instance)


def send(instance: Instance, messages: int) -> None:
    """Submit messages of 1 KiB in ten sessions; leave the queue empty."""
    command = [str(peers.program("qmqp-source")), "-s", "10", "-m", str(messages), "-l", "1024"]
    command += [f"127.0.0.1:{instance.port}"]
    subprocess.run(command, check=True, timeout=TIMEOUT)
    for path in instance.queue_files().values():
        path.unlink()


def usage(instance: Instance) -> Usage:
    """Return the private memory of the largest worker of each program."""
    return {name: max(map(private, instance.children(name))) for name in PROGRAMS}


def private(process: Process) -> int:
    """Return the bytes that a process shares with no other."""
    return int(psutil.Process(process.pid).memory_full_info().uss)


if __name__ == "__main__":
    sys.exit(main())
