"""message - what is known of the message on its way through cleanup

DESCRIPTION
    Message collects the records of the queue file as bytes to be written,
    keeps the offsets and counts that its size record needs, and the errors
    found so far. The stages of cleanup.session share one Message. No I/O.

SEE ALSO
    spec/queue-file.md, sections 3 and 4
"""

import copy
import enum
import sys
from typing import Protocol

from cleanup.trace import Expansion
from common import address, record
from common.log import printable
from common.params import CleanupParams
from common.record import Reader, RecordType
from common.status import Status
from common.text import whole_lines

SIZE_FORMAT = b"%15d %15d %15d %15d %15d %15d"
SIZE_HEAD = record.encode(RecordType.SIZE, SIZE_FORMAT % (0, 0, 0, 0, 0, 0))[:2]
EMPTY_SIZE_RECORD = SIZE_HEAD + SIZE_FORMAT % (0, 0, 0, 0, 0, 0)  # until the sizes are known


class Option(enum.IntFlag):
    """What the client asks for; the values are what travels as "flags"."""

    NONE = 0
    BOUNCE = 1
    FILTER = 2
    HOLD = 4
    DISCARD = 8
    BCC_OK = 16
    MAP_OK = 32
    MILTER = 64
    SMTP_REPLY = 128
    SMTPUTF8 = 256
    AUTOUTF8 = 512


HOLD, DISCARD = Option.HOLD.value, Option.DISCARD.value
FILTER, BCC_OK = Option.FILTER.value, Option.BCC_OK.value
MAP_OK, MILTER = Option.MAP_OK.value, Option.MILTER.value
BOUNCE = Option.BOUNCE.value
# Faults of the message itself: where the client leaves that to us, its sender hears of them.
RETURNED = Status.TOO_LARGE | Status.CONTENT_REFUSED | Status.TOO_MANY_HOPS
SMTPUTF8, AUTOUTF8 = Option.SMTPUTF8.value, Option.AUTOUTF8.value
LATE_OPTIONS = HOLD | DISCARD  # what a client may add in the middle
SEEN_OPTIONS = LATE_OPTIONS | SMTPUTF8
FLAGS_DIGITS = 10


class Utf8(enum.IntFlag):
    """Why a message needs SMTPUTF8: the last field of the size record."""

    NONE = 0
    REQUESTED = 1
    HEADER = 2
    SENDER = 4


class Journal(Protocol):
    """Where findings are reported: a common.log.Log, or a list in tests."""

    def info(self, text: str) -> None:
        """Note an ordinary event."""

    def warning(self, text: str) -> None:
        """Note trouble."""


class MilterDesk(Protocol):
    """Where Milters come from that a client brings along."""

    def expect(self) -> bool:
        """Make ready for them; False if it is too late for that."""

    def take_over(self, count: int, opening: bytes) -> None:
        """Take so many from the client, which has sent this much of them."""


class Milters(Protocol):
    """Who is to see the message before it is queued."""

    def recipient(self, address: bytes) -> None:
        """Note a recipient that the client has named, completed and mapped."""

    def envelope(self) -> None:
        """Look at the envelope, which is complete; the message may be refused then."""


class Message:
    """One message between its client and its queue file."""

    # What is not set here in __init__ is the same for most messages.
    options: int = 0  # bits of Option
    hold: bool = False
    discard: bool = False
    status: int = 0  # bits of Status
    faults: int = 0  # bits that the sender hears of, and that do not stop us
    reason: bytes = b""
    arrival: int | None = None  # seconds, from the client's time record
    sender: bytes | None = None
    full_name: bytes = b""  # of the sender
    recipient_count: int = 0
    notify_flags: int = 0  # of all recipients together
    utf8: Utf8 = Utf8.NONE
    encoding: bytes = b""  # of the body, as its header names it
    milters: Milters | None = None
    desk: MilterDesk | None = None
    remote: bool = False  # rewriting context of the headers
    expansions: tuple[Expansion, ...] = ()  # to be told to the sender
    checked: bool = False  # its content is looked up in tables
    known_attributes: dict[bytes, bytes] | None = None  # kept for the log of checks
    client_records: bytes = b""  # more of them, as they came: mostly nobody asks
    last_recipient: bytes | None = None
    content_filter: bytes = b""  # that a check asks for
    redirect: bytes = b""
    copies: tuple[bytes, ...] = ()  # recipients that checks add
    length: int = 0  # bytes of the queue file so far
    data_offset: int = 0  # of the first content record
    content_length: int = 0
    supplied: int = 0  # headers that it lacked; they stand behind the others

    def __init__(self, params: CleanupParams, log: Journal, queue_id: str, now: int) -> None:
        """Begin; now: when the queue file was created, in seconds."""
        self.params = params
        self.log = log
        self.queue_id = queue_id
        self.now = now
        self.attribute_names: set[bytes] = set()
        self._output: list[bytes] = []
        self._size_limit = params.message_size_limit or sys.maxsize
        self.write_raw(EMPTY_SIZE_RECORD)

    def fork(self) -> "Message":
        """Return a twin that can be changed without any change to this one."""
        return copy.copy(self)

    def adopt(self, twin: "Message") -> None:
        """Become what has become of a twin."""
        self.__dict__.update(twin.__dict__)

    def end_checks(self) -> None:
        """Look no more into the message, nor show it to anybody."""
        self.checked = False
        self.options &= ~(FILTER | MILTER)

    def attributes(self) -> dict[bytes, bytes]:
        """Return the attributes that were kept."""
        known = {} if self.known_attributes is None else self.known_attributes
        records, self.client_records = Reader(self.client_records), b""
        while (found := records.next_record()) is not None:
            name, _, value = found[1].partition(b"=")
            known[name] = value
        return known

    def write(self, kind: RecordType, payload: bytes = b"") -> None:
        """Add one record to the queue file."""
        self.write_raw(record.encode(kind, payload))

    def write_raw(self, records: bytes) -> None:
        """Add records that are encoded already."""
        self.length += len(records)
        if self.length > self._size_limit:
            self._exceed_size()
        else:
            self._output.append(records)

    def would_exceed(self, size: int) -> bool:
        """Tell whether so many bytes more are too many."""
        return self.length + size > self._size_limit

    def _exceed_size(self) -> None:
        if not self.status & Status.TOO_LARGE:
            self.warn("queue file size limit exceeded")
        self.refuse(Status.TOO_LARGE)

    def write_lines(self, lines: bytes) -> None:
        """Add text lines, a newline behind each, in pieces where they are too long."""
        if lines:
            self.write_raw(whole_lines(lines, self.params.line_length_limit))

    def write_text(self, kind: RecordType, text: bytes) -> None:
        """Add text whose last piece is of that kind, in pieces where it is too long."""
        limit = self.params.line_length_limit
        last = max(len(text) - 1, 0) // limit * limit
        for start in range(0, last, limit):
            self.write(RecordType.CONTINUED, text[start : start + limit])
        self.write(kind, text[last:] if last else text)

    def add_flags(self, payload: bytes) -> bool:
        """Take options that a client adds late; False if the text is no number."""
        if not payload.isdigit() or len(payload) > FLAGS_DIGITS:
            return False
        added = int(payload)
        if added & ~LATE_OPTIONS:
            self.warn(f"ignored flags {added}")
        self.ask(added & LATE_OPTIONS)
        return True

    def ask(self, flags: int) -> None:
        """Take the client's options."""
        self.options |= flags
        if flags & SEEN_OPTIONS:
            self.hold = bool(self.options & HOLD)
            self.discard = bool(self.options & DISCARD)
            if flags & SMTPUTF8:
                self.utf8 |= Utf8.REQUESTED

    def need_utf8(self, part: Utf8 = Utf8.NONE) -> None:
        """Note what cannot do without SMTPUTF8; AUTOUTF8 makes that a request."""
        if not self.params.smtputf8_enable:
            return
        self.utf8 |= part
        if self.options & AUTOUTF8:
            self.utf8 |= Utf8.REQUESTED

    def note_encoding(self, value: bytes) -> None:
        """Remember an 8-bit body; 7bit is what nobody needs to be told."""
        detect = self.params.detect_8bit_encoding_header
        if detect and value.strip().lower() in (b"8bit", b"binary"):
            self.encoding = b"8bit"

    def take_output(self) -> bytes:
        """Return what was added since the last call."""
        output, self._output = self._output, []
        return b"".join(output)

    def size_record(self) -> bytes:
        """Return the size record as far as it is known; it always has the same length."""
        size, hints = self.content_length, self.notify_flags << 1
        fields = (size, self.data_offset, self.recipient_count, hints, size, self.utf8)
        return SIZE_HEAD + SIZE_FORMAT % fields

    def verdict(self) -> int:
        """Return the status so far. Whoever wants a message dropped hears of no error in it."""
        return 0 if self.discard else self.status

    def refuse(self, bit: int, reason: bytes = b"") -> None:
        """Note an error; the first reason given is the one that the client hears."""
        if self.options & BOUNCE and bit in (Status.CONTENT_REFUSED, Status.TOO_MANY_HOPS):
            self.faults |= bit  # all of it is needed, to be returned
        else:
            self.status |= bit
        self.reason = self.reason or reason

    @property
    def is_decided(self) -> bool:
        """Whether it will not be queued, whatever is still found out about it."""
        return bool(self.status | self.faults) or self.discard

    @property
    def is_lost(self) -> bool:
        """Whether nothing of it will be needed any more, neither here nor by its sender."""
        lethal = self.status & ~RETURNED if self.options & BOUNCE else self.status
        return bool(lethal) and not self.discard

    def take_faults(self) -> int:
        """Return the errors that the sender is to hear of in place of the client.

        Where the client must try again anyway, it hears of all.
        """
        found, self.faults = self.status | self.faults, 0
        returned = self.options & BOUNCE and self.recipient_count and not found & ~RETURNED
        self.status = 0 if returned else found
        return found if returned else 0

    def shown(self, internal: bytes) -> str:
        """Return an address of the envelope as the log shows it."""
        external = self.params.info_log_address_format == "external"
        return printable(address.quote(internal) if external and internal else internal)

    def warn(self, text: str) -> None:
        """Log trouble with this message."""
        self.log.warning(f"{self.queue_id}: {text}")

    def note(self, text: str) -> None:
        """Log a fact about this message."""
        self.log.info(f"{self.queue_id}: {text}")


def is_utf8(text: bytes) -> bool:
    """Tell whether text has bytes beyond ASCII that are proper UTF-8."""
    if text.isascii():
        return False
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
