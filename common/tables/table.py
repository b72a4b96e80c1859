"""table - what every lookup table is: a name, options, lookup()

DESCRIPTION
    Keys and values are text; bytes that are no UTF-8 stand as surrogate
    escapes. A table of fixed keys folds the key to lower case; one made of
    patterns takes it as it is, and no parts of a key are looked up in it.

    Not found is None. A table that cannot tell raises TableError; what is
    wrong was given to the log before.

SEE ALSO
    spec/config-syntax.md, section 5
    postmap(1)
"""

import abc
import enum
from collections.abc import Collection, Iterator
from typing import NamedTuple, Protocol

from common.config import MainCf
from common.errors import ConfigError
from common.sandbox.needs import NOTHING

# Without UTF-8, only these letters have an upper and a lower case.
LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
INVALID_UTF8 = "malformed UTF-8 or invalid codepoint"


class TableError(Exception):
    """A table cannot answer now.

    str() is a complaint that the log has not heard, empty if it has heard
    all; reason is a word or two for a command's last line.
    """

    def __init__(self, complaint: str = "", *, reason: str = "") -> None:
        super().__init__(complaint)
        self.reason = reason


class UnsupportedError(ConfigError):
    """The table has no such operation."""


class Complaints(Protocol):
    """Who hears what is wrong with a table; a common.log.Log does."""

    def warning(self, text: str) -> None:
        """Hear of something that an operator should look at."""

    def error(self, text: str) -> None:
        """Hear of a failure that the program survives."""


class Mode(enum.Enum):
    """What a table is opened for."""

    READ = enum.auto()
    EDIT = enum.auto()  # changes in place
    ADD = enum.auto()  # the same, and what is missing is made
    CREATE = enum.auto()  # a new table, which takes the old one's place on commit()


class Duplicates(enum.Enum):
    """What becomes of an entry whose key is there already."""

    WARN = enum.auto()  # and keep the first
    IGNORE = enum.auto()
    REPLACE = enum.auto()


class Options(NamedTuple):
    """How a table is opened."""

    log: Complaints
    main_cf: MainCf | None = None  # for types that have parameters there
    mode: Mode = Mode.READ
    strict: bool = False  # a table that cannot be opened is an error, not one that fails
    fold: bool = True
    utf8: bool = False  # keys and values must be UTF-8, and fold as Unicode does
    with_nul: bool = True  # keys in files may end with a NUL byte
    without_nul: bool = True
    duplicates: Duplicates = Duplicates.WARN
    files: bool = False  # what stands as value in text names files with the real value

    @classmethod
    def of(cls, main_cf: MainCf, log: Complaints) -> "Options":
        """Return what a daemon opens its tables with.

        Raises:
            ConfigError: a parameter has a bad value.
        """
        utf8 = main_cf.text("smtputf8_enable").lower() == "yes"
        return cls(log, main_cf, utf8=utf8)


class Table(abc.ABC):
    """One table. Its name is as complaints have it: "type:name"."""

    patterns = False  # made of patterns: no folding, no parts of a key are looked up
    knows_names = True  # as keys, beside addresses
    needs = NOTHING  # what must stay open for its lookups
    constant = False  # its answers stay as they are until changed() tells otherwise

    def __init__(self, name: str, options: Options) -> None:
        self.name = name
        self.options = options

    def lookup(self, key: str) -> str | None:
        """Return the value, None if there is none.

        Raises:
            TableError: nobody can tell now.
        """
        if not key.isascii() and self.options.utf8 and not self._is_good_key(key):
            return None
        value = self._find(self.folded(key))
        if value and not value.isascii() and self.options.utf8:
            self._require_good_value(key, value)
        return value

    def rules_out(self, keys: Collection[bytes]) -> bool:
        """Tell whether a look is enough to see that a lookup of any of these would find nothing.

        keys: as bytes. False decides nothing. Nothing is logged, nobody is asked.
        """
        return not keys

    def folded(self, key: str) -> str:
        """Return the key as it is looked up and stored."""
        if self.patterns or not self.options.fold:
            return key
        if key.isascii():
            return key.lower()
        return key.casefold() if self.options.utf8 else key.translate(LOWER)

    @abc.abstractmethod
    def _find(self, key: str) -> str | None:
        """Return the value under a key that was folded as it should be."""

    def entries(self) -> Iterator[tuple[str, str]]:
        """Return all keys and values, in the table's own order.

        Raises:
            UnsupportedError: the type has no such operation.
            TableError: nobody can tell now.
        """
        raise UnsupportedError(f"table {self.name}: sequence operation is not supported")

    def changed(self) -> bool:
        """Tell whether the source is no longer what was read."""
        return False

    def cautions(self) -> list[str]:
        """Return what an operator should know although nothing is wrong."""
        return []

    def close(self) -> None:
        """Give up what is held open."""
        return  # mostly nothing

    def _is_good_key(self, key: str) -> bool:
        if is_utf8(key):
            return True
        self.options.log.warning(f'{self.name}: non-UTF-8 key "{key}": {INVALID_UTF8}')
        return False

    def _require_good_value(self, key: str, value: str) -> None:
        if not is_utf8(value):
            self.options.log.warning(
                f'{self.name}: key "{key}": non-UTF-8 value "{value}": {INVALID_UTF8}'
            )
            raise TableError


class WritableTable(Table):
    """A table whose entries can be changed. Without commit() nothing may have been."""

    place = ""  # where the entries are, for complaints about them

    def commit(self) -> None:
        """Make the changes last.

        Raises:
            ConfigError: the table cannot be written.
        """

    def update(self, key: str, value: str) -> None:
        """Store an entry; what becomes of one that is there, the options say.

        Raises:
            TableError: it cannot be stored.
        """
        if self.options.utf8 and not self._is_good_key(key):
            return
        key = self.folded(key)
        if not self._store(key, value) and self.options.duplicates is Duplicates.WARN:
            self.options.log.warning(f'{self.place}: duplicate entry: "{key}"')

    def delete(self, key: str) -> bool:
        """Remove an entry; tell whether there was one.

        Raises:
            TableError: it cannot be removed.
        """
        if self.options.utf8 and not self._is_good_key(key):
            return True  # as Postfix: such a key is no failure
        return self._remove(self.folded(key))

    @abc.abstractmethod
    def _store(self, key: str, value: str) -> bool:
        """Store an entry; False if the key is there and nothing may replace it."""

    @abc.abstractmethod
    def _remove(self, key: str) -> bool:
        """Remove an entry; tell whether there was one."""


class UnavailableTable(Table):
    """A table that could not be opened: its lookups fail, and say why."""

    def __init__(self, name: str, options: Options, reason: str) -> None:
        super().__init__(name, options)
        self.reason = reason

    def _find(self, key: str) -> str | None:
        self.options.log.warning(f"{self.name} is unavailable. {self.reason}")
        raise TableError


def is_utf8(text: str) -> bool:
    """Tell whether the text's bytes are UTF-8."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
