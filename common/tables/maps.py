"""maps - the tables of a parameter, asked one after the other

SEE ALSO
    postconf(5), header_checks for one
"""

from collections.abc import Collection, Iterable, MutableMapping

from common.tables.opening import open_table
from common.tables.table import Options, Table, TableError


class Maps:
    """Tables in their order; the first that knows a key answers."""

    def __init__(
        self,
        parameter: str,
        names: Iterable[str],
        options: Options,
        opened: MutableMapping[str, Table] | None = None,
    ) -> None:
        """Open those of a parameter; what is wrong goes to the log, and fails the lookups.

        opened: tables with the same options that need not be opened once more, by name.
        """
        self.parameter = parameter
        kept = {} if opened is None else opened
        self.tables: list[Table] = []
        for name in names:
            if name not in kept:
                kept[name] = open_table(name, options)
            self.tables.append(kept[name])
        self._fixed = [table for table in self.tables if not table.patterns]
        self._log = options.log

    def __bool__(self) -> bool:
        return bool(self.tables)

    def find(self, key: str, *, is_part: bool = False) -> str | None:
        """Return the value, None if there is none; an empty key has none.

        is_part: the key is not all that is looked for, so tables of patterns are not asked.

        Raises:
            TableError: nobody can tell now; the log knows why.
        """
        if not key:
            return None
        for table in self._fixed if is_part else self.tables:
            try:
                value = table.lookup(key)
            except TableError as error:
                if str(error):
                    self._log.warning(str(error))
                self._log.warning(f'{table.name} lookup error for "{key}"')
                raise TableError from None
            if value == "":
                title = self.parameter
                self._log.warning(f"{title} lookup of {key} returns an empty string result")
                self._log.warning(f"{title} should return NO RESULT in case of NOT FOUND")
                raise TableError
            if value is not None:
                return value
        return None

    def rules_out(self, keys: Collection[bytes]) -> bool:
        """Tell whether a look is enough to see that no table knows any of these keys."""
        return all(table.rules_out(keys) for table in self.tables)

    def changed(self) -> Table | None:
        """Return a table whose source is no longer what was read."""
        return next((table for table in self.tables if table.changed()), None)
