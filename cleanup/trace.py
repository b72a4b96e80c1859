"""trace - telling the sender that a recipient was taken for several

DESCRIPTION
    Who asks for a report of success hears of a recipient that stands for
    several that it was expanded. The trace service keeps that until the queue
    manager is done with the message.

SEE ALSO
    RFC 3461, section 5.2.7.3
    spec/qmgr-delivery-protocols.md, section 3
"""

from typing import NamedTuple

from cleanup.service import Conversation
from common import attribute

PROTOCOL = b"delivery_status_protocol"
APPEND = b"0"
CLEAN = b"1"  # the log is removed again if the request fails


class Expansion(NamedTuple):
    """A recipient that was taken for several."""

    original: bytes
    recipient: bytes
    dsn_original: bytes
    notify_flags: int

    def request(self, queue_id: str) -> bytes:
        """Return what the trace service is asked."""
        pairs = {
            b"nrequest": APPEND,
            b"flags": CLEAN,
            b"queue_id": queue_id.encode(),
            b"original_recipient": self.original,
            b"recipient": self.recipient,
            b"offset": b"0",  # nobody knows where it is in the queue file: nowhere
            b"dsn_orig_rcpt": self.dsn_original,
            b"notify_flags": b"%d" % self.notify_flags,
            b"status": b"2.0.0",
            **dict.fromkeys((b"diag_type", b"diag_text", b"mta_type", b"mta_mname"), b""),
            b"action": b"expanded",
            b"reason": b"alias expanded",
        }
        return attribute.encode(pairs.items())


def append(path: str, request: bytes, timeout: float) -> None:
    """Give the trace service at path a request.

    Raises:
        PeerError: it does not do what it is asked, or not within so many seconds.
        OSError: it cannot be reached.
    """
    with Conversation(path, PROTOCOL, timeout) as service:
        service.command(request)
