"""native - the dialogue of one message that comes as a frame from our own qmqpd

DESCRIPTION
    The facts become the same envelope records, and the text the same lines,
    that the record stream would have brought; the queue file does not show
    which way a message came.

    An ordinary header, one that has ended within the first piece of the
    content, is cut by a few searches. Whatever is not ordinary goes through
    the stages of the record stream.

SEE ALSO
    common.frame
    cleanup.session, the dialogue over the record stream
"""

import functools
import sys
from typing import ClassVar

from cleanup import ordinary
from cleanup.content import EXTRACTED_RECORD, BodyStage, end_content, extracted_stage
from cleanup.envelope import EnvelopeStage
from cleanup.headers import HeaderBlock, HeaderRules
from cleanup.message import Journal, Message
from cleanup.parts import PartsStage, content_stage
from cleanup.recipients import Recipients
from cleanup.stage import Stage
from common import frame, record
from common.errors import PeerError
from common.handover import Handover
from common.record import Reader, RecordType
from common.text import Lines

# Bytes of facts that are taken: memory, in message size limits. qmqpd takes as many.
FACTS_LIMIT = 5
FACTS_LEAST = 1024 * 1024

END = record.encode(RecordType.END)
CLOSING = EXTRACTED_RECORD + END


class NativeSession:
    """One message, from its frame to the verdict."""

    may_bring_milters: ClassVar[bool] = False
    rest: bytes = b""  # what has come of the next frame
    credit: int = 0  # how many frames the client may have on their way, as it will be told
    finished: bool = False
    _facts: bytearray | None = None  # of a frame that is not whole up to its content
    _facts_wanted: int = 0  # bytes that must be here before they are looked at again
    _missing: int | None = None  # bytes of content
    _stage: Stage | None = None  # takes the content, if it is not ordinary
    _records: Reader  # for it
    _recipients: Recipients | None = None  # if any follow behind the content

    def __init__(self, rules: HeaderRules, log: Journal, queue_id: str, now: int) -> None:
        self.message = Message(rules.params, log, queue_id, now)
        self._rules = rules
        self._lines = Lines(rules.params.line_length_limit)

    def greeting(self) -> bytes:
        """Return what the client is told first: nothing."""
        return b""

    def receive_data(self, data: bytes) -> bytes:
        """Take bytes from the client, return bytes for the queue file.

        Raises:
            PeerError: this is no frame.
        """
        if self._missing is None:
            self._receive_facts(data)
        else:
            data, self.rest = data[: self._missing], data[self._missing :]
            self._missing -= len(data)
            if not self.message.status:
                self._take_text(data)
        if self._missing == 0:
            self._finish()
        return self.message.take_output()

    def fail(self, bit: int) -> None:
        """Refuse the message for a reason outside the dialogue, as a full disk."""
        self.message.refuse(bit)

    def verdict(self) -> bytes:
        """Return what the client is told."""
        message = self.message
        status = message.verdict()
        return frame.encode_verdict(status, message.queue_id, message.reason, self.credit)

    def _receive_facts(self, data: bytes) -> None:
        """Collect what stands in front of the content, and begin the content behind it."""
        if self._facts is not None:
            self._facts += data
            if len(self._facts) < self._facts_wanted:
                return
            data, self._facts = bytes(self._facts), None
        found = frame.decode(data, facts_limit(self._rules.params.message_size_limit))
        if found is None:
            self._facts, self._facts_wanted = bytearray(data), frame.facts_size(data)
            return
        handover, size, content_size = found
        text, self.rest = data[size : size + content_size], data[size + content_size :]
        self._missing = content_size - len(text)
        self.message.ask(handover.options)
        if self.message.status:
            return
        opening = ordinary.take(self._rules, self.message, handover, self._cleaned(text))
        if opening:
            envelope, lines = opening
            self.message.write_raw(envelope + self._lines.add(lines))
            return
        recipients = self._recipients = self._take_facts(handover)
        if not self.message.status:
            self._take_opening(handover, recipients, text)

    def _take_facts(self, handover: Handover) -> Recipients:
        """Write the envelope, up to the first error."""
        message = self.message
        envelope = EnvelopeStage(message, self._rules)
        if not envelope.time(handover.time()):
            raise PeerError(f"unexpected time {handover.arrival} in a frame")
        if handover.content_filter:
            message.write(RecordType.FILTER, handover.content_filter)
        envelope.sender(handover.sender)
        if handover.delimiters:
            envelope.verp(handover.delimiters)
        envelope.client(handover.attributes())
        for recipient in handover.recipients:
            if message.status:
                return envelope.recipients
            envelope.recipient(recipient)
        envelope.content()
        return envelope.recipients

    def _take_opening(self, handover: Handover, recipients: Recipients, text: bytes) -> None:
        """Write the header and what is here of the body."""
        trace = handover.received(self.message.queue_id)
        end = 0 if text.startswith(b"\n") else text.find(b"\n\n") + 1
        header = self._cleaned(trace + text[:end])
        block = HeaderBlock(self.message, self._rules)
        is_whole = end or text.startswith(b"\n")
        if not (is_whole and block.add_plain(header)):
            self._begin_stage(handover, recipients, text)
            return
        if block.parted or block.watched:
            self._write_text(block.finish())
            self._records = Reader()
            self._stage = PartsStage.behind(block, recipients)
            self._take_text(text[end:])
            return
        self._write_text(block.finish() + self._cleaned(text[end:]))

    def _begin_stage(self, handover: Handover, recipients: Recipients, text: bytes) -> None:
        """Let the stages of the record stream take header and body."""
        self._records = Reader()
        self._stage = content_stage(self.message, self._rules, recipients)
        self._feed(handover.trace(self.message.queue_id))
        self._take_text(text)

    def _take_text(self, text: bytes) -> None:
        """Write text that follows the header, or leave it to the stage."""
        text = self._cleaned(text)
        if self._stage is None:
            self._write_text(text)
        elif isinstance(self._stage, PartsStage):
            self._take_parts(self._stage, text)
        else:
            self._feed(self._lines.add(text))

    def _take_parts(self, stage: PartsStage, text: bytes) -> None:
        """Leave the headers of parts to the stage, and write most of what stands between them."""
        while text and not self.message.status:
            size = stage.passable(self._lines.rest, text)
            if size:
                part, text = text[:size], text[size:]
                stage.pass_text(self._lines.add(part), ends_line=b"\n" in part)
            else:
                end = text.find(b"\n\n") + 2  # of some headers
                size = end if end > 1 and stage.may_pass_soon else len(text)
                part, text = text[:size], text[size:]
                self._feed(self._lines.add(part))

    def _write_text(self, text: bytes) -> None:
        self.message.write_raw(self._lines.add(text))

    def _feed(self, records: bytes) -> None:
        """Let the stages of the record stream take records."""
        assert self._stage
        self._records.receive_data(records)
        while (follower := self._stage.advance(self._records)) is not None:
            self._stage = follower

    def _finish(self) -> None:
        """Write what ends the message, all of its content being here."""
        self.finished = True
        message = self.message
        if message.status:
            return
        rest = self._lines.end()
        if not (rest or self._stage or self._recipients):  # ordinary, its last line included
            end_content(message)
            message.write_raw(END)
            return
        recipients = self._recipients or Recipients(message, self._rules.rewriters.local)
        if rest and not self._stage:  # a last line without end is not ordinary
            self._records = Reader()
            self._stage = BodyStage(message, recipients)
        if self._stage:
            self._feed(rest + CLOSING)
        else:
            extracted_stage(message, recipients).finish()

    def _cleaned(self, text: bytes) -> bytes:
        """Return text with each CR made a blank; no LF is inside a line here."""
        replace = b"\r" in text and self._rules.params.cleanup_replace_stray_cr_lf
        return text.replace(b"\r", b" ") if replace else text


@functools.lru_cache(1)
def facts_limit(message_limit: int) -> int:
    """Return how many bytes of facts are taken, of messages up to that size; 0: of any."""
    return max(FACTS_LIMIT * message_limit, FACTS_LEAST) if message_limit else sys.maxsize
