"""content - the stages of header and body

DESCRIPTION
    HeaderStage joins text records into logical headers and hands each to
    cleanup.headers. The first text that is neither a header nor goes on with
    one ends the header; BodyStage stores the rest as it comes, whole runs of
    records at a time.

SEE ALSO
    spec/cleanup-behaviour.md, section 3
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from cleanup.extracted import ExtractedStage
from cleanup.headers import HeaderBlock, HeaderRules
from cleanup.message import Message
from cleanup.recipients import Recipients
from cleanup.stage import Stage, discard_from
from common import record
from common.mime import HEADER
from common.record import Reader, RecordType
from common.status import Status

TEXT, CONTINUED, EXTRACTED = b"NLX"
EXTRACTED_RECORD = record.encode(RecordType.EXTRACTED)
EMPTY_LINE = record.encode(RecordType.TEXT)
BLANKED = bytes.maketrans(b"\r\n", b"  ")


class TextStage(Stage, Protocol):
    """A stage that can be given a record that was read before it began."""

    def take(self, kind: int, text: bytes) -> None:
        """Act on one record of text."""


@dataclass(slots=True, eq=False, repr=False)
class HeaderStage:
    """Takes text records up to the end of the primary header.

    parts_behind: makes the stage of what follows where that has headers, too.
    """

    message: Message
    rules: HeaderRules
    recipients: Recipients
    parts_behind: Callable[[HeaderBlock, Recipients], TextStage]
    block: HeaderBlock = field(init=False)
    _header: bytearray = field(default_factory=bytearray)  # lines so far, joined by newlines
    _unfinished: bool = False  # the last record was a piece of a line
    _begun: bool = False

    def __post_init__(self) -> None:
        self.block = HeaderBlock(self.message, self.rules)

    def advance(self, records: Reader) -> Stage | None:
        """Take what is there; return the stage that follows, None when bytes are missing."""
        if not self._begun:
            self._begun = True
            self._take_at_once(records)
        while (found := records.next_record()) is not None:
            kind, text = found
            follower = self._take(kind, text)
            if self.message.status:
                return discard_from(kind)
            if follower:
                return follower
        return None

    def _take_at_once(self, records: Reader) -> None:
        """Take all headers if they are here, and nothing need be done about them."""
        found = records.before(EMPTY_LINE)
        lines, headers = [], Reader(found)
        while (one := headers.next_record()) is not None and one[0] == TEXT:
            lines.append(one[1])
        text = b"\n".join([*lines, b""])
        if one or headers.buffered() or b"\r" in text or text.count(b"\n") != len(lines):
            return
        if lines and self.block.add_plain(text):
            records.skip(len(found))

    def _take(self, kind: int, text: bytes) -> Stage | None:
        """Act on one record; return the next stage when the header has ended."""
        if kind == EXTRACTED:
            self._end_header()
            return extracted_stage(self.message, self.recipients)
        if kind not in (TEXT, CONTINUED):
            refuse_record(self.message, kind)
            return None
        text = without_strays(self.message, text)
        if self._unfinished:
            self._collect(text)
        elif text[:1] in (b" ", b"\t") and self._header:
            self._collect(b"\n" + text)
        else:
            self._flush()
            if not HEADER.match(text):
                return self._body(kind, text)
            self._header += text
        self._unfinished = kind == CONTINUED
        return None

    def _collect(self, text: bytes) -> None:
        if len(self._header) < self.rules.params.header_size_limit:
            self._header += text

    def _flush(self) -> None:
        if self._header:
            self.block.add(bytes(self._header))
            self._header.clear()

    def _end_header(self) -> None:
        self._flush()
        if not self.block.hops:
            self.message.warn("message rejected: no Received: header")
            self.message.refuse(Status.BAD)
        if not self.message.status:
            self.message.write_lines(self.block.finish())

    def _body(self, kind: int, text: bytes) -> Stage | None:
        """End the header with an empty line, whether the client sent one or not."""
        self._end_header()
        if self.message.status:
            return None
        if self.block.parted:
            parts = self.parts_behind(self.block, self.recipients)
            parts.take(kind, text)
            return parts
        body = BodyStage(self.message, self.recipients)
        if text or kind == CONTINUED:
            self.message.write(RecordType.TEXT)
        body.take_text(kind, text)
        return body


@dataclass(slots=True, eq=False, repr=False)
class BodyStage:
    """Takes text records up to the end of the content."""

    message: Message
    recipients: Recipients
    _unfinished: bool = False

    def advance(self, records: Reader) -> Stage | None:
        """Take what is there; return the stage that follows, None when bytes are missing."""
        limit = self.message.params.line_length_limit
        while True:
            run, clean = records.take_text(limit)
            if run:
                self._take_run(run, clean=clean)
                self._unfinished = records.run_is_unfinished
            if self.message.status:
                return discard_from(0)
            found = records.next_record()
            if found is None:
                return None
            kind, text = found
            if kind == EXTRACTED:
                if self._unfinished:
                    self.message.write(RecordType.TEXT)
                return extracted_stage(self.message, self.recipients)
            if kind not in (TEXT, CONTINUED):
                refuse_record(self.message, kind)
                return discard_from(kind)
            self.take_text(kind, without_strays(self.message, text))

    def take_text(self, kind: int, text: bytes) -> None:
        """Store one piece of text."""
        record_type = RecordType.TEXT if kind == TEXT else RecordType.CONTINUED
        self.message.write_text(record_type, text)
        self._unfinished = kind == CONTINUED

    def _take_run(self, run: bytes, *, clean: bool) -> None:
        """Store many records at once; only where a line end hides in one, look at each."""
        if clean or not self.message.params.cleanup_replace_stray_cr_lf:
            self.message.write_raw(run)
            return
        texts = Reader(run)
        while (found := texts.next_record()) is not None:
            self.take_text(found[0], without_strays(self.message, found[1]))


def without_strays(message: Message, text: bytes) -> bytes:
    """Return text with each CR and LF made a blank: they would be line ends at delivery."""
    return text.translate(BLANKED) if message.params.cleanup_replace_stray_cr_lf else text


def refuse_record(message: Message, kind: int) -> None:
    """Note a record that has no place in the content."""
    message.warn(f"unexpected record type {chr(kind)!r} in the content")
    message.refuse(Status.BAD)


def extracted_stage(message: Message, recipients: Recipients) -> ExtractedStage:
    """End the content and begin the part behind it."""
    end_content(message)
    return ExtractedStage(message, recipients)


def end_content(message: Message) -> None:
    """End the content, and write what was found out about it."""
    message.content_length = message.length - message.data_offset
    message.write_raw(EXTRACTED_RECORD)
    if message.content_filter:
        message.write(RecordType.FILTER, message.content_filter)
    if message.redirect:
        message.write(RecordType.REDIRECT, message.redirect)
    if message.encoding:
        message.write_raw(record.encode(RecordType.ATTRIBUTE, b"encoding=" + message.encoding))
