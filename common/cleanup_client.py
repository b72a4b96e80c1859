"""cleanup_client - handing one message to cleanup

DESCRIPTION
    Delivery is one conversation: connect, read the queue id, write the
    records, read the verdict. A cleanup of our own takes a frame instead, and
    tells the queue id with its verdict; the connection to it is kept for the
    next message. advance() goes on as far as it can within a few
    milliseconds; where cleanup lets it wait longer, the caller watches
    fileno() and calls again. Whatever goes wrong ends as "queue file write
    error": the client keeps the message and tries again.

SEE ALSO
    spec/cleanup-protocol.md
"""

import contextlib
import enum
import fcntl
import select
import socket
import struct
import termios
import time
from collections.abc import Callable, Iterator
from socket import SocketType
from typing import NamedTuple, Protocol, TypeVar

from common import attribute, frame
from common.errors import PeerError
from common.queue_id import is_valid
from common.sockets import set_io_timeout
from common.status import Status

PATIENCE = 0.02  # seconds that advance() may block on a cleanup that is at work
CONNECT_RETRY = 0.05  # seconds between attempts while cleanup's backlog is full
READ_SIZE = 4096
PROTOCOL = b"cleanup_protocol"
OUTSTANDING = struct.Struct("i")


T = TypeVar("T")


class Parcel(Protocol):
    """A message in both forms, each in pieces fit for one write."""

    def records(self, queue_id: str) -> Iterator[bytes]:
        """Return everything that cleanup is sent after its greeting."""

    def frame(self) -> Iterator[bytes]:
        """Return the whole frame."""


def native_path(service: str) -> str:
    """Return the socket on which our own cleanup takes frames, below the queue directory."""
    return f"private/{service}.native"


class Step(enum.IntEnum):
    """What the conversation waits for, in order."""

    CONNECT = 0
    GREETING = 1
    RECORDS = 2  # to be taken, or a frame
    VERDICT = 3
    DONE = 4


# What was being done when a conversation failed, by step.
WHERE = (
    "connecting to the cleanup service",
    "reading cleanup's greeting",
    "writing to cleanup",
    "reading cleanup's status",
)


class CleanupService(NamedTuple):
    """Where cleanup is, and how long it may take."""

    name: str  # of a socket in public/
    native: bool  # whether messages go as frames, if cleanup takes those
    greeting_timeout: float  # seconds
    io_timeout: float

    @property
    def path(self) -> str:
        """The public socket, below the queue directory."""
        return f"public/{self.name}"


class Kept:
    """A connection to our own cleanup between two messages; one at most."""

    def __init__(self) -> None:
        self._connection: SocketType | None = None

    def take(self) -> SocketType | None:
        """Return the connection, now the caller's, if there is one."""
        connection, self._connection = self._connection, None
        return connection

    def keep(self, connection: SocketType) -> None:
        """Keep a connection on which nobody waits for anything."""
        if self._connection is None:
            self._connection = connection
        else:
            connection.close()


class Delivery:
    """One message on its way to cleanup."""

    # What is not set here in __init__ is the same for most messages.
    step: Step = Step.CONNECT
    queue_id: str = ""
    status: int = Status.WRITE_FAILED
    reason: bytes = b""
    _pieces: Iterator[bytes] = iter(())
    _unsent: memoryview = memoryview(b"")
    _socket: SocketType | None = None
    _was_kept: bool = False  # the connection has carried messages before
    _waited: bool = False  # the caller watched for events
    _sent: int = 0  # bytes, on this connection
    _attended: bool = False  # somebody at the other end has greeted us, or read what we sent

    def __init__(
        self,
        service: CleanupService,
        kept: Kept,
        parcel: Parcel | None,
        announce: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        """Prepare the conversation.

        kept: where to find an open connection, and to leave one. parcel: the
        message; None: the queue id is all we want. announce:
        called with the queue id. warn: called with a text when the
        conversation fails.
        """
        self.deadline = time.monotonic() + service.greeting_timeout
        self._service = service
        self._kept = kept
        self._parcel = parcel
        self._native = service.native
        self._announce = announce
        self._warn = warn
        self._received = b""

    def fileno(self) -> int:
        """Return the descriptor to watch for events(), -1 without a connection."""
        return self._socket.fileno() if self._socket else -1

    def events(self) -> int:
        """Return the epoll events that let the conversation go on, 0 if only time does."""
        if self.step is Step.CONNECT:
            return 0
        return select.EPOLLOUT if self.step is Step.RECORDS else select.EPOLLIN

    def advance(self) -> bool:
        """Go on; tell whether the conversation is over and status and reason hold."""
        try:
            while self.step is not Step.DONE:
                self._take_step()
        except BlockingIOError:
            # From now on the caller waits for us: nobody else shall wait meanwhile.
            self._waited = True
            self._connection().setblocking(False)
            return False
        except (PeerError, OSError) as error:
            self.fail(str(error) if isinstance(error, PeerError) else error.strerror or str(error))
        return True

    def _take_step(self) -> None:
        try:
            STEPS[self.step](self)
        except (BrokenPipeError, ConnectionResetError):
            # cleanup has left between two messages: of the whole frame it has read a part at
            # most, or we would see the end of the stream here.
            if not self._was_kept:
                raise
            self._was_kept = False
            self._drop_connection()
            self._unsent, self._sent = memoryview(b""), 0
            self.step = Step.CONNECT

    def expire(self) -> bool:
        """Give the message up at its deadline; False if cleanup turns out to be at work.

        A frame is written before anybody has accepted the connection: whether somebody
        reads it is what a greeting would tell.
        """
        if self._socket and not self._attended and unread(self._socket) < self._sent:
            self._attended = True
            self._extend()
            return False
        if not self.settle():
            self.fail("timeout")
        return True

    def settle(self) -> bool:
        """Wait no longer; tell whether the verdict had come, so that status and reason hold.

        From here on cleanup's answer finds nobody, and a cleanup of our own takes the message
        back: whoever says no more than that he has waited must know that none is on its way.
        """
        if self._socket and self.step is Step.VERDICT:
            self._waited = True  # the connection is of no use to a next message
            with contextlib.suppress(PeerError, OSError):
                self._socket.shutdown(socket.SHUT_RD)
                self._verdict()
                return True
        return False

    def fail(self, reason: str) -> None:
        """Give the message up."""
        if self.step is Step.CONNECT:
            self._warn(f"connect #1 to subsystem {self._service.path}: {reason}")
        else:
            self._warn(f"{reason} while {WHERE[self.step]}")
        self.status = Status.WRITE_FAILED
        self.close()

    def close(self) -> None:
        """Drop the connection; an unfinished message is removed by cleanup."""
        self.step = Step.DONE
        self._drop_connection()

    def _drop_connection(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None

    def _connection(self) -> SocketType:
        """Return our socket, connected or not."""
        if self._socket is None:
            self._socket = SocketType(socket.AF_UNIX, socket.SOCK_STREAM)
            set_io_timeout(self._socket, PATIENCE)
        return self._socket

    def _connect(self) -> None:
        """Connect to our own cleanup if there is one, else to the public service."""
        if self._native and self._parcel and self._connect_native():
            self._write_pieces(self._parcel.frame())
            return
        self._connection().connect(self._service.path)  # EAGAIN while cleanup's backlog is full
        self.step = Step.GREETING

    def _connect_native(self) -> bool:
        if kept := self._kept.take():
            self._socket, self._was_kept = kept, True
            return True
        try:
            self._connection().connect(native_path(self._service.name))
        except BlockingIOError:
            raise  # it is there, and will have time for us
        except OSError:
            self._native = False
            return False
        return True

    def _greeting(self) -> None:
        pairs = self._read(attribute.decode)
        protocol, queue_id = attribute.values(pairs, b"protocol", b"queue_id")
        if protocol != PROTOCOL:
            raise PeerError(f"unexpected protocol {protocol!r}")
        self._know(queue_id.decode("latin-1"))
        self._attended = True
        if self._parcel is None:
            self.close()
        else:
            self._write_pieces(self._parcel.records(self.queue_id))

    def _know(self, queue_id: str) -> None:
        """Take the queue id that cleanup told."""
        if not is_valid(queue_id):
            raise PeerError(f"bad queue id {queue_id!r}")
        self.queue_id = queue_id
        self._announce(queue_id)

    def _write_pieces(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._progress(Step.RECORDS)

    def _write(self) -> None:
        while True:
            while self._unsent:
                sent = self._connection().send(self._unsent)
                self._unsent = self._unsent[sent:]
                self._sent += sent
                self._extend()
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._unsent = memoryview(piece)
        self._progress(Step.VERDICT)

    def _verdict(self) -> None:
        if self._native:
            status, queue_id, self.reason = self._read(frame.decode_verdict)
            self._know(queue_id)
            self.status = status
            if self._socket and not self._waited:
                self._kept.keep(self._socket)
                self._socket = None
        else:
            pairs = self._read(attribute.decode)
            number, self.reason = attribute.values(pairs, b"status", b"reason")
            self.status = attribute.number(number)
        self.close()

    def _progress(self, step: Step) -> None:
        self.step = step
        self._extend()

    def _extend(self) -> None:
        """Give cleanup more time, if it is there."""
        if self._attended:
            self.deadline = time.monotonic() + self._service.io_timeout

    def _read(self, decode: Callable[[bytes], tuple[T, int] | None]) -> T:
        """Return the next whole answer."""
        while (found := decode(self._received)) is None:
            data = self._connection().recv(READ_SIZE)
            if not data:
                raise PeerError("lost connection")
            self._received += data
        answer, length = found
        self._received = self._received[length:]
        return answer


def unread(connection: SocketType) -> int:
    """Return how much of what was sent the other end has not read; at least so many bytes."""
    answer = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(OUTSTANDING.size))
    return int(OUTSTANDING.unpack(answer)[0])


# By step.
STEPS: tuple[Callable[[Delivery], None], ...] = (
    Delivery._connect,
    Delivery._greeting,
    Delivery._write,
    Delivery._verdict,
)
