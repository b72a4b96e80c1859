"""collector - log collectors on the loopback, and a strict reader of what they get

SEE ALSO
    RFC 5424, section 6
    RFC 6587, section 3.4.1
"""

import contextlib
import datetime
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

LARGEST = 65536  # bytes of a datagram
BUFFER = 8 * 1024 * 1024  # bytes that the kernel keeps for us, if it may

# The header is printable ASCII, a field that is not there a hyphen; no structured data from us.
RECORD = re.compile(
    rb"<(?P<priority>[1-9][0-9]{0,2}|0)>1 (?P<time>[!-~]+) (?P<host>[!-~]{1,255})"
    rb" (?P<app>[!-~]{1,48}) (?P<pid>[!-~]{1,128}) (?P<id>[!-~]{1,32}) - (?P<text>.*)",
    re.DOTALL,
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
COUNT = re.compile(rb"([1-9][0-9]{0,8}) ")


@dataclass(frozen=True, slots=True)
class Record:
    """One line, as the collector knows it."""

    facility: int
    severity: int
    time: datetime.datetime
    host: str
    app: str
    pid: int
    text: str

    @classmethod
    def read(cls, data: bytes) -> "Record":
        """Return the record, or fail on one that is not as it should be."""
        match = RECORD.fullmatch(data)
        assert match, data
        priority, stamp = int(match["priority"]), match["time"].decode()
        assert priority <= 191, data
        assert TIME.fullmatch(stamp), data
        assert match["id"] == b"-", data
        text = match["text"].decode()  # strictly UTF-8
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", text), data
        moment = datetime.datetime.fromisoformat(stamp)
        words = (match["host"].decode(), match["app"].decode(), int(match["pid"]))
        return cls(priority >> 3, priority & 7, moment, *words, text)

    def __str__(self) -> str:
        """Return the line as it stands in a log file, behind time and host."""
        return f"{self.app}[{self.pid}]: {self.text}"


@dataclass(slots=True)
class Collector:
    """What came, by connection; by UDP there is one."""

    target: str  # for syslog_network_target
    streams: list[bytearray] = field(default_factory=list)
    datagrams: list[bytes] = field(default_factory=list)
    leave: Callable[[], None] = lambda: None  # close everything, before the context ends

    def records(self) -> list[Record]:
        """Return all that is complete; nothing may be between two records."""
        found = [Record.read(data) for data in list(self.datagrams)]
        for stream in list(self.streams):
            found += [Record.read(data) for data in split(bytes(stream))]
        return found


def split(stream: bytes) -> Iterator[bytes]:
    """Yield the records of one connection, but for the one that is not yet complete."""
    while match := COUNT.match(stream):
        end = match.end() + int(match[1])
        if end > len(stream):
            return
        yield stream[match.end() : end]
        stream = stream[end:]
    assert re.fullmatch(rb"(?:[1-9][0-9]{0,8})?", stream), stream


@contextlib.contextmanager
def udp_collector(host: str = "127.0.0.1") -> Iterator[Collector]:
    """Collect datagrams."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as source:
        source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        source.bind((host, 0))
        found = Collector(f"udp:{written(host)}:{source.getsockname()[1]}")

        def collect() -> None:
            while data := source.recv(LARGEST):
                found.datagrams.append(data)

        with working(collect, source):
            yield found


@contextlib.contextmanager
def tcp_collector(host: str = "127.0.0.1", port: int = 0) -> Iterator[Collector]:
    """Collect streams."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        contextlib.ExitStack() as clients,
        socket.create_server((host, port), family=family, backlog=100) as listener,
    ):
        found = Collector(f"tcp:{written(host)}:{listener.getsockname()[1]}")

        def leave() -> None:
            end(listener)
            listener.close()
            clients.close()

        found.leave = leave

        def accept() -> None:
            with contextlib.suppress(OSError):  # until it is closed
                while True:
                    client, _ = listener.accept()
                    clients.enter_context(client)
                    clients.callback(end, client)
                    found.streams.append(stream := bytearray())
                    threading.Thread(target=collect, args=[client, stream], daemon=True).start()

        def collect(client: socket.socket, stream: bytearray) -> None:
            with contextlib.suppress(OSError):
                while data := client.recv(LARGEST):
                    stream += data

        with working(accept, listener):
            yield found


@contextlib.contextmanager
def working(task: Callable[[], None], source: socket.socket) -> Iterator[None]:
    """Run a task beside, until its socket is shut down."""
    thread = threading.Thread(target=task, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end(source)
        thread.join(10)


def written(host: str) -> str:
    """Return an address as it stands in front of a port."""
    return f"[{host}]" if ":" in host else host


def end(source: socket.socket) -> None:
    """Wake the thread that works with a socket, tell the other side that nobody is here."""
    with contextlib.suppress(OSError):
        source.shutdown(socket.SHUT_RDWR)
