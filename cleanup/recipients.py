"""recipients - recipient records and attributes, duplicates dropped

SEE ALSO
    spec/cleanup-behaviour.md, section 2
    spec/queue-file.md, section 4
"""

from cleanup.message import Message, Utf8, is_utf8
from cleanup.rewrite import Rewriter
from common.log import printable
from common.record import RecordType, encode

NOTIFY_NEVER = 1
NOTIFY_VALUES = frozenset({0, NOTIFY_NEVER, 2, 4, 6, 8, 10, 12, 14})


class Recipients:
    """Takes recipients one by one; attributes given before one apply to it alone."""

    # Of the next recipient:
    original: bytes | None = None
    notify_flags: int = 0
    dsn_original: bytes = b""

    def __init__(self, message: Message, rewriter: Rewriter) -> None:
        self.message = message
        self.rewriter = rewriter
        self._known: set[tuple[bytes, ...]] = set()

    def forget(self) -> None:
        """Drop the attributes that wait for their recipient."""
        self.original, self.notify_flags, self.dsn_original = None, 0, b""

    def attribute(self, payload: bytes) -> bool:
        """Store an attribute, or keep it for the next recipient; False if it is malformed."""
        name, value = parse_attribute(payload)
        message = self.message
        if not name:
            return False
        if not value:
            message.warn(f"ignored attribute without value: {printable(name)}")
        elif name == b"notify_flags":
            self.set_notify(value)
        elif name == b"dsn_orig_rcpt":
            self.dsn_original = value
        else:
            if name == b"rewrite_context":
                message.remote = value == b"remote"
            message.attribute_names.add(name)
            if message.known_attributes is not None:
                message.known_attributes[name] = value
            message.write(RecordType.ATTRIBUTE, b"%b=%b" % (name, value))
        limit = message.params.queue_file_attribute_count_limit
        return len(message.attribute_names) <= limit

    def set_notify(self, text: bytes) -> None:
        """Take the notify_flags attribute of the next recipient."""
        value = int(text) if text.isdigit() and len(text) < 4 else -1
        if value in NOTIFY_VALUES:
            self.notify_flags = value
        else:
            self.message.warn(f"ignored notify_flags {text!r}")

    def add(self, raw: bytes) -> None:
        """Write the block of one recipient unless the same one was written before."""
        original = (raw if self.original is None else self.original).partition(b"\0")[0]
        final = self.rewriter.recipient(raw)
        if self.message.known_attributes is not None:
            self.message.last_recipient = final
        kind = self._address_type(final)
        dsn = self.dsn_original or kind + final
        if self._is_new(original, final, dsn):
            self._write(original, final, dsn)
        if self.original is not None or self.notify_flags or self.dsn_original:
            self.forget()

    def add_copy(self, raw: bytes) -> None:
        """Write a recipient that gets a copy, of which nobody is told."""
        final = self.rewriter.recipient(raw)
        self.notify_flags = NOTIFY_NEVER
        is_new = self._is_new(raw, final, b"")
        self.forget()
        if not is_new:
            return
        self.message.write(RecordType.ATTRIBUTE, b"notify_flags=%d" % NOTIFY_NEVER)
        self.message.write(RecordType.ORIGINAL_RECIPIENT, raw)
        self.message.write(RecordType.RECIPIENT, final)
        self.message.recipient_count += 1

    def _address_type(self, final: bytes) -> bytes:
        """Return the type that a delivery report names a recipient by."""
        if final.isascii():
            return b"rfc822;"
        if is_utf8(final):
            self.message.need_utf8()
        return b"utf-8;" if self.message.utf8 & Utf8.REQUESTED else b"rfc822;"

    def _is_new(self, original: bytes, final: bytes, dsn: bytes) -> bool:
        """Tell whether the recipient was not seen; only so many are remembered, or all."""
        params = self.message.params
        key: tuple[bytes, ...] = (final.lower(),)
        if params.enable_original_recipient:
            key = (*key, original.lower(), dsn.lower(), b"%d" % self.notify_flags)
        if key in self._known:
            return False
        limit = params.duplicate_filter_limit
        if not limit or len(self._known) < limit:
            self._known.add(key)
        return True

    def _write(self, original: bytes, final: bytes, dsn: bytes) -> None:
        message = self.message
        if self.notify_flags:
            message.write(RecordType.ATTRIBUTE, b"notify_flags=%d" % self.notify_flags)
            message.notify_flags |= self.notify_flags
        message.write_raw(
            encode(RecordType.ATTRIBUTE, b"dsn_orig_rcpt=" + dsn)
            + encode(RecordType.ORIGINAL_RECIPIENT, original)
            + encode(RecordType.RECIPIENT, final)
        )
        message.recipient_count += 1


def parse_attribute(payload: bytes) -> tuple[bytes, bytes]:
    """Return name and value of "name = value"; no equals sign gives an empty name."""
    name, equals, value = payload.partition(b"=")
    return (name.strip(), value.strip()) if equals else (b"", b"")
