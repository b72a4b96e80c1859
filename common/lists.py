"""lists - parameters that name hosts: addresses, networks, names, files, tables

DESCRIPTION
    HostList answers whether a host is in a list such as
    qmqpd_authorized_clients: elements are tried from left to right and the
    first that matches decides; behind ! it decides for "no". An element that
    nobody can judge, as a missing file, raises TableError when its turn
    comes: the question has no answer now. Often the address alone decides,
    before anybody has asked a name server.

SEE ALSO
    spec/config-syntax.md, section 4
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from common.host_name import is_address
from common.tables import (
    CidrTable,
    IPAddress,
    Table,
    TableError,
    open_table,
    parse_network,
    unavailable,
)
from common.values import split_words

FILE_NESTING_LIMIT = 20
FILES_LIMIT = 1000  # files in one list, however they name each other


@dataclass(frozen=True, slots=True)
class Host:
    """Who is looked for; the name in lower case, None while nobody knows it."""

    name: str | None
    address: IPAddress


# Tells whether an element is about the host, None if that depends on its name; raises TableError
# if nobody can tell.
Matcher = Callable[[Host], bool | None]


class HostList:
    """A prepared list of hosts."""

    def __init__(
        self, parameter: str, elements: Iterable[str], *, match_parents: bool = False
    ) -> None:
        """Prepare the list of that parameter.

        match_parents: a plain domain covers its subdomains too, as
        parent_domain_matches_subdomains says.
        """
        self._parameter = parameter
        self._match_parents = match_parents
        self._tables: list[Table] = []
        self._files = 0
        self._elements = list(self._prepare(elements, negated=False, depth=0))

    def problems(self) -> list[str]:
        """Return complaints about tables and files, for the log."""
        return [problem for table in self._tables for problem in table.problems]

    def changed(self) -> Table | None:
        """Return a table whose source is no longer what was read."""
        return next((table for table in self._tables if table.changed()), None)

    def contains(self, name: str, address: str) -> bool:
        """Tell whether the host is in the list.

        Raises:
            TableError: an element that comes before any match cannot be judged.
        """
        host = Host(name.lower(), ipaddress.ip_address(address))
        for negated, matches in self._elements:
            if matches(host):
                return not negated
        return False

    def contains_address(self, address: str) -> bool | None:
        """Tell whether a host of this address is in the list, None if that depends on its name.

        Raises:
            TableError: as contains.
        """
        host = Host(None, ipaddress.ip_address(address))
        possible = set()  # answers, as the name may be
        for negated, matches in self._elements:
            matched = matches(host)
            if matched is not False:
                possible.add(not negated)
            if matched:
                break
        else:
            possible.add(False)
        return possible.pop() if len(possible) == 1 else None

    def _prepare(
        self, elements: Iterable[str], *, negated: bool, depth: int
    ) -> Iterator[tuple[bool, Matcher]]:
        for element in elements:
            plain = element.lstrip("!")
            inverted = negated ^ bool((len(element) - len(plain)) % 2)
            if plain.startswith("/"):
                yield from self._file(plain, negated=inverted, depth=depth + 1)
            else:
                yield inverted, self._matcher(plain)

    def _file(self, path: str, *, negated: bool, depth: int) -> Iterator[tuple[bool, Matcher]]:
        reason = "files nest too deeply"
        self._files += 1
        if depth <= FILE_NESTING_LIMIT and self._files <= FILES_LIMIT:
            try:
                text = Path(path).read_text("utf-8", "surrogateescape")
            except OSError as error:
                reason = f"open file {path}: {error.strerror}"
            else:
                lines = (line for line in text.split("\n") if not line.lstrip().startswith("#"))
                words = split_words(" ".join(lines))
                yield from self._prepare(words, negated=negated, depth=depth)
                return
        yield negated, self._table(unavailable(f"non-existent:{path}", reason))

    def _matcher(self, element: str) -> Matcher:
        """Return the test for one element without its exclamation marks."""
        if is_address(element.partition("/")[0].strip("[]")):
            return self._network(element)
        if ":" in element:
            return self._table(open_table(element))
        return self._domain(element.lower())

    def _network(self, element: str) -> Matcher:
        network = parse_network(element)
        version = 6 if ":" in element else 4

        def matches(host: Host) -> bool:
            if host.address.version != version:
                return False  # however wrong the rest of it is
            if isinstance(network, str):
                raise TableError(f"{self._parameter}: {network}")
            return host.address in network

        return matches

    def _table(self, table: Table) -> Matcher:
        self._tables.append(table)

        def matches(host: Host) -> bool | None:
            try:
                if any(table.lookup(key) is not None for key in table_keys(host, table.patterns)):
                    return True
            except TableError as error:
                problem = f"{self._parameter}: {table.name}: table lookup problem"
                raise TableError(f"{error}\n{problem}".lstrip("\n")) from None
            nameless = isinstance(table, CidrTable)  # it knows no names
            return None if host.name is None and not nameless else False

        return matches

    def _domain(self, pattern: str) -> Matcher:
        if self._match_parents and pattern.startswith("."):
            return lambda host: False  # a plain domain does it; this form has no function
        exact = "" if pattern.startswith(".") else pattern
        covers_subdomains = self._match_parents or pattern.startswith(".")
        suffix = pattern if pattern.startswith(".") else f".{pattern}"

        def matches(host: Host) -> bool | None:
            if host.name is None:
                return None
            return host.name == exact or (covers_subdomains and host.name.endswith(suffix))

        return matches


def table_keys(host: Host, patterns: bool) -> list[str]:
    """Return the keys under which a table may know a host: name, parent domains, address."""
    if host.name is None:
        return [str(host.address)]
    keys = [host.name]
    if not patterns:
        labels = host.name.split(".")
        keys += [".".join(labels[start:]) for start in range(1, len(labels))]
    return [*keys, str(host.address)]
