"""texthash - source files of postmap, and entries in a table's name

DESCRIPTION
    The first byte chooses options.
"""

from common.config import BLANKS, decoded
from common.errors import ConfigError
from common.tables import Options, Table, TableError, source
from common.tables.memory import MemoryTable, open_inline, open_texthash
from common.tables.table import is_utf8
from tests.common.journal import Journal
from tests.fuzz.bug import Bug
from tests.fuzz.inputs import control, memory_path

TOKENS = (
    *(b"key value\n", b'"a b" ', b"\\", b"{a=b}", b"{ a b = c d }", b"\n ", b"\n#", b"\t", b"K "),
    *(b"\xc3\x89", b"\xff", b":", b"=", b'"', b"{", b"}", b","),
)
BUG = Bug("common.tables.source", "entries", "if end < 0:", "if False:")


def check(data: bytes) -> None:
    """Read a file and a name; each key leads to its first value."""
    (choice,), data = control(data, 1)
    options = Options(Journal(), utf8=bool(choice & 1), fold=not choice & 2)
    text = decoded(data)
    check_file(text, data, options)
    try:
        table = open_inline(text, options)
    except ConfigError as error:
        assert str(error)
        return
    check_answers(table, options)


def check_file(text: str, data: bytes, options: Options) -> None:
    """Check a source file line by line."""
    table = open_texthash(memory_path(data), options)
    first: dict[str, str] = {}
    for line, key, value in source.entries(text, "source", options):
        assert line.text.startswith(key)
        assert line.text[len(key)] in BLANKS
        first.setdefault(table.folded(key), value)
    assert isinstance(table, MemoryTable)
    assert dict(table.entries()) == first
    check_answers(table, options)
    table.close()


def check_answers(table: Table, options: Options) -> None:
    """Check that a table finds what it holds."""
    for key, value in table.entries():
        if not options.utf8 or (is_utf8(key) and is_utf8(value)):
            assert table.lookup(key) == value
            continue
        try:
            assert table.lookup(key) is None
        except TableError:
            assert not is_utf8(value)
