"""settings - what a table of a database is told: "type:/file.cf"

DESCRIPTION
    A name that begins with a slash or a dot is a file of "name = value"
    lines. Of any other name, the settings are parameters of main.cf that
    begin with it: "name_query".

SEE ALSO
    sqlite_table(5), ldap_table(5), memcache_table(5)
"""

import re

from common.config import MainCf, logical_lines, parse_assignment
from common.errors import ConfigError
from common.tables.source import SourceFile
from common.tables.table import Options
from common.values import DIGITS, split_words

INTEGER = re.compile(r"[+-]?[0-9]+\Z", re.ASCII)


class Settings:
    """A table's settings, by name."""

    def __init__(self, name: str, options: Options) -> None:
        """Read them.

        Raises:
            ConfigError: the file cannot be read, or has a line that is none.
        """
        self.name = name
        self.file: SourceFile | None = None
        self._values: dict[str, str] = {}
        self._main_cf = options.main_cf
        if name.startswith(("/", ".")):
            self.file = SourceFile(name)
            self._read(self.file.text(), options)

    def _read(self, text: str, options: Options) -> None:
        for line in logical_lines(text):
            origin = f"{self.name}, line {line.number}"
            name, value = parse_assignment(line.text, origin)
            if name in self._values:
                options.log.warning(
                    f"{origin}: overriding earlier entry: {name}={self._values[name]}"
                )
            self._values[name] = value

    def text(self, name: str, default: str = "", *, least: int = 0) -> str:
        """Return a text of at least so many letters.

        Raises:
            ConfigError: it has fewer.
        """
        value = self._value(name)
        if value is None:
            value = default
        if len(value) < least:
            raise ConfigError(
                self._complaint(f"bad string length {len(value)} < {least}", name, value)
            )
        return value

    def number(self, name: str, default: int, *, least: int | None = 0) -> int:
        """Return a number of at least so much, None: of any size.

        Raises:
            ConfigError: it is none, or is less.
        """
        value = self._value(name)
        if value is None:
            return default
        if not INTEGER.match(value) or len(value) > DIGITS:
            raise ConfigError(self._complaint("bad numerical configuration", name, value))
        if least is not None and int(value) < least:
            where = f"{self.name}: " if self.file else ""
            raise ConfigError(
                f"{where}invalid {self._full(name)} parameter value {value} < {least}"
            )
        return int(value)

    def truth(self, name: str, *, default: bool) -> bool:
        """Return yes or no.

        Raises:
            ConfigError: it is neither.
        """
        value = self._value(name)
        if value is None:
            return default
        if value.lower() not in ("yes", "no"):
            raise ConfigError(self._complaint("bad boolean configuration", name, value))
        return value.lower() == "yes"

    def words(self, name: str, default: str = "") -> tuple[str, ...]:
        """Return the elements of a list."""
        return split_words(self.text(name, default))

    def changed(self) -> bool:
        """Tell whether the file was replaced or edited."""
        return self.file is not None and self.file.changed()

    def close(self) -> None:
        """Close the file."""
        if self.file:
            self.file.close()

    def _value(self, name: str) -> str | None:
        if self.file:
            return self._values.get(name)
        if self._main_cf is None or not is_set(self._main_cf, self._full(name)):
            return None
        return self._main_cf.text(self._full(name))

    def _full(self, name: str) -> str:
        return name if self.file else f"{self.name}_{name}"

    def _complaint(self, text: str, name: str, value: str) -> str:
        where = f"{self.name}: " if self.file else ""
        return f"{where}{text}: {self._full(name)} = {value}"


def is_set(main_cf: MainCf, name: str) -> bool:
    """Tell whether main.cf has a parameter, be it one that we do not know."""
    return name in main_cf.entries
