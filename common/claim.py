"""claim - the file that a process is at, in memory that its master can read after its death

DESCRIPTION
    A process that is killed takes back nothing: its unfinished queue file
    stays, and a finished one of which nobody has heard would be delivered
    although the client was told to try again. So each process that writes
    queue files notes where its file is before that can exist, and strikes the
    note out before it tells anybody that the message is accepted. What still
    stands there when the process is dead may be removed, whatever state it is
    in.

    The memory is shared by the process and its master, and by no other
    process that master starts.

SEE ALSO
    ARCHITECTURE.md, the queue-state table
    cleanup.writer, which notes; master.pool, which removes
"""

import contextlib
import os
import re

PATHS_LIMIT = 255  # bytes: what the first one can count
# Names of a queue file, finished or not, below the queue directory; nothing else is removed.
PATH = re.compile(r"(?:incoming|hold)/[0-9A-Za-z_]+(?:\.[0-9]+)?", re.ASCII)


class Claim:
    """Names that one file has or is about to have; at first there are none."""

    SIZE = PATHS_LIMIT + 1  # bytes
    __slots__ = ("_memory",)

    def __init__(self, memory: memoryview | None = None) -> None:
        """Make one; without shared memory it is of no use to anybody, and does no harm."""
        self._memory = memory if memory is not None else memoryview(bytearray(self.SIZE))

    def note(self, *paths: str) -> None:
        """Note every name that the file has, or will have after the next step."""
        text, memory = " ".join(paths).encode(), self._memory
        # Whenever the process is killed, either no note stands here or a whole one.
        memory[0] = 0
        memory[1 : len(text) + 1] = text
        memory[0] = len(text)

    def strike(self) -> None:
        """Forget the file: it is gone, or it counts."""
        self._memory[0] = 0

    def paths(self) -> list[str]:
        """Return the names that are noted."""
        text = bytes(self._memory[1 : self._memory[0] + 1]).decode("ascii", "replace")
        return [path for path in text.split() if PATH.fullmatch(path)]

    def remove(self) -> list[str]:
        """Remove what a dead process had noted, below the working folder; return what was there."""
        removed = []
        for path in self.paths():
            with contextlib.suppress(OSError):  # mostly: it never got this name
                os.unlink(path)
                removed.append(path)
        self.strike()
        return removed
