"""repair - queue files in the right place, under the right name, or gone

DESCRIPTION
    Repair walks through queues below the working folder. A message whose name
    does not fit its inode is renamed in two steps: first to its new name with
    a mark behind it, and when all have one, to the new name alone; the new
    name of one may be the old name of another. What an interrupted run left
    marked is finished by the next, ours or postsuper's.

    Nothing is overwritten: where a name is taken, both files stay.

SEE ALSO
    spec/queue-file.md, sections 7 and 8
    commands.super, the command
"""

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from common import queue_id
from common.queue import COMPLETE, QueueDirectory, QueueName
from common.queue_id import QueueId

MARK = "#FIX"
PURGE_AGE = 7 * 86400.0  # seconds
DIRECTORY_MODE = 0o700

LOGS = (QueueName.DEFER, QueueName.BOUNCE, QueueName.TRACE)
MESSAGES = (
    *(QueueName.MAILDROP, QueueName.INCOMING, QueueName.ACTIVE),
    *(QueueName.DEFERRED, QueueName.HOLD),
)
QUEUES = (*LOGS, *MESSAGES)  # in the order in which they are looked after


class Voice(Protocol):
    """Who is told."""

    def info(self, text: str) -> None:
        """Tell what was done."""

    def warning(self, text: str) -> None:
        """Tell what should be looked at."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator wants."""

    purge: bool = True
    structure: bool = True
    redundant: bool = False  # long names must fit their inodes, too
    verbose: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A directory entry of a queue; no directory with a name of one letter."""

    queue: QueueName
    path: str
    name: str
    status: os.stat_result

    @property
    def expired(self) -> bool:
        """Whether it was unfinished for so long that nobody is at it."""
        unfinished = self.status.st_mode & COMPLETE != COMPLETE
        return unfinished and time.time() - self.status.st_mtime > PURGE_AGE


class Repair:
    """One run."""

    def __init__(self, directory: QueueDirectory, wish: Wish, long_ids: bool, voice: Voice) -> None:
        self.failed = False
        self._directory = directory
        self._wish = wish
        self._long_ids = long_ids
        self._voice = voice
        self._renamed = 0

    def run(self, queues: list[QueueName]) -> None:
        """Look after the queues, logs included."""
        for queue in queues:
            for entry in self._entries(queue, queue):
                self._attempt(self._look_at, entry)
        if not self._wish.structure:
            return
        # Logs are renamed with their messages, so they carry marks as well.
        for queue in {*queues, *LOGS}:
            for entry in self._entries(queue, queue):
                if entry.name.endswith(MARK):
                    self._attempt(self._unmark, entry)
        for queue in queues:
            self._remove_folders(queue, queue, 0)
        if self._renamed:
            plural = "" if self._renamed == 1 else "s"
            self._voice.info(f"Renamed to match inode number: {self._renamed} message{plural}")
            self._voice.warning("QUEUE FILE NAMES WERE CHANGED TO MATCH INODE NUMBERS")

    def _look_at(self, entry: Entry) -> None:
        """Do with one entry what is needed, but for marks."""
        if not stat.S_ISREG(entry.status.st_mode):
            self._remove(entry)  # nobody made it who should write here
        elif self._wish.purge and entry.queue in MESSAGES and entry.expired:
            self._remove(entry)
        elif entry.name.endswith(MARK) and self._wish.structure:
            if entry.queue in MESSAGES and not self._fits(entry):
                self._voice.warning(f"name/inode mismatch: {entry.path}")
        elif not queue_id.is_valid(entry.name):
            self._voice.warning(f"bogus file name: {entry.path}")
        elif not self._wish.structure:
            pass
        elif entry.queue in LOGS:
            self._move(entry.path, self._directory.path(entry.queue, QueueId(entry.name)))
        elif queue_id.inode_of(entry.name) is None:
            self._voice.warning(f"bogus file name: {entry.path}")
        else:
            self._name(entry)

    def _name(self, entry: Entry) -> None:
        """Give a message its right name, with a mark, or its right place."""
        old = QueueId(entry.name)
        new = self._right_name(old, entry.status.st_ino)
        if new == old:
            self._move(entry.path, self._directory.path(entry.queue, old))
            return
        if self._move(entry.path, self._directory.path(entry.queue, new) + MARK):
            for log in LOGS:
                self._move_log(log, old, new)

    def _right_name(self, name: QueueId, inode: int) -> QueueId:
        if queue_id.is_long(name) and self._long_ids and not self._wish.redundant:
            return name  # it is unique without the inode
        return queue_id.with_inode(name, inode, long_ids=self._long_ids)

    def _move_log(self, log: QueueName, old: QueueId, new: QueueId) -> None:
        """Let the log of a message follow it."""
        path = self._directory.path(log, old)
        if os.path.lexists(path):
            self._move(path, self._directory.path(log, new) + MARK)

    def _fits(self, entry: Entry) -> bool:
        """Tell whether a marked name is the one that the file is to have."""
        name = entry.name.removesuffix(MARK)
        return queue_id.is_valid(name) and queue_id.inode_of(name) == entry.status.st_ino

    def _unmark(self, entry: Entry) -> None:
        name = QueueId(entry.name.removesuffix(MARK))
        if entry.queue in MESSAGES:
            if not self._fits(entry):
                return
            right = self._right_name(name, entry.status.st_ino)
            if right != name:  # marked by a run under another configuration
                for log in LOGS:
                    self._move_log(log, name, right)
                name = right
        if queue_id.is_valid(name) and self._move(
            entry.path, self._directory.path(entry.queue, name)
        ):
            self._renamed += entry.queue in MESSAGES

    def _move(self, old: str, new: str) -> bool:
        """Rename a file, unless that name is taken; tell whether it has it now."""
        if old == new:
            return True
        if os.path.lexists(new):
            self._complain(f"rename file {old} as {new}: File exists")
            return False
        try:
            self._make_folders(os.path.dirname(new))
            os.rename(old, new)
        except FileNotFoundError:
            return False  # delivered meanwhile
        except OSError as error:
            error.filename = f"rename file {old} as {new}"
            raise
        if self._wish.verbose:
            self._voice.info(f"renamed file {old} as {new}")
        return True

    def _remove(self, entry: Entry) -> None:
        try:
            os.unlink(entry.path)
        except FileNotFoundError:
            return
        except OSError as error:
            error.filename = f"remove file {entry.path}"
            raise
        if self._wish.verbose:
            self._voice.info(f"removed file {entry.path}")

    def _make_folders(self, path: str) -> None:
        """Make the subdirectories of a hashed queue that are missing."""
        with suppress(FileExistsError):
            if "/" in path:
                self._make_folders(os.path.dirname(path))
                os.mkdir(path, DIRECTORY_MODE)

    def _remove_folders(self, queue: QueueName, path: str, depth: int) -> None:
        """Remove subdirectories that the queue does not have, now that they are empty."""
        allowed = self._directory.depth if queue in self._directory.hashed else 0
        for folder in self._folders(path):
            whole = f"{path}/{folder}"
            if len(folder) == 1:
                self._remove_folders(queue, whole, depth + 1)
            if len(folder) > 1 or depth >= allowed:
                try:
                    os.rmdir(whole)
                except OSError as error:
                    self._voice.warning(f"remove subdirectory {whole}: {error.strerror}")

    def _entries(self, queue: QueueName, folder: str) -> Iterator[Entry]:
        """Yield a queue's entries as they were when its folders were read."""
        try:
            found = sorted(os.listdir(folder))
        except FileNotFoundError:
            return
        except OSError as error:
            self._complain(f"open directory {folder}: {error.strerror}")
            return
        for name in found:
            path = f"{folder}/{name}"
            with suppress(FileNotFoundError):
                status = os.lstat(path)
                if not stat.S_ISDIR(status.st_mode):
                    yield Entry(queue, path, name, status)
                elif len(name) == 1:
                    yield from self._entries(queue, path)

    def _folders(self, folder: str) -> list[str]:
        with suppress(FileNotFoundError), os.scandir(folder) as found:
            return sorted(one.name for one in found if one.is_dir(follow_symlinks=False))
        return []

    def _attempt(self, act: Callable[[Entry], None], entry: Entry) -> None:
        """Act on one entry; what goes wrong there concerns no other."""
        try:
            act(entry)
        except OSError as error:
            self._complain(f"{error.filename}: {error.strerror}")

    def _complain(self, text: str) -> None:
        """Tell what could not be done."""
        self.failed = True
        self._voice.warning(text)
