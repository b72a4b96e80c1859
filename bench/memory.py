"""memory - what a worker takes, and whether it grows

SYNOPSIS
    python -P -m bench.memory

DESCRIPTION
    Workers that never leave serve message after message. Reported is the
    private memory (USS) of the largest qmqpd and the largest cleanup after
    1,000, 10,000 and 100,000 messages, and the most that they ever have of it
    while messages of 10 MiB come. The first figure must be at most 8 MB, the
    third less than 1 % above the second, and the last below 20 MB; else the
    exit status is 1.

    Takes about a minute. Needs root, and Debian's postfix for its client.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from bench import MEMORY
from bench.load import running
from tests.suite import peers
from tests.suite.instance import Instance, Postroom
from tests.suite.processes import Process

PROGRAMS = ("qmqpd", "cleanup")
SETTINGS = {
    "max_use": "10000000",
    "max_idle": "1h",
    "default_prefork_count": "1",
    "message_size_limit": "20480000",
}
COUNTS = (1_000, 10_000, 100_000)
LARGEST = 8_000_000  # bytes
LARGE_MESSAGE, LARGEST_PEAK = 10 * 1024 * 1024, 20_000_000  # bytes
LARGE_COUNT = 5
GROWTH = 0.01
PEAK_LINE = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)
RESET_PEAK = "5"  # proc_pid_clear_refs(5)
CHUNK = 5_000  # messages, after which the queue is emptied
TIMEOUT = 600.0

Usage = dict[str, int]  # bytes by program


def main() -> int:
    """Measure, print, judge."""
    tempfile.tempdir = MEMORY
    with running(Postroom(SETTINGS)) as instance:
        found = list(usages(instance, COUNTS))
        most = peaks(instance)
    for count, usage in zip(COUNTS, found, strict=True):
        print(f"{count:7} messages", *(f"{name} {size:9,}" for name, size in usage.items()))
    print("10 MiB at a time", *(f"{name} {size:9,}" for name, size in most.items()))
    growth = {name: found[-1][name] / found[1][name] - 1 for name in PROGRAMS}
    print("growth", *(f"{name} {part:+.2%}" for name, part in growth.items()))
    too_much = max(found[0].values()) > LARGEST or max(most.values()) >= LARGEST_PEAK
    return int(too_much or max(growth.values()) >= GROWTH)


def usages(instance: Instance, counts: Sequence[int]) -> Iterator[Usage]:
    """Yield the workers' private memory after so many messages each."""
    sent = 0
    for count in counts:
        while sent < count:
            part = min(CHUNK, count - sent)
            send(instance, part)
            sent += part
        yield usage(instance)


def send(instance: Instance, messages: int, *, size: int = 1024, sessions: int = 10) -> None:
    """Submit messages of so many bytes; leave the queue empty."""
    command = [str(peers.program("qmqp-source")), "-s", str(sessions), "-m", str(messages)]
    command += ["-l", str(size), f"127.0.0.1:{instance.port}"]
    subprocess.run(command, check=True, timeout=TIMEOUT)
    for path in instance.queue_files().values():
        path.unlink()


def usage(instance: Instance) -> Usage:
    """Return the private memory of the largest worker of each program."""
    return {name: max(map(private, instance.children(name))) for name in PROGRAMS}


def private(process: Process) -> int:
    """Return the bytes that a process shares with no other."""
    return int(psutil.Process(process.pid).memory_full_info().uss)


def anonymous(process: Process) -> int:
    """Return the bytes that hold no file, whether a forked process has them too or not.

    What master shares changes with who lives: its private memory tells that, not growth alone.
    """
    found = psutil.Process(process.pid).memory_info()
    return int(found.rss - found.shared)


def peaks(instance: Instance) -> Usage:
    """Return the most private memory that any worker has while 10 MiB come at a time."""
    for process in workers(instance):
        Path(f"/proc/{process.pid}/clear_refs").write_text(RESET_PEAK)
    send(instance, LARGE_COUNT, size=LARGE_MESSAGE, sessions=1)
    return {name: max(map(peak, instance.children(name))) for name in PROGRAMS}


def workers(instance: Instance) -> Iterator[Process]:
    """Yield all of them."""
    for name in PROGRAMS:
        yield from instance.children(name)


def peak(process: Process) -> int:
    """Return the most bytes that a process has had for itself since its peak was reset.

    At least what it shares now it shared then too: what is written to is shared no more.
    """
    memory = psutil.Process(process.pid).memory_full_info()
    status = Path(f"/proc/{process.pid}/status").read_text()
    most = PEAK_LINE.search(status)
    assert most, status
    return int(most[1]) * 1024 - (memory.rss - memory.uss)


if __name__ == "__main__":
    sys.exit(main())
