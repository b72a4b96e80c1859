"""envelope - the stage of sender, recipients and attributes, up to the content marker

SEE ALSO
    spec/cleanup-protocol.md, section 4.2
    spec/queue-file.md, section 4
"""

from dataclasses import dataclass, field

from cleanup.content import HeaderStage
from cleanup.headers import HeaderRules
from cleanup.message import Message, Utf8, is_utf8
from cleanup.recipients import Recipients
from cleanup.rewrite import sanitize
from cleanup.stage import Stage, discard_from
from common.record import Reader, RecordType
from common.status import Status

WARN_TIME_FORMAT = b"%15d"

# Records that are stored as they come; the rest has a handler of its own.
COPIED = (
    *(RecordType.FILTER, RecordType.INSPECTOR, RecordType.REDIRECT),
    *(RecordType.DSN_RET, RecordType.DSN_ENVID, RecordType.KILLED),
)
AFTER_SENDER = frozenset(b"RODn/oKM")  # these make no sense before we know who sends, and when
TIME_DIGITS = 12  # of the seconds; more are beyond all calendars


@dataclass(slots=True)
class EnvelopeStage:
    """Takes records until the content begins."""

    message: Message
    rules: HeaderRules
    recipients: Recipients = field(init=False)
    _written: set[RecordType] = field(default_factory=set)  # of those that count once

    def __post_init__(self) -> None:
        self.recipients = Recipients(self.message, self.rules.rewriter)
        self.message.write_raw(self.message.size_record())

    def advance(self, records: Reader) -> Stage | None:
        """Take what is there; return the stage that follows, None when bytes are missing."""
        while (found := records.next_record()) is not None:
            kind, payload = found
            if not self._take(kind, payload):
                self.message.warn(f"unexpected record type {chr(kind)!r} in the envelope")
                self.message.refuse(Status.BAD)
            if self.message.status:
                return discard_from(kind)
            if kind == RecordType.CONTENT[0]:
                return HeaderStage(self.message, self.rules, self.recipients)
        return None

    def _take(self, kind: int, payload: bytes) -> bool:
        """Act on one record; False if it has no place here."""
        message = self.message
        letter = bytes((kind,))
        if kind in AFTER_SENDER and (message.sender is None or message.arrival is None):
            return False
        match letter:
            case b"A":
                return self.recipients.attribute(payload)
            case b"R":
                self._warn_time()
                self.recipients.add(payload)
            case b"T":
                return self._time(payload)
            case b"S":
                return self._sender(payload)
            case b"O":
                self.recipients.original = payload
            case b"D" | b"/":
                self.recipients.forget()
            case b"V":
                self._verp(payload)
            case b"f":
                return message.add_flags(payload)
            case b"M":
                return self._content()
            case b"W" | b"F":
                self._first_wins(RecordType(letter), payload)
            case b"C" | b"c" | b"o" | b"n":
                pass  # cleanup writes its own
            case _ if letter in COPIED:
                message.write(RecordType(letter), payload)
            case _:
                return False
        return True

    def _time(self, payload: bytes) -> bool:
        message = self.message
        seconds = payload.split(b" ")[0]
        if not seconds.isdigit() or len(seconds) > TIME_DIGITS:
            return False
        if message.arrival is None:
            message.arrival = int(seconds)
            message.write(RecordType.TIME, payload)
        message.attribute_names.add(b"create_time")
        message.write(RecordType.ATTRIBUTE, b"create_time=%d" % message.now)
        return True

    def _sender(self, payload: bytes) -> bool:
        message = self.message
        if message.sender is not None:
            return False
        message.sender = self.rules.rewriter.sender(sanitize(payload))
        if is_utf8(message.sender):
            message.need_utf8(Utf8.SENDER)
        message.write(RecordType.SENDER, message.sender)
        return True

    def _warn_time(self) -> None:
        message = self.message
        delay = int(message.params.delay_warning_time)
        if delay and message.sender:
            due = (message.arrival or message.now) + delay
            self._first_wins(RecordType.WARN_TIME, WARN_TIME_FORMAT % due)

    def _first_wins(self, kind: RecordType, payload: bytes) -> None:
        """Store a record unless there is one of its kind."""
        if kind not in self._written:
            self._written.add(kind)
            self.message.write(kind, payload)

    def _verp(self, payload: bytes) -> None:
        message = self.message
        allowed = message.params.verp_delimiter_filter.encode()
        if message.sender and len(payload) == 2 and set(payload) <= set(allowed):
            message.write(RecordType.VERP, payload)

    def _content(self) -> bool:
        message = self.message
        message.write(RecordType.CONTENT)
        message.data_offset = message.length
        return True
