"""constant - tables whose answer does not depend on the key

DESCRIPTION
    static:text   always text; static:{text with blanks}
    randmap:{...} one of its elements, by chance
    fail:name     never answers; for tests of what depends on a table

SEE ALSO
    postconf(1), option -m
"""

import random
from collections.abc import Iterator

from common.errors import ConfigError
from common.tables import braces
from common.tables.table import Options, Table, TableError, WritableTable
from common.tables.values import encode_files

FAILURE = "Application error"


class ChoiceTable(Table):
    """Answers every key with one of its values."""

    patterns = True

    def __init__(self, name: str, options: Options, values: list[str]) -> None:
        super().__init__(name, options)
        self.constant = len(values) == 1
        self._values = values

    def _find(self, key: str) -> str | None:
        return random.choice(self._values)


class FailTable(WritableTable):
    """Fails whatever is asked of it."""

    def _find(self, key: str) -> str | None:
        raise TableError(reason=FAILURE)

    def entries(self) -> Iterator[tuple[str, str]]:
        """Fail."""
        raise TableError(reason=FAILURE)

    def _store(self, key: str, value: str) -> bool:
        raise TableError(reason=FAILURE)

    def _remove(self, key: str) -> bool:
        raise TableError(reason=FAILURE)


def open_static(name: str, options: Options) -> Table:
    """Return a table with one value."""
    try:
        value = braces.unbraced(name) if name.startswith("{") else name
    except ConfigError as error:
        raise ConfigError(f"bad static:name syntax: {error}") from None
    if options.files:
        value = encode_files(value)
    return ChoiceTable(f"static:{name}", options, [value])


def open_randmap(name: str, options: Options) -> Table:
    """Return a table with some values."""
    try:
        values = list(braces.elements(name))
        if not values:
            raise ConfigError("bad syntax")
    except ConfigError as error:
        raise ConfigError(f'{error}: "randmap:{name}"; need "randmap:{{value...}}"') from None
    if options.files:
        values = list(map(encode_files, values))
    return ChoiceTable(f"randmap:{name}", options, values)


def open_fail(name: str, options: Options) -> Table:
    """Return a table that fails."""
    return FailTable(f"fail:{name}", options)
