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

import enum
import struct
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from common.errors import PeerError

NUMBER = struct.Struct("!L")
OFFER = struct.Struct("!LLL")
PACKET_LIMIT = 0x3FFFFFFF  # bytes: what Postfix takes for reasonable; see also Packets
BODY_CHUNK = 65535  # bytes of a body in one packet


class Event(bytes, enum.Enum):
    """The letter of a packet that the server sends."""

    NEGOTIATE = b"O"
    MACROS = b"D"
    CONNECT = b"C"
    HELO = b"H"
    MAIL = b"M"
    RECIPIENT = b"R"
    DATA = b"T"
    HEADER = b"L"
    END_OF_HEADER = b"N"
    BODY = b"B"
    END_OF_BODY = b"E"
    ABORT = b"A"
    QUIT = b"Q"


class Reply(bytes, enum.Enum):
    """The letter of a packet that ends the wait for the filter."""

    CONTINUE = b"c"
    ACCEPT = b"a"
    REJECT = b"r"
    TEMPFAIL = b"t"
    DISCARD = b"d"
    CUSTOM = b"y"  # an SMTP reply of the filter's own
    SKIP = b"s"  # no more events of this kind
    SHUTDOWN = b"4"
    CONNECTION_FAIL = b"f"


class Change(bytes, enum.Enum):
    """The letter of a packet behind the end of the body that is no reply."""

    ADD_HEADER = b"h"
    INSERT_HEADER = b"i"
    CHANGE_HEADER = b"m"
    ADD_RECIPIENT = b"+"
    ADD_RECIPIENT_ARGUMENTS = b"2"
    DELETE_RECIPIENT = b"-"
    CHANGE_SENDER = b"e"
    REPLACE_BODY = b"b"
    QUARANTINE = b"q"
    PROGRESS = b"p"


class Action(enum.IntFlag):
    """What a filter may want to change."""

    ADD_HEADERS = 0x01
    CHANGE_BODY = 0x02
    ADD_RECIPIENTS = 0x04
    DELETE_RECIPIENTS = 0x08
    CHANGE_HEADERS = 0x10
    QUARANTINE = 0x20
    CHANGE_SENDER = 0x40
    ADD_RECIPIENTS_ARGUMENTS = 0x80
    CHOOSE_MACROS = 0x100


ALL_ACTIONS = 0x1FF


class Step(enum.IntFlag):
    """What a filter may ask of the dialogue."""

    NO_CONNECT = 0x01
    NO_HELO = 0x02
    NO_MAIL = 0x04
    NO_RECIPIENT = 0x08
    NO_BODY = 0x10
    NO_HEADER = 0x20
    NO_END_OF_HEADER = 0x40
    NO_REPLY_HEADER = 0x80
    NO_UNKNOWN = 0x100
    NO_DATA = 0x200
    SKIP = 0x400
    REJECTED_RECIPIENTS = 0x800
    NO_REPLY_CONNECT = 0x1000
    NO_REPLY_HELO = 0x2000
    NO_REPLY_MAIL = 0x4000
    NO_REPLY_RECIPIENT = 0x8000
    NO_REPLY_DATA = 0x10000
    NO_REPLY_UNKNOWN = 0x20000
    NO_REPLY_END_OF_HEADER = 0x40000
    NO_REPLY_BODY = 0x80000
    LEADING_SPACE = 0x100000  # of a header's value is part of it


# All that each version knows.
STEPS = {2: 0x7F, 3: 0x17F, 4: 0x37F, 6: 0x1FFFFF}
DATA_VERSION = 4  # the first that has the event

NOT_WANTED = {
    Event.CONNECT: Step.NO_CONNECT,
    Event.HELO: Step.NO_HELO,
    Event.MAIL: Step.NO_MAIL,
    Event.RECIPIENT: Step.NO_RECIPIENT,
    Event.DATA: Step.NO_DATA,
    Event.HEADER: Step.NO_HEADER,
    Event.END_OF_HEADER: Step.NO_END_OF_HEADER,
    Event.BODY: Step.NO_BODY,
}
NOT_ANSWERED = {
    Event.CONNECT: Step.NO_REPLY_CONNECT,
    Event.HELO: Step.NO_REPLY_HELO,
    Event.MAIL: Step.NO_REPLY_MAIL,
    Event.RECIPIENT: Step.NO_REPLY_RECIPIENT,
    Event.DATA: Step.NO_REPLY_DATA,
    Event.HEADER: Step.NO_REPLY_HEADER,
    Event.END_OF_HEADER: Step.NO_REPLY_END_OF_HEADER,
    Event.BODY: Step.NO_REPLY_BODY,
}

# A filter names the macros that it wants by the number of a stage, which may be that of events.
STAGES: tuple[tuple[Event, ...], ...] = (
    (Event.CONNECT,),
    (Event.HELO,),
    (Event.MAIL,),
    (Event.RECIPIENT,),
    (Event.DATA,),
    (Event.BODY, Event.END_OF_BODY),
    (Event.HEADER, Event.END_OF_HEADER),
)


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
