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

PIECE_SIZE = 32 * 1024  # converted at a time: it stays in the processor's cache
TABLE_LIMIT = 8192  # longest line whose record head is kept ready

MAILBOX_LINE = re.compile(rb">*From ")
MAILBOX_HEADER = b"X-Mailbox-Line: "
BLANKS = (b" ", b"\t")


def text_records(content: bytes, limit: int) -> Iterator[bytes]:
    """Yield the content as encoded records, some at a time.

    Lines over limit bytes are cut into continued pieces of that length; what
    stands behind the last LF becomes one too.
    """
    opening, position = opening_records(content, limit)
    if opening:
        yield opening
    while position < len(content):
        end = content.rfind(b"\n", position, position + PIECE_SIZE) + 1
        if end:
            yield whole_lines(content[position:end], limit)
        else:
            line_end = content.find(b"\n", position)
            end = line_end + 1 if line_end >= 0 else len(content)
            yield long_line(content[position:end], limit)
        position = end


def opening_records(content: bytes, limit: int) -> tuple[bytes, int]:
    """Return records for the special lines at the start, and the place behind them."""
    out = []
    position = 0
    while MAILBOX_LINE.match(content, position):
        end = content.find(b"\n", position) + 1 or len(content)
        line, newline, _ = content[position:end].partition(b"\n")
        out.append(long_line(MAILBOX_HEADER + line.partition(b"\0")[0] + newline, limit))
        position = end
    if content[position : position + 1] in BLANKS:
        out.append(record.encode(RecordType.TEXT))
    return b"".join(out), position


def whole_lines(piece: bytes, limit: int) -> bytes:
    """Return records for lines that all end with LF."""
    lines = piece.split(b"\n")
    lines.pop()  # what is behind the last LF: nothing
    lengths = list(map(len, lines))
    if max(lengths) > min(limit, TABLE_LIMIT):
        return b"".join(long_line(line + b"\n", limit) for line in lines)
    out = [b""] * (2 * len(lines))
    out[0::2] = map(text_heads().__getitem__, lengths)
    out[1::2] = lines
    return b"".join(out)


def long_line(line: bytes, limit: int) -> bytes:
    """Return records for one line of any length, with or without LF at its end."""
    text, newline, _ = line.partition(b"\n")
    out = []
    while len(text) > limit:
        out.append(record.encode(RecordType.CONTINUED, text[:limit]))
        text = text[limit:]
    if newline or text:
        out.append(record.encode(RecordType.TEXT if newline else RecordType.CONTINUED, text))
    return b"".join(out)


@functools.cache
def text_heads() -> tuple[bytes, ...]:
    """Return the first bytes of a text record by the length of its text."""
    kind = RecordType.TEXT.value
    return tuple(kind + record.encode_length(length) for length in range(TABLE_LIMIT + 1))
