"""cat_printing - one queue file, printed as postcat does

SEE ALSO
    commands.cat
    spec/queue-file.md
"""

import enum
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from commands.queue import local_time
from common.queue_file import (
    DamageError,
    Record,
    RecordFile,
    leading_number,
    split_attribute,
    text_of,
)
from common.record import RecordType

# What may stand at the beginning: a file that opens otherwise is no queue file.
ENVELOPE_TYPES = b"MCTcFILSDRO/WVA>K<ion"
HEADER = re.compile(rb"[!-9;-~]+[ \t]*:")
SIZE = re.compile(rb"\s*([+-]?[0-9]++)?(?:\s*([+-]?[0-9]+))?")  # matches any text

NAMES: dict[bytes, str] = {
    RecordType.SIZE.value: "message_size",
    RecordType.TIME.value: "message_arrival_time",
    RecordType.CREATE_TIME.value: "queue_file_create_time",
    RecordType.FULL_NAME.value: "sender_fullname",
    RecordType.INSPECTOR.value: "content_inspector",
    RecordType.FILTER.value: "content_filter",
    RecordType.SENDER.value: "sender",
    RecordType.DONE.value: "done_recipient",
    RecordType.RECIPIENT.value: "recipient",
    RecordType.ORIGINAL_RECIPIENT.value: "original_recipient",
    RecordType.CANCELED.value: "canceled_recipient",
    RecordType.WARN_TIME.value: "warning_message_time",
    RecordType.ATTRIBUTE.value: "named_attribute",
    RecordType.KILLED.value: "killed_record",
    RecordType.REDIRECT.value: "redirect_to",
    RecordType.VERP.value: "verp_delimiters",
    RecordType.DSN_RET.value: "dsn_return_flags",
    RecordType.DSN_ENVID.value: "dsn_envelope_id",
    RecordType.DSN_ORCPT.value: "dsn_original_recipient",
    RecordType.DSN_NOTIFY.value: "dsn_notify_flags",
    RecordType.TEXT.value: "regular_text",
    RecordType.PADDING.value: "padding",
    RecordType.POINTER.value: "pointer_record",
    RecordType.FLAGS.value: "flags",
    b"P": "priority",
    b"r": "return_receipt",
    b"e": "errors_to",
}


@dataclass(slots=True)
class Options:
    """What to print, and how."""

    body: bool = False
    decimal: bool = False
    envelope: bool = False
    header: bool = False
    offsets: bool = False
    by_id: bool = False
    raw: bool = False
    verbose: bool = False
    start: int = 0
    config_dir: Path = Path()


class Segment(enum.Enum):
    """The part of the message that is being read."""

    ENVELOPE = enum.auto()  # and what was extracted from the content
    HEADER = enum.auto()
    BODY = enum.auto()


class Printer:
    """Prints one file. Parts that are not wanted are jumped over where the file tells how."""

    def __init__(self, options: Options, name: bytes, file: RecordFile, output: BinaryIO) -> None:
        self.options = options
        self.name = name
        self.file = file
        self.output = output
        self.segment = Segment.ENVELOPE
        self.printing = options.envelope
        self.done = False
        self.content_length = -1  # from the size record
        self.content_offset = -1
        self.previous = b""  # type of the record printed last
        self.offset = 0

    def print(self) -> None:
        """Print the file, up to its end record.

        Raises:
            DamageError: it breaks off, or leads nowhere.
        """
        try:
            if self.options.start:
                self.file.seek(self.options.start)
            elif not self.plausible():
                self.warn("input is not a valid queue file")
                return
            self.print_records()
        except DamageError as error:
            raise DamageError(f"{os.fsdecode(self.name)}: {error}") from None
        except OSError as error:
            raise DamageError(f"{os.fsdecode(self.name)}: {error.strerror or error}") from None

    def print_records(self) -> None:
        """Read record after record; what each means depends on the segment."""
        if self.options.envelope and not self.options.start:
            self.output.write(b"*** ENVELOPE RECORDS %b ***\n" % self.name)
        while not self.done and (record := self.next_record()) is not None:
            self.take(record)

    def plausible(self) -> bool:
        """Tell whether the first record may open a queue file; an empty file may."""
        first = self.file.peek()
        return not first or first in ENVELOPE_TYPES

    def next_record(self) -> Record | None:
        """Return the next record; with -v also what others never see."""
        self.offset = self.file.offset
        if self.options.verbose:
            return self.file.next_raw()
        return self.file.next_record()

    def take(self, record: Record) -> None:
        """Move from segment to segment, print what is wanted."""
        match record.kind:
            case RecordType.CONTENT:
                self.enter_content()
            case RecordType.EXTRACTED:
                self.enter_extracted()
            case RecordType.END:
                self.end()
            case RecordType.POINTER:
                self.follow(record)
            case RecordType.SIZE:
                self.take_size(record)
            case RecordType.TEXT | RecordType.CONTINUED:
                self.take_text(record)
            case _ if self.printing:
                self.print_record(record)

    def enter_content(self) -> None:
        """From here on: the header."""
        if self.segment is not Segment.ENVELOPE:
            self.warn("out-of-order message content marker")
        if self.options.envelope:
            self.print_marker(RecordType.CONTENT, b"MESSAGE CONTENTS")
        if not (self.options.header or self.options.body):
            self.skip_content()
        self.segment = Segment.HEADER
        self.printing = self.options.header

    def take_text(self, record: Record) -> None:
        """Print a line or a piece of one; the first that is no header begins the body."""
        if self.ends_header(record):
            self.segment = Segment.BODY
            self.printing = self.options.body
            if not self.printing:
                self.done = not self.options.envelope
                self.skip_content()
                return
        if self.printing:
            self.print_record(record)

    def ends_header(self, record: Record) -> bool:
        """Tell whether the record is the first that is no header line."""
        if self.segment is not Segment.HEADER or self.previous == RecordType.CONTINUED:
            return False
        if not (self.options.header or self.options.body):
            return False
        return not HEADER.match(record.payload) and record.payload[:1] not in (b" ", b"\t")

    def skip_content(self) -> None:
        """Go to the extracted segment at once, if the file said where it is.

        Never backwards: a damaged file could keep us going round.
        """
        target = self.content_offset + self.content_length
        known = min(self.content_offset, self.content_length) >= 0
        if self.options.envelope and known and target >= self.file.offset:
            self.file.seek(target)

    def enter_extracted(self) -> None:
        """The content is over."""
        if self.segment is Segment.ENVELOPE:
            self.warn("out-of-order extracted segment marker")
        if self.printing and self.previous == RecordType.CONTINUED:
            self.output.write(b"\n")
        if self.options.envelope:
            self.print_marker(RecordType.EXTRACTED, b"HEADER EXTRACTED")
        self.segment = Segment.ENVELOPE
        self.printing = self.options.envelope
        self.done = not self.printing

    def end(self) -> None:
        """The message is over, though the file may go on with records that pointers lead to."""
        if self.segment is not Segment.ENVELOPE:
            self.warn("out-of-order message end marker")
        if self.options.envelope:
            self.print_marker(RecordType.END, b"MESSAGE FILE END")
        self.done = not (self.options.raw and self.options.verbose)

    def follow(self, record: Record) -> None:
        """Print a pointer, and go where it leads."""
        if self.printing:
            self.print_plain(record)
        if not self.options.raw:
            self.file.jump(record.payload)

    def take_size(self, record: Record) -> None:
        """Learn where the content is; go there if the envelope is not wanted."""
        if self.printing:
            self.print_plain(record)
        if self.content_length >= 0 or self.content_offset >= 0:
            self.warn("file contains multiple size records")
            return
        text = text_of(record.payload)
        numbers = SIZE.findall(text)[0]  # of two: a number that is not there is empty
        self.content_length, self.content_offset = (leading_number(one or b"-1") for one in numbers)
        if self.content_length <= 0 or self.content_offset <= 0:
            self.warn(f"invalid size record: {text[:100].decode('latin-1')}")
        if not self.options.envelope:
            self.file.seek(self.content_offset)
            self.segment = Segment.HEADER
            self.printing = self.options.header

    def print_marker(self, kind: RecordType, text: bytes) -> None:
        """Print the line that stands between two segments."""
        self.output.write(b"%b*** %b %b ***\n" % (self.prefix(kind), text, self.name))

    def print_plain(self, record: Record) -> None:
        """Print a record as name and text."""
        line = b"%b: %b\n" % (self.label(record), text_of(record.payload))
        self.output.write(self.prefix(record.kind) + line)

    def print_record(self, record: Record) -> None:
        """Print a record in the form that its type asks for."""
        self.previous = record.kind
        match record.kind:
            case RecordType.TIME | RecordType.WARN_TIME:
                text = local_time(leading_number(text_of(record.payload)))
                line = b"%b: %b\n" % (self.label(record), text.rstrip().encode())
            case RecordType.TEXT | RecordType.CONTINUED | RecordType.PADDING:
                line = self.text_line(record)
            case RecordType.ATTRIBUTE:
                line = self.attribute_line(record)
            case _:
                self.print_plain(record)
                return
        self.output.write(self.prefix(record.kind) + line)

    def text_line(self, record: Record) -> bytes:
        """Return a line, or a piece that the next record continues on the same line."""
        if record.kind == RecordType.PADDING:
            return b"%b: %b\n" % (self.label(record), record.payload)
        if record.kind == RecordType.TEXT:
            label = b"regular_text: " if self.options.verbose else b""
            return b"%b%b\n" % (label, record.payload)
        label = b""
        if self.segment is Segment.ENVELOPE:
            label = b"content_filter: "
        elif self.options.verbose:
            label = b"unterminated_text: "
        if label or self.options.offsets:
            self.previous = b""
            return b"%b%b\n" % (label, record.payload)
        return record.payload

    def attribute_line(self, record: Record) -> bytes:
        """Return a named attribute; the time of creation is shown as such."""
        text = text_of(record.payload)
        try:
            name, value = split_attribute(text)
        except DamageError as error:
            self.warn(f"malformed attribute: {error}: {text[:100].decode('latin-1')}")
            return b""
        if name == b"create_time":
            return b"%b: %b\n" % (name, local_time(leading_number(value)).rstrip().encode())
        return b"%b: %b=%b\n" % (self.label(record), name, value)

    def label(self, record: Record) -> bytes:
        """Return the name of a record's type."""
        return NAMES.get(record.kind, "unknown_record_type").encode()

    def prefix(self, kind: bytes) -> bytes:
        """Return offset and type as the options want them."""
        offset = b"%9d " % self.offset if self.options.offsets else b""
        return offset + (b"%3d " % kind[0] if self.options.decimal else b"")

    def warn(self, text: str) -> None:
        """Name something that is wrong with the file, and go on."""
        complain(f"warning: {os.fsdecode(self.name)}: {text}")


def complain(text: str) -> None:
    """Tell the operator, on standard error; a file's bytes cannot command his terminal."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    print(f"postroom cat: {shown}", file=sys.stderr)
