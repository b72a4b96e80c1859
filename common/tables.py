"""tables - lookup tables, "type:name" in parameters

DESCRIPTION
    open_table() never fails: a table that cannot be opened is one whose
    lookups fail, so that a mistake in the configuration makes clients come
    back later and lets nobody in. Keys are text; they are folded to lower
    case unless the table is made of patterns.

    Types: texthash, inline, cidr, static, fail.

SEE ALSO
    spec/config-syntax.md, section 5
"""

import abc
import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from common.config import Stamp, logical_lines, parse_assignment, read_text
from common.errors import ConfigError
from common.values import split_words

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class TableError(Exception):
    """A table cannot answer now; str() says why, a line each, for the log."""


class Table(abc.ABC):
    """One table. problems are complaints of its opening, for the log."""

    patterns = False  # made of patterns: no parts of a key are looked up

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[str] = []

    @abc.abstractmethod
    def lookup(self, key: str) -> str | None:
        """Return the value, None if there is none.

        Raises:
            TableError: nobody can tell now.
        """

    def changed(self) -> bool:
        """Tell whether the source is no longer what was read."""
        return False


class StaticTable(Table):
    """static:text has the same answer for every key."""

    patterns = True

    def __init__(self, name: str, text: str) -> None:
        super().__init__(name)
        self.value = unbraced(text)

    def lookup(self, key: str) -> str | None:
        """Return the text."""
        return self.value


class FailTable(Table):
    """fail:name never answers; for tests of what depends on it."""

    def lookup(self, key: str) -> str | None:
        """Fail."""
        raise TableError("")


class UnavailableTable(Table):
    """A table that could not be opened."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name)
        self.reason = reason

    def lookup(self, key: str) -> str | None:
        """Fail, and say why it is not there."""
        raise TableError(f"{self.name} is unavailable. {self.reason}")


class HashTable(Table):
    """texthash:/file and inline:{...}: exact keys."""

    def __init__(
        self,
        name: str,
        pairs: Iterable[tuple[str, str]],
        path: Path | None = None,
        stamp: Stamp | None = None,
    ) -> None:
        super().__init__(name)
        self._path, self._stamp = path, stamp
        self._values: dict[str, str] = {}
        for key, value in pairs:
            self._values.setdefault(key.lower(), value)

    def lookup(self, key: str) -> str | None:
        """Return the value of exactly this key."""
        return self._values.get(key.lower())

    def changed(self) -> bool:
        """Tell whether the file was replaced or edited."""
        return self._path is not None and Stamp.of(self._path) != self._stamp


@dataclass(frozen=True, slots=True)
class CidrRule:
    """A network, or with negated everything outside it; value is None for an if block."""

    network: IPNetwork
    negated: bool
    value: str | None
    end: int = 0  # of an if block: the rule behind it

    def matches(self, address: IPAddress) -> bool:
        """Tell whether the rule is about this address."""
        inside = address.version == self.network.version and address in self.network
        return inside != self.negated


class CidrTable(Table):
    """cidr:/file and cidr:{{...}}: the first network that holds the address."""

    patterns = True

    def __init__(
        self,
        name: str,
        lines: list[tuple[str, str]],
        path: Path | None = None,
        stamp: Stamp | None = None,
    ) -> None:
        super().__init__(name)
        self._path, self._stamp = path, stamp
        self._rules: list[CidrRule] = []
        blocks: list[int] = []
        for origin, text in lines:
            self._add(origin, text, blocks)
        for place in blocks:
            self.problems.append(f"{name}: if without endif")
            self._close_block(place)

    def lookup(self, key: str) -> str | None:
        """Return the value of the first rule that matches; only addresses can."""
        try:
            address = ipaddress.ip_address(key)
        except ValueError:
            return None
        place = 0
        while place < len(self._rules):
            rule = self._rules[place]
            place += 1
            if not rule.matches(address):
                place = max(place, rule.end)
            elif rule.value is not None:
                return rule.value
        return None

    def changed(self) -> bool:
        """Tell whether the file was replaced or edited."""
        return self._path is not None and Stamp.of(self._path) != self._stamp

    def _add(self, origin: str, text: str, blocks: list[int]) -> None:
        words = text.split(None, 1)
        word = words[0].lower()
        if word == "endif":
            if blocks:
                self._close_block(blocks.pop())
            else:
                self.problems.append(f"{origin}: ignoring endif without matching if")
            return
        is_block = word == "if"
        pattern, _, value = (words[1] if is_block and words[1:] else text).partition(" ")
        pattern, _, tab_value = pattern.partition("\t")
        value = (tab_value + " " + value).strip() if tab_value else value.strip()
        negated = pattern.startswith("!")
        network = parse_network(pattern.lstrip("!").strip())
        if isinstance(network, str):
            self.problems.append(f"{origin}: {network}: skipping this rule")
        elif is_block:
            blocks.append(len(self._rules))
            self._rules.append(CidrRule(network, negated, None))
        elif not value:
            self.problems.append(f"{origin}: no address result: skipping this rule")
        else:
            self._rules.append(CidrRule(network, negated, value))

    def _close_block(self, place: int) -> None:
        rule = self._rules[place]
        self._rules[place] = CidrRule(rule.network, rule.negated, None, len(self._rules))


def parse_network(text: str) -> IPNetwork | str:
    """Return the network of "address/length" or an address, brackets allowed, or a complaint."""
    host, slash, length = text.partition("/")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if slash and not (length.isascii() and length.isdigit()):  # no masks with dots
        return f'bad net/mask pattern: "{text}"'
    try:
        return ipaddress.ip_network(host + slash + length)
    except ValueError:
        pass
    try:
        better = ipaddress.ip_network(host + slash + length, strict=False)
    except ValueError:
        return f'bad net/mask pattern: "{text}"'
    return f'non-null host address bits in "{text}", perhaps you should use "{better}" instead'


def open_table(text: str) -> Table:
    """Return the table of "type:name"."""
    kind, _, name = text.partition(":")
    opener = OPENERS.get(kind)
    if opener is None:
        return unavailable(text, f"unsupported dictionary type: {kind}")
    try:
        return opener(text, name)
    except ConfigError as error:
        return unavailable(text, str(error))


def unavailable(name: str, reason: str) -> Table:
    """Return a table that cannot answer, and complains about it once."""
    table = UnavailableTable(name, reason)
    table.problems.append(reason)
    return table


def open_texthash(text: str, name: str) -> Table:
    """Read a postmap source file."""
    path = Path(name)
    stamp = Stamp.of(path)  # first: a change while we read must show later
    pairs, problems = [], []
    seen = set()
    for line in logical_lines(read_text(path)):
        words = line.text.split(None, 1)
        if len(words) < 2:
            problems.append(
                f"{path}, line {line.number}: expected format: key whitespace value"
                " -- ignoring this line"
            )
            continue
        if words[0].lower() in seen:
            problems.append(f'{path}, line {line.number}: duplicate entry: "{words[0]}"')
        seen.add(words[0].lower())
        pairs.append((words[0], words[1].strip()))
    table = HashTable(text, pairs, path, stamp)
    table.problems += problems
    return table


def open_inline(text: str, name: str) -> Table:
    """Read "{name=value, {name = value with blanks}}"."""
    elements = split_words(unbraced(name))
    pairs = [parse_assignment(unbraced(element), f"inline:{name}") for element in elements]
    return HashTable(text, pairs)


def open_cidr(text: str, name: str) -> Table:
    """Read networks from a file or from "{{network value}, ...}"."""
    if name.startswith("{"):
        rules = [unbraced(element) for element in split_words(unbraced(name))]
        return CidrTable(text, [(f"cidr map {name}", rule) for rule in rules if rule])
    path = Path(name)
    stamp = Stamp.of(path)
    lines = [
        (f"cidr map {path}, line {line.number}", line.text)
        for line in logical_lines(read_text(path))
    ]
    return CidrTable(text, lines, path, stamp)


def unbraced(text: str) -> str:
    """Return what stands inside a pair of braces, or the text if there is none."""
    stripped = text.strip()
    if stripped.startswith("{") and stripped.endswith("}"):
        return stripped[1:-1].strip()
    return stripped


OPENERS: dict[str, Callable[[str, str], Table]] = {
    "texthash": open_texthash,
    "inline": open_inline,
    "cidr": open_cidr,
    "static": StaticTable,
    "fail": lambda text, name: FailTable(text),
}
