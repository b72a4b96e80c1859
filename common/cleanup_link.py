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
from typing import Generic, TypeVar

from common import frame
from common.cleanup_client import Parcel
from common.errors import PeerError
from common.queue_id import is_valid
from common.status import Status

READ_SIZE = 4096
PIECES = 16  # of a frame that are sent at a time: more than a socket takes
STALL = 0.02  # seconds without an answer in which a process is not called busy
OUTSTANDING = struct.Struct("i")

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Passage(Generic[T]):
    """One message on its way, and in the end what became of it."""

    owner: T  # who wants to know
    parcel: Parcel
    since: float  # monotonic
    returns: int = 0  # from links that broke
    queue_id: str = ""  # empty: there is no answer
    status: int = Status.WRITE_FAILED
    reason: bytes = b""
    failure: str = ""  # why there is none, for the log; empty: nobody takes frames


class Link(Generic[T]):
    """One connection to cleanup."""

    def __init__(self, connection: SocketType) -> None:
        self.connection = connection
        self.waiting: deque[Passage[T]] = deque()  # for an answer, in this order
        self.unsent: deque[Passage[T]] = deque()  # of these the last, the first perhaps in part
        self.progress = 0.0  # when it last went on, or began to have something to do
        self.attended = False  # somebody at the other end has read something since it was idle
        self._pieces: list[bytes | memoryview] = []  # what is left of the first unsent one's frame
        self._sent = 0  # bytes, since it was idle
        self._credit = 1  # of the other end we know nothing yet
        self.is_full = False  # flush() has to wait
        self._is_open = True  # for more
        self._received = b""

    def has_room(self, now: float) -> bool:
        """Tell whether one more message may be sent; none has to wait behind one that hangs."""
        waiting = len(self.waiting)
        if waiting >= self._credit or not self._is_open:
            return False
        return not waiting or now < self.progress + STALL

    def may_have_room(self) -> bool:
        """Tell whether one more message may be sent sooner or later."""
        return self._is_open and self._credit > 0

    def is_of_use(self) -> bool:
        """Tell whether it carries anything, or may yet."""
        return bool(self.waiting) or self._is_open

    def send(self, passage: Passage[T]) -> None:
        """Let a message wait for its turn; flush() sends it."""
        if not self.waiting:
            self.progress, self.attended, self._sent = time.monotonic(), False, 0
        self.waiting.append(passage)
        self.unsent.append(passage)

    def flush(self) -> list[Passage[T]]:
        """Send as much as cleanup takes now; return the messages that it will not have."""
        self.is_full = False
        unsent = self.unsent
        try:
            while unsent:
                pieces = self._pieces = self._pieces or list(unsent[0].parcel.frame())
                sent = self.connection.sendmsg(pieces[:PIECES], (), socket.MSG_DONTWAIT)
                self._sent += sent
                while pieces and sent >= len(pieces[0]):
                    sent -= len(pieces.pop(0))
                if pieces:
                    pieces[0] = memoryview(pieces[0])[sent:]
                else:
                    unsent.popleft()
        except BlockingIOError:
            self.is_full, self.progress = True, time.monotonic()
        except (OSError, MemoryError) as error:  # what was sent before may be answered
            self._is_open = False
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_WR)  # what was begun has no end
            if isinstance(error, MemoryError):
                self.unsent[0].failure = "out of memory"
            return self.withdraw()
        return []

    def withdraw(self) -> list[Passage[T]]:
        """Return the messages that are not sent to their end, and do not wait any more."""
        withdrawn = list(self.unsent)
        for passage in withdrawn:
            self.waiting.remove(passage)
        self.unsent.clear()
        self._pieces = []
        return withdrawn

    def receive(self) -> Iterator[Passage[T]]:
        """Yield the messages whose answers are here.

        Raises:
            PeerError, OSError, MemoryError: there will be no more.
        """
        try:
            data = self.connection.recv(READ_SIZE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        if not data:
            raise PeerError("lost connection")
        self._received += data
        self.progress = time.monotonic()
        while self._received and (found := frame.decode_verdict(self._received)):
            (status, queue_id, reason, credit), size = found
            if len(self.waiting) == len(self.unsent):
                raise PeerError("unexpected answer to no frame")
            if not is_valid(queue_id):
                raise PeerError(f"bad queue id {queue_id!r}")
            self._received = self._received[size:]
            self._credit, self.attended = credit, True
            passage = self.waiting.popleft()
            passage.queue_id, passage.status, passage.reason = queue_id, status, reason
            yield passage

    def find_attention(self) -> bool:
        """Look whether anybody has read anything of what was sent, if that was not known."""
        known = self.attended
        # Who lets us send a second one has answered, a moment ago.
        self.attended = len(self.waiting) > 1 or unread(self.connection) < self._sent
        return self.attended and not known

    def left_unread(self, error: Exception) -> bool:
        """Tell whether a cleanup that has vanished never had the whole of what was sent last."""
        return self._is_open and isinstance(error, ConnectionResetError)


def unread(connection: SocketType) -> int:
    """Return how much of what was sent the other end has not read; at least so many bytes."""
    answer = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(OUTSTANDING.size))
    return int(OUTSTANDING.unpack(answer)[0])
