"""message - what is known of the message on its way through cleanup

DESCRIPTION
    Message collects the records of the queue file as bytes to be written,
    keeps the offsets and counts that its size record needs, and the errors
    found so far. The stages of cleanup.session share one Message. No I/O.

SEE ALSO
    spec/queue-file.md, sections 3 and 4
"""

import enum
import sys
from dataclasses import dataclass, field
from typing import Protocol

from common import record
from common.params import CleanupParams
from common.record import RecordType
from common.status import Status

SIZE_FORMAT = b"%15d %15d %15d %15d %15d %15d"


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


LATE_OPTIONS = Option.HOLD | Option.DISCARD  # what a client may add in the middle
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


@dataclass(slots=True)
class Message:
    """One message between its client and its queue file."""

    params: CleanupParams
    log: Journal
    queue_id: str
    now: int  # seconds; when the queue file was created
    options: Option = Option.NONE
    status: Status = Status.OK
    reason: bytes = b""
    arrival: int | None = None  # seconds, from the client's time record
    sender: bytes | None = None
    recipient_count: int = 0
    notify_flags: int = 0  # of all recipients together
    attribute_names: set[bytes] = field(default_factory=set)
    utf8: Utf8 = Utf8.NONE
    encoding: bytes = b""  # of the body, as its header names it
    remote: bool = False  # rewriting context of the headers
    length: int = 0  # bytes of the queue file so far
    data_offset: int = 0  # of the first content record
    content_length: int = 0
    _output: list[bytes] = field(default_factory=list)
    _size_limit: int = field(init=False)

    def __post_init__(self) -> None:
        self._size_limit = self.params.message_size_limit or sys.maxsize

    def write(self, kind: RecordType, payload: bytes = b"") -> None:
        """Add one record to the queue file."""
        self.write_raw(record.encode(kind, payload))

    def write_raw(self, records: bytes) -> None:
        """Add records that are encoded already."""
        self.length += len(records)
        if self.length <= self._size_limit:
            self._output.append(records)
            return
        if not self.status & Status.TOO_LARGE:
            self.warn("queue file size limit exceeded")
        self.refuse(Status.TOO_LARGE)

    def write_line(self, line: bytes) -> None:
        """Add a text line without its newline, in pieces where it is too long."""
        self.write_text(RecordType.TEXT, line)

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
        self.options |= Option(added & LATE_OPTIONS)
        return True

    def set_options(self, options: Option) -> None:
        """Take what the client asks for first."""
        self.options = options
        if options & Option.SMTPUTF8:
            self.utf8 |= Utf8.REQUESTED

    def need_utf8(self, part: Utf8 = Utf8.NONE) -> None:
        """Note what cannot do without SMTPUTF8; AUTOUTF8 makes that a request."""
        if not self.params.smtputf8_enable:
            return
        self.utf8 |= part
        if self.options & Option.AUTOUTF8:
            self.utf8 |= Utf8.REQUESTED

    def take_output(self) -> bytes:
        """Return what was added since the last call."""
        output = b"".join(self._output)
        self._output.clear()
        return output

    def size_record(self) -> bytes:
        """Return the size record as far as it is known; it always has the same length."""
        size, hints = self.content_length, self.notify_flags << 1
        fields = (size, self.data_offset, self.recipient_count, hints, size, int(self.utf8))
        return record.encode(RecordType.SIZE, SIZE_FORMAT % fields)

    def refuse(self, bit: Status, reason: bytes = b"") -> None:
        """Note an error; the first reason given is the one that the client hears."""
        self.status |= bit
        self.reason = self.reason or reason

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
