"""milter - the Milter protocol, a mail server's side of it, without a socket

DESCRIPTION
    A packet is a length of four bytes in network order, one letter, and data.
    The server opens with an Offer of versions, actions and steps, of which
    the filter takes a part; then it sends events, each preceded by its
    macros, and waits for a Reply to those that ask for one. Behind the end of
    the body the filter asks for changes before it replies.

    Packets cuts a byte stream; the encode functions return whole packets; the
    decode functions take a packet's data apart, and trust no length in it.

SEE ALSO
    https://www.ietf.org/archive/id/draft-adams-milter-protocol-00.html
"""

import struct
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from common.errors import PeerError
from common.milter_terms import (
    ALL_ACTIONS,
    DATA_VERSION,
    NOT_ANSWERED,
    NOT_WANTED,
    STAGES,
    STEPS,
    Action,
    Event,
)

NUMBER = struct.Struct("!L")
OFFER = struct.Struct("!LLL")
PACKET_LIMIT = 0x3FFFFFFF  # bytes: what Postfix takes for reasonable; see also Packets
BODY_CHUNK = 65535  # bytes of a body in one packet


class Offer(NamedTuple):
    """Version, actions and steps: first what there is, then what the filter takes of it."""

    version: int
    actions: int = ALL_ACTIONS
    steps: int = 0
    macros: Mapping[Event, tuple[bytes, ...]] = MappingProxyType({})  # the filter's wish

    @classmethod
    def of(cls, version: int) -> "Offer":
        """Return all that a version knows."""
        return cls(version, ALL_ACTIONS, STEPS[version])

    def encode(self) -> bytes:
        """Return the packet."""
        return encode(Event.NEGOTIATE, OFFER.pack(self.version, self.actions, self.steps))

    @classmethod
    def decode(cls, data: bytes) -> "Offer":
        """Return what stands in the filter's packet.

        Raises:
            PeerError: it is too short, or goes on with something else than names of macros.
        """
        if len(data) < OFFER.size:
            raise PeerError("input packet too short for network long")
        version, actions, steps = OFFER.unpack_from(data)
        macros = decode_macro_lists(data[OFFER.size :]) if actions & Action.CHOOSE_MACROS else {}
        return cls(version, actions, steps, macros)

    def agreed(self, answer: "Offer") -> "Offer":
        """Return what the filter takes of this offer.

        Raises:
            PeerError: it takes what was not offered.
        """
        version, actions = answer.version, answer.actions
        if version > self.version:
            raise PeerError(
                f"protocol version {version} conflict with MTA protocol version {self.version}"
            )
        if actions & ~self.actions:
            raise PeerError(
                f"request mask {actions:#x} conflict with MTA request mask {self.actions:#x}"
            )
        # Of steps that were not offered none is taken; some filters ask for any that they know.
        return Offer(version, actions, answer.steps & self.steps, answer.macros)

    def knows(self, event: Event) -> bool:
        """Tell whether the version has an event."""
        return event is not Event.DATA or self.version >= DATA_VERSION

    def wants(self, event: Event) -> bool:
        """Tell whether the filter is told of an event."""
        return self.knows(event) and not self.steps & NOT_WANTED.get(event, 0)

    def answers(self, event: Event) -> bool:
        """Tell whether the filter will reply to an event."""
        return not self.steps & NOT_ANSWERED.get(event, 0)


class Packets:
    """Packets out of a byte stream that arrives in pieces."""

    def __init__(self, limit: int) -> None:
        """Begin; limit: bytes of a packet."""
        self._limit = min(limit, PACKET_LIMIT)
        self._buffer = bytearray()

    def receive_data(self, data: bytes) -> None:
        """Append what the filter sent."""
        self._buffer += data

    def next_packet(self) -> tuple[bytes, bytes] | None:
        """Return letter and data of the next packet, None when bytes are missing.

        Raises:
            PeerError: a length that no packet has.
        """
        buffer = self._buffer
        if len(buffer) < NUMBER.size:
            return None
        (length,) = NUMBER.unpack_from(buffer)
        if length == 0:
            raise PeerError("bad packet length: 0")
        if length > self._limit:
            raise PeerError(f"unreasonable packet length: {length} > {self._limit}")
        end = NUMBER.size + length
        if len(buffer) < end:
            return None
        letter, data = bytes(buffer[NUMBER.size : NUMBER.size + 1]), bytes(buffer[5:end])
        del buffer[:end]
        return letter, data

    @property
    def pending(self) -> int:
        """Bytes of a packet that is not whole."""
        return len(self._buffer)


# What the server sends.


def encode(event: Event, data: bytes = b"") -> bytes:
    """Return a packet."""
    return NUMBER.pack(len(data) + 1) + event + data


def encode_texts(event: Event, *texts: bytes) -> bytes:
    """Return a packet of strings."""
    return encode(event, b"".join(text + b"\0" for text in texts))


def encode_macros(event: Event, macros: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the packet with the macros of an event, which follows it."""
    pairs = b"".join(name + b"\0" + value + b"\0" for name, value in macros)
    return encode(Event.MACROS, event + pairs)


def encode_connect(name: bytes, family: bytes, port: int, address: bytes) -> bytes:
    """Return the event of a client that connects; family: 4 or 6."""
    place = family + struct.pack("!H", port) + address + b"\0"
    return encode(Event.CONNECT, name + b"\0" + place)


# What the filter sends.


def decode_texts(data: bytes, count: int) -> list[bytes]:
    """Return the strings of a packet, of which there are so many.

    Raises:
        PeerError: there are more or fewer.
    """
    *texts, rest = data.split(b"\0")
    if len(texts) < count:
        raise PeerError("missing string null terminator")
    if len(texts) > count or rest:
        raise PeerError("left-over data")
    return texts


def decode_number(data: bytes) -> tuple[int, bytes]:
    """Return the number that a packet begins with, and the data behind it.

    Raises:
        PeerError: there is none.
    """
    if len(data) < NUMBER.size:
        raise PeerError("input packet too short for network long")
    return NUMBER.unpack_from(data)[0], data[NUMBER.size :]


def decode_address(data: bytes) -> tuple[bytes, bytes]:
    """Return an address and its ESMTP arguments, which may be left out.

    Raises:
        PeerError: more or less than that.
    """
    texts = decode_texts(data, data.count(b"\0"))
    if not 1 <= len(texts) <= 2:
        raise PeerError("missing string null terminator" if not texts else "left-over data")
    return texts[0], texts[1] if len(texts) > 1 else b""


def decode_macro_lists(data: bytes) -> dict[Event, tuple[bytes, ...]]:
    """Return the names of the macros that a filter wants with events; no names are no wish.

    Raises:
        PeerError: this is no such list.
    """
    wanted: dict[Event, tuple[bytes, ...]] = {}
    while data:
        stage, data = decode_number(data)
        text, nul, data = data.partition(b"\0")
        if not nul or stage >= len(STAGES):
            raise PeerError(f"bad list of macros for stage {stage}")
        names = tuple(text.replace(b",", b" ").split())
        if names:
            wanted.update(dict.fromkeys(STAGES[stage], names))
    return wanted
