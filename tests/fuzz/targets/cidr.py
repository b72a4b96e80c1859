"""cidr - rules for networks, and addresses that are looked up in them

DESCRIPTION
    The first line holds addresses, the rest are rules.
"""

from common.config import decoded
from common.tables import Options, source
from common.tables.cidr import CidrTable, parse_rules
from tests.common.journal import Journal
from tests.fuzz.bug import Bug

TOKENS = (
    *(b"192.0.2.0/24 x\n", b"!10.0.0.0/8 x\n", b"if ", b"endif\n", b"::/0 x\n", b"2001:db8::/32 x"),
    *(b"0.0.0.0/0 x\n", b"/33", b"[::1]", b"192.0.2.1", b"127.0.0.1", b"::ffff:127.0.0.1", b"!!"),
)
BUG = Bug("common.tables.cidr", "Block.lookup", "place is not None and rule.place > place", "False")

MOST = 8  # addresses, and rules for the comparison
ADDRESSES = ["192.0.2.1", "127.0.0.1", "::1", "2001:db8::1"]


def check(data: bytes) -> None:
    """Look addresses up; a table says what the first of its lines says."""
    head, _, rules = data.partition(b"\n")
    addresses = decoded(head).split()[:MOST] + ADDRESSES
    found = answers(decoded(rules), addresses)
    lines = [line.text for line in source.lines(decoded(rules), "t", Options(Journal()))]
    if len(lines) <= MOST and not any(source.statement(line)[0] for line in lines):
        each = [answers(line, addresses) for line in lines]
        for place, answer in enumerate(found):
            assert answer == next((one[place] for one in each if one[place] is not None), None)


def answers(rules: str, addresses: list[str]) -> list[str | None]:
    """Return what a table says of addresses."""
    options = Options(Journal())
    lines = source.lines(rules, "t", options, kind="cidr map ")
    table = CidrTable("cidr:t", options, parse_rules(lines, options))
    return [table.lookup(address) for address in addresses]
