"""text - lines of a message as records

DESCRIPTION
    Lines end at LF. A longer one than the limit becomes pieces, and so does
    what stands behind the last LF. The usual line is short, and lines come by
    the million: they are turned into records many at a time.

SEE ALSO
    spec/cleanup-protocol.md, section 4.1
    spec/queue-file.md, section 2
"""

import functools
from collections.abc import Iterable, Iterator

from common import fast, record
from common.record import RecordType

RUN_LEAST = 4096  # bytes of text in which it pays to look for lines of one length
TABLE_LIMIT = 8192  # longest line whose record head is kept ready
# Bytes of very short lines that are turned into records at a time. Each line is an object for that
# while: those of 32 KiB are memory that the allocator gives back to the system after each block,
# to have it mapped anew, page by page, for the next.
SHORT_BLOCK = 16 * 1024


def text_records(pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Yield the text as encoded records, about a piece at a time.

    limit: bytes of a line; longer ones are cut into continued pieces of that length.
    """
    lines = Lines(limit)
    for piece in pieces:
        if records := lines.add(piece):
            yield records
    if records := lines.end():
        yield records


class Lines:
    """Text that comes in pieces, turned into records."""

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""  # of a line whose end has not been seen

    @property
    def rest(self) -> bytes:
        """What is here of a line whose end has not been seen, or of its last piece."""
        return self._rest

    def add(self, piece: bytes) -> bytes:
        """Return records for all lines that have ended, and for the bulk of a very long one."""
        end = piece.rfind(b"\n") + 1
        if end:
            rest, self._rest = self._rest, piece[end:]
            return led_lines(b"".join((b"\n", rest, memoryview(piece)[: end - 1])), self._limit)
        self._rest += piece
        if len(self._rest) <= self._limit:
            return b""
        keep = (len(self._rest) - 1) // self._limit * self._limit
        records = long_line(self._rest[:keep], self._limit)
        self._rest = self._rest[keep:]
        return records

    def end(self) -> bytes:
        """Return records for what stands behind the last LF."""
        rest, self._rest = self._rest, b""
        return long_line(rest, self._limit) if rest else b""


def whole_lines(block: bytes, limit: int) -> bytes:
    """Return records for lines that all end with LF."""
    return led_lines(b"\n" + block[:-1], limit) if block else b""


def led_lines(block: bytes, limit: int) -> bytes:
    """Return records for lines that all have an LF in front, which their heads take the place of.

    So none of the text need be moved once more for it.
    """
    if len(block) >= RUN_LEAST:
        start, end, length = equal_lines(block)
        if end - start > len(block) // 2 and length <= min(limit, TABLE_LIMIT):
            head = TEXT_HEADS[length]
            records = block[start:end].replace(b"\n", head)
            if len(records) * (length + 1) == (end - start) * (length + len(head)):
                before, behind = block[:start], block[end:]  # there were no other LFs
                return b"".join((mixed_lines(before, limit), records, mixed_lines(behind, limit)))
    return mixed_lines(block, limit)


def equal_lines(block: bytes) -> tuple[int, int, int]:
    """Return start and end of lines that seem to have one length, as in base64, and the length.

    They are those around the middle; only what stands where their LFs should be was looked at.
    """
    middle = block.find(b"\n", len(block) // 2)
    length = block.find(b"\n", middle + 1) - middle - 1
    if middle < 0 or length < 0:
        return 0, 0, 0
    step = length + 1
    start = middle - (leading_newlines(block[middle::-step]) - 1) * step
    end = middle + leading_newlines(block[middle::step]) * step
    # What the last of these LFs leads may have another length, unless it is here to its end.
    return start, end if end == len(block) else end - step, length


def leading_newlines(text: bytes) -> int:
    """Return how many LFs the text begins with."""
    return len(text) - len(text.lstrip(b"\n"))


def mixed_lines(block: bytes, limit: int) -> bytes:
    """Return records for lines of any lengths that all have an LF in front."""
    if not block:
        return b""
    if fast.numpy and (records := fast.short_lines(block, limit)):
        return records
    if len(block) > SHORT_BLOCK and fast.are_short(block):
        return b"".join([mixed_lines(part, limit) for part in short_blocks(block)])
    lines = block.split(b"\n")
    del lines[0]  # what is in front of the first LF: nothing
    heads = text_heads(limit)
    out = [b""] * (2 * len(lines))
    try:
        # A loop of this form runs faster than len() and the table as functions of map().
        out[0::2] = [heads[len(line)] for line in lines]
    except IndexError:
        return b"".join([long_line(line + b"\n", limit) for line in lines])
    out[1::2] = lines
    return b"".join(out)


def short_blocks(block: bytes) -> Iterator[bytes]:
    """Yield lines with the LFs in front of them, SHORT_BLOCK bytes at most, or one longer line."""
    start, size = 0, len(block)
    while start < size:
        end = start + SHORT_BLOCK
        if end < size:
            end = block.rfind(b"\n", start + 1, end + 1)
            end = end if end > 0 else block.find(b"\n", start + 1)
            end = end if end > 0 else size
        yield block[start:end]
        start = end


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
def text_heads(limit: int) -> tuple[bytes, ...]:
    """Return the first bytes of text records by the length of their text, up to a limit."""
    return TEXT_HEADS[: limit + 1]


# The first bytes of a text record by the length of its text, as record.encode_length() has them:
# put together of few pieces, since each daemon that is executed makes them anew.
LOW, LOW_OF_MORE, HIGH = (
    [prefix + bytes((number,)) for number in numbers]
    for prefix, numbers in (
        (RecordType.TEXT, range(0x80)),
        (RecordType.TEXT, range(0x80, 0x100)),
        (b"", range(1, TABLE_LIMIT // 0x80 + 1)),
    )
)
TEXT_HEADS = (*LOW, *(low + high for high in HIGH for low in LOW_OF_MORE))[: TABLE_LIMIT + 1]
