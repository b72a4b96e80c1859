"""cleanup_client - handing one message to cleanup

DESCRIPTION
    Delivery is one conversation: connect, read the queue id, write the
    records, read the verdict. advance() goes on as far as it can within a few
    milliseconds; where cleanup lets it wait longer, the caller watches
    fileno() and calls again. Whatever goes wrong ends as "queue file write
    error": the client keeps the message and tries again.

SEE ALSO
    common.cleanup_links, for cleanups of our own
    spec/cleanup-protocol.md
"""

import contextlib
import enum
import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from socket import SocketType
from typing import NamedTuple, Protocol

from common import attribute
from common.errors import PeerError
from common.queue_id import is_valid
from common.sockets import set_io_timeout
from common.status import Status

PATIENCE = 0.02  # seconds that advance() may block on a cleanup that is at work
CONNECT_RETRY = 0.05  # seconds between attempts while cleanup's backlog is full
READ_SIZE = 4096
PROTOCOL = b"cleanup_protocol"


class Parcel(Protocol):
    """A message as cleanup takes it."""

    def records(self, queue_id: str) -> Iterator[bytes]:
        """Return everything that is sent after the greeting, in pieces fit for one write."""

    def frame(self) -> Iterable[bytes]:
        """Return what a cleanup of our own is sent, in pieces."""


class Step(enum.IntEnum):
    """What the conversation waits for, in order."""

    CONNECT = 0
    GREETING = 1
    RECORDS = 2  # to be taken
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

    def __init__(
        self,
        service: CleanupService,
        parcel: Parcel | None,
        announce: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        """Prepare the conversation.

        parcel: the message; None: the queue id is all we want. announce:
        called with the queue id. warn: called with a text when the
        conversation fails.
        """
        self.deadline = time.monotonic() + service.greeting_timeout
        self._service = service
        self._parcel = parcel
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
                STEPS[self.step](self)
        except BlockingIOError:
            # From now on the caller waits for us: nobody else shall wait meanwhile.
            self._connection().setblocking(False)
            return False
        except (PeerError, OSError) as error:
            self.fail(str(error) if isinstance(error, PeerError) else error.strerror or str(error))
        return True

    def expire(self) -> None:
        """Give the message up at its deadline."""
        if not self.settle():
            self.fail("timeout")

    def settle(self) -> bool:
        """Wait no longer; tell whether the verdict had come, so that status and reason hold.

        From here on cleanup's answer finds nobody, and a cleanup of our own takes the message
        back: whoever says no more than that he has waited must know that none is on its way.
        """
        if self._socket and self.step is Step.VERDICT:
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
        self._connection().connect(self._service.path)  # EAGAIN while cleanup's backlog is full
        self.step = Step.GREETING

    def _greeting(self) -> None:
        pairs = self._read()
        protocol, queue_id = attribute.values(pairs, b"protocol", b"queue_id")
        if protocol != PROTOCOL:
            raise PeerError(f"unexpected protocol {protocol!r}")
        name = queue_id.decode("latin-1")
        if not is_valid(name):
            raise PeerError(f"bad queue id {name!r}")
        self.queue_id = name
        self._announce(name)
        if self._parcel is None:
            self.close()
        else:
            self._pieces = self._parcel.records(self.queue_id)
            self._progress(Step.RECORDS)

    def _write(self) -> None:
        while True:
            while self._unsent:
                sent = self._connection().send(self._unsent)
                self._unsent = self._unsent[sent:]
                self._progress(Step.RECORDS)
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._unsent = memoryview(piece)
        self._progress(Step.VERDICT)

    def _verdict(self) -> None:
        pairs = self._read()
        number, self.reason = attribute.values(pairs, b"status", b"reason")
        self.status = attribute.number(number)
        self.close()

    def _progress(self, step: Step) -> None:
        self.step = step
        self.deadline = time.monotonic() + self._service.io_timeout

    def _read(self) -> attribute.Attributes:
        """Return the next whole answer."""
        while (found := attribute.decode(self._received)) is None:
            data = self._connection().recv(READ_SIZE)
            if not data:
                raise PeerError("lost connection")
            self._received += data
        answer, length = found
        self._received = self._received[length:]
        return answer


# By step.
STEPS: tuple[Callable[[Delivery], None], ...] = (
    Delivery._connect,
    Delivery._greeting,
    Delivery._write,
    Delivery._verdict,
)
