"""stale_logs - logs that a former message of the same id left behind

DESCRIPTION
    A short queue id comes back when an inode does, in the same microsecond of
    another second. A log of the former message would be taken for one of the
    new message, so it goes before that is complete.

    There are none, as nearly always. To look for three names that are not
    there costs a busy process more than a list of all logs once a second, as
    long as there are few. A log that came since was written a moment ago: for
    a new message to find it, who ended the old one must have left it at once,
    and the new one have got its inode and its microsecond.

SEE ALSO
    spec/queue-file.md, section 7
"""

import contextlib
import os
import time
from collections.abc import Collection, Iterator

from common import queue_id
from common.queue_id import QueueId

LOG_DIRECTORIES = ("defer", "bounce", "trace")
LIST_SECONDS = 1.0  # for which a list counts
CROWDED_SECONDS = 60.0  # until the next one, where there are too many logs
NAMES_LIMIT = 1000  # of logs and their folders
LOOKED_UP = 16  # messages, until the next list


class StaleLogs:
    """Finds logs that a former message of the same id left behind."""

    def __init__(self, hashed: Collection[str], depth: int) -> None:
        """Prepare; hashed: the queues with subdirectories, depth levels of them."""
        self._depths = [(folder, depth * (folder in hashed)) for folder in LOG_DIRECTORIES]
        self._names: set[str] | None = None  # of all logs; None: nobody knows
        self._list_at = 0.0  # monotonic; not before
        self._looked_up = 0  # messages since then

    def remove(self, name: QueueId) -> None:
        """Remove the logs of this id."""
        if not self._may_exist(name):
            return
        for folder, depth in self._depths:
            path = f"{folder}/{name}"
            if depth:
                path = "/".join((folder, *queue_id.hash_directories(name, depth), name))
            if os.access(path, os.F_OK, follow_symlinks=False):
                with contextlib.suppress(OSError):
                    os.unlink(path)

    def _may_exist(self, name: QueueId) -> bool:
        """Tell whether there may be a log of that name, as far as a list tells."""
        now = time.monotonic()
        if now >= self._list_at:
            self._looked_up += 1
            if self._looked_up <= LOOKED_UP:
                return True
            self._looked_up = 0
            self._names = self._list()
            self._list_at = now + (CROWDED_SECONDS if self._names is None else LIST_SECONDS)
        return self._names is None or name in self._names

    def _list(self) -> set[str] | None:
        """Return the names of all logs, None if they are too many or cannot be read."""
        names: set[str] = set()
        try:
            for folder, depth in self._depths:
                for name in names_below(folder, depth):
                    names.add(name)
                    if len(names) > NAMES_LIMIT:
                        return None
        except OSError:
            return None
        return names


def names_below(folder: str, depth: int) -> Iterator[str]:
    """Yield what is in a folder, and in its subdirectories of so many levels."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            yield entry.name
            if depth and entry.is_dir():
                yield from names_below(entry.path, depth - 1)
