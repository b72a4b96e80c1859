"""line - the messages of one connection from a client of our own

DESCRIPTION
    Frames come one behind the other. With each answer the client is told how
    many may be on their way from then on. When it is time to leave, because
    none came for a moment or enough have, the client is kept from sending
    more, and what it has sent until then is served, if it is whole.

SEE ALSO
    docs/frame.md
    common.cleanup_link, the other end
"""

import resource
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from socket import SocketType

from common import frame
from common.sockets import set_io_timeout

READ_SIZE = 32 * 1024  # larger reads cost page faults: every buffer would be mapped anew

# A client of our own may send its next message on the same connection, so soon and so often:
# there are no more processes waiting for such clients than for any, nor for longer.
NEXT_SECONDS = 0.02
MESSAGES_LIMIT = 112
LATE_CLIENTS = 8  # one in so many: who leaves after max_use clients still serves those it has then
PIPELINE = 16  # of these on their way here, while nothing lets us wait


class Line:
    """What comes on one connection."""

    def __init__(
        self, connection: SocketType, max_use: int, outdated: Callable[[], bool] | None
    ) -> None:
        """Expect messages, little more than max_use at most.

        outdated: tells that the next message is for a process that opens its tables anew;
        None: no table is open here.
        """
        set_io_timeout(connection, NEXT_SECONDS)
        self._connection = connection
        self._left = min(max_use + max_use // LATE_CLIENTS, MESSAGES_LIMIT)  # messages
        self._outdated = outdated

    def credit(self, *, waits: bool) -> int:
        """Return how many messages may be on their way once this one is answered.

        waits: they wait here, for a disk or another process; others had better take them.
        """
        self._left = max(self._left - 1, 0)
        return min(self._left, 1 if waits or self._outdated else PIPELINE)

    def receive_next(self) -> bytes:
        """Return the beginning of the next message, nothing if there is none for us."""
        # What is not read yet a client sends once more, to a process with fresh tables.
        looks = self._left and self._outdated
        if looks and (not received(self._connection, 1, socket.MSG_PEEK) or looks()):
            return b""
        data = received(self._connection) if self._left else b""
        if not data:
            # No more can come from now on; what just came is served.
            self._left = 0
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RD)
            data = self._whole_frames()
        return data

    def _whole_frames(self) -> bytes:
        """Return what has come; a frame that is not whole never will be, and is not begun.

        Its client, who cannot send the rest, sends all of it to another process.
        """
        data = b"".join(iter(partial(received, self._connection), b""))
        end = 0
        while (size := frame.size(data, end)) is not None and end + size <= len(data):
            end += size
        return data[:end]


def received(connection: SocketType, size: int = READ_SIZE, flags: int = 0) -> bytes:
    """Return what comes, nothing if that is nothing or takes too long."""
    try:
        return connection.recv(size, flags)
    except OSError:
        return b""


def waited() -> int:
    """Return how often this process has waited for something so far."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
