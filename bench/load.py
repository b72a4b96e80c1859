"""load - one round of messages for an instance, and what it cost

DESCRIPTION
    Costs are those of the whole machine, client included, from /proc/stat:
    work that a daemon leaves to others counts too. A round counts only if
    every message was answered, is in the queue, and is wholly in the log.
"""

import contextlib
import functools
import io
import os
import re
import select
import subprocess
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import client
from tests.suite import peers
from tests.suite.instance import Instance
from tests.suite.waiting import holds_within

LOG_TIMEOUT = 60.0  # seconds for the last line to be written
ROUND_TIMEOUT = 300.0
RECIPIENT = "r@to.test"  # of several, each gets a number in front
TICKS = os.sysconf("SC_CLK_TCK")
LOG_LINE = re.compile(r"\]: (?:(connect|disconnect) from |(\w+): (client|message-id)=)")


@dataclass(frozen=True, slots=True)
class Shape:
    """What is sent in one round."""

    size: int  # bytes of a message
    messages: int
    sessions: int = 10
    recipients: int = 1
    lines: tuple[int, int] | None = None  # lengths of the body's; None: as qmqp-source has them


@dataclass(frozen=True, slots=True)
class Round:
    """What one round measured."""

    rate: float  # messages a second
    cpu: float  # microseconds of the whole machine's time per message


class RoundError(Exception):
    """A round does not count."""


def machine_cpu() -> float:
    """Return the seconds that all processors have worked since boot."""
    with open("/proc/stat") as source:
        user, nice, system, _, _, irq, softirq = map(int, source.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS


def play(instance: Instance, shape: Shape, graveyard: Path | None = None) -> Round:
    """Run one round; the queue is empty before and after.

    graveyard: where the round's queue files go, which are removed if there is none. On a disk
    they must stay: ext4 passes over inodes that were free a moment ago, at a price per file
    that is larger than what is measured.

    Raises:
        RoundError: something is missing of what the round should have left.
    """
    content(shape)  # not while the clock runs
    position = instance.log_position()
    before, began = machine_cpu(), time.monotonic()
    send(instance.port, shape)
    seconds, cpu = time.monotonic() - began, machine_cpu() - before
    check(instance, shape, position)
    clear(instance, graveyard)
    return Round(shape.messages / seconds, cpu / shape.messages * 1e6)


def send(port: int, shape: Shape) -> None:
    """Submit a round's messages.

    Raises:
        RoundError: not all were accepted.
    """
    try:
        if shape.lines:
            message = content(shape)
            client.send(port, message, shape.messages, shape.sessions, ROUND_TIMEOUT)
        else:
            command = [str(peers.program("qmqp-source")), "-s", str(shape.sessions)]
            command += ["-m", str(shape.messages), "-l", str(shape.size)]
            command += ["-r", str(shape.recipients), "-t", RECIPIENT, f"127.0.0.1:{port}"]
            run(command)
    except (client.SendError, subprocess.SubprocessError) as error:
        raise RoundError(str(error)) from None


def run(command: list[str]) -> None:
    """Run a client, and return the moment it ends: a wait of subprocess's, if it has a limit, looks
    only twenty times a second.

    Raises:
        SubprocessError: it failed, or took too long.
    """
    with subprocess.Popen(command) as process:
        end = os.pidfd_open(process.pid)
        try:
            if not select.select((end,), (), (), ROUND_TIMEOUT)[0]:
                process.kill()
                raise subprocess.TimeoutExpired(command, ROUND_TIMEOUT)
        finally:
            os.close(end)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


@functools.lru_cache(1)
def content(shape: Shape) -> bytes:
    """Return the message that our own client sends."""
    return client.content(shape.size, shape.lines) if shape.lines else b""


def check(instance: Instance, shape: Shape, position: int) -> None:
    """See that queue and log hold all of the round.

    Raises:
        RoundError: they do not.
    """
    queued = instance.queue_files()
    if len(queued) != shape.messages:
        raise RoundError(f"{len(queued)} files of {shape.messages} messages")
    if not holds_within(lambda: is_told(instance.log_lines(position), queued), LOG_TIMEOUT):
        missing = ", ".join(untold(instance.log_lines(position), queued))
        raise RoundError(f"the log does not tell all of {shape.messages} messages: {missing}")


def is_told(lines: Iterable[str], queue_ids: Collection[str]) -> bool:
    """Tell whether a log has every line of these messages, each on a connection of its own."""
    return not untold(lines, queue_ids)


def untold(lines: Iterable[str], queue_ids: Collection[str]) -> list[str]:
    """Return what a log has too little or too much of, in words."""
    connections: Counter[str] = Counter()
    messages: dict[str, set[str]] = {"client": set(), "message-id": set()}
    for line in lines:
        if found := LOG_LINE.search(line):
            step, queue_id, fact = found.groups()
            if step:
                connections[step] += 1
            else:
                messages[fact].add(queue_id)
    expected = set(queue_ids)
    wrong = [
        f"{connections[step]} times {step}"
        for step in ("connect", "disconnect")
        if connections[step] != len(expected)
    ]
    for fact, told in messages.items():
        wrong += [f"no {fact}= of {name}" for name in sorted(expected - told)]
        wrong += [f"{fact}= of {name}, which is not there" for name in sorted(told - expected)]
    return wrong


def clear(instance: Instance, graveyard: Path | None) -> None:
    """Empty queue and log."""
    for path in instance.queue_files().values():
        if graveyard:
            path.rename(graveyard / f"{instance.port}-{path.name}")
        else:
            path.unlink()
    os.truncate(instance.log_path, 0)


@contextlib.contextmanager
def running(instance: Instance) -> Iterator[Instance]:
    """Start the instance; the log that it shows at its end is not of interest here."""
    try:
        yield instance.start()
    finally:
        with contextlib.redirect_stdout(io.StringIO()):
            instance.close()
