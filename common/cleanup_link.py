"""cleanup_link - one connection to a cleanup of our own

DESCRIPTION
    A link carries frames one behind the other; answers come in the same order.
    Each answer tells how many frames cleanup will have on their way from then
    on: many while nothing lets it wait, so that neither side sleeps between
    two messages; one while a disk does, when other processes had better take
    them. Nothing here waits.

SEE ALSO
    docs/frame.md
    common.frame
    common.cleanup_links, all of a process
"""

import fcntl
import socket
import struct
import termios
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from socket import SocketType
from typing import Generic, Protocol, TypeVar

from common import frame
from common.errors import PeerError
from common.queue_id import is_valid
from common.status import Status

READ_SIZE = 4096
OUTSTANDING = struct.Struct("i")

T = TypeVar("T")


class Framed(Protocol):
    """A message that can be sent as a frame."""

    def frame(self) -> Iterator[bytes]:
        """Return the whole frame, in pieces fit for one write."""


@dataclass(slots=True, eq=False)
class Passage(Generic[T]):
    """One message on its way, and in the end what became of it."""

    owner: T  # who wants to know
    parcel: Framed
    since: float  # monotonic
    refused: bool = False  # by a cleanup that then vanished
    queue_id: str = ""  # empty: there is no answer
    status: int = Status.WRITE_FAILED
    reason: bytes = b""
    failure: str = ""  # why there is none, for the log


class Link(Generic[T]):
    """One connection to cleanup."""

    def __init__(self, connection: SocketType, credit: int) -> None:
        """Take an open connection; credit: frames that may be on their way until it tells."""
        self.connection = connection
        self.waiting: deque[Passage[T]] = deque()  # for an answer, in this order
        self.progress = 0.0  # when it last went on, or began to have something to do
        self.credit = credit
        self.answered = False  # any frame
        self.attended = False  # somebody at the other end reads
        self.unsent = memoryview(b"")  # a piece of a frame
        self._pieces: Iterator[bytes] = iter(())  # behind it
        self._line: deque[Passage[T]] = deque()  # behind that frame, the last of those that wait
        self._sent = 0  # bytes
        self._is_open = True  # for more
        self._received = b""

    def has_room(self) -> bool:
        """Tell whether one more message may be sent."""
        return len(self.waiting) < self.credit and self._is_open

    def send(self, passage: Passage[T]) -> None:
        """Let a message wait for its turn; flush() sends it."""
        if not self.waiting:
            self.progress = time.monotonic()
        self.waiting.append(passage)
        self._line.append(passage)

    def flush(self) -> list[Passage[T]]:
        """Send as much as cleanup takes now; return the messages that it will not have."""
        try:
            while self.unsent or self._next_piece():
                sent = self.connection.send(self.unsent, socket.MSG_DONTWAIT)
                self.unsent = self.unsent[sent:]
                self._sent += sent
        except BlockingIOError:
            self.progress = time.monotonic()
        except OSError:  # answers to what was sent before may be here
            self._is_open = False
            return self.withdraw()
        return []

    def withdraw(self) -> list[Passage[T]]:
        """Return the messages that are not sent to their end, and do not wait any more."""
        count = len(self._line) + bool(self.unsent)
        self._line.clear()
        self.unsent = memoryview(b"")
        return [self.waiting.pop() for _ in range(count)][::-1]

    def receive(self) -> Iterator[Passage[T]]:
        """Yield the messages whose answers are here.

        Raises:
            PeerError, OSError: there will be no more.
        """
        with suppress(BlockingIOError):
            data = self.connection.recv(READ_SIZE, socket.MSG_DONTWAIT)
            if not data:
                raise PeerError("lost connection")
            self._received += data
            self.progress = time.monotonic()
        while found := frame.decode_verdict(self._received):
            (status, queue_id, reason, credit), size = found
            if not self.waiting or not is_valid(queue_id):
                raise PeerError(f"bad queue id {queue_id!r}")
            self._received = self._received[size:]
            self.credit, self.answered, self.attended = credit, True, True
            passage = self.waiting.popleft()
            passage.queue_id, passage.status, passage.reason = queue_id, status, reason
            yield passage

    def find_attention(self) -> bool:
        """Look whether anybody has read anything of what was sent, if that was not known."""
        known, self.attended = self.attended, unread(self.connection) < self._sent
        return self.attended and not known

    def _next_piece(self) -> bool:
        piece = next(self._pieces, b"")
        if not piece and self._line:
            self._pieces = self._line.popleft().parcel.frame()
            piece = next(self._pieces)
        self.unsent = memoryview(piece)
        return bool(piece)


def unread(connection: SocketType) -> int:
    """Return how much of what was sent the other end has not read; at least so many bytes."""
    answer = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(OUTSTANDING.size))
    return int(OUTSTANDING.unpack(answer)[0])
