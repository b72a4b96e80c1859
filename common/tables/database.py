"""database - what tables of databases have in common: query, domain, result_format, limit

DESCRIPTION
    A key becomes a query by a template; each value that comes back goes
    through another one, and all of them are joined by commas.

SEE ALSO
    sqlite_table(5), mysql_table(5), pgsql_table(5), ldap_table(5)
"""

import abc
from collections.abc import Iterable, Iterator
from pathlib import Path

from common.config import BLANKS
from common.errors import ConfigError
from common.tables.opening import open_table
from common.tables.settings import Settings
from common.tables.table import Options, Table, TableError
from common.tables.templates import Template
from common.values import split_words

NESTING_LIMIT = 20  # of files in a list of domains


class DatabaseTable(Table, abc.ABC):
    """A table whose values come from some database."""

    limit_words = "key:"  # in the complaint about too many results

    def __init__(self, kind: str, name: str, options: Options, *, first: str) -> None:
        """Read the settings.

        first: the name of one that must tell where the database is.

        Raises:
            ConfigError: one of them is wrong.
        """
        super().__init__(f"{kind}:{name}", options)
        self.kind = kind
        self.settings = Settings(name, options)
        self.place = self.settings.text(first, least=1) if first else ""
        queries = self.query_texts()
        result = self.settings.text("result_format", self.default_result(), least=1)
        self.limit = self.settings.number("expansion_limit", 0, least=None)
        where = f"db_common_parse: {name}: Invalid"
        self.queries = [Template(text, f"{where} query") for text in queries]
        self.result = Template(result, f"{where} result")
        self.domains = DomainList(name, self.settings.words("domain"), options)

    @abc.abstractmethod
    def query_texts(self) -> list[str]:
        """Return the settings that are templates for queries."""

    def default_result(self) -> str:
        """Return the result_format of tables that have none."""
        return "%s"

    def is_wanted(self, key: str) -> bool:
        """Tell whether a key may be in the table at all."""
        local, at, domain = key.rpartition("@")
        if self.domains and not (at and local and self.domains.contains(domain)):
            return False
        if not key:
            self.options.log.warning(f'table "{self.name}": empty query string -- ignored')
        return bool(key) and self.result.can_be_about(key)

    def joined(self, key: str, values: Iterable[str | None]) -> str | None:
        """Return all values as one, None if there is none.

        Raises:
            TableError: there are too many.
        """
        results = []
        for value in values:
            if value == "":
                self.options.log.warning(
                    f'table "{self.name}": empty lookup result for: "{key}" -- ignored'
                )
            text = self.result.about_value(value, key) if value else None
            if text is not None:
                results.append(text)
                self.check_limit(key, len(results))
        return ",".join(results) if results else None

    def check_limit(self, key: str, count: int) -> None:
        """See that there are not too many results.

        Raises:
            TableError: there are.
        """
        if 0 < self.limit < count:
            self.options.log.warning(
                f"dict_{self.kind}_lookup: {self.settings.name}:"
                f" Expansion limit exceeded for {self.limit_words} '{key}'"
            )
            raise TableError

    def changed(self) -> bool:
        """Tell whether the settings were edited."""
        return self.settings.changed() or self.domains.changed()

    def close(self) -> None:
        """Close the settings."""
        self.settings.close()


class SqlTable(DatabaseTable):
    """A table whose query is SQL."""

    def query_texts(self) -> list[str]:
        """Return the query."""
        return [self.settings.text("query") or self.old_query()]

    def old_query(self) -> str:
        """Return the query that older settings stand for.

        Raises:
            ConfigError: they do not say enough.
        """
        table = self.settings.text("table", least=1)
        field = self.settings.text("select_field", least=1)
        where = self.settings.text("where_field", least=1)
        conditions = self.settings.text("additional_conditions")
        return f"SELECT {field} FROM {table} WHERE {where} = '%s' {conditions}"

    def _find(self, key: str) -> str | None:
        if not self.is_wanted(key):
            return None
        query = self.queries[0].about(key, self.quote)
        return None if query is None else self.joined(key, self.values(query))

    @abc.abstractmethod
    def quote(self, text: str) -> str:
        """Return text as it may stand between single quotes."""

    @abc.abstractmethod
    def values(self, query: str) -> Iterable[str | None]:
        """Return what a query finds; None is NULL.

        Raises:
            TableError: the database cannot tell.
        """


class DomainList:
    """Domains that are in a database: names, !names, type:table, /file."""

    def __init__(self, owner: str, elements: Iterable[str], options: Options) -> None:
        """Prepare the list. owner: whose it is, for complaints.

        Raises:
            ConfigError: a file cannot be read, or files nest too deeply.
        """
        self._owner = owner
        self._options = options
        self._elements = list(self._prepared(elements, negated=False, depth=0))

    def __bool__(self) -> bool:
        return bool(self._elements)

    def contains(self, domain: str) -> bool:
        """Tell whether the domain is in the list.

        Raises:
            TableError: a table cannot tell.
        """
        for negated, element in self._elements:
            if isinstance(element, str):
                found = element == domain.lower()
            else:
                found = self._is_in(element, domain)
            if found:
                return not negated
        return False

    def _is_in(self, table: Table, domain: str) -> bool:
        try:
            return table.lookup(domain) is not None
        except TableError as error:
            if str(error):
                self._options.log.warning(str(error))
            self._options.log.warning(f"{self._owner}: {table.name}: table lookup problem")
            raise TableError from None

    def changed(self) -> bool:
        """Tell whether a table in the list has changed."""
        return any(not isinstance(one, str) and one.changed() for _, one in self._elements)

    def _prepared(
        self, elements: Iterable[str], *, negated: bool, depth: int
    ) -> Iterator[tuple[bool, str | Table]]:
        if depth > NESTING_LIMIT:
            raise ConfigError("domain: files nest too deeply")
        for element in elements:
            plain = element.lstrip("!")
            inverted = negated ^ bool((len(element) - len(plain)) % 2)
            if plain.startswith("/"):
                words = read_words(plain)
                yield from self._prepared(words, negated=inverted, depth=depth + 1)
            elif ":" in plain:
                yield inverted, open_table(plain, self._options)
            else:
                yield inverted, plain.lower()


def read_words(path: str) -> tuple[str, ...]:
    """Return the elements in a file, comments left out.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        text = Path(path).read_text("utf-8", "surrogateescape")
    except OSError as error:
        raise ConfigError(f"open file {path}: {error.strerror}") from None
    kept = (line for line in text.split("\n") if not line.lstrip(BLANKS).startswith("#"))
    return split_words(" ".join(kept))
