"""opened - tables for tests, and what they complained about"""

from pathlib import Path
from typing import Any

from common.tables import Options, Table, open_table
from common.tables.table import WritableTable
from tests.common.journal import Journal


def opened(text: str, **options: Any) -> tuple[Table, Journal]:
    """Return the table "type:name" and the log that its complaints go to."""
    journal = Journal()
    return open_table(text, Options(journal, **options)), journal


def quiet(text: str, **options: Any) -> Table:
    """Return a table that had nothing to complain about when it was opened."""
    table, journal = opened(text, **options)
    assert journal.lines() == []
    return table


def writable(text: str, **options: Any) -> WritableTable:
    """Return a table that can be changed."""
    table = quiet(text, strict=True, **options)
    assert isinstance(table, WritableTable)
    return table


def lookups(table: Table, *keys: str) -> list[str | None]:
    """Return what the table says of each key."""
    return [table.lookup(key) for key in keys]


def file_table(kind: str, path: Path, text: str, **options: Any) -> tuple[Table, Journal]:
    """Return the table of a file with that text."""
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return opened(f"{kind}:{path}", **options)
