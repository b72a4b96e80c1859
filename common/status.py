"""status - what cleanup found, and what the client hears of it

DESCRIPTION
    cleanup ends each conversation with a bit mask. REPLIES turns the worst
    bit into the one line that QMQP can answer; the order is the order in
    which Postfix's qmqpd looks at the bits.

SEE ALSO
    spec/cleanup-protocol.md, section 5
    spec/qmqp.md, section 4
"""

import enum


class Status(enum.IntFlag):
    """Bits of cleanup's verdict; the values are what travels."""

    OK = 0
    BAD = 1  # the client of cleanup broke the protocol
    WRITE_FAILED = 2
    TOO_LARGE = 4
    CONTENT_REFUSED = 8
    TOO_MANY_HOPS = 16
    NO_RECIPIENTS = 64
    PROXY_FAILED = 128
    DEFERRED = 256
    NOT_PERMITTED = 512


class Verdict(enum.Enum):
    """First byte of a QMQP reply."""

    ACCEPTED = b"K"
    RETRY = b"Z"
    REFUSED = b"D"


# Worst first: one message may earn several bits, and the client hears of one.
# A text of None means: cleanup's own reason.
REPLIES: dict[Status, tuple[Verdict, str | None]] = {
    Status.DEFERRED: (Verdict.RETRY, None),
    Status.BAD: (Verdict.RETRY, "internal error {status}"),
    Status.TOO_LARGE: (Verdict.REFUSED, "message too large"),
    Status.TOO_MANY_HOPS: (Verdict.REFUSED, "too many hops"),
    Status.CONTENT_REFUSED: (Verdict.REFUSED, None),
    Status.WRITE_FAILED: (Verdict.RETRY, "queue file write error"),
    Status.NO_RECIPIENTS: (Verdict.REFUSED, "no recipients specified"),
}
INTERNAL = (Verdict.RETRY, "internal error {status}")


def reply_to(status: int, reason: bytes, *, soft_bounce: bool) -> tuple[Verdict, bytes]:
    """Return verdict and text for a message that was not accepted.

    reason is cleanup's text; one that begins with 4 makes a refusal
    temporary. soft_bounce makes every refusal temporary.
    """
    bit = next((bit for bit in REPLIES if status & bit), None)
    verdict, text = REPLIES[bit] if bit is not None else INTERNAL
    detail = reason if text is None else text.format(status=status).encode()
    if verdict is Verdict.REFUSED and (soft_bounce or (text is None and detail[:1] == b"4")):
        verdict = Verdict.RETRY
    return verdict, b"Error: " + detail
