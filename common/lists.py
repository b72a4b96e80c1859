"""lists - parameters that name hosts: addresses, networks, names, files, tables

DESCRIPTION
    HostList answers whether a host is in a list such as
    qmqpd_authorized_clients: elements are tried from left to right and the
    first that matches decides; behind ! it decides for "no". A list with an
    element that cannot be judged, as a missing file, raises TableError: the
    question has no answer now.

SEE ALSO
    spec/config-syntax.md, section 4
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from common.config import split_words

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# An element answers True (match), False (no match) for a name and an address.
Matcher = Callable[[str, IPAddress], bool]

FILE_NESTING_LIMIT = 20


class TableError(Exception):
    """A list or table cannot answer now; str() says why, for the log."""


class HostList:
    """A prepared list of hosts."""

    def __init__(self, name: str, elements: Iterable[str], *, match_parents: bool = False) -> None:
        """Prepare the list of that parameter name.

        match_parents: a plain domain covers its subdomains too, as
        parent_domain_matches_subdomains says. Trouble in an element is kept
        until somebody asks: the peers say it for each client.
        """
        self.name = name
        self._match_parents = match_parents
        self._elements = list(self._prepare(elements, negated=False, depth=0))

    def needs_name(self) -> bool:
        """Tell whether the answer may depend on the host's name."""
        return any(matcher.__name__ != "match_network" for _, matcher in self._elements)

    def contains(self, host_name: str, address: str) -> bool:
        """Tell whether the host is in the list.

        Raises:
            TableError: an element that comes before any match is broken.
        """
        lowered, number = host_name.lower(), ipaddress.ip_address(address)
        for negated, matcher in self._elements:
            if matcher(lowered, number):
                return not negated
        return False

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
        if depth > FILE_NESTING_LIMIT:
            yield negated, broken(f"{self.name}: {path}: files nest too deeply")
            return
        try:
            text = Path(path).read_text("utf-8", "surrogateescape")
        except OSError as error:
            yield negated, broken(f"open file {path}: {error.strerror}")
            return
        lines = (line for line in text.split("\n") if not line.lstrip().startswith("#"))
        yield from self._prepare(split_words(" ".join(lines)), negated=negated, depth=depth)

    def _matcher(self, element: str) -> Matcher:
        """Return the test for one element without its exclamation mark."""
        host, slash, length = element.partition("/")
        host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if is_address(host):
            return self._network(element, host + slash + length)
        if ":" in element:
            return broken(f"unsupported dictionary type: {element.partition(':')[0]}")
        return self._domain(element.lower())

    def _network(self, element: str, text: str) -> Matcher:
        try:
            network: IPNetwork = ipaddress.ip_network(text)
        except ValueError:
            return broken(self._bad_network(element, text))

        def match_network(name: str, address: IPAddress) -> bool:
            return address.version == network.version and address in network

        return match_network

    def _bad_network(self, element: str, text: str) -> str:
        try:
            better = ipaddress.ip_network(text, strict=False)
        except ValueError:
            return f'{self.name}: bad net/mask pattern: "{element}"'
        return (
            f'{self.name}: non-null host address bits in "{element}",'
            f' perhaps you should use "{better}" instead'
        )

    def _domain(self, pattern: str) -> Matcher:
        suffix = pattern if pattern.startswith(".") else f".{pattern}"
        covers_subdomains = self._match_parents or pattern.startswith(".")

        def match_domain(name: str, address: IPAddress) -> bool:
            return name == pattern or (covers_subdomains and name.endswith(suffix))

        return match_domain


def broken(reason: str) -> Matcher:
    """Return an element that nobody can judge."""

    def match_nothing(name: str, address: IPAddress) -> bool:
        raise TableError(reason)

    return match_nothing


def is_address(text: str) -> bool:
    """Tell whether text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
