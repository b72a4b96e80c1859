"""parked - clients that come and do not go, in a process of their own

SYNOPSIS
    python -P -m tests.suite.parked PORT COUNT KIND...

DESCRIPTION
    COUNT clients of different addresses, 127.1.0.1 and on, connect to PORT and
    stay until standard input is closed. They are of each KIND in turn:

    idle        says nothing
    half-sent   has sent half of a small message
    dripping    sends a byte of a large message each second
    deaf        has submitted a message and never reads the reply

    Beside the process that measures, they would share its interpreter with
    the clients whose rate is measured.
"""

import contextlib
import enum
import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.suite.qmqp import HOST, IO_TIMEOUT, packet

ROOT = Path(__file__).resolve().parents[2]
SOURCES_PER_NETWORK = 250
SPARE_DESCRIPTORS = 64
DRIP_SECONDS = 1.0  # between two bytes of a client
SLICES = 200  # parts of the crowd that drip one after the other
HERE_SECONDS = 60.0
LARGE = b"1000100:1000000:"
MESSAGE = packet(b"Subject: unheard\n\n" + b"body\n" * 200)


class Kind(enum.StrEnum):
    """What a client does after it has connected."""

    IDLE = "idle"
    HALF_SENT = "half-sent"
    DRIPPING = "dripping"
    DEAF = "deaf"


OPENINGS = {
    Kind.IDLE: b"",
    Kind.HALF_SENT: MESSAGE[: len(MESSAGE) // 2],
    Kind.DRIPPING: LARGE,
    Kind.DEAF: MESSAGE,
}


def source(number: int) -> str:
    """Return the address of a client."""
    network, host = divmod(number, SOURCES_PER_NETWORK)
    return f"127.1.{network}.{1 + host}"


@contextlib.contextmanager
def parked(port: int, count: int, kinds: Sequence[Kind]) -> Iterator[None]:
    """Have so many clients about; all are connected at the begin, none at the end."""
    command = [sys.executable, "-P", "-m", "tests.suite.parked", str(port), str(count), *kinds]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            assert select.select([process.stdout], [], [], HERE_SECONDS)[0], "they did not come"
            assert process.stdout.readline() == b"here\n"
            yield
            process.stdin.close()
            process.wait(IO_TIMEOUT)
        finally:
            process.kill()


def allow_descriptors(count: int) -> None:
    """Let this process hold so many clients; fail where the system does not."""
    wanted = count + SPARE_DESCRIPTORS
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.fail(f"needs {wanted} descriptors, the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main(port: int, count: int, kinds: Sequence[Kind]) -> None:
    """Be these clients."""
    allow_descriptors(count)
    clients = []
    dripping = []
    for number in range(count):
        kind = kinds[number % len(kinds)]
        address = source(number)
        client = socket.create_connection((HOST, port), IO_TIMEOUT, source_address=(address, 0))
        client.sendall(OPENINGS[kind])
        clients.append(client)
        if kind is Kind.DRIPPING:
            dripping.append(client)
    print("here", flush=True)
    stay([dripping[first::SLICES] for first in range(SLICES)])


def stay(slices: Sequence[Sequence[socket.socket]]) -> None:
    """Let one slice after the other drip, until standard input ends."""
    begin = time.monotonic()
    step = 0
    while True:
        due = begin + step * DRIP_SECONDS / SLICES
        if select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
            return
        for client in slices[step % SLICES]:
            with contextlib.suppress(OSError):  # dismissed: whoever counts the log will see
                client.send(b"x")
        step += 1


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), [Kind(word) for word in sys.argv[3:]])
