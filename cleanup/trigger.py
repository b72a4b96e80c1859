"""trigger - telling the queue manager that there is a new file

DESCRIPTION
    One byte on public/qmgr, without waiting: if nobody takes it, the queue
    manager finds the file at its next scan. Trouble is logged once an hour,
    however many processes come and go.

SEE ALSO
    spec/qmgr-delivery-protocols.md, section 1
"""

import mmap
import os
import socket
import stat
import struct
import time

from cleanup.message import Journal

SCAN_NEW = b"W"
WARNING_INTERVAL = 3600.0  # seconds

# When the last warning was logged, shared by all processes forked after this import.
LAST_WARNING = mmap.mmap(-1, 8)
MONOTONIC = struct.Struct("d")


def wake_queue_manager(service: str, log: Journal) -> None:
    """Tell the service, a socket or FIFO in public/, that there is work."""
    path = f"public/{service}"
    try:
        if stat.S_ISFIFO(os.stat(path).st_mode):
            write_fifo(path, SCAN_NEW)
        else:
            write_socket(path, SCAN_NEW + b"\0")
    except BlockingIOError:
        pass  # full: the queue manager has been told often enough
    except OSError as error:
        warn_seldom(log, f"cannot wake {path}: {error.strerror}")


def write_socket(path: str, data: bytes) -> None:
    """Send data on a new connection and close it at once; what was sent stays readable."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)
        connection.connect(path)
        connection.send(data)


def write_fifo(path: str, data: bytes) -> None:
    """Write data to a FIFO that somebody reads."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def warn_seldom(log: Journal, text: str) -> None:
    """Log the warning unless one was logged within the interval."""
    (last,) = MONOTONIC.unpack(LAST_WARNING[:])
    now = time.monotonic()
    if not last or now - last > WARNING_INTERVAL:
        LAST_WARNING[:] = MONOTONIC.pack(now)
        log.warning(text)
