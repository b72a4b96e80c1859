"""check_tables - look for mistakes in the tables that settings name

DESCRIPTION
    Opens each table, and each file with more of a list, that a setting of
    main.cf or of one of our services names, and says what a daemon would log
    of it: a file that is not there, a bad rule with its line, a network that
    is none. A pattern with back-references is named, since a search for it may
    take for ever. Nothing is asked of a server.

SEE ALSO
    commands.check
"""

from collections.abc import Iterator

from common.config import MainCf
from common.errors import ConfigError
from common.lists import HostList
from common.tables import Options, open_table
from common.tables.opening import OPENERS
from common.values import split_words

# Files that daemons make for themselves, and other services with a type's name.
MADE_LATER = ("_cache_database", "_cache_map", "address_verify_map")
NO_TABLES = ("unix:/", "unix:private/", "unix:public/")
HOST_LISTS = {"debug_peer_list", "qmqpd_authorized_clients"}  # of which we know every word


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


def complaints(*main_cfs: MainCf) -> Iterator[str]:
    """Yield a line for each mistake, with the place of the setting; of equal ones the first."""
    seen = set()
    for main_cf in main_cfs:
        for name, entry in main_cf.entries.items():
            for word in words(name, main_cf):
                if (name, word) not in seen:
                    seen.add((name, word))
                    yield from (
                        f"{entry.origin}: parameter {name}: {text}"
                        for text in heard(name, word, main_cf)
                    )


def words(name: str, main_cf: MainCf) -> list[str]:
    """Return the words of a setting, without exclamation marks; none if it is of no interest."""
    if name.endswith(MADE_LATER):
        return []
    try:
        return [word.lstrip("!") for word in split_words(main_cf.text(name))]
    except ConfigError:
        return []  # said elsewhere


def heard(name: str, word: str, main_cf: MainCf) -> list[str]:
    """Return what there is to say about one word of a setting."""
    complaints = Heard()
    options = Options.of(main_cf, complaints)
    if name in HOST_LISTS:
        complaints.texts += HostList(name, [word], options).cautions()
    elif is_table(word):
        table = open_table(word, options)
        complaints.texts += table.cautions()
        table.close()
    return complaints.texts


def is_table(word: str) -> bool:
    """Tell whether a word of a setting names a table."""
    kind, colon, name = word.partition(":")
    return bool(colon and name) and kind in OPENERS and not word.startswith(NO_TABLES)
