"""map_queries - keys are looked up in tables, removed, listed

SEE ALSO
    commands.map
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

from common.config import encoded
from common.errors import ConfigError
from common.tables import values
from common.tables.opening import open_table
from common.tables.table import Mode, Options, Table, TableError, WritableTable

NOT_FOUND = 1  # exit status
SHOWN = 30  # letters of a value in a complaint about it


class Queries:
    """Some tables, opened when their turn comes."""

    def __init__(self, names: list[str], options: Options, output: BinaryIO) -> None:
        self.options = options
        self._names = names
        self._output = output
        self._tables: dict[str, Table] = {}

    def look_up(self, key: str) -> int:
        """Print the first value found; return the exit status."""
        value = self._first(key)
        if value is None:
            return NOT_FOUND
        self._print(value)
        return os.EX_OK

    def look_up_all(self, keys: Iterable[str]) -> int:
        """Print each key that is found, and its value; return the exit status."""
        status = NOT_FOUND
        for key in keys:
            value = self._first(key)
            if value is not None:
                self._print(f"{key}\t{value}")
                status = os.EX_OK
        return status

    def list_entries(self) -> int:
        """Print what is in the first table; return the exit status."""
        if not self._names:
            return NOT_FOUND
        name = self._names[0]
        table = self._table(name)
        try:
            for key, value in table.entries():
                plain = self._plain(table, key, value)
                if plain is not None:
                    self._print(f"{key}\t{plain}")
                    self._complain_if_empty(name, key, value)
        except TableError as error:
            raise failure(table, "sequence", error) from None
        return os.EX_OK

    def delete(self, key: str) -> int:
        """Remove a key from table after table; return the exit status."""
        found = False
        for name in self._names:
            with self._edited(name) as table:
                found |= remove(table, key)
        return os.EX_OK if found else NOT_FOUND

    def delete_all(self, keys: Iterable[str]) -> int:
        """Remove keys from all tables; return the exit status."""
        found = False
        with ExitStack() as stack:
            tables = [stack.enter_context(self._edited(name)) for name in self._names]
            for key in keys:
                for table in tables:
                    found |= remove(table, key)
        return os.EX_OK if found else NOT_FOUND

    def _first(self, key: str) -> str | None:
        """Return the value in the first table that has the key."""
        for name in self._names:
            table = self._table(name)
            try:
                value = table.lookup(key)
            except TableError as error:
                raise failure(table, "query", error) from None
            if value is not None:
                self._complain_if_empty(name, key, value)
                plain = self._plain(table, key, value)
                if plain is None:
                    raise ConfigError(f"table {table.name}: query error")
                return plain
        return None

    def _table(self, name: str) -> Table:
        if name not in self._tables:
            self._tables[name] = open_table(name, self.options)
        return self._tables[name]

    @contextmanager
    def _edited(self, name: str) -> Iterator[WritableTable]:
        """Open a table for changes; those that were made last, whatever comes."""
        table = open_table(name, self.options._replace(mode=Mode.EDIT))
        assert isinstance(table, WritableTable)  # or it could not be opened that way
        try:
            yield table
        finally:
            table.commit()
            table.close()

    def _plain(self, table: Table, key: str, value: str) -> str | None:
        """Return a value as it is shown, None and a complaint if it is not what it should be."""
        if not self.options.files:
            return value
        content = values.decode(value)
        if content is None:
            self.options.log.warning(
                f"table {table.name}: key {key}: malformed BASE64 value: {value[:SHOWN]}"
            )
            return None
        return content.partition("\0")[0]

    def _complain_if_empty(self, name: str, key: str, value: str) -> None:
        if not value:
            log = self.options.log
            log.warning(f"table {name}: key {key}: empty string result is not allowed")
            log.warning(f"table {name} should return NO RESULT in case of NOT FOUND")

    def _print(self, text: str) -> None:
        self._output.write(encoded(text) + b"\n")


def remove(table: WritableTable, key: str) -> bool:
    """Remove a key; tell whether it was there.

    Raises:
        ConfigError: the table fails.
    """
    try:
        return table.delete(key)
    except TableError as error:
        raise failure(table, "delete", error) from None


def failure(table: Table, operation: str, error: TableError) -> ConfigError:
    """Return the last words of a command whose table failed."""
    reason = f": {error.reason}" if error.reason else ""
    return ConfigError(str(error) or f"table {table.name}: {operation} error{reason}")
