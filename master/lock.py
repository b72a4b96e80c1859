"""lock - one master at a time, by a lock on a file that tells its pid

DESCRIPTION
    Only the lock counts: a file that a dead master left behind is normal,
    whatever it says. The file is never removed, else two could each lock
    their own. Links and special files in its place are refused, since root
    writes here.

SEE ALSO
    spec/master-protocol.md, section 8
"""

import fcntl
import os
import stat
import time
from pathlib import Path

from common.child import Identity
from common.errors import ConfigError

FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
PID_WIDTH = 32
PROBE_SECONDS = 0.3  # somebody may be asking, with a lock of its own, whether we run


class LockedError(Exception):
    """Another master holds the lock."""

    def __init__(self) -> None:
        super().__init__("the Postfix mail system is already running")


def acquire(path: Path, owner: Identity | None = None) -> int:
    """Take the lock and write our pid; return the descriptor that holds it until it is closed.

    Raises:
        LockedError: it is taken.
        ConfigError: the file cannot be used.
    """
    try:
        descriptor = open_plain_file(path, FLAGS | os.O_CREAT)
    except FileNotFoundError as error:
        raise ConfigError(f"open lock file {path}: {error.strerror}") from None
    deadline = time.monotonic() + PROBE_SECONDS
    while not try_lock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() >= deadline:
            os.close(descriptor)
            raise LockedError
        time.sleep(0.01)
    if owner:
        os.fchown(descriptor, owner.uid, owner.gid)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, b"%*d\n" % (PID_WIDTH, os.getpid()), 0)
    return descriptor


def holder(path: Path) -> int | None:
    """Return the pid of the process that holds the lock, 0 if it is not told, None if it is free.

    Raises:
        ConfigError: the file cannot be used.
    """
    try:
        descriptor = open_plain_file(path, FLAGS)
    except FileNotFoundError:
        return None
    try:
        if try_lock(descriptor, fcntl.LOCK_SH):
            return None
        text = os.pread(descriptor, PID_WIDTH + 1, 0)
        return int(text) if text.strip().isdigit() else 0
    finally:
        os.close(descriptor)


def open_plain_file(path: Path, flags: int) -> int:
    """Return a descriptor of a regular file that has no other name."""
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"open lock file {path}: {error.strerror}") from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(descriptor)
        raise ConfigError(f"open lock file {path}: not a regular file with one name")
    return descriptor


def try_lock(descriptor: int, kind: int) -> bool:
    """Lock without waiting; tell whether that worked."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
