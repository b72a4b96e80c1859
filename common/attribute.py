"""attribute - name=value lists between daemons, in the "null" encoding

DESCRIPTION
    A list is name NUL value NUL ... and one more NUL. encode() makes one,
    decode() takes one off the front of a buffer. Values are bytes; numbers
    travel as decimal text, negative ones as unsigned 32-bit.

SEE ALSO
    spec/attr-protocol.md
"""

from collections.abc import Iterable

from common.errors import PeerError

Attributes = list[tuple[bytes, bytes]]

LIST_LIMIT = 100_000  # bytes; the longest list we read is a status with a reply text


def encode(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the list on the wire. Neither names nor values may contain NUL."""
    return b"".join(b"%b\0%b\0" % pair for pair in pairs) + b"\0"


def decode(buffer: bytes | bytearray) -> tuple[Attributes, int] | None:
    """Return the first list and the count of bytes it took, None if it is not whole yet.

    Raises:
        PeerError: more than LIST_LIMIT bytes without an end.
    """
    pairs: Attributes = []
    position = 0
    while True:
        name_end = buffer.find(b"\0", position)
        if name_end == position:
            return pairs, position + 1
        value_end = buffer.find(b"\0", name_end + 1)
        if name_end < 0 or value_end < 0:
            if len(buffer) > LIST_LIMIT:
                raise PeerError("attribute list without end")
            return None
        pairs.append((bytes(buffer[position:name_end]), bytes(buffer[name_end + 1 : value_end])))
        position = value_end + 1


def values(pairs: Attributes, *names: bytes) -> list[bytes]:
    """Return the values of exactly these names in this order, as strict readers want them.

    Raises:
        PeerError: a name is missing or another stands in its place.
    """
    for expected, (name, _) in zip(names, pairs, strict=False):
        if name != expected:
            raise PeerError(
                f"unexpected attribute {name.decode('latin-1')}"
                f" (expecting: {expected.decode('latin-1')})"
            )
    if len(pairs) < len(names):
        raise PeerError(f"missing attribute {names[len(pairs)].decode('latin-1')}")
    return [value for _, value in pairs[: len(names)]]


def number(value: bytes) -> int:
    """Return the int that the text stands for, 2^32-1 being -1.

    Raises:
        PeerError: not plain decimal digits.
    """
    if not value.isdigit() or len(value) > 20:
        raise PeerError(f"bad number {value[:40]!r}")
    plain = int(value)
    return plain - 2**32 if 2**31 <= plain < 2**32 else plain
