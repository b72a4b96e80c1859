"""cleanup_client - handing one message to cleanup

DESCRIPTION
    Delivery is one conversation: connect, read the queue id, write the
    records, read the verdict. advance() goes on as far as it can within a few
    milliseconds; where cleanup lets it wait longer, the caller watches
    fileno() and calls again. Whatever goes wrong ends as "queue file write
    error": the client keeps the message and tries again.

SEE ALSO
    spec/cleanup-protocol.md
"""

import enum
import select
import socket
import time
from collections.abc import Callable, Iterator

from common import attribute
from common.errors import PeerError
from common.queue_id import is_valid
from common.sockets import set_io_timeout
from common.status import Status

PATIENCE = 0.02  # seconds that advance() may block on a cleanup that is at work
CONNECT_RETRY = 0.05  # seconds between attempts while cleanup's backlog is full
READ_SIZE = 4096
PROTOCOL = b"cleanup_protocol"

Records = Callable[[str], Iterator[bytes]]


class Step(enum.Enum):
    """What the conversation waits for."""

    CONNECT = "connecting to the cleanup service"
    GREETING = "reading cleanup's greeting"
    RECORDS = "writing to cleanup"
    VERDICT = "reading cleanup's status"
    DONE = "done"


class Delivery:
    """One message on its way to cleanup."""

    def __init__(
        self,
        service: str,
        records: Records | None,
        *,
        greeting_timeout: float,
        io_timeout: float,
        announce: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        """Prepare the conversation.

        service: name of a socket in public/. records: what to write, once the
        queue id is known; None: nothing, the id is all we want. announce:
        called with the queue id. warn: called with a text when the
        conversation fails.
        """
        self.step = Step.CONNECT
        self.queue_id = ""
        self.status: int = Status.WRITE_FAILED
        self.reason = b""
        self.deadline = time.monotonic() + greeting_timeout
        self._service = f"public/{service}"
        self._records = records
        self._io_timeout = io_timeout
        self._announce = announce
        self._warn = warn
        self._pieces: Iterator[bytes] = iter(())
        self._unsent = memoryview(b"")
        self._received = bytearray()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        set_io_timeout(self._socket, PATIENCE)

    def fileno(self) -> int:
        """Return the descriptor to watch for events()."""
        return self._socket.fileno()

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
            self._socket.setblocking(False)
            return False
        except (PeerError, OSError) as error:
            self.fail(str(error) if isinstance(error, PeerError) else error.strerror or str(error))
        return True

    def fail(self, reason: str) -> None:
        """Give the message up."""
        if self.step is Step.CONNECT:
            self._warn(f"connect #1 to subsystem {self._service}: {reason}")
        else:
            self._warn(f"{reason} while {self.step.value}")
        self.status = Status.WRITE_FAILED
        self.close()

    def close(self) -> None:
        """Drop the connection; an unfinished message is removed by cleanup."""
        self.step = Step.DONE
        self._socket.close()

    def _connect(self) -> None:
        self._socket.connect(self._service)  # EAGAIN while cleanup's backlog is full
        self.step = Step.GREETING

    def _greeting(self) -> None:
        pairs = self._read_list()
        protocol, queue_id = attribute.values(pairs, b"protocol", b"queue_id")
        if protocol != PROTOCOL:
            raise PeerError(f"unexpected protocol {protocol!r}")
        self.queue_id = queue_id.decode("latin-1")
        if not is_valid(self.queue_id):
            self.queue_id = ""
            raise PeerError(f"bad queue id {queue_id!r}")
        self._announce(self.queue_id)
        if self._records is None:
            self.close()
            return
        self._pieces = self._records(self.queue_id)
        self._progress(Step.RECORDS)

    def _write(self) -> None:
        while True:
            while self._unsent:
                sent = self._socket.send(self._unsent)
                self._unsent = self._unsent[sent:]
                self.deadline = time.monotonic() + self._io_timeout
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._unsent = memoryview(piece)
        self._progress(Step.VERDICT)

    def _verdict(self) -> None:
        status, self.reason = attribute.values(self._read_list(), b"status", b"reason")
        self.status = attribute.number(status)
        self.close()

    def _progress(self, step: Step) -> None:
        self.step = step
        self.deadline = time.monotonic() + self._io_timeout

    def _read_list(self) -> attribute.Attributes:
        """Return one whole attribute list; nothing may follow it."""
        while (found := attribute.decode(self._received)) is None:
            data = self._socket.recv(READ_SIZE)
            if not data:
                raise PeerError("lost connection")
            self._received += data
        pairs, length = found
        del self._received[:length]
        return pairs


STEPS: dict[Step, Callable[[Delivery], None]] = {
    Step.CONNECT: Delivery._connect,
    Step.GREETING: Delivery._greeting,
    Step.RECORDS: Delivery._write,
    Step.VERDICT: Delivery._verdict,
}
