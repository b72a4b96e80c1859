"""queue_file - the records of a queue file, as readers see them

DESCRIPTION
    RecordFile reads records one by one and follows pointers; read_summary()
    takes what a listing shows and jumps over the content. A file that breaks
    the format gives DamageError, or a summary that says what is wrong.

SEE ALSO
    spec/queue-file.md
"""

import os
import re
from dataclasses import dataclass, field
from io import BufferedReader
from typing import NamedTuple

from common.record import LENGTH_BYTES_LIMIT, RecordType

FORCED_EXPIRE = 0o010  # mode bit set by the operator: return the mail at the next attempt
REVERSE_JUMP_LIMIT = 10_000  # pointers backwards
DECIMAL_LIMIT = 2**63 - 1  # the largest file offset
DIGITS_LIMIT = 1000  # of a number; of some thousands Python makes none

BLANKS = b" \t\n\v\f\r"
# As C reads a number at the front of a text: what follows it does not matter.
LEADING_NUMBER = re.compile(rb"[ \t-\r]*([+-]?[0-9]{1,%d})" % DIGITS_LIMIT)
SIZE_FIELDS = re.compile(rb"[0-9 ]*\Z")


class DamageError(Exception):
    """A queue file breaks the format; str() says how."""


class Record(NamedTuple):
    """One record and where it begins."""

    offset: int
    kind: bytes  # the type byte
    payload: bytes


class RecordFile:
    """The records of an open queue file, in order, or from wherever a jump leads."""

    __slots__ = ("_file", "_jumped_to", "_reverse_jumps", "_targets", "offset")

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._jumped_to = 0
        self._reverse_jumps = 0
        self._targets: set[int] = set()  # of all jumps
        self.offset = 0  # of the next record

    def seek(self, offset: int) -> None:
        """Go on reading at offset, which may lie behind the end.

        Raises:
            OSError: the file cannot seek, or not that far.
        """
        self.offset = self._file.seek(min(offset, DECIMAL_LIMIT))

    def peek(self) -> bytes:
        """Return the type byte of the next record, nothing at the end; it stays unread."""
        return self._file.peek(1)[:1]

    def next_raw(self) -> Record | None:
        """Return the next record as it stands in the file, None at its end.

        Raises:
            DamageError: the record is cut short or its length makes no sense.
        """
        start = self.offset
        kind = self._file.read(1)
        if not kind:
            return None
        length = shift = 0
        while True:
            byte = self._file.read(1)
            if not byte:
                raise DamageError(f"unexpected EOF reading length, record type {kind[0]}")
            length |= (byte[0] & 0x7F) << shift
            shift += 7
            if byte[0] < 0x80:
                break
            if shift >= 7 * LENGTH_BYTES_LIMIT:
                raise DamageError(f"too many length bits, record type {kind[0]}")
        payload = self._file.read(length)
        if len(payload) < length:
            raise DamageError(f"unexpected EOF in data, record type {kind[0]} length {length}")
        self.offset = start + 1 + shift // 7 + length
        return Record(start, kind, payload)

    def next_record(self) -> Record | None:
        """Return the next record that means something: pointers followed, padding skipped.

        Raises:
            DamageError: as next_raw, or a pointer leads nowhere.
        """
        while (record := self.next_raw()) is not None:
            if record.kind == RecordType.POINTER:
                self.jump(record.payload)
            elif record.kind != RecordType.PADDING:
                return record
        return None

    def jump(self, target: bytes) -> None:
        """Follow a pointer record; offset 0 is a place holder and leads on.

        Raises:
            DamageError: no number, or jumping backwards without end: what leads twice to
                the same place would do so for ever.
            OSError: the file cannot seek.
        """
        text = text_of(target).lstrip(BLANKS)
        is_number = text.isdigit() and len(text) <= DIGITS_LIMIT
        offset = int(text) if is_number else -1 if text else 0
        if not 0 <= offset <= DECIMAL_LIMIT:
            raise DamageError(f"malformed pointer record value: {text.decode('latin-1')}")
        if offset == 0:
            return
        if offset <= self._jumped_to:
            self._reverse_jumps += 1
            if self._reverse_jumps > REVERSE_JUMP_LIMIT or offset in self._targets:
                raise DamageError("too many reverse jump records")
        self._jumped_to = offset
        self._targets.add(offset)
        self.seek(offset)


class Recipient(NamedTuple):
    """A recipient that is not done."""

    address: bytes
    original: bytes  # as first given; empty if the file does not tell


@dataclass(slots=True)
class Summary:
    """What a listing shows of one message."""

    arrival: int  # seconds since the epoch
    size: int  # bytes of content; of the file if it does not tell
    forced_expire: bool
    sender: bytes
    recipients: list[Recipient] = field(default_factory=list)
    damage: str = ""  # what is wrong with the file; it may hold more recipients


def read_summary(file: RecordFile, status: os.stat_result) -> Summary:
    """Read envelope and extracted records; the content is jumped over.

    Raises:
        DamageError: the file does not even tell its sender.
        OSError: it cannot be read.
    """
    found = _Envelope()
    try:
        found.read(file)
    except DamageError as error:
        found.damage = str(error)
    if found.sender is None:
        raise DamageError(found.damage or "missing sender record")
    return Summary(
        arrival=found.arrival if found.arrival > 0 else int(status.st_mtime),
        size=status.st_size if found.content_length is None else found.content_length,
        forced_expire=bool(status.st_mode & FORCED_EXPIRE),
        sender=found.sender,
        recipients=found.recipients,
        damage=found.damage,
    )


@dataclass(slots=True)
class _Envelope:
    """What the records have told so far."""

    arrival: int = 0
    content_length: int | None = None
    sender: bytes | None = None
    recipients: list[Recipient] = field(default_factory=list)
    damage: str = ""

    def read(self, file: RecordFile) -> None:
        """Take in every record up to the end."""
        original = b""
        while (record := file.next_record()) is not None:
            text = text_of(record.payload)
            match record.kind:
                case RecordType.SIZE if self.content_length is None:
                    self.content_length = self._length(text)
                case RecordType.TIME if not self.arrival:
                    self.arrival = leading_number(text)
                case RecordType.SENDER if self.sender is None:
                    self.sender = text
                case RecordType.SENDER:
                    raise DamageError("duplicate sender record")
                case RecordType.ORIGINAL_RECIPIENT:
                    original = text
                case RecordType.RECIPIENT if self.sender is None:
                    raise DamageError("missing sender record")
                case RecordType.RECIPIENT:
                    self.recipients.append(Recipient(text, original))
                    original = b""
                case RecordType.DONE:
                    original = b""
                case RecordType.CONTENT if self.content_length is not None:
                    file.seek(file.offset + self.content_length)
                case RecordType.END:
                    return
        raise DamageError("missing end record")

    def _length(self, text: bytes) -> int | None:
        """Return the content's length out of a size record, None if it is malformed."""
        if SIZE_FIELDS.match(text):
            return leading_number(text)
        self.damage = "malformed size record"
        return None


def text_of(payload: bytes) -> bytes:
    """Return a payload up to its first NUL: what readers written in C see of it."""
    return payload.partition(b"\0")[0]


def leading_number(text: bytes) -> int:
    """Return the number at the front of a text, within 64 bits; 0 if there is none."""
    match = LEADING_NUMBER.match(text)
    return max(-DECIMAL_LIMIT - 1, min(int(match[1]), DECIMAL_LIMIT)) if match else 0


def split_attribute(text: bytes) -> tuple[bytes, bytes]:
    """Return name and value of "name=value", the blanks around both cut off.

    Raises:
        DamageError: it is no such thing.
    """
    name, equals, value = (part.strip(BLANKS) for part in text.partition(b"="))
    if not name:
        raise DamageError("missing attribute name")
    if not equals or name.split() != [name]:
        raise DamageError("missing '=' after attribute name")
    return name, value
