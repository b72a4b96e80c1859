"""edits - what Milters change in a message

DESCRIPTION
    Edits applies the changes of one Milter to a draft of its own. finish()
    returns that draft; if a Milter fails before, the former draft is still
    what it was.

SEE ALSO
    common.milter, the packets
    smfi_addheader(3) and its siblings, in libmilter's documentation
"""

import re
from collections.abc import Callable, Iterator

from cleanup import address_list
from cleanup.draft import Draft, Header, first_recipient
from cleanup.headers import HeaderRules
from cleanup.message import Message, Utf8, is_utf8
from cleanup.recipients import spread
from cleanup.trace import Expansion
from common.log import printable
from common.milter import decode_address, decode_number, decode_texts
from common.milter_terms import Change
from common.record import Reader, RecordType, encode
from common.text import Lines

NOTIFY = {b"NEVER": 1, b"SUCCESS": 2, b"FAILURE": 4, b"DELAY": 8}
RET = {b"FULL": 1, b"HDRS": 2}
XTEXT = re.compile(rb"\+([0-9A-F]{2})")
UNFOLDED = re.compile(rb"\n(?![ \t])")  # a line end that would end the header


class Edits:
    """The changes of one Milter."""

    held: bool = False  # the Milter wants the message in quarantine

    def __init__(
        self, draft: Draft, message: Message, rules: HeaderRules, *, leading_space: bool
    ) -> None:
        """Begin; leading_space: the blank in front of a header's value is part of it."""
        self.draft = draft.fork()
        self.rules = rules
        self.rewriter = rules.rewriters.local
        self._unchanged = message
        self.message = message.fork()
        # What checks of headers that the Milter makes have to say is to be told from the rest.
        self.message.content_filter, self.message.redirect, self.message.copies = b"", b"", ()
        self._separator = b": " if not leading_space else b":"
        self._body: Lines | None = None
        self._body_start = 0
        self._rest = b""  # of the body: a CR whose LF may follow
        self._line_is_open = False

    def apply(self, change: Change, data: bytes) -> None:
        """Make a change.

        Raises:
            PeerError: its data cannot be understood.
            QueueError: a body does not fit.
        """
        CHANGES[change](self, data)

    @property
    def refused(self) -> bool:
        """Whether a check has decided about the message, so that no change counts any more."""
        return self.message.is_decided

    def finish(self) -> Draft:
        """Return the message with all changes."""
        if self._body:
            if self._rest or self._line_is_open:
                self._write_body(self._rest + b"\n")
            self.draft.body = self._body_start, self.draft.spool.size
        records = b""
        if self.message.content_filter:
            records += encode(RecordType.FILTER, self.message.content_filter)
        if self.message.redirect:
            records += encode(RecordType.REDIRECT, self.message.redirect)
        place = first_recipient(self.draft.extracted)
        self.draft.extracted = self.draft.extracted[:place] + records + self.draft.extracted[place:]
        self._unchanged.adopt(self.message)
        return self.draft

    # Headers.

    def _add_header(self, data: bytes) -> None:
        if header := self._header(*decode_texts(data, 2)):
            self.draft.headers.append(header)

    def _insert_header(self, data: bytes) -> None:
        index, rest = decode_number(data)
        if header := self._header(*decode_texts(rest, 2)):
            self.draft.headers.insert(index, header)

    def _change_header(self, data: bytes) -> None:
        """Change or delete the header of that name and number; add one if there is none."""
        number, rest = decode_number(data)
        name, value = decode_texts(rest, 2)
        headers = self.draft.headers
        places = [
            place
            for place, header in enumerate(headers)
            if header is not self.draft.own and header.name.lower() == name.lower()
        ]
        place = places[max(number, 1) - 1] if max(number, 1) <= len(places) else None
        if not value:
            if place is not None:
                del headers[place]
        elif header := self._header(name, value):
            if place is None:
                headers.append(header)
            else:
                headers[place] = header

    def _header(self, name: bytes, value: bytes) -> Header | None:
        """Return a header that is to be stored; None if a check is against it."""
        text = name + self._separator + value.replace(b"\r\n", b"\n")
        text = UNFOLDED.sub(b"\n\t", text)
        message = self.message
        if not text.isascii():
            message.need_utf8(Utf8.HEADER)
        checked = (
            self.rules.milter_checks.header(message, text) if self.rules.milter_checks else text
        )
        for copy in message.copies:
            self._store_recipient(copy)
        message.copies = ()
        return None if checked is None else Header(checked)

    # Envelope.

    def _change_sender(self, data: bytes) -> None:
        text, arguments = decode_address(data)
        sender = self.rewriter.sender(self._mailbox(text, "Milter request to add multi-sender"))
        if self.rules.addresses:
            sender = self.rules.addresses.envelope_sender(self.message, sender)
        attributes = []
        for argument in arguments.split():
            name, _, value = argument.partition(b"=")
            if name.upper() == b"RET" and value.upper() in RET:
                attributes.append(b"ret_flags=%d" % RET[value.upper()])
            elif name.upper() == b"ENVID" and value:
                attributes.append(b"envelope_id=" + value)
            else:
                self.message.log.warning(
                    f'Ignoring bad ESMTP parameter "{printable(argument)}" in SMFI_CHGFROM request'
                )
        if is_utf8(sender):
            self.message.need_utf8(Utf8.SENDER)
        records = [encode(RecordType.ATTRIBUTE, one) for one in sorted(attributes)]
        self.draft.envelope = b"".join(
            b"".join((*records, encode(kind, sender))) if kind is RecordType.SENDER else record
            for kind, _, record in records_of(self.draft.envelope)
        )

    def _add_recipient(self, data: bytes) -> None:
        self._store_recipient(*decode_address(data))

    def _store_recipient(self, text: bytes, arguments: bytes = b"") -> None:
        """Add what an address stands for."""
        message, addresses = self.message, self.rules.addresses
        mailbox = self._mailbox(text, "Milter or header/body_checks request to add multi-recipient")
        if not mailbox:
            message.warn("ignoring attempt from Milter to add null recipient")
            return
        notify, original = self._recipient_arguments(arguments)
        final = self.rewriter.recipient(mailbox)
        if addresses:
            final = addresses.envelope_recipient(message, final)
        if is_utf8(final):
            message.need_utf8()
        expanded = [final]
        if addresses:
            whole = Expansion(final, final, original, notify)
            expanded, notify = spread(message, addresses, whole)
        facts = encode(RecordType.ATTRIBUTE, b"notify_flags=%d" % notify) if notify else b""
        if original:
            facts += encode(RecordType.ATTRIBUTE, b"dsn_orig_rcpt=" + original)
        facts += encode(RecordType.ORIGINAL_RECIPIENT, final)
        for one in expanded:
            block = facts + encode(RecordType.RECIPIENT, one)
            if block not in self.draft.added:
                self.draft.added += block
                message.recipient_count += 1

    def _recipient_arguments(self, arguments: bytes) -> tuple[int, bytes]:
        """Return notify flags and original recipient that ESMTP arguments name."""
        notify, original = 0, b""
        for argument in arguments.split():
            name, _, value = argument.partition(b"=")
            flags = [NOTIFY.get(one) for one in value.upper().split(b",")]
            if name.upper() == b"NOTIFY" and None not in flags:
                notify = sum(flag for flag in set(flags) if flag)
            elif name.upper() == b"ORCPT" and b";" in value:
                original = XTEXT.sub(lambda match: bytes.fromhex(match[1].decode()), value)
            else:
                self.message.warn(
                    "ignoring ESMTP argument from Milter or header/body_checks:"
                    f' "{printable(argument)}"'
                )
        return notify, original

    def _delete_recipient(self, data: bytes) -> None:
        """Cancel each recipient that came under this address, whatever it was rewritten to."""
        (text,) = decode_texts(data, 1)
        address = self._mailbox(text, "Milter request to drop multi-recipient")
        draft = self.draft
        draft.envelope = b"".join(canceled(draft.envelope, address))
        draft.added = b"".join(canceled(draft.added, address))
        draft.extracted = b"".join(canceled(draft.extracted, address))

    def _mailbox(self, text: bytes, complaint: str) -> bytes:
        """Return the first address of a text in internal form; there should be no other."""
        limit = self.message.params.header_address_token_limit
        found = [one for one in address_list.parse(text, limit).mailboxes if one.internal]
        if len(found) > 1:
            self.message.warn(f'{complaint}: "{printable(text)}"')
        return (found[0].internal or b"") if found else b""

    # The rest.

    def _replace_body(self, data: bytes) -> None:
        """Take a piece of another body, its lines ended by CR LF or LF."""
        if self._body is None:
            self._body = Lines(self.draft.limit)
            self._body_start = self.draft.spool.size
            self.draft.spool.write(encode(RecordType.TEXT))  # ends the header
        text = self._rest + data
        self._rest = b"\r" if text.endswith(b"\r") else b""
        self._write_body(text.removesuffix(b"\r").replace(b"\r\n", b"\n"))

    def _write_body(self, text: bytes) -> None:
        assert self._body
        if text:
            self._line_is_open = not text.endswith(b"\n")
            self.draft.spool.write(self._body.add(text))

    def _quarantine(self, data: bytes) -> None:
        decode_texts(data, 1)
        self.held = True


CHANGES: dict[Change, Callable[[Edits, bytes], None]] = {
    Change.ADD_HEADER: Edits._add_header,
    Change.INSERT_HEADER: Edits._insert_header,
    Change.CHANGE_HEADER: Edits._change_header,
    Change.ADD_RECIPIENT: Edits._add_recipient,
    Change.ADD_RECIPIENT_ARGUMENTS: Edits._add_recipient,
    Change.DELETE_RECIPIENT: Edits._delete_recipient,
    Change.CHANGE_SENDER: Edits._change_sender,
    Change.REPLACE_BODY: Edits._replace_body,
    Change.QUARANTINE: Edits._quarantine,
}


def records_of(data: bytes) -> Iterator[tuple[RecordType, bytes, bytes]]:
    """Yield type, payload and bytes of each record."""
    reader = Reader(data)
    start = 0
    while (found := reader.next_record()) is not None:
        end = len(data) - reader.buffered()
        yield RecordType(bytes((found[0],))), found[1], data[start:end]
        start = end


def canceled(records: bytes, address: bytes) -> Iterator[bytes]:
    """Yield these records, of which the recipients that came under the address are canceled."""
    original: bytes | None = None
    for kind, payload, record in records_of(records):
        if kind is RecordType.ORIGINAL_RECIPIENT:
            original = payload
        if kind is RecordType.RECIPIENT:
            came = payload if original is None else original
            yield encode(RecordType.CANCELED, payload) if came == address else record
            original = None
        else:
            yield record
