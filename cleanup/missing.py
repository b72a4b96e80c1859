"""missing - the headers that every message must have

SEE ALSO
    spec/cleanup-behaviour.md, section 5
    spec/qmqp.md, section 8
"""

from collections.abc import Collection, Iterator

from cleanup.full_name import with_name
from cleanup.message import Message
from common import address
from common.config import encoded
from common.date import format_date, format_stamp
from common.queue_id import is_long

NAMES_RECIPIENTS = {b"to", b"cc", b"resent-to", b"resent-cc"}
NEEDED = {b"message-id", b"date", b"from"}
RESENT = b"resent-"


def lacks_nothing(seen: Collection[bytes]) -> bool:
    """Tell whether a look is enough to see that a message has all that missing_headers() adds."""
    return NEEDED.issubset(seen) and RESENT not in b" ".join(seen)


def missing_headers(message: Message, seen: Collection[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and value of what a message lacks; seen: the headers that it has, lower case."""
    if lacks_nothing(seen):
        return
    resent = any(name.startswith(RESENT) for name in seen)
    prefix, lower = (b"Resent-", b"resent-") if resent else (b"", b"")
    arrival = message.arrival or message.now
    if lower + b"message-id" not in seen:
        yield prefix + b"Message-Id", message_id(message, arrival)
    if lower + b"date" not in seen:
        yield prefix + b"Date", format_date(arrival).encode()
    if lower + b"from" not in seen:
        yield prefix + b"From", originator(message)


def names_recipients(seen: Collection[bytes]) -> bool:
    """Tell whether a header names any recipient."""
    return not NAMES_RECIPIENTS.isdisjoint(seen)


def message_id(message: Message, arrival: int) -> bytes:
    """Return a name that no other message has."""
    unique = message.queue_id
    if not is_long(unique):
        unique = f"{format_stamp(arrival)}.{unique}"
    return b"<%b@%b>" % (unique.encode(), encoded(message.params.myhostname))


def originator(message: Message) -> bytes:
    """Return the value of a From header."""
    if not message.sender:
        return b"MAILER-DAEMON"
    form = message.params.header_from_format
    return with_name(address.quote(message.sender), message.full_name, form)
