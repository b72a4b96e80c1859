"""combined - tables made of tables

DESCRIPTION
    unionmap:{type:a,type:b}  all answers, joined by commas
    pipemap:{type:a,type:b}   the answer of one is the key of the next

SEE ALSO
    postconf(1), option -m
"""

from common.errors import ConfigError
from common.tables import braces
from common.tables.opening import open_table
from common.tables.table import Options, Table


class CombinedTable(Table):
    """Some tables in an order; the first one tells whether parts of a key are looked up."""

    def __init__(self, name: str, options: Options, tables: list[Table]) -> None:
        super().__init__(name, options)
        self.tables = tables
        self.patterns = tables[0].patterns
        self.constant = all(table.constant for table in tables)

    def folded(self, key: str) -> str:
        """Return the key as it is: each table folds as it needs."""
        return key

    def changed(self) -> bool:
        """Tell whether any of them has changed."""
        return any(table.changed() for table in self.tables)

    def close(self) -> None:
        """Close all of them."""
        for table in self.tables:
            table.close()


class UnionTable(CombinedTable):
    """Asks every table."""

    def _find(self, key: str) -> str | None:
        found = [table.lookup(key) for table in self.tables]
        answers = [value for value in found if value is not None]
        return ",".join(answers) if answers else None


class PipeTable(CombinedTable):
    """Asks table after table."""

    def _find(self, key: str) -> str | None:
        value: str | None = key
        for table in self.tables:
            value = table.lookup(value) if value is not None else None
        return value


def open_unionmap(name: str, options: Options) -> Table:
    """Return the union of the tables in the name."""
    return UnionTable(f"unionmap:{name}", options, open_all("unionmap", name, options))


def open_pipemap(name: str, options: Options) -> Table:
    """Return the chain of the tables in the name."""
    return PipeTable(f"pipemap:{name}", options, open_all("pipemap", name, options))


def open_all(kind: str, name: str, options: Options) -> list[Table]:
    """Return the tables of "{type:name,type:name...}".

    Raises:
        ConfigError: it is no such thing, or with options.strict: one cannot be opened.
    """
    complaint = f'bad syntax: "{kind}:{name}"; need "{kind}:{{type:name...}}"'
    try:
        texts = list(braces.elements(name))
    except ConfigError:
        texts = []
    if not texts:
        raise ConfigError(complaint)
    tables: dict[str, Table] = {}  # one that is named twice is opened once
    for text in texts:
        if ":" not in text:
            raise ConfigError(complaint)
        if text not in tables:
            tables[text] = open_table(text, options)
    return [tables[text] for text in texts]
