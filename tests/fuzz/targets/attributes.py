"""attributes - lists of attributes, as all daemons read each other's

DESCRIPTION
    The first byte says how they are cut.
"""

from contextlib import suppress

from common import attribute
from common.errors import PeerError
from tests.fuzz.bug import Bug
from tests.fuzz.inputs import control, pieces

TOKENS = (b"\0\0", b"flags\0", b"status\0", b"reason\0", b"9" * 21 + b"\0", b"queue_id\0")
BUG = Bug("common.attribute", "number", " or len(value) > 20", "")


def check(data: bytes) -> None:
    """Read a list whole and as it grows, make it again, and ask it for names and numbers."""
    (size,), data = control(data, 1)
    found = attribute.decode(data)
    buffer, grown = bytearray(), None
    for piece in pieces(data, size or 7):
        buffer += piece
        grown = attribute.decode(buffer)
        if grown:
            break
    assert grown == found
    if not found:
        return
    pairs, end = found
    assert attribute.encode(pairs) == data[:end]
    for _, value in pairs:
        with suppress(PeerError):
            assert attribute.number(value) < 10**20
    names = [name for name, _ in pairs]
    assert attribute.values(pairs, *names) == [value for _, value in pairs]
    with suppress(PeerError):
        status, _ = attribute.values(pairs, b"status", b"reason")
        assert status == pairs[0][1]
