"""headers - the primary header: what is noted, rewritten, dropped, added

DESCRIPTION
    HeaderBlock takes one logical header at a time, its lines joined by
    newlines, and adds what belongs into the queue file to the message. At the
    end it supplies what is missing. No I/O.

SEE ALSO
    spec/cleanup-behaviour.md, sections 3 and 5
    spec/qmqp.md, section 8
"""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from cleanup import address_list, ordinary
from cleanup.address_rules import PLACES, addresses_change
from cleanup.message import Message, Utf8
from cleanup.missing import missing_headers, names_recipients
from cleanup.plain_header import FLUSH_SIZE, split_plain, tells_of_parts
from cleanup.rewrite import Rewriter
from cleanup.rewriters import Rewriters
from common.config import MainCf, encoded
from common.log import Log, printable
from common.mime import HEADER
from common.params import CleanupParams
from common.status import Status

if TYPE_CHECKING:
    from cleanup.addresses import Addresses
    from cleanup.checks import MilterChecks
    from cleanup.inspection import Inspection

# A header longer than the limit is cut at a line end if that loses less than this part of it.
CUT_LOSS = 0.1
MILTER_HEADER_LIMIT = 60000  # bytes of a header that is shown to Milters


class HeaderRules(NamedTuple):
    """What the configuration says about headers, prepared once a process."""

    params: CleanupParams
    rewriters: Rewriters
    drop: frozenset[bytes]
    undisclosed: bytes
    ordinary: bool  # there are messages that stay as they are
    open_addresses: "Callable[[MainCf, Log], Addresses] | None" = None
    addresses: "Addresses | None" = None  # opened by each process
    inspection: "Inspection | None" = None  # opened by each process
    milter_checks: "MilterChecks | None" = None  # opened by each process

    @classmethod
    def of(cls, params: CleanupParams) -> "HeaderRules":
        """Prepare them."""
        drop = frozenset(encoded(name.lower()) for name in params.message_drop_headers)
        undisclosed = encoded(params.undisclosed_recipients_header)
        rewriters = Rewriters.of(params)
        open_addresses = None
        if addresses_change(params):
            from cleanup import addresses  # and all that looks into tables

            open_addresses = addresses.prepare(params, rewriters.local)
        return cls(
            params=params,
            rewriters=rewriters,
            drop=drop,
            undisclosed=undisclosed,
            ordinary=ordinary.exist(params),
            open_addresses=open_addresses,
        )

    def for_milters(self) -> "HeaderRules":
        """Return the rules for messages that Milters see: each header must fit in a packet."""
        if self.params.header_size_limit <= MILTER_HEADER_LIMIT:
            return self
        params = copy.copy(self.params)
        params.__dict__["header_size_limit"] = MILTER_HEADER_LIMIT
        return self._replace(params=params)

    def header_rewriter(self, message: Message) -> Rewriter | None:
        """Return who completes the addresses in a message's headers, None if nobody does."""
        return self.rewriters.remote if message.remote else self.rewriters.local


class HeaderBlock:
    """The primary header of one message, in progress."""

    hops: int = 0
    types: tuple[bytes, ...] = ()  # every Content-Type
    parted: bool = False  # one of them tells of parts with headers of their own
    message_id_logged: bool = False
    watched: bool = False  # what follows is looked into, though nothing was found here

    def __init__(self, message: Message, rules: HeaderRules) -> None:
        self.message = message
        self.rules = rules
        self.seen: set[bytes] = set()
        self._rewriter = rules.header_rewriter(message)
        self._text = bytearray()  # lines that are not written yet

    def add_plain(self, text: bytes) -> bool:
        """Take many headers at once, whole lines, if none of them needs a change.

        Nothing is done where one might, or is no header: they must be added one by one.
        """
        found = split_plain(self.rules, text)
        if found is None:
            return False
        names, kinds, values = found
        noted = []
        for kind, value in zip(kinds, values, strict=True):
            if kind in NOTED:
                noted.append((kind, value))
            elif kind in PLACES and not self._is_final(kind, value):
                return False
        inspection = self.rules.inspection
        if inspection and inspection.wanted(self.message):
            headers = list(zip(names, values, strict=True))
            if not inspection.passes(self.message, kinds, headers):
                return False
            self.watched = inspection.body
        self.seen.update(kinds)
        for kind, value in noted:
            NOTED[kind](self, kind, value.lstrip(b" \t"))
        self._text += text
        return True

    def add(self, text: bytes) -> None:
        """Take one logical header: its lines joined by newlines."""
        if b"\0" in text:
            text = text.partition(b"\0")[0]
        match = HEADER.match(text)
        if match is None:
            return
        name, end = match[1], match.end()
        if len(name) + 1 < end:  # blanks before the colon
            text = name + b":" + text[end:]
        kind = name.lower()
        self.seen.add(kind)
        action = NOTED.get(kind)
        if action:
            action(self, kind, text[len(name) + 1 :].lstrip(b" \t"))
        completed = self._completed(name, kind, text[len(name) + 1 :]) if kind in PLACES else None
        if kind not in self.rules.drop:
            if not (completed or text).isascii():
                self.message.need_utf8(Utf8.HEADER)
            self._write(completed or cut(text, self.rules.params.header_size_limit))

    def finish(self) -> bytes:
        """Add the headers that every message must have; return the lines not written yet."""
        message = self.message
        if self._rewriter or self.rules.params.always_add_missing_headers:
            self._add_missing()
        if not self.message_id_logged:
            message.note("message-id=<>")
        return bytes(self._text)

    def _note_encoding(self, kind: bytes, value: bytes) -> None:
        self.message.note_encoding(value)

    def _note_type(self, kind: bytes, value: bytes) -> None:
        """Note what may have parts."""
        self.types += (value,)
        if tells_of_parts(value) and not self.rules.params.disable_mime_input_processing:
            self.parted = True

    def _count_hop(self, kind: bytes, value: bytes) -> None:
        """Count a Received header; too many of them mean that the mail runs in circles."""
        self.hops += 1
        if self.hops >= self.rules.params.hopcount_limit:
            self.message.warn("message rejected: hopcount exceeded")
            self.message.refuse(Status.TOO_MANY_HOPS)

    def _log_message_id(self, kind: bytes, value: bytes) -> None:
        self.message.note(f"{kind.decode()}={printable(value)}")
        if kind == b"message-id":
            self.message_id_logged = True

    def _is_final(self, kind: bytes, value: bytes) -> bool:
        """Tell whether a look is enough to see that the addresses stay as they are."""
        if self._rewriter is None:
            return True
        if self.rules.rewriters.complete_list.match(value) is None:
            return False
        return self.rules.addresses is None or self._mapping(kind) is None

    def _mapping(self, kind: bytes) -> address_list.Mapping | None:
        """Return what changes full addresses of such a header."""
        addresses = self.rules.addresses
        return addresses.in_header(self.message, PLACES[kind]) if addresses else None

    def _completed(self, name: bytes, kind: bytes, value: bytes) -> bytes | None:
        """Return the header with full addresses, None if none of them changed."""
        rewriter = self._rewriter
        if rewriter is None or self._is_final(kind, value):
            return None
        mapping = self._mapping(kind)
        addresses = address_list.parse(value, self.rules.params.header_address_token_limit)
        changed = addresses.rewrite(rewriter.complete)
        if mapping and addresses.apply(mapping):
            changed = True
        return addresses.format(name, self.rules.params.header_size_limit) if changed else None

    def _add_missing(self) -> None:
        for name, value in missing_headers(self.message, self.seen):
            self._supply(b"%b: %b" % (name, value))
            if name.endswith(b"Message-Id"):
                self._log_message_id(name.lower(), value)
        if self.rules.undisclosed and not names_recipients(self.seen):
            self._supply(self.rules.undisclosed)

    def _supply(self, text: bytes) -> None:
        self.message.supplied += 1
        self._write(text)

    def put(self, text: bytes) -> None:
        """Add a header as it is."""
        if not text.isascii():
            self.message.need_utf8(Utf8.HEADER)
        self._write(text)

    def _write(self, text: bytes) -> None:
        """Add lines; they are encoded many at a time."""
        self._text += text
        self._text += b"\n"
        if len(self._text) > FLUSH_SIZE:
            self._flush()

    def _flush(self) -> None:
        if self._text:
            self.message.write_lines(bytes(self._text))
            self._text.clear()


def cut(text: bytes, limit: int) -> bytes:
    """Return as much of a header as the limit allows."""
    if len(text) <= limit:
        return text
    line_end = text.rfind(b"\n", 0, limit)
    return text[: line_end if limit - line_end < limit * CUT_LOSS else limit]


# What is done about a header apart from its addresses.
NOTED: dict[bytes, Callable[[HeaderBlock, bytes, bytes], None]] = {
    b"received": HeaderBlock._count_hop,
    b"message-id": HeaderBlock._log_message_id,
    b"resent-message-id": HeaderBlock._log_message_id,
    b"content-transfer-encoding": HeaderBlock._note_encoding,
    b"content-type": HeaderBlock._note_type,
}
