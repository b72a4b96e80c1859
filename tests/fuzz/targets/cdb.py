"""cdb - a constant database, as somebody else left it

DESCRIPTION
    The first line is a key that is looked up. Eight bytes behind it say
    where the hash tables are, all 256 in one place.
"""

from common.errors import ConfigError
from common.tables import Options, TableError, cdb
from tests.common.journal import Journal
from tests.fuzz.bug import Bug
from tests.fuzz.inputs import folder

TOKENS = (
    b"\0" * 8,
    b"\xff\xff\xff\xff",
    b"\1\0\0\0",
    b"\0\x08\0\0",
    b"\x7f",
    b"key",
    b"a",
    b"\x08\0\0\0",
)
BUG = Bug("common.tables.cdb", "CdbReader._get", "if end > len(data):", "if False:")


def check(data: bytes) -> None:
    """Look keys up; what is found lies in the file."""
    key, _, data = data.partition(b"\n")
    database = data[: cdb.PAIR.size] * cdb.TABLES + data[cdb.PAIR.size :]
    path = folder() / "t.cdb"
    path.write_bytes(database)
    try:
        table = cdb.CdbReader(str(folder() / "t"), Options(Journal()))
    except ConfigError:
        assert len(database) < cdb.HEADER_SIZE
        return
    for one in (key, key + b"\0", b"key", b"a"):
        check_key(table, one, database)
    table.close()


def check_key(table: cdb.CdbReader, key: bytes, database: bytes) -> None:
    """Look a key up; it and its value stand in the file, sizes in front of them."""
    try:
        value = table._get(key)
    except TableError as error:
        assert "Protocol error" in str(error)
        return
    if value is not None:
        assert cdb.PAIR.pack(len(key), len(value)) + key + value in database
