"""lists - parameters that name hosts or words: addresses, networks, names, files, tables

DESCRIPTION
    HostList answers whether a host is in a list such as
    qmqpd_authorized_clients: elements are tried from left to right and the
    first that matches decides; behind ! it decides for "no". An element that
    nobody can judge, as a missing file, raises TableError when its turn
    comes: the question has no answer now. Often the address alone decides,
    before anybody has asked a name server.

    WordList is the same for plain words, as in mydestination.

SEE ALSO
    spec/config-syntax.md, section 4
"""

import abc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from common.network import IPV4_BITS, IPV6_BITS, parse_address, parse_network
from common.tables import Options, Table, TableError, open_table, unavailable
from common.values import split_words

FILE_NESTING_LIMIT = 20
FILES_LIMIT = 1000  # files in one list, however they name each other


class Host(NamedTuple):
    """Who is looked for; the name in lower case, None while nobody knows it."""

    name: str | None
    address: str
    number: tuple[int, int]  # the address as bits and number


Sought = TypeVar("Sought")
# Tells whether an element is about what is looked for, None if nobody knows enough of it; raises
# TableError if nobody can tell.
Matcher = Callable[[Sought], bool | None]


class MatchList(abc.ABC, Generic[Sought]):
    """A prepared list, whatever it lists."""

    def __init__(self, parameter: str, elements: Iterable[str], options: Options) -> None:
        """Prepare the list of that parameter; options: for the tables in it."""
        self._parameter = parameter
        self._options = options
        self.tables: list[Table] = []
        self._files = 0
        self._elements = list(self._prepare(elements, negated=False, depth=0))

    @property
    def constant(self) -> bool:
        """Whether its answers stay as they are for as long as no table has changed."""
        return all(table.constant for table in self.tables)

    def _prepare(
        self, elements: Iterable[str], *, negated: bool, depth: int
    ) -> Iterator[tuple[bool, Matcher[Sought]]]:
        for element in elements:
            plain = element.lstrip("!")
            inverted = negated ^ bool((len(element) - len(plain)) % 2)
            if plain.startswith("/"):
                yield from self._file(plain, negated=inverted, depth=depth + 1)
            else:
                yield inverted, self._matcher(plain)

    def _file(
        self, path: str, *, negated: bool, depth: int
    ) -> Iterator[tuple[bool, Matcher[Sought]]]:
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
        yield negated, self._table(unavailable(f"non-existent:{path}", self._options, reason))

    @abc.abstractmethod
    def _matcher(self, element: str) -> Matcher[Sought]:
        """Return the test for one element without its exclamation marks."""

    @abc.abstractmethod
    def _table(self, table: Table) -> Matcher[Sought]:
        """Return the test for a table."""

    def _lookup_fails(self, table: Table, error: TableError) -> TableError:
        """Return what to raise for a table that cannot answer."""
        if str(error):
            self._options.log.warning(str(error))
        return TableError(f"{self._parameter}: {table.name}: table lookup problem")


class WordList(MatchList[str]):
    """A prepared list of words, in whatever case."""

    def contains(self, word: str) -> bool:
        """Tell whether the word is in the list.

        Raises:
            TableError: an element that comes before any match cannot be judged.
        """
        return next((not no for no, matches in self._elements if matches(word)), False)

    def _matcher(self, element: str) -> Matcher[str]:
        """Return the test for one element without its exclamation marks."""
        if ":" in element and not element.startswith("["):
            return self._table(open_table(element, self._options))
        wanted = element.casefold()
        return lambda word: word.casefold() == wanted

    def _table(self, table: Table) -> Matcher[str]:
        self.tables.append(table)

        def matches(word: str) -> bool:
            try:
                return table.lookup(word) is not None
            except TableError as error:
                raise self._lookup_fails(table, error) from None

        return matches


class HostList(MatchList[Host]):
    """A prepared list of hosts."""

    def __init__(
        self,
        parameter: str,
        elements: Iterable[str],
        options: Options,
        *,
        match_parents: bool = False,
    ) -> None:
        """Prepare the list of that parameter.

        options: for the tables in it. match_parents: a plain domain covers
        its subdomains too, as parent_domain_matches_subdomains says.
        """
        self._match_parents = match_parents
        self._faults: list[str] = []
        super().__init__(parameter, elements, options)

    def cautions(self) -> list[str]:
        """Return what an operator should know before the list is needed."""
        return self._faults + [text for table in self.tables for text in table.cautions()]

    def contains(self, name: str, address: str) -> bool:
        """Tell whether the host is in the list.

        Raises:
            TableError: an element that comes before any match cannot be judged.
        """
        host = Host(name.lower(), address, address_number(address))
        for negated, matches in self._elements:
            if matches(host):
                return not negated
        return False

    def contains_address(self, address: str) -> bool | None:
        """Tell whether a host of this address is in the list, None if that depends on its name.

        Raises:
            TableError: as contains.
        """
        host = Host(None, address, address_number(address))
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

    def _matcher(self, element: str) -> Matcher[Host]:
        """Return the test for one element without its exclamation marks."""
        if is_network(element):
            return self._network(element)
        if ":" in element:
            return self._table(open_table(element, self._options))
        return self._domain(element.lower())

    def _network(self, element: str) -> Matcher[Host]:
        bits = IPV6_BITS if ":" in element else IPV4_BITS
        try:
            network = parse_network(element)
        except ValueError as error:
            complaint = f"{self._parameter}: {error}"
            self._faults.append(str(error))

            def fails(host: Host) -> bool:
                if host.number[0] != bits:
                    return False  # however wrong the rest of it is
                raise TableError(complaint)

            return fails
        return lambda host: network.contains(*host.number)

    def _table(self, table: Table) -> Matcher[Host]:
        self.tables.append(table)

        def matches(host: Host) -> bool | None:
            try:
                if any(table.lookup(key) is not None for key in table_keys(host, table.patterns)):
                    return True
            except TableError as error:
                raise self._lookup_fails(table, error) from None
            return None if host.name is None and table.knows_names else False

        return matches

    def _domain(self, pattern: str) -> Matcher[Host]:
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


def is_network(element: str) -> bool:
    """Tell whether an element of a HostList is an address or a network, right or wrong."""
    return parse_address(element.partition("/")[0].strip("[]")) is not None


def opens_nothing(elements: Iterable[str]) -> bool:
    """Tell whether a HostList of these has no table and no file: it is the same in each process."""
    plain = (element.lstrip("!") for element in elements)
    return all(is_network(one) or not (one.startswith("/") or ":" in one) for one in plain)


def address_number(address: str) -> tuple[int, int]:
    """Return an address, which must be one, as bits and number."""
    found = parse_address(address)
    assert found, address
    return found


def table_keys(host: Host, patterns: bool) -> list[str]:
    """Return the keys under which a table may know a host: name, parent domains, address."""
    if host.name is None:
        return [host.address]
    keys = [host.name]
    if not patterns:
        labels = host.name.split(".")
        keys += [".".join(labels[start:]) for start in range(1, len(labels))]
    return [*keys, host.address]
