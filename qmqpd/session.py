"""session - the QMQP protocol, without a socket

DESCRIPTION
    Bytes in, at most one Submission out. The caller owns the connection, the
    clock and the queue, and tells the session when the client is gone or
    silent. The number in front of the whole packet is read and not believed:
    the packet ends with the comma behind the last recipient.

SEE ALSO
    https://cr.yp.to/proto/qmqp.html
    spec/qmqp.md, sections 2 and 3
"""

import enum
import re
from dataclasses import dataclass
from typing import NamedTuple

from common import netstring
from common.netstring import LENGTH_LIMIT

# What recipients may take in memory, in message size limits: they take more there than in a
# queue file, and cleanup drops duplicates that we cannot know of.
RECIPIENTS_ROOM = 4
RECIPIENT_COST = 64  # bytes that each takes beside its own
# An ordinary packet's first two lengths, and one behind a comma; so many digits are within limits.
PACKET_HEAD = re.compile(rb"[0-9]{1,18}:([0-9]{1,18}):")
NEXT_LENGTH = re.compile(rb",([0-9]{1,18}):")
PIECE_LEAST = 16 * 1024  # bytes; smaller ones are put together


class Phase(enum.Enum):
    """What is being received; the value stands in replies and logs behind "while"."""

    HEADER = "receiving QMQP packet header"
    CONTENT = "receiving message content"
    SENDER = "receiving sender address"
    RECIPIENT = "receiving recipient address"
    REPLY = "sending completion status"


class Trouble(enum.Enum):
    """Why a session ends without a message; the value stands in replies and logs."""

    FORMAT = "netstring format error"
    TOO_LONG = "netstring length exceeds storage limit"
    LOST = "lost connection"
    TIMEOUT = "read/write timeout"


# These are worth a reply: the others mean that nobody listens.
ANSWERED = {Trouble.FORMAT, Trouble.TOO_LONG}


class SessionError(Exception):
    """The session is over; trouble tells why, phase what was being received."""

    def __init__(self, trouble: Trouble, phase: Phase) -> None:
        super().__init__(f"{trouble.value} while {phase.value}")
        self.trouble = trouble


class Limits(NamedTuple):
    """Bounds in bytes."""

    message: int
    address: int


@dataclass(slots=True)
class Submission:
    """A complete packet; the content in pieces, as it came."""

    pieces: list[bytes]
    sender: bytes
    recipients: list[bytes]
    too_large: bool = False  # recipients are missing here: the message must be refused

    @property
    def content(self) -> bytes:
        """The whole content."""
        return b"".join(self.pieces)

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return sum(map(len, self.pieces))


def whole_packet(data: bytes, limits: Limits) -> Submission | None:
    """Return the submission of an ordinary packet, all of which is here.

    None decides nothing: a Session tells what is missing or wrong.
    """
    head = PACKET_HEAD.match(data)
    if head is None:
        return None
    start = head.end()
    end = position = start + int(head[1])
    if limits.message and RECIPIENT_COST * len(data) > RECIPIENTS_ROOM * limits.message:
        return None  # it may be too large
    addresses = []
    while length := NEXT_LENGTH.match(data, position):
        first = length.end()
        position = first + int(length[1])
        if position - first > limits.address:
            return None
        addresses.append(data[first:position])
    if not addresses or not data.startswith(b",,", position):
        return None
    pieces = [data[start:end]] if start < end else []
    return Submission(pieces, addresses[0], addresses[1:])


class Content:
    """A payload of known length that is kept in pieces of a good size.

    One long string would have to be moved as it grows, and would be too large
    for the processor's cache; a piece for each byte that a slow client sends
    would cost more than the bytes.
    """

    __slots__ = ("_length", "_tail", "missing", "pieces")

    def __init__(self, length: int) -> None:
        self._length = length
        self.missing = length
        self.pieces: list[bytes] = []
        self._tail = bytearray()

    def received(self) -> int:
        """Return how many bytes are here."""
        return self._length - self.missing

    def add(self, data: bytes) -> None:
        """Append what came; not more than is missing."""
        self.missing -= len(data)
        if not self._tail and len(data) >= PIECE_LEAST:
            self.pieces.append(data)
            return
        self._tail += data
        if len(self._tail) >= PIECE_LEAST or not self.missing:
            self.pieces.append(bytes(self._tail))
            self._tail.clear()


class Session:
    """One client's packet, as it arrives."""

    __slots__ = (
        *("_address_bytes", "_content", "_limits", "_reader", "_recipients", "_sender"),
        *("_too_large", "phase"),
    )

    def __init__(self, limits: Limits) -> None:
        self.phase = Phase.HEADER
        self._limits = limits
        self._reader = netstring.Reader()
        self._content: Content | None = None
        self._sender = b""
        self._recipients: list[bytes] = []
        self._address_bytes = 0  # of sender and recipients
        self._too_large = False

    def held(self) -> int:
        """Return how many bytes of the client are kept here."""
        content = self._content.received() if self._content else 0
        return content + self._address_bytes + self._reader.buffered()

    def receive_data(self, data: bytes) -> Submission | None:
        """Take bytes; return the submission once it is complete.

        Raises:
            SessionError: these bytes are no QMQP packet, or too long.
        """
        content = self._content
        if content and len(data) < content.missing:
            content.add(data)  # nothing but content: no need to look at it
            return None
        self._reader.receive_data(data)
        try:
            return self._advance()
        except netstring.FramingError:
            raise SessionError(Trouble.FORMAT, self.phase) from None
        except netstring.TooLongError:
            raise SessionError(Trouble.TOO_LONG, self.phase) from None

    def end(self, trouble: Trouble) -> SessionError:
        """Return the error for a client that is gone or silent.

        Where nothing but a comma is missing, the peers report a bad format
        instead; so do we.
        """
        if self._wants_comma():
            trouble = Trouble.FORMAT
        return SessionError(trouble, self.phase)

    def _wants_comma(self) -> bool:
        if self.phase is Phase.CONTENT:
            return self._content is not None and not self._content.missing
        return self._reader.wants_comma()

    def _advance(self) -> Submission | None:
        reader = self._reader
        if self.phase is Phase.HEADER:
            if reader.next_length(LENGTH_LIMIT) is None:
                return None
            self.phase = Phase.CONTENT
        if self.phase is Phase.CONTENT:
            if not self._take_content():
                return None
            self.phase = Phase.SENDER
        if self.phase is Phase.SENDER:
            sender = reader.next_payload(self._limits.address)
            if sender is None:
                return None
            self._sender = sender
            self._address_bytes = len(sender)
            self.phase = Phase.RECIPIENT
        while not (at_end := reader.at_end()):
            recipient = reader.next_payload(self._limits.address) if at_end is False else None
            if recipient is None:
                return None
            self._keep(recipient)
        pieces = self._content.pieces if self._content else []
        return Submission(pieces, self._sender, self._recipients, self._too_large)

    def _keep(self, recipient: bytes) -> None:
        """Store a recipient; of more than any memory could hold the message is refused."""
        room = RECIPIENTS_ROOM * (self._limits.message or LENGTH_LIMIT)
        if self._address_bytes + RECIPIENT_COST * len(self._recipients) > room:
            self._too_large = True
            return
        self._recipients.append(recipient)
        self._address_bytes += len(recipient)

    def _take_content(self) -> bool:
        """Move content out of the reader; tell whether it is complete."""
        if self._content is None:
            length = self._reader.next_length(self._limits.message or LENGTH_LIMIT)
            if length is None:
                return False
            self._content = Content(length)
        if self._content.missing:
            piece = self._reader.take(self._content.missing)
            if piece:
                self._content.add(piece)
        return not self._content.missing and self._reader.take_comma()
