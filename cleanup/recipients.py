"""recipients - recipient records and attributes, duplicates dropped

SEE ALSO
    spec/cleanup-behaviour.md, section 2
    spec/queue-file.md, section 4
"""

import re
from typing import TYPE_CHECKING

from cleanup.message import Message, Utf8, is_utf8
from cleanup.rewrite import Rewriter
from cleanup.trace import Expansion
from common.config import decoded, encoded
from common.handover import CLIENT_ATTRIBUTES
from common.log import printable
from common.record import RecordType, encode
from common.status import Status

if TYPE_CHECKING:
    from cleanup.addresses import Addresses

PLAIN_VALUE = re.compile(rb"[!-~](?:[ -~]*[!-~])?\Z")  # of an attribute
SHOWN = 200  # bytes of a malformed attribute in the log
NOTIFY_NEVER = 1
NOTIFY_SUCCESS = 2
NOTIFY_VALUES = frozenset({0, NOTIFY_NEVER, 2, 4, 6, 8, 10, 12, 14})


class Recipients:
    """Takes recipients one by one; attributes given before one apply to it alone."""

    # Of the next recipient:
    original: bytes | None = None
    notify_flags: int = 0
    dsn_original: bytes = b""

    def __init__(
        self, message: Message, rewriter: Rewriter, addresses: "Addresses | None" = None
    ) -> None:
        self.message = message
        self.rewriter = rewriter
        self.addresses = addresses
        self._known: set[bytes] = set()

    def forget(self) -> None:
        """Drop the attributes that wait for their recipient."""
        self.original, self.notify_flags, self.dsn_original = None, 0, b""

    def attribute(self, payload: bytes) -> None:
        """Store an attribute, or keep it for the next recipient; refuse what is none."""
        name, _, value = payload.partition(b"=")
        if name in CLIENT_ATTRIBUTES and PLAIN_VALUE.match(value):
            self._store(name, value)  # most are of this kind
        else:
            self._odd_attribute(payload)
        message = self.message
        if len(message.attribute_names) > message.params.queue_file_attribute_count_limit:
            message.warn("message rejected: too many attributes")
            message.refuse(Status.BAD)

    def _odd_attribute(self, payload: bytes) -> None:
        name, value = parse_attribute(payload)
        message = self.message
        if not (name and is_proper(name, value)):
            message.warn(f"message rejected: malformed attribute: {printable(payload[:SHOWN])}")
            message.refuse(Status.BAD)
        elif not value:
            message.warn(f"ignored attribute without value: {printable(name)}")
        elif name == b"notify_flags":
            self.set_notify(value)
        elif name == b"dsn_orig_rcpt":
            self.dsn_original = value
        else:
            if name == b"rewrite_context":
                self._set_context(value)
            elif name == b"encoding":
                message.encoding = value  # that counts unless a header says otherwise
            self._store(name, value)

    def _store(self, name: bytes, value: bytes) -> None:
        """Write an attribute of the message."""
        message = self.message
        message.attribute_names.add(name)
        if message.known_attributes is not None:
            message.known_attributes[name] = value
        message.write(RecordType.ATTRIBUTE, b"%b=%b" % (name, value))

    def _set_context(self, value: bytes) -> None:
        """Take the context that addresses in headers are completed in."""
        self.message.remote = value == b"remote"
        if value not in (b"local", b"remote"):
            self.message.warn(f"message rejected: bad rewriting context: {printable(value)}")
            self.message.refuse(Status.BAD)

    def set_notify(self, text: bytes) -> None:
        """Take the notify_flags attribute of the next recipient."""
        value = int(text) if text.isdigit() and len(text) < 4 else -1
        if value in NOTIFY_VALUES:
            self.notify_flags = value
            self.message.notify_flags |= value
        else:
            self.message.warn(f"ignored notify_flags {text!r}")

    def add(self, raw: bytes) -> None:
        """Write the block of one recipient unless the same one was written before."""
        original = (raw if self.original is None else self.original).partition(b"\0")[0]
        final = self.rewriter.recipient(raw)
        if self.addresses:
            final = self.addresses.envelope_recipient(self.message, final)
        self.message.last_recipient = final
        if self.message.milters:
            self.message.milters.recipient(final)
        kind = self._address_type(final)
        dsn = self.dsn_original or (kind + final if final else b"")
        if self.addresses:
            self._add_expanded(original, final, dsn)
        elif self._is_new(original, final, dsn):
            self._write(original, final, dsn)
        if self.original is not None or self.notify_flags or self.dsn_original:
            self.forget()
        if self.addresses and (copy := self.addresses.recipient_copy(self.message, final)):
            self.add_copy(copy)

    def add_copy(self, raw: bytes) -> None:
        """Write a recipient that gets a copy, of which nobody is told."""
        original = final = self.rewriter.recipient(raw)
        if self.addresses:
            final = self.addresses.envelope_recipient(self.message, final)
        self.forget()
        self.notify_flags = NOTIFY_NEVER
        if self.addresses:
            self._add_expanded(original, final, b"")
        elif self._is_new(original, final, b""):
            self._write(original, final, b"")
        self.forget()

    def _add_expanded(self, original: bytes, final: bytes, dsn: bytes) -> None:
        """Write the blocks of all recipients that one stands for."""
        assert self.addresses
        whole = Expansion(original, final, dsn, self.notify_flags)
        expanded, self.notify_flags = spread(self.message, self.addresses, whole)
        for one in expanded:
            if self._is_new(original, one, dsn):
                self._write(original, one, dsn)

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
        key = final
        if params.enable_original_recipient:
            key = b"%b\0%b\0%b\0%d" % (final, original, dsn, self.notify_flags)
        key = key.lower() if key.isascii() else encoded(decoded(key).casefold())
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
        message.write_raw(
            (encode(RecordType.ATTRIBUTE, b"dsn_orig_rcpt=" + dsn) if dsn else b"")
            + encode(RecordType.ORIGINAL_RECIPIENT, original)
            + encode(RecordType.RECIPIENT, final)
        )
        message.recipient_count += 1


def spread(message: Message, addresses: "Addresses", whole: Expansion) -> tuple[list[bytes], int]:
    """Return the recipients that one stands for, and the notify flags that each of them has."""
    expanded, notify = addresses.expanded(message, whole.recipient), whole.notify_flags
    if expanded != [whole.recipient] and notify & NOTIFY_SUCCESS:
        message.expansions += (whole,)
        notify = (notify & ~NOTIFY_SUCCESS) or NOTIFY_NEVER
    return expanded, notify


def parse_attribute(payload: bytes) -> tuple[bytes, bytes]:
    """Return name and value of "name = value"; no equals sign gives an empty name."""
    name, equals, value = payload.partition(b"=")
    return (name.strip(), value.strip()) if equals else (b"", b"")


def is_proper(name: bytes, value: bytes) -> bool:
    """Tell whether this may be an attribute."""
    if len(name.split()) != 1 or not is_one_text(name + value):
        return False
    if name == b"ret_flags":
        return not value or is_dsn_return(value)
    return name != b"envelope_id" or is_envelope_id(value)


def is_one_text(field: bytes) -> bool:
    """Tell whether a field is free of what would end it, or its line, where it is shown."""
    return b"\0" not in field and b"\n" not in field


def is_dsn_return(value: bytes) -> bool:
    """Tell whether this says how much of a message a notice shall hold."""
    return value.isdigit() and value.lstrip(b"0") in (b"1", b"2")


def is_envelope_id(value: bytes) -> bool:
    """Tell whether a sender may know the message by this."""
    return value.isascii() and value.decode("ascii").isprintable()
