"""logger - a syslogd or log collector in a process of its own, to be stopped and killed

SYNOPSIS
    python -P -m tests.suite.logger unix PATH FILE
    python -P -m tests.suite.logger tcp PORT FILE

DESCRIPTION
    Appends what it gets to FILE, a line each, and says "ready" first. Logger
    runs it, and restarts it in the same place.
"""

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.suite.collector import split

ROOT = Path(__file__).resolve().parents[2]
LARGEST = 65536  # bytes at a time
LOST = re.compile(rb"warning: log was unavailable: (\d+) lines lost")
MESSAGE = re.compile(rb"(?:: |- - )(?:(?:dis)?connect from|[0-9A-F]+: (?:client|message-id)=)")


class Logger:
    """The process, as a test sees it."""

    def __init__(self, kind: str, place: str, file: Path) -> None:
        self._arguments = [kind, place, str(file)]
        self._file = file
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()

    def start(self) -> None:
        """Run it; return when it takes lines."""
        command = [sys.executable, "-P", "-m", "tests.suite.logger", *self._arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n"

    def stop(self) -> None:
        """Let it stand still."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it, and what it has not read is lost."""
        if self._process:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout
            self._process.stdout.close()
        self._process = None

    def heard(self) -> int:
        """Return how many lines about messages it has."""
        return sum(1 for line in self._lines() if MESSAGE.search(line))

    def reported(self) -> int:
        """Return how many lines were lost, by what it was told."""
        found = (LOST.search(line) for line in self._lines())
        return sum(int(match[1]) for match in found if match)

    def _lines(self) -> list[bytes]:
        return self._file.read_bytes().splitlines() if self._file.exists() else []

    def _signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)


def main() -> int:
    """Be the logger, until killed."""
    kind, place, file = sys.argv[1:]
    output = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    if kind == "unix":
        log_datagrams(place, output)
    else:
        log_streams(int(place), output)
    return 0


def log_datagrams(path: str, output: int) -> None:
    """Be a syslogd."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as source:
        source.bind(path)
        os.chmod(path, 0o666)
        print("ready", flush=True)
        while True:
            os.write(output, source.recv(LARGEST) + b"\n")


def log_streams(port: int, output: int) -> None:
    """Be a collector by TCP."""
    with socket.create_server(("127.0.0.1", port), backlog=1000) as listener:
        print("ready", flush=True)
        poll = select.epoll()
        poll.register(listener, select.EPOLLIN)
        clients: dict[int, tuple[socket.socket, bytes]] = {}
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == listener.fileno():
                    client, _ = listener.accept()
                    clients[client.fileno()] = client, b""
                    poll.register(client, select.EPOLLIN)
                    continue
                client, rest = clients[descriptor]
                data = b""
                with contextlib.suppress(ConnectionResetError):
                    data = client.recv(LARGEST)
                if not data:
                    del clients[descriptor]
                    client.close()
                    continue
                rest += data
                for record in split(rest):
                    os.write(output, record + b"\n")
                    rest = rest[len(b"%d " % len(record)) + len(record) :]
                clients[descriptor] = client, rest


if __name__ == "__main__":
    sys.exit(main())
