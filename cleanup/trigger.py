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


class Trigger:
    """How the queue manager is told that there is work: by a socket or FIFO in public/.

    A FIFO stays open; another of its name is found within a second, and at once if nobody reads
    the old one any more.
    """

    def __init__(self, service: str, log: Journal) -> None:
        self._path = f"public/{service}"
        self._log = log
        self._fifo = -1  # if it is open
        self._second = -1  # when it was opened

    def pull(self, now: int) -> None:
        """Tell the queue manager; now: in seconds, by any clock."""
        try:
            if now != self._second or not self._is_heard():
                self._look(now)
        except BlockingIOError:
            pass  # full: the queue manager has been told often enough
        except OSError as error:
            warn_seldom(self._log, f"cannot wake {self._path}: {error.strerror}")

    def close(self) -> None:
        """Give the FIFO up."""
        if self._fifo >= 0:
            os.close(self._fifo)
            self._fifo = self._second = -1

    def _is_heard(self) -> bool:
        """Write to the FIFO that is open; tell whether anybody may read that."""
        try:
            os.write(self._fifo, SCAN_NEW)
        except BrokenPipeError:
            return False
        return True

    def _look(self, now: int) -> None:
        """Write to what has the name by now."""
        self.close()
        if stat.S_ISFIFO(os.stat(self._path).st_mode):
            self._fifo, self._second = open_fifo(self._path), now
            os.write(self._fifo, SCAN_NEW)
        else:
            write_socket(self._path, SCAN_NEW + b"\0")


def write_socket(path: str, data: bytes) -> None:
    """Send data on a new connection and close it at once; what was sent stays readable."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)
        connection.connect(path)
        connection.send(data)


def write_fifo(path: str, data: bytes) -> None:
    """Write data to a FIFO that somebody reads."""
    descriptor = open_fifo(path)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def open_fifo(path: str) -> int:
    """Return a descriptor to write to a FIFO that somebody reads; nothing waits."""
    return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)


def warn_seldom(log: Journal, text: str) -> None:
    """Log the warning unless one was logged within the interval."""
    (last,) = MONOTONIC.unpack(LAST_WARNING[:])
    now = time.monotonic()
    if not last or now - last > WARNING_INTERVAL:
        LAST_WARNING[:] = MONOTONIC.pack(now)
        log.warning(text)
