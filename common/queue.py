"""queue - the queue directory as readers see it

DESCRIPTION
    Names the queues, finds the file of a queue id, and scans a queue. Nothing
    is written here; that is cleanup's.

    Files are opened without following links below the queue directory, and a
    listing takes only those that are whole (mode 0700) and the owner's.

SEE ALSO
    spec/queue-file.md
    common.queue_file, for what is in a file
"""

import contextlib
import enum
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader

from common.child import Identity
from common.params import SuiteParams
from common.queue_file import DamageError, RecordFile, Summary, read_summary
from common.queue_id import QueueId, hash_directories, is_valid

COMPLETE = 0o700  # owner's mode bits of a file that is whole
NO_LINKS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY


class QueueName(enum.StrEnum):
    """The directories that hold queue files, and logs of the same name."""

    MAILDROP = "maildrop"
    INCOMING = "incoming"
    ACTIVE = "active"
    DEFERRED = "deferred"
    HOLD = "hold"
    SAVED = "saved"
    CORRUPT = "corrupt"
    DEFER = "defer"  # logs: why delivery is delayed
    BOUNCE = "bounce"
    TRACE = "trace"


# In the order in which a listing shows them, and in that of a search by queue id.
LISTED = (
    *(QueueName.MAILDROP, QueueName.ACTIVE, QueueName.INCOMING),
    *(QueueName.DEFERRED, QueueName.HOLD),
)
SEARCHED = (
    *(QueueName.MAILDROP, QueueName.INCOMING, QueueName.ACTIVE),
    *(QueueName.DEFERRED, QueueName.HOLD, QueueName.SAVED),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A queue file's whereabouts."""

    queue: QueueName
    queue_id: QueueId
    path: str  # below the queue directory: "deferred/A/A7ADD216056"


@dataclass(frozen=True, slots=True)
class QueueDirectory:
    """The queue directory of one instance."""

    root: str
    hashed: frozenset[str]  # queues with one-letter subdirectories
    depth: int
    owner: int  # uid of all queue files but those in maildrop

    @classmethod
    def of(cls, params: SuiteParams) -> "QueueDirectory":
        """Return the directory that the parameters name.

        Raises:
            ConfigError: mail_owner does not exist.
        """
        return cls(
            root=params.queue_directory,
            hashed=frozenset(params.hash_queue_names),
            depth=params.hash_queue_depth,
            owner=Identity.of(params.mail_owner).uid,
        )

    def path(self, queue: QueueName, queue_id: QueueId) -> str:
        """Return where the file belongs, below the queue directory."""
        letters = hash_directories(queue_id, self.depth) if queue in self.hashed else []
        return "/".join((queue, *letters, queue_id))

    def scan(self, queue: QueueName) -> Iterator[Place]:
        """Yield the queue's files in the order of the directory, at whatever depth they are.

        Names that no queue file can have are passed over, and a queue that
        is not there is empty.

        Raises:
            OSError: a directory cannot be read.
        """
        yield from self._scan(queue, queue)

    def open(self, path: str) -> BufferedReader:
        """Open a regular file below the queue directory, no link on the way.

        Raises:
            OSError: it is missing, out of reach, or something else than a file.
        """
        folder, _, name = path.rpartition("/")
        with self._folder(folder) as directory:
            # Without O_NONBLOCK a FIFO would keep us waiting for a writer.
            flags = os.O_RDONLY | os.O_NONBLOCK | NO_LINKS
            descriptor = os.open(name, flags, dir_fd=directory)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "not a regular file")
        return os.fdopen(descriptor, "rb")

    def open_log(self, queue: QueueName, queue_id: QueueId) -> BufferedReader | None:
        """Open the log that belongs to a message; None if there is none."""
        try:
            return self.open(self.path(queue, queue_id))
        except FileNotFoundError:
            return None

    def find(self, queue_id: QueueId) -> tuple[str, BufferedReader]:
        """Open the first file of this id, finished or not; return its path as well.

        Raises:
            OSError: there is none, or it cannot be opened.
        """
        trouble: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        for queue in SEARCHED:
            path = self.path(queue, queue_id)
            try:
                return path, self.open(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                trouble = error  # says more than "no such file" of another queue
        raise trouble

    def summary(self, place: Place) -> "Summary | None":
        """Return what a listing shows of a file; None if it is unfinished or gone.

        Raises:
            OSError: it cannot be opened, or belongs to somebody else.
            DamageError: it is misplaced, or does not even tell its sender.
        """
        try:
            file = self.open(place.path)
        except FileNotFoundError:
            return None  # delivered since the scan
        with file:
            status = os.fstat(file.fileno())
            if status.st_mode & 0o700 != COMPLETE:
                return None
            if place.path != self.path(place.queue, place.queue_id):
                raise DamageError("in the wrong subdirectory, so no daemon finds it by name")
            if place.queue is not QueueName.MAILDROP and status.st_uid != self.owner:
                raise OSError(errno.EPERM, f"owned by uid {status.st_uid}, not by mail_owner")
            return read_summary(RecordFile(file), status)

    @contextlib.contextmanager
    def _folder(self, path: str) -> Iterator[int]:
        """Lend a descriptor of a directory below the root, reached without links."""
        with contextlib.ExitStack() as opened:
            # The root itself may be reached through links: the operator named it.
            descriptor = os.open(self.root, os.O_DIRECTORY | os.O_CLOEXEC)
            opened.callback(os.close, descriptor)
            for part in path.split("/"):
                descriptor = os.open(part, os.O_DIRECTORY | NO_LINKS, dir_fd=descriptor)
                opened.callback(os.close, descriptor)
            yield descriptor

    def _scan(self, queue: QueueName, folder: str) -> Iterator[Place]:
        with contextlib.ExitStack() as opened:
            try:
                descriptor = opened.enter_context(self._folder(folder))
            except FileNotFoundError:
                return
            for entry in opened.enter_context(os.scandir(descriptor)):
                if len(entry.name) == 1:
                    if entry.is_dir(follow_symlinks=False):
                        yield from self._scan(queue, f"{folder}/{entry.name}")
                elif is_valid(entry.name):
                    yield Place(queue, QueueId(entry.name), f"{folder}/{entry.name}")
