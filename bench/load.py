"""load - one round of qmqp-source against an instance, and what it cost

DESCRIPTION
    Costs are those of the whole machine, client included, from /proc/stat:
    work that a daemon leaves to others counts too. A round counts only if
    every message was answered, is in the queue, and is wholly in the log.
"""

import contextlib
import io
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.suite import peers
from tests.suite.instance import Instance
from tests.suite.waiting import wait_for

LOG_LINES = 4  # a message: connect, client=, message-id=, disconnect
LOG_TIMEOUT = 60.0  # seconds for the last line to be written
ROUND_TIMEOUT = 300.0
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Shape:
    """What is sent in one round."""

    size: int  # bytes of a message
    messages: int
    sessions: int


@dataclass(frozen=True, slots=True)
class Round:
    """What one round measured."""

    rate: float  # messages a second
    cpu: float  # microseconds of the whole machine's time per message


def machine_cpu() -> float:
    """Return the seconds that all processors have worked since boot."""
    with open("/proc/stat") as source:
        user, nice, system, _, _, irq, softirq = map(int, source.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS


def play(instance: Instance, shape: Shape) -> Round:
    """Run one round; the queue is empty before and after."""
    position = instance.log_position()
    command = [str(peers.program("qmqp-source")), "-s", str(shape.sessions)]
    command += ["-m", str(shape.messages), "-l", str(shape.size)]
    before, began = machine_cpu(), time.monotonic()
    subprocess.run([*command, f"127.0.0.1:{instance.port}"], check=True, timeout=ROUND_TIMEOUT)
    seconds, cpu = time.monotonic() - began, machine_cpu() - before
    check(instance, shape, position)
    return Round(shape.messages / seconds, cpu / shape.messages * 1e6)


def check(instance: Instance, shape: Shape, position: int) -> None:
    """Fail unless queue and log hold all of the round; then empty the queue."""
    wait_for(
        lambda: len(instance.log_lines(position)) >= LOG_LINES * shape.messages,
        LOG_TIMEOUT,
        f"{LOG_LINES * shape.messages} log lines",
    )
    queued = instance.queue_files()
    assert len(queued) == shape.messages, f"{len(queued)} files of {shape.messages} messages"
    for path in queued.values():
        path.unlink()
    instance.log_path.open("r+").truncate(0)


@contextlib.contextmanager
def running(instance: Instance) -> Iterator[Instance]:
    """Start the instance; the log that it shows at its end is not of interest here."""
    try:
        yield instance.start()
    finally:
        with contextlib.redirect_stdout(io.StringIO()):
            instance.close()
