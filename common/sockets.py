"""sockets - what the socket module leaves to the caller"""

import socket
import struct

TIMEVAL = struct.Struct("@ll")


def set_io_timeout(connection: socket.socket, seconds: float) -> None:
    """Let each blocking read and write fail with BlockingIOError after that time.

    Unlike socket.settimeout() this costs no poll() before every call.
    """
    value = TIMEVAL.pack(int(seconds), int(seconds % 1 * 1_000_000))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, value)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, value)
