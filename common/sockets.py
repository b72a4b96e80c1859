"""sockets - what the socket module leaves to the caller"""

import errno
import functools
import select
import socket
import struct
from socket import SocketType
from typing import Any

TIMEVAL = struct.Struct("@ll")

# Why no connection can be accepted for now: no room, here or in the system.
EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def accept(listener: SocketType, family: int) -> tuple[SocketType, Any]:
    """Return the next connection and its peer's address, as socket.accept() does but faster.

    Raises:
        OSError: as socket.accept().
    """
    descriptor, peer = listener._accept()  # type: ignore[attr-defined]  # behind accept()
    return SocketType(family, socket.SOCK_STREAM, 0, descriptor), peer


def family_of(listener: SocketType) -> int:
    """Return a socket's family, as a number; its attribute would make an enumeration's member."""
    return listener.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN)


def set_io_timeout(connection: SocketType, seconds: float) -> None:
    """Let each blocking connect, read and write fail with BlockingIOError after that time.

    Unlike socket.settimeout() this costs no poll() before every call.
    """
    value = timeval(seconds)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, value)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, value)


def wait_readable(connection: SocketType, seconds: float) -> None:
    """Wait until a read would not have to wait, or for so long."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    poll.poll(seconds * 1000)


@functools.lru_cache(maxsize=16)
def timeval(seconds: float) -> bytes:
    """Return a time as the kernel takes it."""
    return TIMEVAL.pack(int(seconds), int(seconds % 1 * 1_000_000))
