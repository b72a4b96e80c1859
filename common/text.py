"""text - lines of a message as records

DESCRIPTION
    Lines end at LF. A longer one than the limit becomes pieces, and so does
    what stands behind the last LF. The usual line is short, and lines come by
    the million: they are turned into records many at a time.

SEE ALSO
    spec/cleanup-protocol.md, section 4.1
    spec/queue-file.md, section 2
"""

from collections.abc import Iterable, Iterator

from common import record
from common.record import RecordType

HEAD_SIZE = 4096  # bytes at the start that are likely to hold the header
TABLE_LIMIT = 8192  # longest line whose record head is kept ready


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

    def add(self, piece: bytes) -> bytes:
        """Return records for all lines that have ended, and for the bulk of a very long one."""
        end = piece.rfind(b"\n") + 1
        if end:
            whole = piece if end == len(piece) else piece[:end]
            rest, self._rest = self._rest, piece[end:]
            return whole_lines(rest + whole if rest else whole, self._limit)
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


def head_apart(pieces: list[bytes]) -> list[bytes]:
    """Return the pieces with the first one cut: what follows a header is often more regular."""
    if not pieces or len(pieces[0]) <= HEAD_SIZE:
        return pieces
    return [pieces[0][:HEAD_SIZE], pieces[0][HEAD_SIZE:], *pieces[1:]]


def whole_lines(block: bytes, limit: int) -> bytes:
    """Return records for lines that all end with LF."""
    length = block.find(b"\n")
    most = min(limit, TABLE_LIMIT)
    count = len(block) // (length + 1)
    if length <= most and block[length :: length + 1] == b"\n" * count:
        # Lines of one length, as in base64: one pass puts a head where each LF was.
        head = TEXT_HEADS[length]
        records = head + block[:-1].replace(b"\n", head)
        if len(records) == len(block) + count * (len(head) - 1):  # there were no other LFs
            return records
    lines = block.split(b"\n")
    lines.pop()  # what is behind the last LF: nothing
    lengths = list(map(len, lines))
    if max(lengths) > most:
        return b"".join([long_line(line + b"\n", limit) for line in lines])
    out = [b""] * (2 * len(lines))
    out[0::2] = map(TEXT_HEADS.__getitem__, lengths)
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


# The first bytes of a text record by the length of its text, as record.encode_length() has them:
# written out, since each daemon that is executed makes them anew.
KIND = RecordType.TEXT[0]
TEXT_HEADS = tuple(
    [b"%c%c" % (KIND, length) for length in range(0x80)]
    + [
        b"%c%c%c" % (KIND, length & 0x7F | 0x80, length >> 7)
        for length in range(0x80, TABLE_LIMIT + 1)
    ]
)
