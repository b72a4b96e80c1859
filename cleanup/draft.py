"""draft - a message that is shown to Milters before it becomes a queue file

DESCRIPTION
    With Milters configured, the records that would go into the queue file are
    kept in a spool: in memory while they are few, else in a file without a
    name, on the disk of the queue. When the last one is there, envelope and
    header are held in memory, since they are what is edited, and the body is
    a range of the spool; a body that replaces it is another range behind.
    Nothing is changed in place: fork() returns a draft to edit, which takes
    the place of the former one only if the Milter has said its last word. So
    a fault at any step leaves the draft as it was, and memory holds no body.

    At the end records() writes the queue file from its first record to its
    last: readers find a message as if it had come like this. No pointers are
    needed, but where Postfix leaves room for them, so do we: its programs may
    rely on it, and whoever compares files finds the same.

SEE ALSO
    spec/queue-file.md, section 4
    cleanup.edits, what Milters change
"""

import copy
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from cleanup.message import EMPTY_SIZE_RECORD
from cleanup.writer import INCOMING, UNFINISHED_MODE, create_temporary
from common.claim import Claim
from common.errors import QueueError
from common.record import Reader, RecordType, encode
from common.text import whole_lines

MEMORY_LIMIT = 128 * 1024  # bytes of a spool that need no file
READ_SIZE = 32 * 1024
POINTER_SIZE = 15  # bytes of the payload of a pointer, which takes the place of a record
ROOM = encode(RecordType.POINTER, b"%*d" % (POINTER_SIZE, 0))
RECIPIENT_ATTRIBUTES = (b"dsn_orig_rcpt=", b"notify_flags=")
TEXT, CONTINUED = b"NL"


class Header:
    """One logical header: its lines, joined by newlines.

    padded: a pointer must have room in its place.
    """

    __slots__ = ("padded", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.padded = True

    @property
    def name(self) -> bytes:
        """Its name as written."""
        return self.text.partition(b":")[0].rstrip(b" \t")

    @property
    def value(self) -> bytes:
        """What stands behind the colon."""
        return self.text.partition(b":")[2]


class Spool:
    """Bytes that are written once, behind each other, and read anywhere."""

    def __init__(self) -> None:
        self.size = 0
        self._memory = bytearray()
        self._descriptor = -1  # of the file that holds all of it, once it is too much for memory

    def write(self, data: bytes) -> None:
        """Append.

        Raises:
            QueueError: not all of it fitted.
        """
        self.size += len(data)
        if self._descriptor < 0:
            self._memory += data
            if self.size <= MEMORY_LIMIT:
                return
            self._descriptor = create_nameless()
            data, self._memory = bytes(self._memory), bytearray()
        with trouble("write"):
            while data:
                data = data[os.write(self._descriptor, data) :]

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes of a range, in pieces.

        Raises:
            QueueError: the file cannot be read.
        """
        while start < end:
            size = min(READ_SIZE, end - start)
            if self._descriptor < 0:
                data = bytes(self._memory[start : start + size])
            else:
                with trouble("read"):
                    data = os.pread(self._descriptor, size, start)
            if not data:
                raise QueueError("read a spool: it has ended early")
            start += len(data)
            yield data

    def close(self) -> None:
        """Give it up."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def create_nameless() -> int:
    """Return the descriptor of a new file in incoming that has no name: it ends with us.

    Raises:
        QueueError: the file system refuses.
    """
    try:
        return os.open(INCOMING, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, UNFINISHED_MODE)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR):
            raise QueueError(f"create a spool: {error.strerror}") from None
    # Such a file must have a name for a moment here, which nobody else claims.
    descriptor, path = create_temporary(Claim())
    with trouble("unlink"):
        os.unlink(path)
    return descriptor


@contextmanager
def trouble(what: str) -> Iterator[None]:
    """Make an error of the file system one of the queue."""
    try:
        yield
    except OSError as error:
        raise QueueError(f"{what} a spool: {error.strerror}") from None


class Draft:
    """A message between its stages and its queue file."""

    envelope: bytes = b""  # records between the size record and the content
    added: bytes = b""  # recipients, behind the others
    headers: list[Header]
    own: Header | None = None  # our trace header, which no Milter is shown
    body: tuple[int, int] = (0, 0)  # a range of the spool: an empty line, then text records
    extracted: bytes = b""  # records behind the content, without the last
    data_offset: int = 0  # in the queue file, once records() has written it
    content_length: int = 0

    def __init__(self, spool: Spool, limit: int) -> None:
        """Begin; limit: bytes of a line."""
        self.spool = spool
        self.limit = limit
        self.headers = []

    def load_envelope(self) -> None:
        """Take all that is in the spool for the envelope."""
        start, end = len(EMPTY_SIZE_RECORD), self.spool.size - len(encode(RecordType.CONTENT))
        self.envelope = b"".join(self.spool.read(start, end))

    def load(self, data_offset: int, content_length: int, supplied: int) -> None:
        """Take the content, which begins at an offset of the spool, and what is behind it.

        supplied: headers at the end that the message lacked. Postfix leaves no room for these.
        """
        end = data_offset + content_length
        behind = b"".join(self.spool.read(end, self.spool.size))
        # Without the record that opens it and the one that ends it: both are empty.
        self.extracted = behind[2:-2]
        self.body = self._load_header(data_offset, end), end
        self.own = self.headers[0] if self.headers else None
        for header in self.headers[len(self.headers) - supplied :]:
            header.padded = False

    def fork(self) -> "Draft":
        """Return a draft that can be edited without any change to this one."""
        twin = copy.copy(self)
        twin.headers = [copy.copy(one) for one in self.headers]
        if self.own in self.headers:
            twin.own = twin.headers[self.headers.index(self.own)]
        return twin

    def body_text(self) -> Iterator[bytes]:
        """Yield the body as SMTP would carry it, piece by piece, its lines ended by CR LF."""
        reader, is_first = Reader(), True
        for piece in self.spool.read(*self.body):
            reader.receive_data(piece)
            out = []
            while (found := reader.next_record()) is not None:
                kind, text = found
                if not is_first:  # that is the line that ends the header
                    out.append(text + b"\r\n" if kind == TEXT else text)
                is_first = False
            if out:
                yield b"".join(out)

    def records(self) -> Iterator[bytes]:
        """Yield the queue file; the size record is an empty one."""
        size = 0
        for part in (EMPTY_SIZE_RECORD, with_room(self.envelope), self.added, ROOM):
            size += len(part)
            yield part
        yield encode(RecordType.CONTENT)
        self.data_offset = size + len(encode(RecordType.CONTENT))
        header = b"".join(map(self._header_records, self.headers)) + ROOM
        yield header
        yield from self.spool.read(*self.body)
        yield ROOM
        start, end = self.body
        self.content_length = len(header) + end - start + len(ROOM)
        place = first_recipient(self.extracted)
        yield encode(RecordType.EXTRACTED) + self.extracted[:place]
        yield ROOM + self.extracted[place:] + encode(RecordType.END)

    def _load_header(self, start: int, end: int) -> int:
        """Take the header; return where the body begins."""
        reader, position, line = Reader(), start, bytearray()
        for piece in self.spool.read(start, end):
            reader.receive_data(piece)
            position += len(piece)
            while True:
                left = reader.buffered()
                found = reader.next_record()
                if found is None:
                    break
                kind, text = found
                if not (line or text) and kind == TEXT:
                    return position - left
                line += text
                if kind == TEXT:
                    self._add_line(bytes(line))
                    line.clear()
        return position

    def _add_line(self, line: bytes) -> None:
        if line[:1] in (b" ", b"\t") and self.headers:
            self.headers[-1].text += b"\n" + line
        else:
            self.headers.append(Header(line))

    def _header_records(self, header: Header) -> bytes:
        first, newline, rest = header.text.partition(b"\n")
        records = whole_lines(first + b"\n", self.limit)
        if header.padded and len(first) < POINTER_SIZE:
            records += filler(RecordType.PADDING, len(first))
        return records + whole_lines(rest + b"\n", self.limit) if newline else records


def filler(kind: RecordType, length: int) -> bytes:
    """Return what must follow a record of that length, so that a pointer could replace both."""
    return encode(kind, b"%*d" % (max(1, POINTER_SIZE - 2 - length), 0))


def with_room(envelope: bytes) -> bytes:
    """Return the records of an envelope, with room for another sender."""
    reader = Reader(envelope)
    while (found := reader.next_record()) is not None:
        kind, payload = found
        if kind == RecordType.SENDER[0] and len(payload) < POINTER_SIZE:
            place = len(envelope) - reader.buffered()
            room = filler(RecordType.POINTER, len(payload))
            return envelope[:place] + room + envelope[place:]
    return envelope


def first_recipient(records: bytes) -> int:
    """Return where the first record stands that belongs to a recipient, or the end."""
    reader = Reader(records)
    while True:
        place = len(records) - reader.buffered()
        found = reader.next_record()
        if found is None:
            return len(records)
        kind, payload = found
        if chr(kind) in "RO/" or (chr(kind) == "A" and payload.startswith(RECIPIENT_ATTRIBUTES)):
            return place
