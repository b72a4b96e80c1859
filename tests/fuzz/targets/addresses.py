"""addresses - headers with addresses, and addresses by themselves

DESCRIPTION
    The first byte chooses what is completed.
"""

from functools import cache

from cleanup import address_list
from cleanup.address_list import complete_list
from cleanup.rewrite import Rewriter
from common import address
from common.params import CleanupParams
from tests.common.settings import load
from tests.fuzz.bug import Bug
from tests.fuzz.inputs import control

TOKENS = (
    *(b"a@b.test", b"<", b">", b",", b";", b":", b"(c)", b'"q@r"', b"\\", b"[", b"]", b"!", b"%"),
    *(b"@", b".", b"@r1,@r2:", b"Some One ", b"group: ", b"\r", b"\n ", b"|", b"\xe9", b"=?utf-8?"),
)
BUG = Bug("common.address", "quote", r'NEEDS_ESCAPE.sub(rb"\\\1", local)', "local")

LIMIT = 1000  # bytes of a header, without its folding
TOKEN_LIMIT = 300
CONFIGURATIONS: tuple[dict[str, str], ...] = (
    {},
    {"append_dot_mydomain": "yes"},
    {"append_at_myorigin": "no", "swap_bangpath": "no", "allow_percent_hack": "no"},
)


@cache
def rewriter(choice: int) -> Rewriter:
    """Return the rules of one configuration."""
    return Rewriter(load(CleanupParams, **CONFIGURATIONS[choice]))


def check(data: bytes) -> None:
    """Complete the addresses of a header, and one that is all of the data."""
    (choice,), value = control(data, 1)
    rules = rewriter(choice % len(CONFIGURATIONS))
    check_header(value, rules)
    check_address(value, rules)


def check_header(value: bytes, rules: Rewriter) -> None:
    """Check that what looks complete is not changed, and that a header stays one."""
    found = address_list.parse(value, TOKEN_LIMIT)
    changed = found.rewrite(rules.complete)
    dotless = not rules.params.append_dot_mydomain
    if complete_list(dotless=dotless).match(value):
        assert not changed
    header = found.format(b"To", LIMIT)
    assert header.startswith(b"To: ")
    assert header.count(b"\n") <= header.count(b"\n\t") + value.count(b"\n")
    assert len(header.replace(b"\n\t", b" ")) <= LIMIT


def check_address(raw: bytes, rules: Rewriter) -> None:
    """Check that an address survives being written and read, and is complete afterwards."""
    route, rest = address.split_route(raw)
    assert route + rest == raw
    assert route or address.unquote(address.quote(raw)) == raw  # a route is never quoted
    full = rules.recipient(raw)
    assert b"\0" not in full
    assert b"\n" not in full
    if rules.params.append_at_myorigin:
        assert b"@" in full
    assert rules.sender(raw) in (full, b"") or not raw.partition(b"\0")[0]
