"""envelope - the stage of sender, recipients and attributes, up to the content marker

SEE ALSO
    spec/cleanup-protocol.md, section 4.2
    spec/queue-file.md, section 4
"""

from cleanup.headers import HeaderRules
from cleanup.message import Message, Utf8, is_utf8
from cleanup.parts import content_stage
from cleanup.recipients import Recipients, is_dsn_return, is_envelope_id, is_one_text
from cleanup.stage import Stage, discard_from
from common import attribute
from common.handover import CLIENT_ATTRIBUTES
from common.record import Reader, RecordType, encode
from common.status import Status

WARN_TIME_FORMAT = b"%15d"

# Records that are stored as they come; the rest has a handler of its own.
COPIED = (
    *(RecordType.FILTER, RecordType.INSPECTOR, RecordType.REDIRECT),
    *(RecordType.DSN_RET, RecordType.DSN_ENVID, RecordType.KILLED),
)
AFTER_SENDER = frozenset(b"RODn/oKM")  # these make no sense before we know who sends, and when
ATTRIBUTE = RecordType.ATTRIBUTE[0]
MILTER_COUNT = RecordType.MILTER_COUNT[0]
CONTENT_RECORD = encode(RecordType.CONTENT)
TIME_DIGITS = 12  # of the seconds; more are beyond all calendars


class EnvelopeStage:
    """Takes records until the content begins."""

    def __init__(self, message: Message, rules: HeaderRules) -> None:
        self.message = message
        self.rules = rules
        self.recipients = Recipients(message, rules.rewriters.local, rules.addresses)
        self._written: set[RecordType] = set()  # of those that count once
        if rules.inspection:
            message.known_attributes = {}

    def advance(self, records: Reader) -> Stage | None:
        """Take what is there; return the stage that follows, None when bytes are missing."""
        while (found := records.next_record()) is not None:
            kind, payload = found
            taken = self._take(kind, payload)
            if kind == MILTER_COUNT:
                taken = self.milters(payload, records)
            if not taken:
                self.message.warn(f"unexpected record type {chr(kind)!r} in the envelope")
                self.message.refuse(Status.BAD)
            if self.message.status:
                return discard_from(kind)
            if kind == RecordType.CONTENT[0]:
                return content_stage(self.message, self.rules, self.recipients)
        return None

    def _take(self, kind: int, payload: bytes) -> bool:
        """Act on one record; False if it has no place here."""
        message = self.message
        if kind == ATTRIBUTE:
            self.recipients.attribute(payload)
            return True
        letter = bytes((kind,))
        if kind in AFTER_SENDER and (message.sender is None or message.arrival is None):
            return False
        match letter:
            case b"R":
                self.recipient(payload)
            case b"T":
                return self.time(payload)
            case b"S":
                return self.sender(payload)
            case b"O":
                self.recipients.original = payload
            case b"D" | b"/":
                self.recipients.forget()
            case b"V":
                self.verp(payload)
            case b"f":
                return message.add_flags(payload)
            case b"M":
                self.content()
            case b"W":
                self._first_wins(RecordType.WARN_TIME, payload)
            case b"F":
                message.full_name = message.full_name or payload
                self._first_wins(RecordType.FULL_NAME, payload)
            case b"C" | b"c" | b"o" | b"n":
                pass  # cleanup writes its own
            case b"<" if not is_dsn_return(payload):
                return False
            case b"i" if not is_envelope_id(payload):
                return False
            case _ if letter in COPIED and is_one_text(payload):
                message.write(RecordType(letter), payload)
            case _:
                return False
        return True

    def time(self, payload: bytes) -> bool:
        """Take the time of arrival: seconds and microseconds."""
        message = self.message
        seconds = payload.split(b" ")[0]
        if not seconds.isdigit() or len(seconds) > TIME_DIGITS:
            return False
        records = encode(RecordType.ATTRIBUTE, b"create_time=%d" % message.now)
        if message.arrival is None:
            message.arrival = int(seconds)
            records = encode(RecordType.TIME, payload) + records
        message.attribute_names.add(b"create_time")
        message.write_raw(records)
        return True

    def sender(self, payload: bytes) -> bool:
        """Take the sender; there is one."""
        message = self.message
        if message.sender is not None:
            return False
        addresses = self.rules.addresses
        message.sender = self.rules.rewriters.local.sender(payload)
        if addresses:
            message.sender = addresses.envelope_sender(message, message.sender)
        if is_utf8(message.sender):
            message.need_utf8(Utf8.SENDER)
        message.write(RecordType.SENDER, message.sender)
        if addresses and (copy := addresses.sender_copy(message)):
            self.recipients.add_copy(copy)
        return True

    def milters(self, payload: bytes, records: Reader) -> bool:
        """Take the Milters that a client hands over; False if it cannot, or not now."""
        desk, count = self.message.desk, attribute.number(payload)
        if desk is None or not desk.expect():
            return False
        self.rules = self.rules.for_milters()
        if count:
            desk.take_over(count, records.take_rest())
        return True

    def client(self, records: bytes) -> None:
        """Take the attributes of a client that common.handover has made."""
        message = self.message
        names = message.attribute_names | CLIENT_ATTRIBUTES
        if len(names) > message.params.queue_file_attribute_count_limit:
            self.advance(Reader(records))  # finds the one that is too many
            return
        message.write_raw(records)
        if message.known_attributes is not None:
            message.client_records = records

    def recipient(self, payload: bytes) -> None:
        """Take a recipient, with the attributes that were given before it."""
        if self.message.params.delay_warning_time:
            self._warn_time()
        self.recipients.add(payload)

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

    def verp(self, payload: bytes) -> None:
        """Take the two delimiters that a sender of its own for each recipient is made with."""
        message = self.message
        allowed = message.params.verp_delimiter_filter.encode()
        if message.sender and len(payload) == 2 and set(payload) <= set(allowed):
            message.write(RecordType.VERP, payload)

    def content(self) -> None:
        """Mark where the content begins."""
        message = self.message
        message.write_raw(CONTENT_RECORD)
        message.data_offset = message.length
        if message.milters:
            message.milters.envelope()
