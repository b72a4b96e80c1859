"""record - typed, length-prefixed pieces, on cleanup's socket and in queue files

DESCRIPTION
    A record is one type byte, the payload's length in base 128 (low bits
    first, bit 7 set when more follows), and the payload. encode() makes one;
    Reader cuts a byte stream into records; it does no I/O.

SEE ALSO
    spec/queue-file.md, sections 1 and 2
    spec/cleanup-protocol.md, section 4
"""

import enum

from common.errors import PeerError

LENGTH_BYTES_LIMIT = 4  # so a payload has at most 2^28-1 bytes


class RecordType(bytes, enum.Enum):
    """The type byte that opens each record; the comment says which readers act on it."""

    SIZE = b"C"  # first in a file: offsets, counts
    TIME = b"T"  # arrival: seconds and microseconds
    CREATE_TIME = b"c"  # pseudo: travels as an attribute
    FULL_NAME = b"F"
    INSPECTOR = b"I"
    FILTER = b"L"  # in an envelope; in content the same byte is CONTINUED
    SENDER = b"S"
    DONE = b"D"  # a recipient that is finished
    RECIPIENT = b"R"
    ORIGINAL_RECIPIENT = b"O"
    CANCELED = b"/"
    WARN_TIME = b"W"
    ATTRIBUTE = b"A"
    KILLED = b"K"
    REDIRECT = b">"
    VERP = b"V"
    DSN_RET = b"<"
    DSN_ENVID = b"i"
    DSN_ORCPT = b"o"
    DSN_NOTIFY = b"n"
    MILTER_COUNT = b"m"
    CONTENT = b"M"  # from here on: lines of the message
    TEXT = b"N"  # a line, or the end of one
    CONTINUED = b"L"  # noqa: PIE796 - the wire has one byte for two meanings, told apart by segment
    PADDING = b"w"
    POINTER = b"p"
    EXTRACTED = b"X"  # from here on: what was found in the content
    FLAGS = b"f"
    END = b"E"


TEXT_TYPES = b"NL"
TEXT, CONTINUED = TEXT_TYPES
LINE_ENDS = b"\r\n"
CR, LF = LINE_ENDS
ONE_BYTE_MOST = 0x7F  # the largest length that takes one byte
EQUAL_RUN_LEAST = 8  # lines of one length from which on it pays to compare many at a time
EQUAL_RUN_LIMIT = 1024  # that are compared at a time
SHORT_RUN_LIMIT = 64  # lines that are passed until the next look for equal ones


def encode_length(length: int) -> bytes:
    """Return a payload length as it stands behind the type byte."""
    if length < 0x80:
        return bytes((length,))
    out = bytearray()
    while length >= 0x80:
        out.append(length & 0x7F | 0x80)
        length >>= 7
    out.append(length)
    return bytes(out)


def encode(kind: RecordType, payload: bytes = b"") -> bytes:
    """Return one record."""
    length = len(payload)
    if length < 0x80:
        return b"%b%c%b" % (kind, length, payload)
    return kind + encode_length(length) + payload


class Reader:
    """Records out of a byte stream that arrives in pieces.

    A record is (type byte as int, payload). Types are not judged here: which
    are allowed depends on the segment of the message.
    """

    __slots__ = ("_buffer", "_position", "run_is_unfinished")

    def __init__(self, data: bytes = b"") -> None:
        self.run_is_unfinished = False  # the last run that was taken ends within a line
        self._buffer = bytearray(data)
        self._position = 0

    def receive_data(self, data: bytes) -> None:
        """Append what the peer sent."""
        if self._position:
            del self._buffer[: self._position]
            self._position = 0
        self._buffer += data

    def buffered(self) -> int:
        """Return the count of bytes held here that were not handed out."""
        return len(self._buffer) - self._position

    def take_rest(self) -> bytes:
        """Return the bytes that are here, which are no records."""
        rest = bytes(self._buffer[self._position :])
        self._position = len(self._buffer)
        return rest

    def next_record(self) -> tuple[int, bytes] | None:
        """Return the next whole record, or None when more bytes are needed.

        Raises:
            PeerError: a length of more than LENGTH_BYTES_LIMIT bytes.
        """
        buffer = self._buffer
        start = self._position + 1
        end = len(buffer)
        if start >= end:
            return None
        length = buffer[start]
        start += 1
        if length >= 0x80:
            length &= 0x7F
            shift = 7
            while True:
                if shift >= 7 * LENGTH_BYTES_LIMIT:
                    raise PeerError("record length has too many bytes")
                if start >= end:
                    return None
                byte = buffer[start]
                start += 1
                length |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
                shift += 7
        if start + length > end:
            return None
        kind = buffer[self._position]
        self._position = start + length
        return kind, bytes(buffer[start : start + length])

    def before(self, mark: bytes) -> bytes:
        """Return the bytes in front of the mark, which stay; nothing if it is not here."""
        place = self._buffer.find(mark, self._position)
        return bytes(memoryview(self._buffer)[self._position : max(place, self._position)])

    def skip(self, size: int) -> None:
        """Leave out so many bytes that are here."""
        self._position += size

    def take_text(self, limit: int) -> tuple[bytes, bool]:
        """Return all whole text records up to the first other one, still encoded.

        Records longer than limit count as other ones; so does a length of
        more than two bytes. Empty when the next record is not of that kind,
        or not whole. The flag tells that no payload holds a CR or LF.
        """
        buffer = self._buffer
        start = position = self._position
        line_end_heads = 0  # CR and LF bytes that are lengths
        kind = TEXT
        while True:
            behind = skip_equal(buffer, position, limit)
            behind, line_ends = skip_short(buffer, behind, limit)
            if behind > position:
                kind = TEXT
            else:
                behind, line_ends = skip_text(buffer, position, limit)
                if behind == position:
                    break
                kind = buffer[position]
            position = behind
            line_end_heads += line_ends
        run = bytes(memoryview(buffer)[start:position])
        self._position = position
        self.run_is_unfinished = kind == CONTINUED
        return run, run.count(b"\r") + run.count(b"\n") == line_end_heads


def skip_equal(buffer: bytearray, start: int, limit: int) -> int:
    """Return the place behind the lines of one length that begin at start, start if they are few.

    Bodies in base64 are made of such lines, and this looks at all of them in a few calls.
    """
    if start + 1 >= len(buffer):
        return start
    length = buffer[start + 1]
    stride = length + 2
    probe = start + EQUAL_RUN_LEAST * stride + 1
    if probe >= len(buffer) or buffer[probe] != length:
        return start
    if length > min(limit, ONE_BYTE_MOST) or length in LINE_ENDS:
        return start
    count = min((len(buffer) - start) // stride, EQUAL_RUN_LIMIT)
    end = start + count * stride
    lengths = buffer[start + 1 : end : stride]
    same = len(lengths) - len(lengths.lstrip(lengths[:1]))
    kinds = buffer[start : start + same * stride : stride]
    return start + (len(kinds) - len(kinds.lstrip(RecordType.TEXT))) * stride


def skip_short(buffer: bytearray, start: int, limit: int) -> tuple[int, int]:
    """Return the place behind a few dozen lines that begin at start, or fewer, or none.

    They are those whose length is one byte. The second number is how many of these bytes look
    like CR or LF. Most mail is made of such lines: each step of this loop costs.
    """
    position, line_ends = start, 0
    most = min(limit, ONE_BYTE_MOST)
    last_start = len(buffer) - 2 - most  # what begins here is whole, whatever its length
    for _ in range(SHORT_RUN_LIMIT):
        if position > last_start or buffer[position] != TEXT:
            break
        length = buffer[position + 1]
        if length > most:
            break
        if length == LF or length == CR:  # noqa: SIM109 - half the time of a search
            line_ends += 1
        position += length + 2
    return position, line_ends


def skip_text(buffer: bytearray, start: int, limit: int) -> tuple[int, int]:
    """Return the place behind the text record at start, start if it is not whole or too long.

    The second number is 1 if one of the bytes of its length looks like CR or LF.
    """
    head = buffer[start : start + 3]
    if len(head) < 2 or head[0] not in TEXT_TYPES:
        return start, 0
    length = last = head[1]
    size = 2
    if length >= 0x80:
        if len(head) < 3 or head[2] >= 0x80:
            return start, 0
        last, size = head[2], 3
        length += (last << 7) - 0x80
    behind = start + size + length
    if length > limit or behind > len(buffer):
        return start, 0
    return behind, int(last in LINE_ENDS)
