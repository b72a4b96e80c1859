"""frame - a whole message between our own daemons: facts, raw content, one answer

DESCRIPTION
    Where qmqpd and cleanup are both ours, a message travels as one frame on a
    socket of its own: a head of fixed size, the facts of common.handover, and
    the content as qmqpd would cut it into records. cleanup makes all records
    itself and answers once, with status, queue id and reason.

    encode() and decode() make and take everything in front of the content.

SEE ALSO
    docs/frame.md
    common.cleanup_link, cleanup.native
"""

import struct
from itertools import accumulate, pairwise

from common.client import Client
from common.errors import PeerError
from common.handover import Handover

MAGIC = b"PoR2"  # the digit is the version
# Magic, options, arrival, family, port, port logging; the sizes of name, address, by, content
# filter, delimiters and sender; the count of recipients and their bytes; the size of the content.
HEAD = struct.Struct("!4sIQHHH8IQ")
SIZE = struct.Struct("!I")  # of a recipient
VERDICT = struct.Struct("!4sIHHI")  # magic, status, credit, sizes of queue id and reason
REASON_LIMIT = 100_000  # bytes; more cannot be a reply to a client


def encode(handover: Handover, content_size: int) -> bytes:
    """Return the frame up to where the content begins."""
    options, arrival, client, port_logging, by, content_filter, sender, delimiters, recipients = (
        handover
    )
    family, address, port, name = client
    shown_name, shown_address = name.encode(), address.encode()
    sizes = b"".join(map(SIZE.pack, map(len, recipients)))
    together = b"".join(recipients)
    head = HEAD.pack(
        MAGIC,
        options,
        arrival,
        family,
        port,
        port_logging,
        len(shown_name),
        len(shown_address),
        len(by),
        len(content_filter),
        len(delimiters),
        len(sender),
        len(recipients),
        len(together),
        content_size,
    )
    return b"%b%b%b%b%b%b%b%b%b" % (
        head,
        shown_name,
        shown_address,
        by,
        content_filter,
        delimiters,
        sender,
        sizes,
        together,
    )


def facts_size(buffer: bytes | bytearray) -> int:
    """Return how many bytes stand in front of the content, or up to where more can be told."""
    if len(buffer) < HEAD.size:
        return HEAD.size if len(buffer) >= len(MAGIC) else len(buffer) + 1
    return sizes_of(buffer, 0)[0]


def size(buffer: bytes, start: int) -> int | None:
    """Return how many bytes the frame takes that begins there, None until its head is here."""
    return sum(sizes_of(buffer, start)) if len(buffer) - start >= HEAD.size else None


def sizes_of(buffer: bytes | bytearray, start: int) -> tuple[int, int]:
    """Return how many bytes stand in front of a frame's content, and how many it has."""
    *_, a, b, c, d, e, f, count, total, content = HEAD.unpack_from(buffer, start)
    return HEAD.size + a + b + c + d + e + f + 4 * count + total, content


def decode(buffer: bytes, limit: int) -> tuple[Handover, int, int] | None:
    """Return the facts, the bytes they took, and the size of the content; None: more is needed.

    Raises:
        PeerError: this is no frame of our version, its numbers contradict
            each other, or the facts take more than limit bytes.
    """
    if buffer[: len(MAGIC)] != MAGIC[: len(buffer)]:
        raise PeerError(f"unexpected frame {buffer[: len(MAGIC)]!r}")
    if len(buffer) < HEAD.size:
        return None
    _, options, arrival, family, port, port_logging, a, b, c, d, e, f, count, total, content = (
        HEAD.unpack_from(buffer)
    )
    address = HEAD.size + a
    by = address + b
    content_filter = by + c
    delimiters = content_filter + d
    sender = delimiters + e
    sizes = sender + f
    recipients = sizes + 4 * count
    end = recipients + total
    if end > limit:
        raise PeerError(f"oversized frame of {end} bytes")
    if len(buffer) < end:
        return None
    name = buffer[HEAD.size : address].decode("utf-8", "surrogateescape")
    shown_address = buffer[address:by].decode("utf-8", "surrogateescape")
    received_by = buffer[by:content_filter]
    if not (name.isprintable() and shown_address.isprintable()) or b"\n" in received_by:
        raise PeerError("frame with control characters")
    handover = Handover(
        options,
        arrival,
        Client(family, shown_address, port, name),
        bool(port_logging),
        received_by,
        buffer[content_filter:delimiters],
        buffer[sender:sizes],
        buffer[delimiters:sender],
        split(buffer, sizes, count, total),
    )
    return handover, end, content


def split(buffer: bytes, place: int, count: int, total: int) -> list[bytes]:
    """Return pieces that take total bytes; their sizes, so many, stand at that place before them.

    Raises:
        PeerError: they do not.
    """
    start = place + SIZE.size * count
    if count == 1 and SIZE.unpack_from(buffer, place) == (total,):
        return [buffer[start : start + total]]
    sizes = struct.unpack_from(f"!{count}I", buffer, place)
    if sum(sizes) != total:
        raise PeerError("frame whose recipients do not fit")
    places = accumulate(sizes, initial=start)
    return [buffer[one:next_one] for one, next_one in pairwise(places)]


def encode_verdict(status: int, queue_id: str, reason: bytes, credit: int) -> bytes:
    """Return the answer to a frame; credit: how many more may be on their way from now on."""
    name = queue_id.encode()
    return VERDICT.pack(MAGIC, status, credit, len(name), len(reason)) + name + reason


def decode_verdict(buffer: bytes) -> tuple[tuple[int, str, bytes, int], int] | None:
    """Return status, queue id, reason and credit, and their size; None when more is needed.

    Raises:
        PeerError: it is no answer of our version, or endless.
    """
    if len(buffer) < VERDICT.size:
        return None
    magic, status, credit, name_size, reason_size = VERDICT.unpack_from(buffer)
    if magic != MAGIC or reason_size > REASON_LIMIT:
        raise PeerError("unexpected answer to a frame")
    end = VERDICT.size + name_size + reason_size
    if len(buffer) < end:
        return None
    name_end = VERDICT.size + name_size
    name = buffer[VERDICT.size : name_end].decode("latin-1")
    return (status, name, buffer[name_end:end], credit), end
