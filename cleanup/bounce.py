"""bounce - returning a message to its sender, where its client leaves that to us

DESCRIPTION
    Who has no place for errors, as pickup, asks cleanup to tell the sender.
    The bounce service is told of each recipient, reads the unfinished queue
    file, and sends the notice; then the file can go.

SEE ALSO
    bounce(8)
    spec/qmgr-delivery-protocols.md, section 3
"""

import re
import time
from collections.abc import Iterator
from typing import NamedTuple

from cleanup.message import Message
from cleanup.recipients import parse_attribute
from cleanup.service import Conversation
from cleanup.trace import APPEND, CLEAN, PROTOCOL
from common import attribute
from common.errors import PeerError
from common.log import printable
from common.record import Reader
from common.status import Status

FLUSH, VERP = b"1", b"3"  # requests beside APPEND
HEADERS_ONLY = b"2"  # of the message in the notice
QUEUE = b"incoming"
READ_SIZE = 32 * 1024
REASON = re.compile(rb"([45]\.\d+\.\d+)(?: +|\Z)(.*)", re.DOTALL)
PLAIN_DSN = b"5.0.0"  # of a reason that names none
# What is said of a fault that has no words of its own, the worst first.
WORDS = {
    Status.TOO_MANY_HOPS: (b"5.4.0", b"too many hops"),
    Status.TOO_LARGE: (b"5.3.4", b"message file too big"),
}


class Recipient(NamedTuple):
    """A recipient who will not get the message."""

    original: bytes
    address: bytes
    offset: int  # of its record
    attributes: dict[bytes, bytes]


class Return:
    """A message on its way back."""

    def __init__(self, message: Message, faults: int) -> None:
        """Prepare it; faults: bits of Status."""
        self.message = message
        self._faults = faults
        self._dsn, self._text = words(message.reason, faults)
        self._known: dict[bytes, bytes] = {}  # attributes of the message
        self._arrival = 0.0
        self._delimiters = b""

    def send(self, path: str) -> None:
        """Give it to the bounce service; path is the queue file's.

        Raises:
            OSError, PeerError: it must be tried again: the service does not take it, the file
            cannot be read, or soft_bounce is on.
        """
        if self.message.params.soft_bounce:
            raise PeerError("soft_bounce is on")
        service = f"private/{self.message.params.bounce_service_name}"
        timeout = self.message.params.ipc_timeout
        sent = 0
        for recipient in self._recipients(path):
            tell(service, self._append(recipient), timeout)
            self._report(recipient)
            sent += 1
        if not sent:
            raise PeerError("no recipient is left to tell of")
        tell(service, self._flush(), timeout)

    def _recipients(self, path: str) -> Iterator[Recipient]:
        """Yield the recipients of a file, noting the rest."""
        original = b""
        own: dict[bytes, bytes] = {}
        for offset, kind, payload in records_of(path):
            match kind:
                case b"T":
                    self._arrival = time_of(payload)
                case b"V":
                    self._delimiters = payload
                case b"A":
                    name, value = parse_attribute(payload)
                    where = own if name in (b"dsn_orig_rcpt", b"notify_flags") else self._known
                    where[name] = value
                case b"O":
                    original = payload
                case b"R" | b"/":
                    if kind == b"R":
                        yield Recipient(original, payload, offset, own)
                    original, own = b"", {}

    def _append(self, recipient: Recipient) -> bytes:
        empty = dict.fromkeys((b"diag_type", b"diag_text", b"mta_type", b"mta_mname"), b"")
        return self._request(
            APPEND,
            {
                b"original_recipient": recipient.original,
                b"recipient": recipient.address,
                b"offset": b"%d" % recipient.offset,
                b"dsn_orig_rcpt": recipient.attributes.get(b"dsn_orig_rcpt", b""),
                b"notify_flags": recipient.attributes.get(b"notify_flags", b"0"),
                b"status": self._dsn,
                **empty,
                b"action": b"failed",
                b"reason": self._text,
            },
            place={},
        )

    def _flush(self) -> bytes:
        """Return the request for the notice."""
        small = self._faults & (Status.CONTENT_REFUSED | Status.TOO_LARGE)
        facts = {
            b"encoding": self._known.get(b"encoding", b""),
            b"smtputf8": b"%d" % self.message.utf8,
            b"sender": self.message.sender or b"",
            b"envelope_id": self._known.get(b"envelope_id", b""),
            b"ret_flags": HEADERS_ONLY if small else self._known.get(b"ret_flags", b"0"),
        }
        if self._delimiters:
            facts[b"verp_delimiters"] = self._delimiters
        return self._request(VERP if self._delimiters else FLUSH, facts, {b"queue_name": QUEUE})

    def _request(
        self, number: bytes, facts: dict[bytes, bytes], place: dict[bytes, bytes]
    ) -> bytes:
        queue_id = {b"queue_id": self.message.queue_id.encode()}
        head = {b"nrequest": number, b"flags": CLEAN}
        pairs = {**head, **place, **queue_id, **facts}
        return attribute.encode((name, value.partition(b"\0")[0]) for name, value in pairs.items())

    def _report(self, recipient: Recipient) -> None:
        params = self.message.params
        shown = self.message.shown
        told = f"to=<{shown(recipient.address)}>"
        if recipient.original and recipient.original.lower() != recipient.address.lower():
            told += f", orig_to=<{shown(recipient.original)}>"
        delay = format_delay(time.time() - self._arrival, params.delay_logging_resolution_limit)
        self.message.note(
            f"{told}, relay=none, delay={delay}, delays={delay}/0/0/0,"
            f" dsn={self._dsn.decode()}, status=bounced ({printable(self._text)})"
        )


def tell(path: str, request: bytes, timeout: float) -> None:
    """Ask the service for one thing; it takes one a connection.

    Raises:
        OSError, PeerError: it was not done.
    """
    with Conversation(path, PROTOCOL, timeout) as service:
        service.command(request)


def words(reason: bytes, faults: int) -> tuple[bytes, bytes]:
    """Return code and text for the notice: of the reason, if a check or a Milter gave one."""
    known = [words for bit, words in WORDS.items() if faults & bit]
    if known and not reason:
        return known[0]
    found = REASON.match(reason)  # which may be empty: a Milter's reply may be a bare code
    return (found[1], found[2]) if found else (PLAIN_DSN, reason)


def records_of(path: str) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield place, type and payload of each record of ours; what was too large ends somewhere."""
    reader, size = Reader(), 0
    with open(path, "rb", buffering=0) as file:
        while data := file.read(READ_SIZE):
            size += len(data)
            reader.receive_data(data)
            place = size - reader.buffered()
            while (found := reader.next_record()) is not None:
                yield place, bytes((found[0],)), found[1]
                place = size - reader.buffered()


def time_of(payload: bytes) -> float:
    """Return the seconds of a time record: "seconds microseconds"."""
    seconds, _, micros = payload.partition(b" ")
    return int(seconds) + (int(micros) / 1e6 if micros.isdigit() else 0.0)


def format_delay(seconds: float, places: int) -> str:
    """Return a time as it is logged: two digits that count, and so many places at most."""
    if seconds >= 10:
        return f"{seconds:.0f}"
    shown = f"{max(seconds, 0.0):.{min(places, 1 if seconds >= 1 else 2)}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown
