"""stored - tables that postmap makes of a source file, and their lookups

DESCRIPTION
    The first byte chooses type and options. Whatever the type, a table made
    of a file answers as one that reads the file itself.
"""

from common.config import decoded
from common.tables import Options, Table, TableError, source
from common.tables.cdb import CdbReader, CdbWriter
from common.tables.lightning import LightningReader, LightningWriter
from common.tables.memory import open_texthash
from common.tables.table import Mode
from tests.common.journal import Journal
from tests.fuzz.bug import Bug
from tests.fuzz.inputs import control, folder, memory_path

TOKENS = (
    b"key value\n",
    b'"a b" ',
    b"\\",
    b"\n ",
    b"\t",
    b"K ",
    b"\xc3\x89",
    b"\xff",
    b"x" * 512,
    b"a b\n",
)
BUG = Bug(
    *("common.tables.stored", "StoredTable._store"),
    *("self.options.duplicates is Duplicates.REPLACE", "True"),
)

KINDS = ((CdbWriter, CdbReader), (LightningWriter, LightningReader))
LONGEST_KEY = 500  # bytes; lmdb refuses longer ones


def check(data: bytes) -> None:
    """Make a table of a source file, look up all of its keys."""
    (choice,), data = control(data, 1)
    writer, reader = KINDS[choice & 1]
    utf8, fold, with_nul = bool(choice & 2), not choice & 4, not choice & 8
    options = Options(Journal(), utf8=utf8, fold=fold, with_nul=with_nul, without_nul=not with_nul)
    creating = Options(
        Journal(),
        mode=Mode.CREATE,
        utf8=utf8,
        fold=fold,
        with_nul=with_nul,
        without_nul=not with_nul,
    )
    name = str(folder() / "stored")
    made = writer(name, creating)
    keys = []
    for _, key, value in source.entries(decoded(data), "t", creating):
        if "\0" not in key and len(key.encode("utf-8", "surrogateescape")) < LONGEST_KEY:
            made.update(key, value)
            keys.append(key)
    made.commit()
    made.close()
    table, model = reader(name, options), open_texthash(memory_path(data), options)
    for key in [*keys, "absent"]:
        assert answer(table, key) == answer(model, key)
    table.close()
    model.close()


def answer(table: Table, key: str) -> str | None:
    """Return what a table says of a key, "?" if it cannot tell."""
    try:
        return table.lookup(key)
    except TableError:
        return "?"
