"""sqlite - sqlite:/file.cf: a query to an SQLite database

SEE ALSO
    sqlite_table(5)
"""

import os
import sqlite3
from collections.abc import Iterator
from urllib.parse import quote as quoted_path

from common.config import decoded
from common.errors import ConfigError
from common.sandbox.needs import FULL, Needs
from common.tables.database import SqlTable
from common.tables.table import Options, Table, TableError, is_utf8

BUSY_SECONDS = 1.0  # that a lookup waits for a writer


class SqliteTable(SqlTable):
    """A query, its first column."""

    limit_words = "key"

    def __init__(self, name: str, options: Options) -> None:
        """Open the database.

        Raises:
            ConfigError: it cannot be opened, or a setting is wrong.
        """
        super().__init__("sqlite", name, options, first="dbpath")
        try:
            # Not made if it is not there.
            self._database = sqlite3.connect(
                f"file:{quoted_path(self.place)}?mode=rw",
                uri=True,
                isolation_level=None,
                timeout=BUSY_SECONDS,
            )
        except sqlite3.Error as error:
            raise ConfigError(f"{self.name}: Can't open database: {error}") from None
        self._database.text_factory = bytes
        # The library makes files beside it, and removes them again.
        self.needs = Needs(((os.path.dirname(self.place) or ".", FULL),))

    def quote(self, text: str) -> str:
        """Return text as it may stand between single quotes."""
        return text.replace("'", "''")

    def values(self, query: str) -> Iterator[str | None]:
        """Yield the first column of each row."""
        if not is_utf8(query):
            self.options.log.warning(f'{self.name}: non-UTF-8 query "{query}"')
            return
        try:
            for row in self._database.execute(query):
                yield text_of(row[0])
        except sqlite3.Error as error:
            what = f"dict_sqlite_lookup: {self.settings.name}: SQL prepare failed: {error}"
            raise TableError(what) from None

    def close(self) -> None:
        """Close the database."""
        self._database.close()
        super().close()


def text_of(value: bytes | float | None) -> str | None:
    """Return a column as the library shows it as text, None for NULL."""
    if isinstance(value, bytes):
        return decoded(value.partition(b"\0")[0])
    if isinstance(value, float):
        mantissa, exponent, power = f"{value:.15g}".partition("e")
        point = "" if "." in mantissa or mantissa[-1:] in "nf" else ".0"
        return f"{mantissa}{point}{exponent}{power}"
    return None if value is None else str(value)


def open_sqlite(name: str, options: Options) -> Table:
    """Return the table of a query."""
    return SqliteTable(name, options)
