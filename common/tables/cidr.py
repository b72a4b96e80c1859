"""cidr - cidr:/file and cidr:{{rule} {rule}...}: the first network that holds the address

DESCRIPTION
    A rule is "network value", "!network value", or "if network" to "endif".
    Keys that are no addresses are not found. A bad rule is complained about
    and skipped.

SEE ALSO
    cidr_table(5)
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from common.config import BLANKS
from common.errors import ConfigError
from common.network import Network, NetworkIndex, parse_address, parse_network
from common.tables import braces, source
from common.tables.source import SourceFile, SourceLine
from common.tables.table import Options, Table
from common.tables.values import encode_files


@dataclass(slots=True)
class Block:
    """The rules between if and endif, or those of the whole table.

    Plain rules are found by an index; negated ones and inner blocks are few,
    and tried in their order.
    """

    values: list[str] = field(default_factory=list)  # of plain rules, by place
    index: NetworkIndex = field(default_factory=NetworkIndex)
    special: list["Special"] = field(default_factory=list)

    def lookup(self, bits: int, number: int) -> str | None:
        """Return the value of the first rule that matches an address."""
        place = self.index.first(bits, number)
        for rule in self.special:
            if place is not None and rule.place > place:
                break
            value = rule.lookup(bits, number)
            if value is not None:
                return value
        return None if place is None else self.values[place]


@dataclass(slots=True)
class Special:
    """A rule that is not just a network and its value."""

    place: int  # how many plain rules stand before it
    network: Network
    negated: bool
    then: str | Block

    def lookup(self, bits: int, number: int) -> str | None:
        """Return what the rule says of an address."""
        # A network, negated or not, says nothing of the other IP version.
        if bits != self.network.bits or self.network.contains(bits, number) == self.negated:
            return None
        return self.then if isinstance(self.then, str) else self.then.lookup(bits, number)


class CidrTable(Table):
    """Rules for addresses."""

    patterns = True
    knows_names = False
    constant = True

    def __init__(
        self, name: str, options: Options, rules: Block, file: SourceFile | None = None
    ) -> None:
        super().__init__(name, options)
        self._rules = rules
        self._file = file

    def _find(self, key: str) -> str | None:
        address = parse_address(key)
        return self._rules.lookup(*address) if address else None

    def changed(self) -> bool:
        """Tell whether the file was replaced or edited."""
        return self._file is not None and self._file.changed()

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()


def open_cidr(name: str, options: Options) -> Table:
    """Read rules out of a file, or out of the name."""
    if name.startswith("{"):
        text, file = braces.rule_lines(name, "cidr map"), None
    else:
        file = SourceFile(name)
        text = file.text()
    lines = source.lines(text, name, options, kind="cidr map ")
    return CidrTable(f"cidr:{name}", options, parse_rules(lines, options), file)


def parse_rules(lines: Iterable[SourceLine], options: Options) -> Block:
    """Return the rules of a table; bad ones are complained about and left out."""
    outermost = Block()
    open_blocks = [outermost]
    openings: list[SourceLine] = []
    for line in lines:
        try:
            word, rest = source.statement(line.text)
            if word == "ENDIF":
                close_block(rest, open_blocks)
                openings.pop()
            elif word == "IF":
                open_blocks.append(add_block(rest, open_blocks[-1]))
                openings.append(line)
            else:
                add_rule(rest, open_blocks[-1], options)
        except ValueError as error:
            options.log.warning(f"{line.origin}: {error}: skipping this rule")
    for line in reversed(openings):
        options.log.warning(f"{line.origin}: IF has no matching ENDIF")
    return outermost


def close_block(rest: str, open_blocks: list[Block]) -> None:
    """Handle endif.

    Raises:
        ValueError: there is no block to close.
    """
    if rest:
        raise ValueError("garbage after ENDIF")
    if len(open_blocks) == 1:
        raise ValueError("ENDIF without IF")
    open_blocks.pop()


def add_block(pattern: str, block: Block) -> Block:
    """Handle if: return the block that it opens."""
    inner = Block()
    network, negated = parse_pattern(pattern)
    block.special.append(Special(len(block.values), network, negated, inner))
    return inner


def add_rule(text: str, block: Block, options: Options) -> None:
    """Handle "network value".

    Raises:
        ValueError: it is no such thing.
    """
    bare = text.lstrip("!" + BLANKS)
    word, value = source.first_word(bare)
    network, negated = parse_pattern(text[: len(text) - len(bare)] + word)
    if not value:
        raise ValueError("no lookup result")
    if options.files:
        try:
            value = encode_files(value)
        except ConfigError as error:
            raise ValueError(str(error)) from None
    if negated:
        block.special.append(Special(len(block.values), network, negated, value))
    else:
        block.index.add(network, len(block.values))
        block.values.append(value)


def parse_pattern(text: str) -> tuple[Network, bool]:
    """Return network and negation of "!network".

    Raises:
        ValueError: it is none.
    """
    negated = False
    pattern = text
    while pattern.startswith("!"):
        negated = not negated
        pattern = pattern[1:].lstrip(BLANKS)
    if not pattern:
        raise ValueError("no address pattern")
    return parse_network(pattern), negated
