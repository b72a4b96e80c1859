"""ldap - ldap:/file.cf: a search in a directory

DESCRIPTION
    The values of result_attribute of all entries found. A value of
    special_result_attribute is the name of another entry, or a URL of some,
    that are looked at in turn.

SEE ALSO
    ldap_table(5)
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import ldap
from ldap.dn import escape_dn_chars
from ldap.filter import escape_filter_chars
from ldapurl import LDAPUrl

from common.config import decoded
from common.errors import ConfigError
from common.sandbox.needs import LIBRARY_SERVER
from common.tables.database import DatabaseTable
from common.tables.settings import Settings
from common.tables.table import Options, Table, TableError

SCOPES: dict[str, int] = {
    "sub": ldap.SCOPE_SUBTREE,
    "base": ldap.SCOPE_BASE,
    "one": ldap.SCOPE_ONELEVEL,
}
BINDINGS = {"no": "", "none": "", "yes": "simple", "simple": "simple", "sasl": "sasl"}
EVERYTHING = "(objectClass=*)"

Entry = tuple[str, dict[str, list[bytes]]]


@dataclass(frozen=True, slots=True)
class Attributes:
    """Names of attributes, by what their values are."""

    ordinary: frozenset[str]  # results
    special: frozenset[str]  # names or URLs of other entries
    terminal: frozenset[str]  # where one is, the others do not count
    leaf: frozenset[str]  # results if the entry has nothing special

    @property
    def wanted(self) -> list[str]:
        """All of them."""
        return sorted(self.ordinary | self.special | self.terminal | self.leaf)


class LdapTable(DatabaseTable):
    """A search."""

    needs = LIBRARY_SERVER

    def __init__(self, name: str, options: Options) -> None:
        """Read the settings.

        Raises:
            ConfigError: one of them is wrong.
        """
        super().__init__("ldap", name, options, first="")
        settings = self.settings
        self._uris = " ".join(
            uri(host, settings.number("server_port", 389))
            for host in settings.words("server_host", "localhost")
        )
        self._timeout = settings.number("timeout", 10)
        self._scope = scope_of(settings, options)
        self._binding = binding_of(settings)
        self._size_limit = settings.number("size_limit", self.limit)
        self._depth_limit = settings.number("recursion_limit", 1000, least=1)
        self._attributes = Attributes(
            *(
                frozenset(word.lower() for word in settings.words(setting, default))
                for setting, default in (
                    ("result_attribute", "maildrop"),
                    ("special_result_attribute", ""),
                    ("terminal_result_attribute", ""),
                    ("leaf_result_attribute", ""),
                )
            )
        )
        self._start_tls = settings.truth("start_tls", default=False)
        self._library_options = list(library_options(settings, self._timeout))
        self._connection: Any = None

    def query_texts(self) -> list[str]:
        """Return the filter and the place where the search begins."""
        return [
            self.settings.text("query_filter", "(mailacceptinggeneralid=%s)"),
            self.settings.text("search_base"),
        ]

    def default_result(self) -> str:
        """Return the result_format under its older name."""
        return self.settings.text("result_filter", "%s")

    def _find(self, key: str) -> str | None:
        if not self.is_wanted(key):
            return None
        query, base = self.queries
        found_filter = query.about(key, escape_filter_chars)
        found_base = base.about(key, escape_dn_chars)
        if found_filter is None or found_base is None:
            return None
        entries = self._search(found_base, self._scope, found_filter, self._attributes.wanted)
        return self.joined(key, map(decoded, self._values(entries, 1)))

    def _values(self, entries: Iterable[Entry], depth: int) -> Iterator[bytes]:
        """Yield the results in some entries, and in those that they name."""
        if depth > self._depth_limit:
            self.options.log.warning(f"{self.name}: recursion_limit {self._depth_limit} exceeded")
            raise TableError
        kinds = self._attributes
        for _, attributes in entries:
            names = {name.lower() for name, values in attributes.items() if values}
            is_terminal, is_leaf = names & kinds.terminal, not names & kinds.special
            for name, values in attributes.items():
                kind = name.lower()
                if is_terminal:
                    if kind in kinds.terminal:
                        yield from values
                elif kind in kinds.special:
                    for value in values:
                        yield from self._values(self._named(decoded(value)), depth + 1)
                elif kind in kinds.ordinary or (kind in kinds.leaf and is_leaf):
                    yield from values

    def _named(self, text: str) -> Iterable[Entry]:
        """Return the entry of a distinguished name, or those of a URL."""
        wanted = self._attributes.wanted
        if "://" in text:
            url = LDAPUrl(text)
            chosen = {name.lower() for name in url.attrs or wanted}
            names = [name for name in wanted if name in chosen]
            scope = ldap.SCOPE_BASE if url.scope is None else url.scope
            return self._search(url.dn, scope, url.filterstr or EVERYTHING, names)
        try:
            return self._search(text, ldap.SCOPE_BASE, EVERYTHING, wanted, may_miss=True)
        except ldap.NO_SUCH_OBJECT:
            self.options.log.warning(f"{self.name}: DN {text} not found, skipping")
            return []

    def _search(
        self, base: str, scope: int, wanted: str, names: list[str], *, may_miss: bool = False
    ) -> list[Entry]:
        """Return the entries that a search finds; once more where the server has gone.

        Raises:
            TableError: the directory cannot tell.
        """
        for attempt in (1, 2):
            try:
                found = self._connected().search_ext_s(
                    base, scope, wanted, names, timeout=self._timeout, sizelimit=self._size_limit
                )
                return [(name, attributes) for name, attributes in found if name is not None]
            except (ldap.SERVER_DOWN, ldap.UNAVAILABLE) as error:
                self._leave()
                if attempt == 2:
                    raise self._failure("search", error) from None
            except ldap.NO_SUCH_OBJECT as error:
                if may_miss:
                    raise
                raise self._failure(f"search base '{base}'", error) from None
            except ldap.LDAPError as error:
                self._leave()
                raise self._failure("search", error) from None
        raise AssertionError("unreachable")

    def _connected(self) -> Any:
        if self._connection is None:
            connection = ldap.initialize(self._uris)
            try:
                for option, value in self._library_options:
                    connection.set_option(option, value)
                if self._start_tls:
                    connection.start_tls_s()
                self._bind(connection)
            except ldap.LDAPError:
                connection.unbind_ext_s()
                raise
            self._connection = connection
        return self._connection

    def _bind(self, connection: Any) -> None:
        settings = self.settings
        name, password = settings.text("bind_dn"), settings.text("bind_pw")
        if self._binding == "simple":
            connection.simple_bind_s(name, password)
        elif self._binding == "sasl":
            for mechanism in settings.words("sasl_mechs") or ("EXTERNAL",):
                answers = {
                    ldap.sasl.CB_USER: settings.text("sasl_authz_id"),
                    ldap.sasl.CB_AUTHNAME: name,
                    ldap.sasl.CB_PASS: password,
                    ldap.sasl.CB_GETREALM: settings.text("sasl_realm"),
                }
                connection.sasl_interactive_bind_s("", ldap.sasl.sasl(answers, mechanism))

    def _failure(self, doing: str, error: ldap.LDAPError) -> TableError:
        facts = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
        reason = str(facts.get("desc") or error)
        self.options.log.warning(f"dict_ldap_lookup: {self.settings.name}: {doing}: {reason}")
        return TableError(reason=reason)

    def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.unbind_ext_s()

    def close(self) -> None:
        """Leave the server."""
        self._leave()
        super().close()


def scope_of(settings: Settings, options: Options) -> int:
    """Return how deep to search; a word that is not known counts as "sub"."""
    text = settings.text("scope", "sub").lower()
    if text not in SCOPES:
        options.log.warning(
            f"dict_ldap_open: {settings.name}: Unrecognized value {text} specified for scope;"
            " using sub"
        )
    return SCOPES.get(text, SCOPES["sub"])


def binding_of(settings: Settings) -> str:
    """Return how to say who we are: "simple", "sasl", or not at all.

    Raises:
        ConfigError: a word that is not known.
    """
    text = settings.text("bind", "yes")
    if text.lower() not in BINDINGS:
        raise ConfigError(f"{settings.name}: unsupported parameter value: bind = {text}")
    return BINDINGS[text.lower()]


def library_options(settings: Settings, timeout: int) -> Iterator[tuple[int, int | str]]:
    """Yield options of the library, and their values.

    Raises:
        ConfigError: a setting is wrong.
    """
    yield ldap.OPT_PROTOCOL_VERSION, settings.number("version", 3, least=2)
    yield ldap.OPT_NETWORK_TIMEOUT, timeout
    yield ldap.OPT_TIMEOUT, timeout
    yield ldap.OPT_DEREF, settings.number("dereference", 0)
    yield ldap.OPT_REFERRALS, settings.number("chase_referrals", 0)
    verify = settings.truth("tls_require_cert", default=False)
    yield (
        ldap.OPT_X_TLS_REQUIRE_CERT,
        ldap.OPT_X_TLS_DEMAND if verify else ldap.OPT_X_TLS_NEVER,
    )
    for name, option in {
        "tls_ca_cert_file": ldap.OPT_X_TLS_CACERTFILE,
        "tls_ca_cert_dir": ldap.OPT_X_TLS_CACERTDIR,
        "tls_cert": ldap.OPT_X_TLS_CERTFILE,
        "tls_key": ldap.OPT_X_TLS_KEYFILE,
        "tls_cipher_suite": ldap.OPT_X_TLS_CIPHER_SUITE,
    }.items():
        if value := settings.text(name):
            yield option, value
    yield ldap.OPT_X_TLS_NEWCTX, 0  # the last one: it makes the others count


def uri(host: str, port: int) -> str:
    """Return the URI of a server that may be named by one already."""
    if "://" in host:
        return host
    return f"ldap://{host}" if ":" in host else f"ldap://{host}:{port}"


def open_ldap(name: str, options: Options) -> Table:
    """Return the table of a search; the server is connected when it is asked first."""
    return LdapTable(name, options)
