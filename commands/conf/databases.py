"""databases - lookup tables whose settings are parameters, or a file of their own

DESCRIPTION
    "ldap:NAME" and its like read NAME_server_host and so on from main.cf;
    "ldap:/path" reads server_host from that file.

SEE ALSO
    ldap_table(5), memcache_table(5), mysql_table(5), pgsql_table(5), sqlite_table(5)
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from common.config import Entry, read_entries
from common.values import split_words

SQL = (
    *("additional_conditions", "domain", "expansion_limit", "query", "result_format"),
    *("select_field", "table", "where_field"),
)
SERVER = ("dbname", "hosts", "password", "user")
SUFFIXES = {
    "ldap": (
        *("bind", "bind_dn", "bind_pw", "cache", "cache_expiry", "cache_size", "chase_referrals"),
        *("debuglevel", "dereference", "domain", "expansion_limit", "leaf_result_attribute"),
        *("query_filter", "recursion_limit", "result_attribute", "result_filter", "result_format"),
        *("sasl_authz_id", "sasl_mechs", "sasl_minssf", "sasl_realm", "scope", "search_base"),
        *("server_host", "server_port", "size_limit", "special_result_attribute", "start_tls"),
        *("terminal_result_attribute", "timeout", "tls_ca_cert_dir", "tls_ca_cert_file"),
        *("tls_cert", "tls_cipher_suite", "tls_key", "tls_random_file", "tls_require_cert"),
        "version",
    ),
    "memcache": (
        *("backup", "data_size_limit", "domain", "flags", "key_format", "line_size_limit"),
        *("max_try", "memcache", "retry_pause", "timeout", "ttl"),
    ),
    "mysql": (
        *(*SQL, *SERVER, "option_file", "option_group", "require_result_set"),
        *("tls_cert_file", "tls_key_file", "tls_verify_cert", "tls_CAfile", "tls_CApath"),
        "tls_ciphers",
    ),
    "pgsql": (*SQL, *SERVER, "select_function"),
    "sqlite": (*SQL, "dbpath"),
}

Warn = Callable[[str], None]


class Database(NamedTuple):
    """A table that a value names."""

    kind: str
    name: str

    @property
    def title(self) -> str:
        """As it stands in the value."""
        return f"{self.kind}:{self.name}"

    @property
    def is_file(self) -> bool:
        """Whether its settings are in a file."""
        return self.name.startswith("/")


def named(value: str, file: str, warn: Warn) -> Iterator[Database]:
    """Yield the tables that a value names, those inside braces too."""
    for word in split_words(value):
        kind, colon, name = word.partition(":")
        while kind == "proxy" and colon:
            kind, colon, name = name.partition(":")
        if word.startswith("{"):
            yield from named(contents(word, file, warn), file, warn)
        elif name.startswith("{"):
            yield from named(contents(name, file, warn), file, warn)
        elif colon and kind in SUFFIXES:
            yield Database(kind, name)


def contents(word: str, file: str, warn: Warn) -> str:
    """Return what stands in braces."""
    level = 0
    for place, letter in enumerate(word):
        level += (letter == "{") - (letter == "}")
        if level == 0:
            if place + 1 < len(word):
                warn(f"{file}: syntax error after '}}' in \"{word}\"")
            return word[1:place]
    warn(f"{file}: missing '}}' in \"{word}\"")
    return word[1:]


def check_file(database: Database, warn: Warn) -> None:
    """Say what in the file of a table means nothing.

    Raises:
        ConfigError: a line is no setting.
    """
    path = Path(database.name)
    where = f'open "{database.kind}" configuration "{path}"'
    entries: dict[str, Entry] = {}
    try:
        if not path.is_file() and path.exists():
            warn(f"{where}: not a regular file")
            return
        path.open("rb").close()
    except OSError as error:
        warn(f"{where}: {error.strerror}")
        return
    for line in read_entries(path, entries):
        warn(line)
    for name, entry in entries.items():
        if name not in SUFFIXES[database.kind]:
            warn(f"{database.title}: unused parameter: {name}={entry.text}")
