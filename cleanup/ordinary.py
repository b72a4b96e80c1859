"""ordinary - messages about which nothing need be done but to store them

DESCRIPTION
    Most messages have complete addresses and a header that lacks nothing, in
    which nothing is to be changed. Their envelope and header are made here at
    one go: what the stages of the record stream would write, in a fifth of
    the steps. Whatever is the least bit odd is left to them.

SEE ALSO
    cleanup.native, whose way this shortens
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from cleanup.address_rules import PLACES
from cleanup.message import Message
from cleanup.missing import lacks_nothing, names_recipients
from cleanup.plain_header import split_plain, tells_of_parts
from cleanup.rewrite import Rewriter
from common.handover import CLIENT_ATTRIBUTES, Handover
from common.log import printable
from common.params import CleanupParams
from common.record import ONE_BYTE_MOST

if TYPE_CHECKING:
    from cleanup.headers import HeaderRules

NOTED = {b"message-id", b"content-transfer-encoding"}  # headers that are more than stored
LOOKED_AT = {*PLACES, *NOTED, b"content-type"}
DSN = b"dsn_orig_rcpt=rfc822;"
ADDRESS_LIMIT = ONE_BYTE_MOST - len(DSN)  # bytes: the length of each record takes one then
ARRIVAL_LIMIT = 10**12 * 1_000_000  # microseconds; more are beyond all calendars
GROWTH_LIMIT = 2  # times that records are larger than their lines


def exist(params: CleanupParams) -> bool:
    """Tell whether the configuration leaves any message as it is."""
    return bool(
        params.native_rewrite
        and not params.always_bcc
        and not params.delay_warning_time
        and params.queue_file_attribute_count_limit > len(CLIENT_ATTRIBUTES)
    )


def take(
    rules: "HeaderRules", message: Message, handover: Handover, text: bytes
) -> tuple[bytes, bytes] | None:
    """Return the records of the envelope, and the lines of the text behind our trace header.

    None: this is no ordinary message, and nothing has happened to it.
    """
    if not rules.ordinary or rules.addresses or rules.inspection or message.milters:
        return None
    header_size = text.find(b"\n\n") + 1
    trace = handover.received(message.queue_id)
    noted = look(rules, trace + text[:header_size])
    if noted is None or (addresses := complete(rules.rewriters.local, handover)) is None:
        return None
    envelope = encode_envelope(handover, addresses, message.now)
    lines = trace + text
    if message.would_exceed(len(envelope) + GROWTH_LIMIT * len(lines)):
        return None
    message.arrival = handover.arrival // 1_000_000
    message.sender = addresses.sender
    message.last_recipient = handover.recipients[-1]
    message.recipient_count = len(handover.recipients)
    message.data_offset = message.length + len(envelope)
    for kind, value in noted:
        if kind == b"message-id":
            message.note(f"message-id={printable(value)}")
        else:
            message.note_encoding(value)
    return envelope, lines


def look(rules: "HeaderRules", header: bytes) -> list[tuple[bytes, bytes]] | None:
    """Return what is to be noted of a header, None unless all else can stay as it is."""
    found = split_plain(rules, header)
    if found is None or b"\r" in header:
        return None
    headers, kinds = found
    if not lacks_nothing(kinds) or (rules.undisclosed and not names_recipients(kinds)):
        return None
    noted = []
    is_complete_list = rules.rewriters.complete_list.match
    for place, kind in enumerate(kinds):
        if kind not in LOOKED_AT:
            continue
        value = headers[place][1]
        if kind in PLACES:
            if not is_complete_list(value):
                return None
        elif kind in NOTED:
            noted.append((kind, value.lstrip(b" \t")))
        elif tells_of_parts(value.lstrip(b" \t")):
            return None
    return noted


class Addresses(NamedTuple):
    """The addresses of an envelope, and the records that they are."""

    sender: bytes
    sender_record: bytes
    recipient_records: bytes


def complete(rewriter: Rewriter, handover: Handover) -> Addresses | None:
    """Return the addresses if they can stay as they are, and nothing else follows from them."""
    sender, recipients = handover.sender, handover.recipients
    if handover.content_filter or handover.delimiters or handover.arrival >= ARRIVAL_LIMIT:
        return None
    if not recipients or (len(recipients) > 1 and has_twins(recipients)):
        return None
    return encode_addresses(rewriter, sender, recipients)


def encode_addresses(
    rewriter: Rewriter, raw_sender: bytes, recipients: Collection[bytes]
) -> Addresses | None:
    """Return the records of addresses, None unless all of them are complete and short."""
    sender = rewriter.sender(raw_sender)
    if len(sender) > ONE_BYTE_MOST or not sender.isascii():
        return None
    for recipient in recipients:
        if len(recipient) > ADDRESS_LIMIT or not recipient.isascii():
            return None
        if rewriter.recipient(recipient) != recipient:
            return None
    records = [
        b"A%c%b%bO%c%bR%c%b" % (len(DSN) + len(one), DSN, one, len(one), one, len(one), one)
        for one in recipients
    ]
    return Addresses(sender, b"S%c%b" % (len(sender), sender), b"".join(records))


def has_twins(recipients: Collection[bytes]) -> bool:
    """Tell whether somebody is named twice."""
    return len({recipient.lower() for recipient in recipients}) < len(recipients)


def encode_envelope(handover: Handover, addresses: Addresses, created: int) -> bytes:
    """Return the records in front of the content."""
    time, create_time = handover.time(), b"create_time=%d" % created
    return b"T%c%bA%c%b%b%b%bM\0" % (
        *(len(time), time, len(create_time), create_time),
        *(addresses.sender_record, handover.attributes(), addresses.recipient_records),
    )
