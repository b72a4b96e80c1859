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
CONTINUED = RecordType.CONTINUED[0]
LINE_ENDS = b"\r\n"
EQUAL_RUN_LIMIT = 1024  # records that are compared at a time


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

    def take_text(self, limit: int) -> tuple[bytes, bool]:
        """Return all whole text records up to the first other one, still encoded.

        Records longer than limit count as other ones; so does a length of
        more than two bytes. Empty when the next record is not of that kind,
        or not whole. The flag tells that no payload holds a CR or LF.
        """
        buffer = self._buffer
        start = position = last = self._position
        end = len(buffer) - 1
        line_end_heads = 0  # CR and LF bytes that are lengths
        while position < end and buffer[position] in TEXT_TYPES:
            length = buffer[position + 1]
            follower = position + 2 + length
            is_line_end = length in LINE_ENDS
            if length >= 0x80:
                if position + 2 > end:
                    break
                high = buffer[position + 2]
                if high >= 0x80:
                    break
                length += (high << 7) - 0x80
                follower = position + 3 + length
                is_line_end = high in LINE_ENDS
            elif follower < end and buffer[follower + 1] == length <= limit and not is_line_end:
                position = skip_equal(buffer, position, length)
                last = position - length - 2
                continue
            if length > limit or follower > end + 1:
                break
            line_end_heads += is_line_end
            last, position = position, follower
        run = bytes(memoryview(buffer)[start:position])
        self._position = position
        self.run_is_unfinished = bool(run) and buffer[last] == CONTINUED
        return run, run.count(b"\r") + run.count(b"\n") == line_end_heads


def skip_equal(buffer: bytearray, start: int, length: int) -> int:
    """Return the place behind the whole text records of that length that begin at start.

    There is at least one. Bodies in base64 are made of such records, and this
    looks at all of them in a few calls.
    """
    stride = length + 2
    count = min((len(buffer) - start) // stride, EQUAL_RUN_LIMIT)
    end = start + count * stride
    lengths = buffer[start + 1 : end : stride]
    same = len(lengths) - len(lengths.lstrip(lengths[:1]))
    kinds = buffer[start : start + same * stride : stride]
    return start + (len(kinds) - len(kinds.lstrip(TEXT_TYPES))) * stride
