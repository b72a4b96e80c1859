"""trigger - the queue manager's wake-up FIFO, drained

DESCRIPTION
    Makes public/qmgr a FIFO (0622, as Postfix's master does) and swallows what
    is written to it, so that no writer ever finds it full. It looks only ten
    times a second: a reader that woke for each byte would take its share of
    what a benchmark measures.
"""

import contextlib
import os
import select
import threading
from pathlib import Path

MODE = 0o622
INTERVAL = 0.1  # seconds


class Trigger:
    """A FIFO and the thread that empties it."""

    def __init__(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        os.mkfifo(path)
        path.chmod(MODE)
        self._fifo = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop draining."""
        os.write(self._waker, b"x")
        self._thread.join(10)
        for descriptor in (self._fifo, self._wake, self._waker):
            os.close(descriptor)

    def _drain(self) -> None:
        while self._wake not in select.select([self._fifo, self._wake], [], [])[0]:
            with contextlib.suppress(BlockingIOError):
                os.read(self._fifo, 65536)
            select.select([self._wake], [], [], INTERVAL)
