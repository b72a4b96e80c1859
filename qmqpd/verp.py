"""verp - senders that ask for one return address per recipient

DESCRIPTION
    "PREFIX d @ HOST -@[]" asks for VERP: the sender is PREFIX@HOST, and d and
    "=" are the delimiters of the return addresses that the queue manager makes.

SEE ALSO
    spec/qmqp.md, section 5
    https://cr.yp.to/proto/verp.txt
"""

SUFFIX = b"-@[]"
SECOND_DELIMITER = b"="


def split_verp(sender: bytes) -> tuple[bytes, bytes]:
    """Return the sender and its two delimiters; no delimiters if it does not ask for VERP."""
    if not sender.endswith(SUFFIX):
        return sender, b""
    head = sender.removesuffix(SUFFIX)
    at = head.find(b"@")
    if at < 2 or at == len(head) - 1:
        return sender, b""
    return head[: at - 1] + head[at:], head[at - 1 : at] + SECOND_DELIMITER


def delimiters_trouble(delimiters: bytes, allowed: str) -> bytes:
    """Return the refusal of delimiters that are not among the allowed characters, else nothing."""
    if set(delimiters) <= set(allowed.encode()):
        return b""
    return b'Error: Invalid VERP delimiters: "%b". Need two characters from "%b"' % (
        delimiters,
        allowed.encode(),
    )
