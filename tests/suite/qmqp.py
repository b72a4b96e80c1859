"""qmqp - a client that can do everything a good client would not

DESCRIPTION
    Builds packets with a framing of its own (the product's code is what is
    under test), sends them whole, byte by byte, in chunks or cut in pieces,
    half-closes or resets, and reads the answer with a deadline.

SEE ALSO
    https://cr.yp.to/proto/qmqp.html
"""

import contextlib
import enum
import socket
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
IO_TIMEOUT = 30.0  # seconds a send may block; a bound, not an expectation
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 seconds


class Outcome(enum.Enum):
    """How a conversation ended, in the words of the corpus."""

    EOF = "eof"
    RESET = "reset"
    STILL_OPEN = "still-open"
    CLIENT_CLOSE = "client-close"
    CLIENT_RESET = "client-reset"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client received, until when."""

    raw: bytes
    outcome: Outcome
    seconds: float  # since the connection was made

    @property
    def payload(self) -> bytes | None:
        """Return the payload if raw is exactly one netstring."""
        digits, colon, rest = self.raw.partition(b":")
        if not (digits.isdigit() and colon and rest.endswith(b",")):
            return None
        return rest[:-1] if len(rest) - 1 == int(digits) else None

    @property
    def verdict(self) -> str:
        """Return K, Z or D; empty if there was no whole reply."""
        return (self.payload or b"")[:1].decode("latin-1")

    @property
    def queue_id(self) -> str:
        """Return the queue id that a K reply names."""
        assert self.verdict == "K", self
        return (self.payload or b"").rsplit(b" ", 1)[-1].decode("ascii")


class Connection:
    """One connection to a QMQP server."""

    def __init__(self, port: int, *, host: str = HOST, source: str = "") -> None:
        self.began = time.monotonic()
        self._socket = socket.create_connection(
            (host, port), timeout=IO_TIMEOUT, source_address=(source, 0) if source else None
        )
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def send(self, data: bytes) -> bool:
        """Send data; False if the server has closed, as its answer may tell why."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def send_pieces(self, pieces: Iterable[bytes], gap: float) -> None:
        """Send pieces at a pace (seconds), which is part of the case."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, piece in enumerate(pieces):
            if number and gap:
                time.sleep(gap)
            if not self.send(piece):
                return

    def fileno(self) -> int:
        """Return the descriptor, to wait for what the server does."""
        return self._socket.fileno()

    def half_close(self) -> None:
        """End our side of the conversation."""
        with contextlib.suppress(OSError):  # reset already; reading will tell
            self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Abort: the server sees a reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.close()

    def close(self) -> None:
        """Close both sides."""
        self._socket.close()

    def answer(self, seconds: float = 30.0) -> Answer:
        """Read until the server closes, at most until seconds after connecting."""
        raw = bytearray()
        outcome = Outcome.STILL_OPEN
        deadline = self.began + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                break
            except ConnectionResetError:
                outcome = Outcome.RESET
                break
            if not data:
                outcome = Outcome.EOF
                break
            raw += data
        return Answer(bytes(raw), outcome, time.monotonic() - self.began)


def netstring(payload: bytes) -> bytes:
    """Return payload as one netstring."""
    return b"%d:%b," % (len(payload), payload)


def packet(message: bytes, sender: bytes = b"s@from.test", *recipients: bytes) -> bytes:
    """Return one submission; without recipients named, to r@to.test."""
    parts = (message, sender, *(recipients or (b"r@to.test",)))
    return netstring(b"".join(map(netstring, parts)))


def exchange(port: int, data: bytes, *, source: str = "", seconds: float = 30.0) -> Answer:
    """Send data on a connection of its own, return the answer."""
    with Connection(port, source=source) as connection:
        connection.send(data)
        return connection.answer(seconds)


def submit(
    port: int,
    message: bytes = b"Subject: one\n\nbody\n",
    sender: bytes = b"s@from.test",
    *recipients: bytes,
    source: str = "",
) -> Answer:
    """Submit one message, return the answer."""
    return exchange(port, packet(message, sender, *recipients), source=source)
