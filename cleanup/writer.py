"""writer - the queue file of one message, from its creation to the moment it counts

DESCRIPTION
    A queue file is born in incoming under a temporary name, gets the name
    that its inode gives it, and stays mode 0600 and locked while it is
    written. commit() makes it mode 0700 and safe on disk; only then may
    anybody be told that the message is accepted. Before that moment a crash
    leaves a file that no reader touches.

SEE ALSO
    ARCHITECTURE.md, the queue-state table
    spec/queue-file.md, sections 7 to 9
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from common import queue_id
from common.claim import Claim
from common.errors import QueueError
from common.queue_id import QueueId

INCOMING = "incoming"
HOLD = "hold"
UNFINISHED_MODE, FINISHED_MODE = 0o600, 0o700
LOCK, UNLOCK = fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_UN
CREATE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
PENDING_LIMIT = 128 * 1024  # bytes
PIECES_LIMIT = 1000  # that they come in: the kernel takes 1,024 in one call
HIDDEN_SECONDS = 10.0  # more than a healthy disk takes for one fsync
Buffer = bytes | memoryview
CREATE_ATTEMPTS = 100  # each with another microsecond in the temporary name


@dataclass(slots=True, eq=False, repr=False)
class QueueFile:
    """An open queue file; commit() or discard() ends it."""

    queue_id: QueueId
    path: str
    created: int  # seconds
    _descriptor: int
    _claim: Claim
    _pending: list[bytes] = field(default_factory=list)  # not written yet
    _pending_size: int = 0
    _begun: bool = False  # something was written

    @classmethod
    def create(cls, *, long_ids: bool, claim: Claim | None = None) -> "QueueFile":
        """Return a new, empty, locked file in incoming, whose names stand in claim.

        Raises:
            QueueError: the file system refuses.
        """
        claim = claim or Claim()
        descriptor, temporary = create_temporary(claim)
        try:
            fcntl.flock(descriptor, LOCK)
            inode = os.fstat(descriptor).st_ino
            seconds, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
            name = (
                queue_id.encode_long(seconds, microseconds, inode)
                if long_ids
                else queue_id.encode_short(microseconds, inode)
            )
            path = f"{INCOMING}/{name}"
            claim.note(temporary, path)
            os.rename(temporary, path)
        except OSError as error:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            claim.strike()
            raise QueueError(f"rename {temporary}: {error.strerror}") from None
        return cls(name, path, seconds, descriptor, claim)

    def write(self, data: bytes) -> None:
        """Append; a small file is kept in memory until it is complete.

        Raises:
            QueueError: not all of it fitted.
        """
        self._pending.append(data)
        self._pending_size += len(data)
        if self._pending_size > PENDING_LIMIT or len(self._pending) > PIECES_LIMIT:
            self._flush()

    def lay_open(self, size_record: bytes) -> None:
        """Let who knows of the unfinished file read what is here of it.

        Raises:
            QueueError: not all of it fitted.
        """
        self._flush()
        try:
            os.pwrite(self._descriptor, size_record, 0)
            # Readers take a shared lock; that of ours still tells that the file is not left over.
            fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            raise QueueError(f"write {self.path}: {error.strerror}") from None

    def hold(self) -> None:
        """Move the file to the hold queue, where it will stay when it is complete.

        Raises:
            QueueError: the file system refuses.
        """
        path = f"{HOLD}/{self.queue_id}"
        self._claim.note(self.path, path)
        try:
            os.rename(self.path, path)
        except OSError as error:
            raise QueueError(f"rename {self.path} to {path}: {error.strerror}") from None
        self.path = path

    def commit(self, size_record: bytes) -> None:
        """Complete the file and make it safe; the message may be accepted when this returns.

        Whoever accepts it calls release() before and reveal() after saying so.
        An error is final: what fsync() did not save once it may drop for good,
        so nobody may try again.

        Raises:
            QueueError: the file may not survive; it is gone already.
        """
        try:
            # 1. the size record: readers find their way by it;
            if self._begun:
                self._flush()
                os.pwrite(self._descriptor, size_record, 0)
            else:
                self._flush(size_record)
            # 2. nobody looks at the lock of a finished file: give it up before there is one;
            fcntl.flock(self._descriptor, UNLOCK)
            # 3. the queue manager passes over files of the future: it would take this one before
            #    it is safe, and before anybody answers for it;
            ahead = time.time() + HIDDEN_SECONDS
            os.utime(self._descriptor, (ahead, ahead))
            # 4. the x bit tells readers that the file is whole;
            os.fchmod(self._descriptor, FINISHED_MODE)
            # 5. bytes, size, name and mode on disk, in one call: the name is older than this.
            os.fsync(self._descriptor)
        except QueueError:
            self.discard()
            raise
        except OSError as error:
            self.discard()
            raise QueueError(f"fsync {self.path}: {error.strerror}") from None
        self._close()

    def _flush(self, beginning: bytes = b"") -> None:
        """Write what is pending; a beginning takes the place of as many bytes."""
        parts: list[Buffer] = [beginning, *remaining(self._pending, len(beginning))]
        left = self._pending_size
        self._pending, self._pending_size, self._begun = [], 0, True
        try:
            while left:
                written = os.writev(self._descriptor, parts)
                left -= written
                parts = remaining(parts, written) if left else []
        except OSError as error:
            raise QueueError(f"write {self.path}: {error.strerror}") from None

    def discard(self) -> None:
        """Remove the file. Once committed it is not touched any more."""
        if self._descriptor >= 0:
            self.withdraw()
            self._close()

    def release(self) -> None:
        """Let the file outlive this process: from now on somebody may know of it."""
        self._claim.strike()

    def reveal(self) -> None:
        """Let the queue manager take the file, which it would do later anyway."""
        try:  # noqa: SIM105 - as above
            os.utime(self.path)
        except OSError:
            pass

    def withdraw(self) -> None:
        """Remove the file, even a committed one: nobody was told that it is accepted."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)
        self._claim.strike()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        try:  # noqa: SIM105 - each message comes by, and costs a microsecond less
            os.close(descriptor)
        except OSError:
            pass


def remaining(parts: Iterable[Buffer], taken: int) -> list[Buffer]:
    """Return these parts without the first so many bytes."""
    left: list[Buffer] = []
    for part in parts:
        left.append(memoryview(part)[taken:] if taken else part)
        taken = max(taken - len(part), 0)
    return left


def create_temporary(claim: Claim) -> tuple[int, str]:
    """Return descriptor and name of a new file that no other process has.

    Raises:
        QueueError: the file system refuses.
    """
    path = ""
    for _ in range(CREATE_ATTEMPTS):
        path = f"{INCOMING}/{time.time_ns() // 1000 % 1_000_000}.{os.getpid()}"
        claim.note(path)
        try:
            return os.open(path, CREATE_FLAGS, UNFINISHED_MODE), path
        except FileExistsError:
            continue
        except OSError as error:
            claim.strike()
            raise QueueError(f"create file {path}: {error.strerror}") from None
    claim.strike()
    raise QueueError(f"create file {path}: too many files of that name")
