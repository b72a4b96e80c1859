"""milter_handover - Milters that a client of cleanup's hands over with its mail

DESCRIPTION
    The first byte says how the stream is cut, the second how many are to
    come. The client never gets so far as to hand over a connection, unless
    it has nothing else to do: descriptors are not bytes.
"""

import re

from cleanup.milter_handover import MACROS, NEXT, NUMBER_LIMIT, Texts, take_over
from common.errors import PeerError
from common.params import CleanupParams
from tests.common.settings import load
from tests.fuzz.bug import Bug
from tests.fuzz.inputs import control, pieces

TOKENS = (
    *(
        b"size\x001\0{\0a\0b\0}\0",
        b"conn_macros\0i, j\0",
        b"milter_name\0",
        b"milter_version\x006\0",
    ),
    *(b"milter_macro_list\x001\0", b"milter_action\0accept\0", b"4294967295\0", b"2147483648\0"),
    *(b"99999999999\0", b"{", b"}", b"\0\0"),
)
BUG = Bug("cleanup.milter_handover", "Texts.expect", "if found != text:", "if False:")

PARAMS = load(CleanupParams)
WHOLE = re.compile(b"".join(name + rb"\0[^\0]*\0" for name in MACROS) + rb"size\0[0-9]+\0")


class Peer:
    """A client that says its piece, and goes when it is asked for a connection."""

    def __init__(self, parts: list[bytes]) -> None:
        self.left = iter(parts)

    def recv(self, size: int) -> bytes:
        """Return the next part, nothing at the end."""
        return next(self.left, b"")

    def sendall(self, data: bytes) -> None:
        """Be gone, unless all is done."""
        if data == NEXT:
            raise BrokenPipeError


def check(data: bytes) -> None:
    """Take Milters over whole and in pieces; read numbers and tables."""
    (size, count), stream = control(data, 2)
    whole = outcome([stream], count % 3)
    assert outcome(pieces(stream, size), count % 3) == whole
    assert whole or WHOLE.match(stream)
    texts = Texts(stream, lambda: b"")
    try:
        assert 0 <= texts.number(b"size") <= NUMBER_LIMIT
        assert len(texts.pairs()) <= len(stream)
    except PeerError as error:
        assert str(error)


def outcome(parts: list[bytes], count: int) -> str:
    """Return how a hand-over ends."""
    first, *others = parts
    try:
        _, found = take_over(Peer(others), first, count, PARAMS)  # type: ignore[arg-type]
    except (PeerError, BrokenPipeError) as error:
        return repr(error)
    assert not found
    return ""
