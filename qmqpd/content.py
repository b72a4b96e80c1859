"""content - a message's bytes as text records

DESCRIPTION
    Lines end at LF; a longer one becomes pieces. The opening of a message is
    special: mailbox separator lines become headers, and a first line that
    begins with a blank gets an empty line in front, lest it continue our
    Received header.

SEE ALSO
    spec/qmqp.md, section 7
    spec/cleanup-protocol.md, section 4.1
"""

import functools
import re
from collections.abc import Iterator

from common import record
from common.record import RecordType

HEAD_SIZE = 4096  # bytes at the start that are likely to hold the header
TABLE_LIMIT = 8192  # longest line whose record head is kept ready

MAILBOX_MARK = b"From "
MAILBOX_LINE = re.compile(rb">*" + MAILBOX_MARK)
MAILBOX_HEADER = b"X-Mailbox-Line: "
BLANKS = (b" ", b"\t")


def text_records(pieces: list[bytes], limit: int) -> Iterator[bytes]:
    """Yield the content as encoded records, about a piece at a time.

    Lines over limit bytes are cut into continued pieces of that length; what
    stands behind the last LF becomes one too.
    """
    opening, pieces = opening_records(pieces, limit)
    if opening:
        yield opening
    pieces = head_apart(pieces)
    rest = b""  # of a line whose end has not been seen
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if end:
            yield whole_lines(rest + piece[:end] if rest else piece[:end], limit)
            rest = piece[end:]
            continue
        rest += piece
        if len(rest) > limit:
            keep = (len(rest) - 1) // limit * limit
            yield long_line(rest[:keep], limit)
            rest = rest[keep:]
    if rest:
        yield long_line(rest, limit)


def head_apart(pieces: list[bytes]) -> list[bytes]:
    """Return the pieces with the first one cut: what follows a header is often more regular."""
    if not pieces or len(pieces[0]) <= HEAD_SIZE:
        return pieces
    return [pieces[0][:HEAD_SIZE], pieces[0][HEAD_SIZE:], *pieces[1:]]


def opening_records(pieces: list[bytes], limit: int) -> tuple[bytes, list[bytes]]:
    """Return records for the special lines at the start, and the content behind them."""
    start = pieces[0].lstrip(b">")[: len(MAILBOX_MARK)] if pieces else b""
    # A first piece that holds nothing but ">" may be the beginning of such a line.
    if not pieces or not (MAILBOX_MARK.startswith(start) or start[:1] in BLANKS):
        return b"", pieces
    content = b"".join(pieces)
    out = []
    position = 0
    while MAILBOX_LINE.match(content, position):
        end = content.find(b"\n", position) + 1 or len(content)
        line, newline, _ = content[position:end].partition(b"\n")
        out.append(long_line(MAILBOX_HEADER + line.partition(b"\0")[0] + newline, limit))
        position = end
    if content[position : position + 1] in BLANKS:
        out.append(record.encode(RecordType.TEXT))
    return b"".join(out), [content[position:]]


def whole_lines(block: bytes, limit: int) -> bytes:
    """Return records for lines that all end with LF."""
    length = block.find(b"\n")
    most = min(limit, TABLE_LIMIT)
    count = len(block) // (length + 1)
    ends = block[length :: length + 1]
    if length <= most and ends == b"\n" * count and block.count(b"\n") == count:
        # Lines of one length, as in base64: one pass puts a head where each LF was.
        head = text_heads()[length]
        return head + block[:-1].replace(b"\n", head)
    lines = block.split(b"\n")
    lines.pop()  # what is behind the last LF: nothing
    lengths = list(map(len, lines))
    if max(lengths) > most:
        return b"".join(long_line(line + b"\n", limit) for line in lines)
    out = [b""] * (2 * len(lines))
    out[0::2] = map(text_heads().__getitem__, lengths)
    out[1::2] = lines
    return b"".join(out)


def long_line(line: bytes, limit: int) -> bytes:
    """Return records for one line of any length, with or without LF at its end."""
    text, newline, _ = line.partition(b"\n")
    cuts = range(0, max(len(text) - 1, 0) // limit * limit, limit)
    out = [record.encode(RecordType.CONTINUED, text[cut : cut + limit]) for cut in cuts]
    text = text[len(cuts) * limit :]
    if newline or text:
        out.append(record.encode(RecordType.TEXT if newline else RecordType.CONTINUED, text))
    return b"".join(out)


@functools.cache
def text_heads() -> tuple[bytes, ...]:
    """Return the first bytes of a text record by the length of its text."""
    kind = RecordType.TEXT
    return tuple(kind + record.encode_length(length) for length in range(TABLE_LIMIT + 1))
