"""lightning - lmdb:name: the database name.lmdb

DESCRIPTION
    Postfix's way to use it: no lock file of the library's own, but a lock on
    the file itself, shared for a lookup, exclusive for a change. All changes
    until commit() are one transaction: whoever looks up meanwhile sees the
    old entries, and later the new ones without being restarted.

SEE ALSO
    lmdb_table(5)
"""

import fcntl
import os
import weakref
from collections.abc import Iterator

import lmdb

from common.errors import ConfigError
from common.params import TableParams
from common.tables.source import SourceFile
from common.tables.stored import StoredTable, locked
from common.tables.table import Mode, Options, Table, TableError

MAP_SIZE = 16 * 1024 * 1024  # lmdb_map_size where no main.cf tells it

# The library refuses to open a file twice, and two parameters may name the same table.
READERS: "weakref.WeakValueDictionary[tuple[int, int], lmdb.Environment]"
READERS = weakref.WeakValueDictionary()

Step = tuple[bytes, bytes | None, bool]  # key, value or None to remove it, replace


class LightningReader(StoredTable):
    """A database for lookups."""

    def __init__(self, name: str, options: Options) -> None:
        """Open the file.

        Raises:
            ConfigError: it cannot be opened, or is no such database.
        """
        super().__init__("lmdb", name, ".lmdb", options)
        self.name = self.place = f"lmdb:{name}"
        self._file = SourceFile(self.path, what="open database")
        self._environment = reader_environment(self._file, options)
        self.warn_if_old()

    def _get(self, key: bytes) -> bytes | None:
        try:
            with locked(self._file.descriptor, shared=True), self._transaction() as transaction:
                found = transaction.get(key)
        except lmdb.BadValsizeError as error:
            if key:
                return None  # so long a key cannot be there
            raise self._failure("reading", error) from None
        except lmdb.Error as error:
            raise self._failure("reading", error) from None
        return None if found is None else bytes(found)

    def _items(self) -> Iterator[tuple[bytes, bytes]]:
        try:
            with locked(self._file.descriptor, shared=True), self._transaction() as transaction:
                for key, value in transaction.cursor():
                    yield bytes(key), bytes(value)
        except lmdb.Error as error:
            raise self._failure("seeking", error) from None

    def _transaction(self) -> lmdb.Transaction:
        try:
            return self._environment.begin()
        except lmdb.MapResizedError:
            self._environment.set_mapsize(0)  # as large as the file says now
            return self._environment.begin()

    def _failure(self, doing: str, error: lmdb.Error) -> TableError:
        return TableError(f"error {doing} lmdb:{self.source}: {reason(error)}")

    def changed(self) -> bool:
        """Tell whether another file took its place; its own changes show by themselves."""
        return self._file.changed(content=False)

    def close(self) -> None:
        """Give up the file; the library's side of it goes with the last of its tables."""
        self._file.close()


class LightningWriter(StoredTable):
    """A database while it is changed; the lock keeps others out until it is closed."""

    def __init__(self, name: str, options: Options) -> None:
        """Open the file, begin to change it.

        Raises:
            ConfigError: it cannot be opened, or is no such database.
        """
        super().__init__("lmdb", name, ".lmdb", options)
        self.name = self.place = f"lmdb:{name}"
        flags = os.O_RDWR | os.O_CREAT
        self._file = SourceFile(self.path, what="open database", flags=flags)
        fcntl.lockf(self._file.descriptor, fcntl.LOCK_EX)
        self._environment = open_environment(self.path, options)
        if options.mode is not Mode.CREATE:
            self.warn_if_old()
        self._steps: list[Step] = []  # for another run, in a larger map
        self._transaction = self._begin()

    def _begin(self) -> lmdb.Transaction:
        transaction = self._environment.begin(write=True)
        if self.options.mode is Mode.CREATE:
            transaction.drop(self._environment.open_db(txn=transaction), delete=False)
        return transaction

    def commit(self) -> None:
        """Make the changes last."""
        try:
            while True:
                try:
                    self._transaction.commit()
                    return
                except lmdb.MapFullError:
                    self._enlarge()
        except lmdb.Error as error:
            raise ConfigError(f"error updating lmdb:{self.source}: {reason(error)}") from None

    def close(self) -> None:
        """Give up the file, and changes that were not committed."""
        self._transaction.abort()
        self._environment.close()
        self._file.close()

    def _get(self, key: bytes) -> bytes | None:
        found = self._transaction.get(key)
        return None if found is None else bytes(found)

    def _put(self, key: bytes, value: bytes, *, replace: bool) -> bool:
        return self._change((key, value, replace), "updating")

    def _discard(self, key: bytes) -> bool:
        return self._change((key, None, True), "deleting from")

    def _change(self, step: Step, doing: str) -> bool:
        try:
            while True:
                try:
                    done = apply(self._transaction, step)
                    break
                except lmdb.MapFullError:
                    self._enlarge()
        except lmdb.Error as error:
            raise TableError(f"error {doing} lmdb:{self.source}: {reason(error)}") from None
        self._steps.append(step)
        return done

    def _enlarge(self) -> None:
        """Do all of it again in a map of twice the size."""
        while True:
            self._transaction.abort()
            self._environment.set_mapsize(2 * self._environment.info()["map_size"])
            self._transaction = self._begin()
            try:
                for step in self._steps:
                    apply(self._transaction, step)
            except lmdb.MapFullError:
                continue
            return


def apply(transaction: lmdb.Transaction, step: Step) -> bool:
    """Do one change; tell whether there was anything to do."""
    key, value, replace = step
    if value is None:
        return bool(transaction.delete(key))
    return bool(transaction.put(key, value, overwrite=replace))


def reader_environment(file: SourceFile, options: Options) -> lmdb.Environment:
    """Return the library's side of a file for lookups; a process has only one for each file.

    Raises:
        ConfigError: the library does not accept it.
    """
    identity = file.identity()
    found = READERS.get(identity)
    if found is None:
        found = READERS[identity] = open_environment(file.path, options)
    return found


def open_environment(path: str, options: Options) -> lmdb.Environment:
    """Open the library's side of a file.

    Raises:
        ConfigError: the library does not accept it.
    """
    size = options.main_cf.load(TableParams).lmdb_map_size if options.main_cf else MAP_SIZE
    reading = options.mode is Mode.READ
    try:
        return lmdb.open(
            path, map_size=size, subdir=False, readonly=reading, create=not reading, lock=False
        )
    except lmdb.Error as error:
        raise ConfigError(f"open database {path}: {reason(error)}") from None


def reason(error: lmdb.Error) -> str:
    """Return the library's reason, without the place where it found it."""
    return str(error).partition(": ")[2] or str(error)


def open_lmdb(name: str, options: Options) -> Table:
    """Open a database, for lookups or to change it."""
    return (LightningReader if options.mode is Mode.READ else LightningWriter)(name, options)
