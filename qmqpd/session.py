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
from dataclasses import dataclass

from common import netstring
from common.netstring import LENGTH_LIMIT


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


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds in bytes."""

    message: int
    address: int


@dataclass(frozen=True, slots=True)
class Submission:
    """A complete packet."""

    content: bytes
    sender: bytes
    recipients: list[bytes]


class Session:
    """One client's packet, as it arrives."""

    __slots__ = ("_content", "_limits", "_reader", "_recipients", "_sender", "phase")

    def __init__(self, limits: Limits) -> None:
        self.phase = Phase.HEADER
        self._limits = limits
        self._reader = netstring.Reader()
        self._content = b""
        self._sender = b""
        self._recipients: list[bytes] = []

    def held(self) -> int:
        """Return how many bytes of the client are kept here."""
        return self._reader.buffered() + len(self._content)

    def receive_data(self, data: bytes) -> Submission | None:
        """Take bytes; return the submission once it is complete.

        Raises:
            SessionError: these bytes are no QMQP packet, or too long.
        """
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
        if self._reader.wants_comma():
            trouble = Trouble.FORMAT
        return SessionError(trouble, self.phase)

    def _advance(self) -> Submission | None:
        reader = self._reader
        if self.phase is Phase.HEADER:
            if reader.next_length(LENGTH_LIMIT) is None:
                return None
            self.phase = Phase.CONTENT
        if self.phase is Phase.CONTENT:
            content = reader.next_payload(self._limits.message or LENGTH_LIMIT)
            if content is None:
                return None
            self._content = content
            self.phase = Phase.SENDER
        if self.phase is Phase.SENDER:
            sender = reader.next_payload(self._limits.address)
            if sender is None:
                return None
            self._sender = sender
            self.phase = Phase.RECIPIENT
        while not (at_end := reader.at_comma()):
            recipient = reader.next_payload(self._limits.address) if at_end is False else None
            if recipient is None:
                return None
            self._recipients.append(recipient)
        return Submission(self._content, self._sender, self._recipients)
