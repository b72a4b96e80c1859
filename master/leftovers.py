"""leftovers - unfinished queue files of processes that are dead

DESCRIPTION
    What a killed cleanup of ours was at master knows, and removes at once.
    What it cannot know is left by those that lost their master, by one before
    an upgrade, by programs of Postfix, and by a power cut. So a minute after a
    start, or after any process has come to a bad end, a child with the rights
    of mail_owner looks for files that are not finished, older than that minute,
    and open nowhere: those nobody will ever finish. It looks again as long as
    there are some that may become so.

    That a file is open nowhere the kernel tells by granting a lease on it; where
    a file system has no leases nothing is removed.

SEE ALSO
    ARCHITECTURE.md, the states of a queue file
    fcntl(2), "Leases"
    common.claim, for what master knows
"""

import fcntl
import os
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NoReturn

from common.child import Identity, arrange
from common.claim import PATH
from common.log import Log
from master.events import Loop, Timer
from master.fork import ACTIONS, fork

QUEUES = ("incoming", "hold")  # where cleanup leaves what it has finished
UNFINISHED = 0o600
AGE = 60.0  # seconds that an unfinished file is let alone
LOOK_AFTER = AGE + 1.0  # seconds: what was left at the moment that made us look is old enough
PIECE = 65536
MASTER = 3  # the child's descriptor to tell master by: the first that it has
AGAIN = "again"  # in place of a path
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Leftovers:
    """Sees that they are removed, below the working folder."""

    def __init__(self, loop: Loop, log: Log, owner: Identity | None) -> None:
        """Prepare; owner: whose rights the child has, None for our own."""
        self._loop = loop
        self._log = log
        self._owner = owner
        self._timer: Timer | None = None
        self._ended = False
        self._pid = 0
        self._said = b""

    def expect(self) -> None:
        """Look in a minute: there may be some."""
        if not (self._timer or self._ended):
            self._timer = self._loop.call_later(LOOK_AFTER, self._look)

    def end(self) -> None:
        """Look no more: the mail system stops."""
        self._ended = True
        if self._timer:
            self._timer.cancel()
        if self._pid:  # not buried yet: nobody else has the number
            os.kill(self._pid, signal.SIGKILL)

    def reap(self, pid: int, status: int) -> bool:
        """Note the end of a process; False if it is none of ours."""
        if pid != self._pid:
            return False
        self._pid = 0
        self._read()
        self._loop.forget(self._reader)
        os.close(self._reader)
        found, self._said = self._said.decode("ascii", "replace").split("\n")[:-1], b""
        for said in found:
            if PATH.fullmatch(said):
                self._log.info(f"removed {said}: unfinished, and nobody is at it")
            elif said != AGAIN:
                self._log.warning(f"looking for unfinished queue files: {said}")
        if status or AGAIN in found:  # it was killed, or something was too young
            self.expect()
        return True

    def _look(self) -> None:
        self._timer = None
        if self._pid:
            self.expect()
            return
        try:
            self._send_out()
        except OSError as error:
            self._log.warning(f"fork: {error.strerror}: unfinished queue files stay for now")
            self.expect()

    def _send_out(self) -> None:
        """Start the child.

        Raises:
            OSError: the system has no room for it.
        """
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.set_blocking(writer, True)
            self._pid = fork(ACTIONS, lambda: self._live(writer))
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        self._reader = reader
        self._loop.watch(reader, self._read)

    def _read(self) -> None:
        with suppress(BlockingIOError):
            while piece := os.read(self._reader, PIECE):
                self._said += piece
            self._loop.forget(self._reader)  # the end

    def _live(self, writer: int) -> NoReturn:
        """Be the child, from here to its end."""
        status = 1
        try:
            signal.signal(signal.SIGIO, signal.SIG_IGN)  # somebody waits for a file of our lease
            arrange([writer])
            if self._owner:
                self._owner.assume()
            try:
                for said in sweep(time.time()):
                    tell(said)
            except OSError as error:
                tell(str(error))
            status = 0
        finally:
            os._exit(status)


def tell(said: str) -> None:
    """Let master know."""
    os.write(MASTER, f"{said}\n".encode("ascii", "replace"))


def sweep(now: float) -> Iterator[str]:
    """Remove them, and yield their paths; AGAIN for each that may be one soon.

    Raises:
        OSError: a queue cannot be read.
    """
    for queue in QUEUES:
        with os.scandir(queue) as entries:
            for entry in entries:
                path, said = f"{queue}/{entry.name}", ""
                # Finished, renamed or discarded meanwhile, or out of our reach.
                with suppress(OSError):
                    if PATH.fullmatch(path) and unfinished(entry.stat(follow_symlinks=False)):
                        said = attempt(path, now)
                if said:
                    yield said


def attempt(path: str, now: float) -> str:
    """Remove a file that nobody will finish; return what to say of it.

    Raises:
        OSError: it is not ours to remove, or there are no leases here.
    """
    descriptor = os.open(path, FLAGS)
    try:
        # Whoever opens the file from here on waits until we close it, and finds it gone.
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        status = os.fstat(descriptor)
        if not unfinished(status):
            return ""
        if now - max(status.st_mtime, status.st_ctime) <= AGE:
            return AGAIN
        os.unlink(path)
        return path
    except BlockingIOError:
        # Somebody is at it: who dies of that lets us look again. Who only reads does not.
        return AGAIN if now - os.fstat(descriptor).st_mtime > AGE else ""
    finally:
        os.close(descriptor)


def unfinished(status: os.stat_result) -> bool:
    """Tell whether this is a queue file as cleanup has it before it is whole."""
    return stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) == UNFINISHED
