"""stored - tables in files of their own format, made by postmap from a source file

DESCRIPTION
    StoredTable knows what hash, btree, lmdb and cdb have in common: the file
    beside its source, NUL bytes behind keys and values, the complaint about a
    file that is older than its source. Draft is a new file on its way to the
    place of an old one.

SEE ALSO
    postmap(1)
"""

import abc
import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.config import decoded, encoded
from common.errors import ConfigError
from common.tables.source import NEW_FILE_MODE
from common.tables.table import Duplicates, Options, UnsupportedError, WritableTable

# A file made right before its source was touched is no reason for complaints.
OLD_SECONDS = 100


class StoredTable(WritableTable, abc.ABC):
    """Keys and values as bytes in a file."""

    ends_with_nul = True  # what is written if the options leave the choice

    def __init__(self, kind: str, name: str, suffix: str, options: Options) -> None:
        super().__init__(f"{kind}:{name}{suffix}", options)
        self.path = self.place = name + suffix
        self.source = name
        # What may stand behind keys; whatever is found first leaves one.
        self._nul = [b"\0"] * options.with_nul + [b""] * options.without_nul
        if len(self._nul) == 1:
            self.ends_with_nul = options.with_nul

    def _find(self, key: str) -> str | None:
        data = encoded(key)
        for nul in self._nul:
            value = self._get(data + nul)
            if value is not None:
                self._nul = [nul]
                return decoded(value.partition(b"\0")[0])
        return None

    def entries(self) -> Iterator[tuple[str, str]]:
        """Return all entries, in the file's order."""
        for key, value in self._items():
            yield decoded(key.partition(b"\0")[0]), decoded(value.partition(b"\0")[0])

    def _store(self, key: str, value: str) -> bool:
        nul = b"\0" if self.ends_with_nul else b""
        replace = self.options.duplicates is Duplicates.REPLACE
        return self._put(encoded(key) + nul, encoded(value) + nul, replace=replace)

    def _remove(self, key: str) -> bool:
        data = encoded(key)
        for nul in self._nul:
            if self._discard(data + nul):
                self._nul = [nul]
                return True
        return False

    @abc.abstractmethod
    def _get(self, key: bytes) -> bytes | None:
        """Return the value of exactly these bytes."""

    def _items(self) -> Iterator[tuple[bytes, bytes]]:
        """Return all entries."""
        raise UnsupportedError(f"table {self.name}: sequence operation is not supported")

    def _put(self, key: bytes, value: bytes, *, replace: bool) -> bool:
        """Store an entry; False if the key is there and may not be replaced."""
        raise UnsupportedError(f"table {self.name}: update operation is not supported")

    def _discard(self, key: bytes) -> bool:
        """Remove an entry; tell whether there was one."""
        raise UnsupportedError(f"table {self.name}: delete operation is not supported")

    def warn_if_old(self) -> None:
        """Complain about a file that is older than its source."""
        try:
            source, made = os.stat(self.source).st_mtime, os.stat(self.path).st_mtime
        except OSError:
            return
        if made < source < time.time() - OLD_SECONDS:
            self.options.log.warning(
                f"database {self.path} is older than source file {self.source}"
            )


class Draft:
    """A new file that is not yet in its place."""

    def __init__(self, path: str) -> None:
        """Begin the new content of path; its folder may be one that we cannot write to.

        Raises:
            ConfigError: there is no place for it.
        """
        self._target = Path(path).resolve()  # a link to the file stays one
        self._beside = os.access(self._target.parent, os.W_OK, effective_ids=True)
        try:
            if self._target.is_dir():
                raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
            if not self._beside:
                if not self._target.exists():
                    raise OSError(errno.EACCES, os.strerror(errno.EACCES))
                # The old content is overwritten in the end: see that it can be.
                self._target.open("r+b").close()
            folder = self._target.parent if self._beside else None
            descriptor, name = tempfile.mkstemp(prefix=f".{self._target.name}.", dir=folder)
        except OSError as error:
            raise ConfigError(f"open database {path}: {error.strerror}") from None
        os.close(descriptor)
        self.path = Path(name)

    def commit(self) -> None:
        """Put the new content into its place; a file that was there keeps owner and mode.

        Raises:
            ConfigError: it cannot be put there.
        """
        try:
            with self.path.open("rb") as file:
                os.fsync(file.fileno())
            if self._beside:
                self._take_identity()
                self.path.rename(self._target)
            else:
                self._overwrite()
        except OSError as error:
            raise ConfigError(f"write database {self._target}: {error.strerror}") from None
        finally:
            self.discard()

    def discard(self) -> None:
        """Leave no trace."""
        self.path.unlink(missing_ok=True)

    def _take_identity(self) -> None:
        try:
            old = self._target.stat()
        except FileNotFoundError:
            mask = os.umask(0)
            os.umask(mask)
            self.path.chmod(NEW_FILE_MODE & ~mask)
            return
        if os.geteuid() == 0:
            os.chown(self.path, old.st_uid, old.st_gid)
        self.path.chmod(old.st_mode & 0o777)

    def _overwrite(self) -> None:
        with (
            self._target.open("r+b") as target,
            self.path.open("rb") as made,
            locked(target.fileno()),
        ):
            shutil.copyfileobj(made, target)
            target.truncate()
            os.fsync(target.fileno())


@contextmanager
def locked(descriptor: int, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock that Postfix's programs hold while they use a table's file."""
    fcntl.lockf(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.lockf(descriptor, fcntl.LOCK_UN)
