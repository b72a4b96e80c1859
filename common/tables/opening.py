"""opening - from "type:name" to a table

DESCRIPTION
    A type's module is imported when a table of that type is opened, so that
    nobody pays for libraries that he does not use; a daemon opens its tables
    before it locks itself in. It takes 5 to 100 ms, so master does it for all
    its children, by import_types(); tables are opened after the fork, since
    databases and connections cannot be shared.

SEE ALSO
    postconf(1), option -m
"""

import contextlib
import functools
import importlib
import operator
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from common.errors import ConfigError
from common.sandbox.needs import NOTHING, Needs
from common.tables.table import Mode, Options, Table, UnavailableTable, UnsupportedError

KIND = re.compile(r"\b[a-z]+(?=:)")

Opener = Callable[[str, Options], Table]


class Library(NamedTuple):
    """A library that is not always there, and the extra of this package that brings it."""

    module: str
    extra: str


# The function that opens each type, in a module below this package.
OPENERS: dict[str, str] = {
    "btree": "berkeley.open_btree",
    "cdb": "cdb.open_cdb",
    "cidr": "cidr.open_cidr",
    "environ": "memory.open_environ",
    "fail": "constant.open_fail",
    "hash": "berkeley.open_hash",
    "inline": "memory.open_inline",
    "internal": "memory.open_internal",
    "ldap": "ldap.open_ldap",
    "lmdb": "lightning.open_lmdb",
    "memcache": "memcache.open_memcache",
    "mysql": "mysql.open_mysql",
    "pcre": "pcre.open_pcre",
    "pgsql": "pgsql.open_pgsql",
    "pipemap": "combined.open_pipemap",
    "proxy": "proxy.open_proxy",
    "randmap": "constant.open_randmap",
    "redis": "redis.open_redis",
    "regexp": "regexp.open_regexp",
    "socketmap": "socketmap.open_socketmap",
    "sqlite": "sqlite.open_sqlite",
    "static": "constant.open_static",
    "tcp": "tcp.open_tcp",
    "texthash": "memory.open_texthash",
    "unionmap": "combined.open_unionmap",
    "unix": "accounts.open_unix",
    "valkey": "redis.open_valkey",
}
LIBRARIES: dict[str, Library] = {
    "btree": Library("berkeleydb", "bdb"),
    "hash": Library("berkeleydb", "bdb"),
    "ldap": Library("ldap", "ldap"),
    "lmdb": Library("lmdb", "lmdb"),
    "mysql": Library("pymysql", "mysql"),
    "pgsql": Library("psycopg", "pgsql"),
    "redis": Library("redis", "redis"),
    "valkey": Library("redis", "redis"),
}

# Types whose keys are no fixed strings; a table tells the same of itself.
PATTERN_TYPES = {"cidr", "pcre", "randmap", "regexp", "socketmap", "static", "tcp"}

CREATED = {"btree", "cdb", "fail", "hash", "lmdb"}  # types that postmap makes
EDITED = CREATED | {"internal"}
UNSUPPORTED_EDIT = {"environ", "static"}  # opened for it, but refuse it


# Of all tables that this process has opened, inner ones too: what their lookups need.
NEEDS: set[Needs] = set()


def open_table(text: str, options: Options) -> Table:
    """Return the table of "type:name"; one that cannot be opened is one whose lookups fail.

    So a mistake in the configuration makes clients come back later, and lets
    nobody in.

    Raises:
        ConfigError: it cannot be opened, and the options are strict.
    """
    try:
        kind, name = split(text, options.mode)
        table = opener(kind)(name, options)
    except ConfigError as error:
        if options.strict:
            raise
        return unavailable(text, options, str(error))
    NEEDS.add(table.needs)
    return table


def needs_of_tables() -> Needs:
    """Return what the tables need that this process has opened."""
    return functools.reduce(operator.or_, NEEDS, NOTHING)


def unavailable(text: str, options: Options, reason: str) -> Table:
    """Return a table that cannot answer, and complain about it once."""
    options.log.error(reason)
    return UnavailableTable(text, options, reason)


def split(text: str, mode: Mode = Mode.READ) -> tuple[str, str]:
    """Return type and name.

    Raises:
        ConfigError: they are not what they should be, or the type cannot be opened that way.
    """
    kind, colon, name = text.partition(":")
    if not (kind and colon and name):
        raise ConfigError(f'open dictionary: expecting "type:name" form instead of "{text}"')
    if kind not in OPENERS:
        raise ConfigError(f"unsupported dictionary type: {kind}")
    if mode in (Mode.ADD, Mode.CREATE) and kind not in CREATED:
        raise ConfigError(
            f"unsupported dictionary type: {kind} does not support bulk-mode creation."
        )
    if mode is Mode.EDIT and kind in UNSUPPORTED_EDIT:
        raise UnsupportedError(f"table {text}: delete operation is not supported")
    if mode is Mode.EDIT and kind not in EDITED:
        raise ConfigError(f"{text} map requires O_RDONLY access mode")
    return kind, name


def opener(kind: str) -> Opener:
    """Return the function that opens tables of a type.

    Raises:
        ConfigError: its library is not there, or cannot be used.
    """
    library = LIBRARIES.get(kind)
    if library and not is_installed(library):
        extra = f"postroom[{library.extra}]"
        raise ConfigError(f"unsupported dictionary type: {kind}. Is the extra {extra} installed?")
    module, _, function = OPENERS[kind].partition(".")
    try:
        found: Opener = getattr(importlib.import_module(f"common.tables.{module}"), function)
    except ImportError as error:
        raise ConfigError(f"unsupported dictionary type: {kind}: {error}") from None
    return found


def import_types(words: Iterable[str]) -> None:
    """Import all that the tables in these words need, inner ones too."""
    for kind in OPENERS.keys() & set(KIND.findall(" ".join(words))):
        with contextlib.suppress(ConfigError):  # said where it is opened
            opener(kind)


def is_installed(library: Library) -> bool:
    """Tell whether a library can be imported."""
    from importlib.util import find_spec  # here: most daemons need neither

    return find_spec(library.module) is not None


def table_types() -> list[str]:
    """Return the types that can be opened here, in alphabetical order."""
    return sorted(
        kind for kind in OPENERS if kind not in LIBRARIES or is_installed(LIBRARIES[kind])
    )
