"""berkeley - hash:name and btree:name: the Berkeley database name.db

DESCRIPTION
    Lookups hold the shared lock that Postfix's programs hold. The library
    keeps pages in memory: a process whose file has changed must start again.
    A new table is made beside the old one and takes its place.

SEE ALSO
    postmap(1)
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress

from berkeleydb import db

from common.errors import ConfigError
from common.params import TableParams
from common.tables.source import SourceFile
from common.tables.stored import Draft, StoredTable, locked
from common.tables.table import Mode, Options, Table, TableError

METHODS = {"btree": db.DB_BTREE, "hash": db.DB_HASH}
READ_BUFFER, CREATE_BUFFER = 128 * 1024, 16 * 1024 * 1024  # where no main.cf tells them
HASH_ENTRIES = 4096  # that a new hash table has room for


class BerkeleyReader(StoredTable):
    """A database for lookups."""

    constant = True

    def __init__(self, kind: str, name: str, options: Options) -> None:
        """Open the file.

        Raises:
            ConfigError: it cannot be opened, or is no such database.
        """
        super().__init__(kind, name, ".db", options)
        self._file = SourceFile(self.path, what="open database")
        with locked(self._file.descriptor, shared=True):
            self._database = open_database(kind, self.path, buffer_size(options), db.DB_RDONLY)
        self.warn_if_old()

    def _get(self, key: bytes) -> bytes | None:
        try:
            with locked(self._file.descriptor, shared=True):
                found: bytes | None = self._database.get(key)
        except db.DBError as error:
            raise self._failure("reading", error) from None
        return found

    def _items(self) -> Iterator[tuple[bytes, bytes]]:
        try:
            with locked(self._file.descriptor, shared=True):
                cursor = self._database.cursor()
                while entry := cursor.next():
                    yield entry
        except db.DBError as error:
            raise self._failure("seeking", error) from None

    def _failure(self, doing: str, error: db.DBError) -> TableError:
        return TableError(f"error {doing} {self.path}: {reason(error)}")

    def changed(self) -> bool:
        """Tell whether the file was edited or made anew."""
        return self._file.changed()

    def close(self) -> None:
        """Give up the file."""
        self._database.close()
        self._file.close()


class BerkeleyWriter(StoredTable):
    """A database while it is made or changed."""

    def __init__(self, kind: str, name: str, options: Options) -> None:
        """Open the file, or begin a new one.

        Raises:
            ConfigError: it cannot be opened, or is no such database.
        """
        super().__init__(kind, name, ".db", options)
        self._draft: Draft | None = None
        self._file: SourceFile | None = None
        flags = 0 if options.mode is Mode.EDIT else db.DB_CREATE
        path = self.path
        if options.mode is Mode.CREATE:
            self._draft = Draft(self.path)
            path = str(self._draft.path)
        self._database = open_database(kind, path, buffer_size(options), flags)
        if not self._draft:
            # Only now: the library closes descriptors while it opens, and locks go with them.
            self._file = SourceFile(self.path, what="open database", flags=os.O_RDWR)
            fcntl.lockf(self._file.descriptor, fcntl.LOCK_EX)
            self.warn_if_old()

    def commit(self) -> None:
        """Make the changes last."""
        try:
            self._database.sync()
            if self._draft:
                self._database.close()
        except db.DBError as error:
            raise ConfigError(f"close database {self.path}: {reason(error)}") from None
        if self._draft:
            self._draft.commit()

    def close(self) -> None:
        """Give up the file, and a new one that was not committed."""
        with suppress(db.DBError):  # it tries to save what cannot be
            self._database.close()
        if self._file:
            self._file.close()
        if self._draft:
            self._draft.discard()

    def _get(self, key: bytes) -> bytes | None:
        found: bytes | None = self._database.get(key)
        return found

    def _put(self, key: bytes, value: bytes, *, replace: bool) -> bool:
        try:
            self._database.put(key, value, flags=0 if replace else db.DB_NOOVERWRITE)
        except db.DBKeyExistError:
            return False
        except db.DBError as error:
            raise TableError(f"error writing {self.path}: {reason(error)}") from None
        return True

    def _discard(self, key: bytes) -> bool:
        try:
            self._database.delete(key)
        except db.DBNotFoundError:
            return False
        except db.DBError as error:
            raise TableError(f"error deleting from {self.path}: {reason(error)}") from None
        return True


def buffer_size(options: Options) -> int:
    """Return how much memory the library may take for a file's pages, in bytes."""
    creating = options.mode is Mode.CREATE
    if options.main_cf is None:
        return CREATE_BUFFER if creating else READ_BUFFER
    params = options.main_cf.load(TableParams)
    if creating:
        return params.berkeley_db_create_buffer_size
    return params.berkeley_db_read_buffer_size


def open_database(kind: str, path: str, buffer: int, flags: int) -> db.DB:
    """Return the library's side of a file.

    Raises:
        ConfigError: the library does not accept it.
    """
    database = db.DB()
    try:
        database.set_cachesize(0, buffer)
        if kind == "hash" and flags & db.DB_CREATE:
            database.set_h_nelem(HASH_ENTRIES)
        database.open(path, dbtype=METHODS[kind], flags=flags, mode=0o644)
    except db.DBError as error:
        database.close()
        raise ConfigError(f"open database {path}: {reason(error)}") from None
    return database


def reason(error: db.DBError) -> str:
    """Return what the system calls the error; the library's own words only if it has none."""
    number, text = error.args if len(error.args) == 2 else (0, str(error))
    return os.strerror(number) if number > 0 else str(text)


def open_hash(name: str, options: Options) -> Table:
    """Open a hash table, for lookups or to change it."""
    return (BerkeleyReader if options.mode is Mode.READ else BerkeleyWriter)("hash", name, options)


def open_btree(name: str, options: Options) -> Table:
    """Open a btree table, for lookups or to change it."""
    return (BerkeleyReader if options.mode is Mode.READ else BerkeleyWriter)("btree", name, options)
