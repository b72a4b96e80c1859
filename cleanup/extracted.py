"""extracted - the stage behind the content: late recipients, and the end

SEE ALSO
    spec/cleanup-protocol.md, section 4.2
"""

from dataclasses import dataclass

from cleanup.message import BCC_OK, Message
from cleanup.recipients import Recipients, is_one_text
from cleanup.stage import END, Finished, Stage, discard_from
from common.record import Reader, RecordType
from common.status import Status

COPIED = (
    *(RecordType.FILTER, RecordType.INSPECTOR, RecordType.REDIRECT, RecordType.FULL_NAME),
    RecordType.KILLED,
)


@dataclass(slots=True, eq=False, repr=False)
class ExtractedStage:
    """Takes records up to the end of the message."""

    message: Message
    recipients: Recipients

    def advance(self, records: Reader) -> Stage | None:
        """Take what is there; return the stage that follows, None when bytes are missing."""
        while (found := records.next_record()) is not None:
            kind, payload = found
            if kind == END:
                return self.finish()
            if not self._take(bytes((kind,)), payload):
                self.message.warn(f"unexpected record type {chr(kind)!r} behind the content")
                self.message.refuse(Status.BAD)
            if self.message.status:
                return discard_from(kind)
        return None

    def _take(self, letter: bytes, payload: bytes) -> bool:
        """Act on one record; False if it has no place here."""
        message = self.message
        match letter:
            case b"R":
                self.recipients.add(payload)
            case b"O":
                self.recipients.original = payload
            case b"D" | b"/":
                self.recipients.forget()
            case b"A":
                self.recipients.attribute(payload)
            case b"f":
                return message.add_flags(payload)
            case b"P" | b"r" | b"e" | b"o" | b"n":
                pass  # history, or written by cleanup itself
            case _ if letter in COPIED and is_one_text(payload):
                message.write(RecordType(letter), payload)
            case _:
                return False
        return True

    def finish(self) -> Stage:
        """End the message."""
        message = self.message
        always = self.recipients.rewriter.always_bcc
        if always and message.options & BCC_OK and message.last_recipient is not None:
            self.recipients.add_copy(always)
        for address in message.copies:
            self.recipients.add_copy(address)
        message.write(RecordType.END)
        if message.last_recipient is None:
            message.refuse(Status.NO_RECIPIENTS)
        return Finished()
