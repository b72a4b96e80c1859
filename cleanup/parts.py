"""parts - the stage of a content that is looked into: checks, parts, odd bytes

DESCRIPTION
    PartsStage takes the place of the stages of header and body where the
    configuration asks for more than those do, and follows the header of a
    message with parts: those have headers too. What need not be looked at
    passes many lines at a time.

SEE ALSO
    cleanup.inspection, for what is looked for
    spec/cleanup-behaviour.md, sections 3, 4 and 6
"""

import re

from cleanup import action
from cleanup.content import (
    CONTINUED,
    EXTRACTED,
    TEXT,
    HeaderStage,
    extracted_stage,
    refuse_record,
    without_strays,
)
from cleanup.headers import HeaderBlock, HeaderRules, cut
from cleanup.inspection import NOTHING
from cleanup.message import Message, Utf8
from cleanup.recipients import Recipients
from cleanup.stage import Stage, discard_from
from common.log import printable
from common.mime import Fault, Piece, Segment, Splitter
from common.record import Reader, RecordType
from common.status import Status

DISALLOWED = "5.7.1 disallowed character"
FAULT_DSN = "5.6.0"
ENCODING = re.compile(rb"content-transfer-encoding:(.*)", re.IGNORECASE | re.DOTALL)


class PartsStage:
    """Takes text records up to the end of the content."""

    def __init__(self, message: Message, rules: HeaderRules, recipients: Recipients) -> None:
        inspection = rules.inspection or NOTHING
        self.message = message
        self.rules = rules
        self.recipients = recipients
        self._inspection = inspection
        self._checks = inspection.checks
        # Clients that want no checks want no strictness either.
        strict = inspection.strict if message.checked else ()
        self._splitter = Splitter(rules.params, parts=inspection.parts, strict=strict)
        self._block: HeaderBlock | None = HeaderBlock(message, rules)  # None: it has ended
        self._unfinished = False  # the last record was a piece of a line
        self._offset = 0  # in a part's body, of the next line
        self._opened = self._closed = 0  # boundaries
        self._reported = 0  # faults

    @classmethod
    def behind(cls, block: HeaderBlock, recipients: Recipients) -> "PartsStage":
        """Return the stage of what follows a header that is written."""
        stage = cls(block.message, block.rules, recipients)
        stage._block = None
        for value in block.types:
            list(stage._splitter.receive_line(b"Content-Type: " + value))
        list(stage._splitter.finish())
        return stage

    def advance(self, records: Reader) -> Stage | None:
        """Take what is there; return the stage that follows, None when bytes are missing."""
        while True:
            if self._may_pass():
                self._pass_run(records)
            found = records.next_record()
            if found is None:
                return None
            kind, text = found
            if kind == EXTRACTED:
                return self._end(kind)
            if kind not in (TEXT, CONTINUED):
                refuse_record(self.message, kind)
            else:
                self.take(kind, text)
            if self.message.status or self.message.discard:
                return discard_from(kind)

    def take(self, kind: int, text: bytes) -> None:
        """Act on one record of text."""
        text = without_strays(self.message, text)
        refused = self._inspection.refused
        if refused and self.message.checked and refused.search(text):
            self._refuse_character(text)
            return
        if self._inspection.stripped:
            text = text.translate(None, self._inspection.stripped)
        for piece in self._splitter.receive_line(text, begins=not self._unfinished):
            self._store(piece, kind)
            if self.message.status or self.message.discard:
                return
        self._report_faults()
        self._unfinished = kind == CONTINUED

    def _store(self, piece: Piece, kind: int) -> None:
        self._report_faults()
        if piece.segment is Segment.BODY:
            if self._block:
                self._end_header()
                if self.message.status:
                    return
            # The size limit of a part holds from behind the line that begins it, and from the
            # line on that ends the last one.
            if self._splitter.closed != self._closed:
                self._closed, self._offset = self._splitter.closed, 0
            self._store_line(piece.text, kind if piece.text else TEXT)
            if self._splitter.opened != self._opened:
                self._opened, self._offset = self._splitter.opened, 0
        else:
            self._store_header(piece.segment, piece.text)

    def _store_header(self, segment: Segment, text: bytes) -> None:
        message = self.message
        self._offset = 0
        text = text.partition(b"\0")[0]
        before: bytes | None = None
        if message.checked and self._checks:
            outcome = self._checks.header(message, segment, text)
            if outcome.text is None:
                return
            text, before = outcome.text, outcome.before
        if segment is Segment.PRIMARY:
            assert self._block
            if before is not None:
                self._block.put(before)
            self._block.add(text)
        else:
            if found := ENCODING.match(text):
                message.note_encoding(found[1])
            if before is not None:
                self._put(before, len(before))
            self._put(text, self.rules.params.header_size_limit)

    def _put(self, header: bytes, limit: int) -> None:
        """Write a header of a part."""
        if not header.isascii():
            self.message.need_utf8(Utf8.HEADER)
        self.message.write_lines(cut(header, limit) + b"\n")

    def _store_line(self, text: bytes, kind: int) -> None:
        message = self.message
        before: bytes | None = None
        if self._checks and message.checked and self._is_in_reach():
            self._offset += len(text) + 1
            outcome = self._checks.line(message, text)
            if outcome.text is None:
                return
            text, before = outcome.text, outcome.before
        if before is not None:
            message.write_text(RecordType.TEXT, before)
        message.write_text(RecordType.TEXT if kind == TEXT else RecordType.CONTINUED, text)

    def _is_in_reach(self) -> bool:
        """Tell whether the next line of the body is one for body checks."""
        checks = self._checks
        if not (checks and checks.body):
            return False
        return not checks.body_limit or self._offset < checks.body_limit

    def _end_header(self) -> None:
        assert self._block
        block, self._block = self._block, None
        if not block.hops:
            self.message.warn("message rejected: no Received: header")
            self.message.refuse(Status.BAD)
        if not self.message.status:
            self.message.write_lines(block.finish())

    def _end(self, kind: int) -> Stage:
        """End the content."""
        message = self.message
        line_is_open = self._unfinished and self._splitter.in_body  # a header's is closed already
        for piece in self._splitter.finish():
            self._store(piece, TEXT)
        if self._block and not (message.status or message.discard):
            self._end_header()
        for fault in Fault:
            if fault in self._splitter.faults:
                message.refuse(Status.CONTENT_REFUSED, f"{FAULT_DSN} {fault.value}".encode())
        if message.status or message.discard:
            return discard_from(kind)
        if line_is_open:
            message.write(RecordType.TEXT)
        return extracted_stage(message, self.recipients)

    # What passes without a look.

    def _may_pass(self) -> bool:
        """Tell whether lines of the body matter only if they are boundaries."""
        return (
            self._block is None
            and self._splitter.in_body
            and not (self._inspection.stripped or self._inspection.refused)
            and not self._splitter.minds(Fault.BODY)
            and not (self.message.checked and self._is_in_reach())
        )

    def passable(self, rest: bytes, text: bytes) -> int:
        """Return how much of a text may be written as it is, in bytes: up to a line's end, or all.

        rest: what is here of its first line already.
        """
        if not self._may_pass():
            return 0
        if b"-" not in text and b"-" not in rest:
            return len(text)
        whole = rest + text
        places = [place for mark in self._splitter.marks if (place := whole.find(mark)) >= 0]
        if not places:
            return len(text)
        return max(0, whole.rfind(b"\n", 0, min(places)) + 1 - len(rest))

    @property
    def may_pass_soon(self) -> bool:
        """Whether what follows the headers of a part may pass."""
        return not (
            self._inspection.stripped
            or self._inspection.refused
            or self._splitter.minds(Fault.BODY)
            or (self.message.checked and self._checks and self._checks.body)
        )

    def pass_text(self, records: bytes, *, ends_line: bool) -> None:
        """Write lines that pass, as records."""
        self.message.write_raw(records)
        if records:
            self._unfinished = not ends_line

    def _pass_run(self, records: Reader) -> None:
        """Store records that are here up to one that might be a boundary."""
        limit = self.rules.params.line_length_limit
        run, clean = records.take_text(limit)
        if not run:
            return
        marks = self._splitter.marks
        if (clean or not self.rules.params.cleanup_replace_stray_cr_lf) and not any(
            mark in run for mark in marks
        ):
            self.message.write_raw(run)
            self._unfinished = records.run_is_unfinished
            return
        texts = Reader(run)
        while (found := texts.next_record()) is not None and not self.message.status:
            self.take(*found)

    # What is wrong.

    def _report_faults(self) -> None:
        """Log what was found; the client hears of it at the end."""
        known = self._splitter.faults
        if len(known) == self._reported:
            return
        for fault in list(known)[self._reported :]:
            text = printable(known[fault][: action.SHOWN])
            origin = action.sent_by(self.message, protocol=False)
            self.message.note(f"reject: mime-error {fault.value}: {text} from {origin}")
        self._reported = len(known)

    def _refuse_character(self, text: bytes) -> None:
        origin = action.Origin("content", "", text.partition(b"\0")[0])
        action.report(self.message, origin, "reject", DISALLOWED)
        self.message.refuse(Status.CONTENT_REFUSED, DISALLOWED.encode())


def content_stage(
    message: Message, rules: HeaderRules, recipients: Recipients
) -> "HeaderStage | PartsStage":
    """Return the stage of a content."""
    if rules.inspection and rules.inspection.wanted(message):
        return PartsStage(message, rules, recipients)
    return HeaderStage(message, rules, recipients, PartsStage.behind)
