"""scenario - one parameter, played with its default and with another value

DESCRIPTION
    A Scenario is a row of a table: the parameter, a value that is not its
    default, what to look at, and what is seen there with either. A program
    that ignores the parameter shows the same twice, and so fails one of them.

    A Trial is one side of it: a qmqpd and a cleanup of its own in an instance
    that all scenarios share, with settings of their own and a log tag by which
    their lines are known.
"""

import contextlib
import os
import re
import select
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.suite.instance import Instance
from tests.suite.processes import Process, process
from tests.suite.qmqp import HOST, Answer, Connection
from tests.suite.queue_file import Record, read_records
from tests.suite.surroundings import Surroundings
from tests.suite.waiting import holds_within, wait_for

LOG_LINE = re.compile(r"\S+ +\d+ \S+ \S+ (\S+)/(\w[\w-]*)\[(\d+)\]: (.*)")
LINE_PATIENCE = 10.0  # seconds for something that must come
GREETING = b"protocol\0cleanup_protocol\0queue_id\0C3A92216044\0\0"

Play = Callable[["Trial"], object]


@dataclass(frozen=True, slots=True)
class Scenario:
    """How a parameter shows. In values, <N> is the trial's number, <TOP> the instance's folder."""

    parameter: str
    value: str  # not the default
    play: Play  # returns what is looked at
    default: object  # what it is when nothing is set
    changed: object  # what it is with the value
    beside: Mapping[str, str] = field(default_factory=dict)  # settings of both sides
    reader: str = ""  # the only one of qmqpd and cleanup that is given the value
    limit: str = "-"  # of qmqpd's processes, in master.cf
    reference: bool = True  # the real Postfix shows the same
    private: bool = False  # needs names or a syslog that are not this machine's
    tagged: bool = True  # its log lines have a tag of their own

    @property
    def title(self) -> str:
        """The name of its test."""
        return f"{self.parameter}-{self.reader}" if self.reader else self.parameter


@dataclass(frozen=True, slots=True)
class Line:
    """A log line, taken apart."""

    tag: str
    program: str
    pid: int
    text: str


@dataclass(slots=True)
class Trial:
    """One side of a scenario."""

    instance: Instance
    number: int
    tag: str
    patience: float  # seconds after which something is taken not to happen
    collector: "Collector"
    surroundings: Surroundings | None
    _since: int = field(init=False)

    def __post_init__(self) -> None:
        self._since = self.instance.log_position()

    @property
    def host(self) -> str:
        """The address of its qmqpd; the port is the instance's."""
        return host(self.number)

    @property
    def service(self) -> str:
        """The first column of its qmqpd's line."""
        return f"{self.host}:{self.instance.port}"

    @property
    def cleanup_service(self) -> str:
        """The first column of its cleanup's line."""
        return f"cleanup{self.number}"

    def connect(self, source: str = HOST) -> Connection:
        """Open a connection to its qmqpd."""
        return Connection(self.instance.port, host=self.host, source=source)

    def exchange(self, data: bytes, source: str = HOST) -> Answer:
        """Send data on a connection of its own, return the answer."""
        with self.connect(source) as connection:
            connection.send(data)
            return connection.answer()

    def records(self, data: bytes) -> list[Record]:
        """Submit data, which must be accepted; return the records of its queue file."""
        queue_id = self.exchange(data).queue_id
        return read_records(self.instance.queue_files()[queue_id])

    def closed(self, *connections: Connection) -> int | None:
        """Return the first of these that the server answers or closes, None if none in time."""
        readable = select.select(connections, [], [], self.patience)[0]
        return connections.index(readable[0]) if readable else None

    def cleanup(self) -> tuple[socket.socket, str]:
        """Return a connection to its cleanup, and the queue id of its greeting."""
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(LINE_PATIENCE)
        peer.connect(str(self.instance.spool / f"public/{self.cleanup_service}"))
        greeting = peer.recv(4096)
        assert greeting.endswith(b"\0\0")
        return peer, greeting.split(b"\0")[3].decode()

    def stand_in(self, *, greets: bool) -> "StandIn":
        """Return a listener in place of a cleanup, for cleanup_service_name = fake<N>."""
        return StandIn(self.instance.spool / f"public/fake{self.number}", greets=greets)

    # Its log.

    def lines(self, program: str = r"\w+") -> list[Line]:
        """Return what its programs have logged."""
        return [
            line
            for line in map(parsed, self.instance.log_lines(self._since))
            if line and line.tag == self.tag and re.fullmatch(program, line.program)
        ]

    def line(self, pattern: str, *, tag: str | None = None) -> Line:
        """Return its first line in which the pattern is found; of any tag, if so asked."""

        def look() -> Line | None:
            for line in map(parsed, self.instance.log_lines(self._since)):
                if line and line.tag == (tag or line.tag) and re.search(pattern, line.text):
                    return line
            return None

        found = wait_for(look, LINE_PATIENCE, f"{pattern!r} in the log{self.instance.report()}")
        assert found
        return found

    def logs(self, pattern: str, seconds: float) -> bool:
        """Tell whether one of its lines holds the pattern, now or within that time."""

        def look() -> bool:
            return any(re.search(pattern, line.text) for line in self.lines())

        return holds_within(look, min(seconds, self.patience))

    def all_lines(self, data: bytes) -> list[Line]:
        """Send data; return all that qmqpd logs of that conversation."""
        self.exchange(data)
        self.line("^disconnect from ", tag=self.tag)
        return self.lines("qmqpd")

    def process_behind(self, pattern: str) -> Process:
        """Return the process that logged a line."""
        found = process(self.line(pattern, tag=self.tag).pid)
        assert found
        return found


class StandIn:
    """A socket in place of cleanup that takes one message, and never says how that went."""

    def __init__(self, path: Path, *, greets: bool) -> None:
        self.received = b""
        self._greets = greets
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        os.chmod(path, 0o777)
        self._listener.listen()
        self._stopped, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.write(self._stop, b"x")
        self._thread.join(LINE_PATIENCE)
        for descriptor in (self._stopped, self._stop):
            os.close(descriptor)
        self._listener.close()

    def _run(self) -> None:
        if not self._comes(self._listener):
            return
        with self._listener.accept()[0] as peer:
            if self._greets:
                peer.sendall(GREETING)
            while self._comes(peer) and (data := peer.recv(65536)):
                self.received += data

    def _comes(self, source: socket.socket) -> bool:
        """Wait for something to read there; False if it is time to stop."""
        readable, _, _ = select.select([source.fileno(), self._stopped], [], [])
        return self._stopped not in readable


class Collector:
    """A UDP socket that keeps what log records come."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._records: list[bytes] = []

    @property
    def port(self) -> int:
        """Where to send them."""
        return int(self._socket.getsockname()[1])

    def record(self, tag: str, seconds: float) -> bytes:
        """Return a record with that tag, nothing if none comes in time."""
        wanted = f" {tag}/".encode()

        def look() -> bytes:
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._records.append(self._socket.recv(65536, socket.MSG_DONTWAIT))
            return next((one for one in self._records if wanted in one), b"")

        holds_within(look, seconds)
        return look()

    def close(self) -> None:
        """Give the socket up."""
        self._socket.close()


def host(number: int) -> str:
    """Return the loopback address of a trial's qmqpd."""
    return f"127.78.{number // 200}.{number % 200 + 1}"


def parsed(text: str) -> Line | None:
    """Return a log line in parts, None if it has another form."""
    found = LOG_LINE.match(text)
    return Line(found[1], found[2], int(found[3]), found[4]) if found else None
