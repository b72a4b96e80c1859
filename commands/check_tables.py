"""check_tables - look for mistakes in the tables that main.cf names

DESCRIPTION
    Opens each table that a setting names, and says what a daemon would log of
    it: a file that is not there, a bad rule with its line. A pattern with
    back-references is named, since a search for it may take for ever.
    Nothing is asked of a server.

SEE ALSO
    commands.check
"""

from collections.abc import Iterator

from common.config import MainCf
from common.errors import ConfigError
from common.tables import Options, open_table
from common.tables.opening import OPENERS
from common.values import split_words

# Files that daemons make for themselves, and other services with a type's name.
MADE_LATER = ("_cache_database", "_cache_map", "address_verify_map")
NO_TABLES = ("unix:/", "unix:private/", "unix:public/")


class Heard:
    """What a table complains about."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def warning(self, text: str) -> None:
        """Keep it."""
        self.texts.append(text)

    def error(self, text: str) -> None:
        """Keep it."""
        self.texts.append(text)


def complaints(main_cf: MainCf) -> Iterator[str]:
    """Yield a line for each mistake, with the place of the setting that names the table."""
    seen = set()
    for name, entry in main_cf.entries.items():
        if name.endswith(MADE_LATER):
            continue
        try:
            words = split_words(main_cf.text(name))
        except ConfigError:
            continue  # said elsewhere
        for text in words:
            table = text.lstrip("!")
            if table not in seen and is_table(table):
                seen.add(table)
                yield from (
                    f"{entry.origin}: parameter {name}: {text}" for text in heard(table, main_cf)
                )


def heard(text: str, main_cf: MainCf) -> list[str]:
    """Return what there is to say about one table."""
    complaints = Heard()
    table = open_table(text, Options.of(main_cf, complaints))
    cautions = table.cautions()
    table.close()
    return complaints.texts + cautions


def is_table(word: str) -> bool:
    """Tell whether a word of a setting names a table."""
    kind, colon, name = word.partition(":")
    return bool(colon and name) and kind in OPENERS and not word.startswith(NO_TABLES)
