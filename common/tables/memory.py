"""memory - tables of fixed keys that are held in memory

DESCRIPTION
    texthash:/file  the source file of postmap, read when the table is opened
    inline:{...}    name=value, {name = value with blanks}; the last one counts
    internal:name   begins empty
    environ:name    variables of the environment; the name means nothing

SEE ALSO
    spec/config-syntax.md, section 5
"""

import os
from collections.abc import Iterator

from common.config import BLANKS
from common.errors import ConfigError
from common.tables import braces, source
from common.tables.source import SourceFile
from common.tables.table import Duplicates, Options, Table, WritableTable, is_utf8
from common.tables.values import encode_files


class MemoryTable(WritableTable):
    """Keys and values in a dictionary; the file that they came from, if there is one."""

    constant = True

    def __init__(self, name: str, options: Options, file: SourceFile | None = None) -> None:
        super().__init__(name, options)
        self._values: dict[str, str] = {}
        self._file = file

    def _find(self, key: str) -> str | None:
        return self._values.get(key)

    def entries(self) -> Iterator[tuple[str, str]]:
        """Return all entries, as they came in."""
        return iter(self._values.items())

    def changed(self) -> bool:
        """Tell whether the file was replaced or edited."""
        return self._file is not None and self._file.changed()

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    def _store(self, key: str, value: str) -> bool:
        if key in self._values and self.options.duplicates is not Duplicates.REPLACE:
            return False
        self._values[key] = value
        return True

    def _remove(self, key: str) -> bool:
        return self._values.pop(key, None) is not None


class EnvironmentTable(Table):
    """Variables of this process."""

    constant = True

    def _find(self, key: str) -> str | None:
        return os.environ.get(key)


def open_texthash(name: str, options: Options) -> Table:
    """Read a source file; bad lines and all but the first of a key are complained about."""
    file = SourceFile(name, what="open database")
    table = MemoryTable(f"texthash:{name}", options, file)
    regret = " -- ignoring this line"
    for line, key, value in source.entries(file.text(), name, options, regret=regret):
        stored = table._store(table.folded(key), value)
        if not stored and options.duplicates is Duplicates.WARN:
            options.log.warning(f'{line.origin}: duplicate entry: "{key}"')
    return table


def open_inline(name: str, options: Options) -> Table:
    """Read entries out of the name."""
    kind = "filename" if options.files else "value"
    try:
        if options.utf8 and not is_utf8(name):
            raise ConfigError("bad UTF-8 syntax")
        table = MemoryTable(f"inline:{name}", options)
        for element in braces.elements(name):
            key, value = split_entry(element)
            table._values[table.folded(key)] = encode_files(value) if options.files else value
        if not table._values:
            raise ConfigError("empty table")
    except ConfigError as error:
        raise ConfigError(f'{error}: "inline:{name}"; need "inline:{{name={kind}...}}"') from None
    return table


def split_entry(element: str) -> tuple[str, str]:
    """Return key and value of "key=value" or "{key = value}"; quotes of the key are kept.

    Raises:
        ConfigError: it is no such thing.
    """
    text = braces.unbraced(element) if element.startswith("{") else element
    if not text:
        raise ConfigError("no key found; expected format: key = value")
    end = source.word_end(text, BLANKS + "=")
    if end < 0:
        raise ConfigError("unbalanced '\"'")
    key, rest = text[:end], text[end:].lstrip(BLANKS)
    if not rest.startswith("="):
        raise ConfigError("missing '=' after attribute name")
    return key, rest[1:].strip(BLANKS)


def open_internal(name: str, options: Options) -> Table:
    """Return a table without entries."""
    return MemoryTable(f"internal:{name}", options)


def open_environ(name: str, options: Options) -> Table:
    """Return the environment as a table."""
    return EnvironmentTable(f"environ:{name}", options)
