"""maps - the tables of a parameter, asked one after the other

SEE ALSO
    postconf(5), header_checks for one
"""

from collections.abc import Iterable

from common.tables.opening import open_table
from common.tables.table import Options, Table, TableError


class Maps:
    """Tables in their order; the first that knows a key answers."""

    def __init__(self, names: Iterable[str], options: Options) -> None:
        """Open them; what is wrong goes to the log, and fails the lookups."""
        self._tables = [open_table(name, options) for name in names]
        self._log = options.log

    def __bool__(self) -> bool:
        return bool(self._tables)

    def find(self, key: str) -> str | None:
        """Return the value, None if there is none; an empty key has none.

        Raises:
            TableError: nobody can tell now; the log knows why.
        """
        if not key:
            return None
        for table in self._tables:
            try:
                value = table.lookup(key)
            except TableError as error:
                if str(error):
                    self._log.warning(str(error))
                self._log.warning(f'{table.name} lookup error for "{key}"')
                raise TableError from None
            if value == "":
                self._log.warning(f"{table.name} lookup of {key} returns an empty string result")
                self._log.warning(f"{table.name} should return NO RESULT in case of NOT FOUND")
            elif value is not None:
                return value
        return None

    def changed(self) -> Table | None:
        """Return a table whose source is no longer what was read."""
        return next((table for table in self._tables if table.changed()), None)
