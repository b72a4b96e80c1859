"""cdb - cdb:name: the constant database name.cdb

DESCRIPTION
    A file of 256 hash tables behind the entries themselves. It is mapped, not
    read; an entry costs two or three probes. It cannot be changed, only made
    anew.

SEE ALSO
    https://cr.yp.to/cdb/cdb.txt
    postmap(1)
"""

import errno
import mmap
import os
import struct
from pathlib import Path

from common.errors import ConfigError
from common.tables.source import SourceFile
from common.tables.stored import Draft, StoredTable
from common.tables.table import Mode, Options, Table, TableError

PAIR = struct.Struct("<II")
TABLES = 256
HEADER_SIZE = TABLES * PAIR.size
SIZE_LIMIT = 2**32  # positions are 32 bits wide
PROTOCOL_ERROR = "Protocol error"
WRITE_SIZE = 1 << 20


def hash_of(key: bytes) -> int:
    """Return the hash of a key."""
    value = 5381
    for byte in key:
        value = (value * 33 & 0xFFFFFFFF) ^ byte
    return value


class CdbReader(StoredTable):
    """A file for lookups."""

    constant = True

    def __init__(self, name: str, options: Options) -> None:
        """Open the file.

        Raises:
            ConfigError: it cannot be opened, or is no such database.
        """
        super().__init__("cdb", name, ".cdb", options)
        self._file = SourceFile(self.path, what="open database")
        try:
            self._data = mmap.mmap(self._file.descriptor, 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or PROTOCOL_ERROR
            raise self._unusable(reason) from None
        if len(self._data) < HEADER_SIZE:
            raise self._unusable(PROTOCOL_ERROR)
        self.warn_if_old()

    def _unusable(self, reason: str) -> ConfigError:
        return ConfigError(f"dict_cdbq_open: unable to init {self.path}: {reason}")

    def _get(self, key: bytes) -> bytes | None:
        data = self._data
        wanted = hash_of(key)
        try:
            start, slots = PAIR.unpack_from(data, wanted % TABLES * PAIR.size)
            first = (wanted >> 8) % slots if slots else 0
            for probe in range(slots):
                slot = start + (first + probe) % slots * PAIR.size
                found, place = PAIR.unpack_from(data, slot)
                if place == 0:
                    return None
                if found == wanted:
                    key_size, value_size = PAIR.unpack_from(data, place)
                    begin = place + PAIR.size
                    end = begin + key_size + value_size
                    if end > len(data):
                        raise struct.error
                    if key_size == len(key) and data[begin : begin + key_size] == key:
                        return data[begin + key_size : end]
        except struct.error:
            raise TableError(f"error reading {self.path}: {PROTOCOL_ERROR}") from None
        return None

    def changed(self) -> bool:
        """Tell whether the file was made anew."""
        return self._file.changed()

    def close(self) -> None:
        """Give up the file."""
        self._data.close()
        self._file.close()


class CdbWriter(StoredTable):
    """A file that is being made."""

    ends_with_nul = False

    def __init__(self, name: str, options: Options) -> None:
        super().__init__("cdb", name, ".cdb", options)
        self.place = name  # the file is not yet there
        self._draft = Draft(self.path)
        self._entries: dict[bytes, bytes] = {}

    def commit(self) -> None:
        """Write the file and put it into its place."""
        try:
            write(self._draft.path, self._entries)
        except OSError as error:
            raise ConfigError(f"write database {self.path}: {error.strerror}") from None
        self._draft.commit()

    def close(self) -> None:
        """Give up a file that was not finished."""
        self._draft.discard()

    def _put(self, key: bytes, value: bytes, *, replace: bool) -> bool:
        if key in self._entries and not replace:
            return False
        self._entries[key] = value
        return True

    def _get(self, key: bytes) -> bytes | None:
        return self._entries.get(key)


def write(path: Path, entries: dict[bytes, bytes]) -> None:
    """Write a constant database.

    Raises:
        OSError: it cannot be written, or would be too large.
    """
    slots: list[list[tuple[int, int]]] = [[] for _ in range(TABLES)]
    size = HEADER_SIZE
    for key, value in entries.items():
        wanted = hash_of(key)
        slots[wanted % TABLES].append((wanted, size))
        size += PAIR.size + len(key) + len(value)
    if size + 2 * PAIR.size * len(entries) >= SIZE_LIMIT:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    with path.open("wb", buffering=WRITE_SIZE) as file:
        file.seek(HEADER_SIZE)
        for key, value in entries.items():
            file.write(PAIR.pack(len(key), len(value)) + key + value)
        header = []
        for members in slots:
            count = 2 * len(members)
            header.append(PAIR.pack(size, count))
            file.write(table_of(members, count))
            size += count * PAIR.size
        file.seek(0)
        file.write(b"".join(header))
        file.flush()
        os.fsync(file.fileno())


def table_of(members: list[tuple[int, int]], count: int) -> bytes:
    """Return one hash table: the hash and place of each entry, half of the slots empty."""
    table = [(0, 0)] * count
    for wanted, place in members:
        slot = (wanted >> 8) % count
        while table[slot][1]:
            slot = (slot + 1) % count
        table[slot] = (wanted, place)
    return b"".join(PAIR.pack(*pair) for pair in table)


def open_cdb(name: str, options: Options) -> Table:
    """Open a constant database for lookups, or begin a new one."""
    if options.mode is Mode.READ:
        return CdbReader(name, options)
    if options.mode is Mode.CREATE:
        return CdbWriter(name, options)
    raise ConfigError(
        "dict_cdb_open: inappropriate open flags for cdb database"
        " - specify O_RDONLY or O_WRONLY|O_CREAT|O_TRUNC"
    )
