"""mime - a message's headers and body, and those of its parts

DESCRIPTION
    Splitter takes a message line by line and gives its pieces: whole logical
    headers, folded lines joined by newlines, and lines of the body. Boundary
    lines are lines of the body. What is no header ends the headers; in the
    first ones an empty line is put in front of it. On the way it notes what a
    strict reader would not accept: each Fault once, with the text.

SEE ALSO
    spec/cleanup-behaviour.md, sections 3 and 4
    RFC 2045, section 5.1; RFC 2046, sections 5.1 and 5.2
"""

import enum
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from common.params import MimeParams

# A header's name: printable ASCII without blanks; blanks may stand before the colon.
HEADER = re.compile(rb"([!-9;-~]+)[ \t]*:")
# Tokens of a Content-Type: a word, a quoted string, or one special character.
TOKEN = re.compile(
    rb'"((?:[^"\\]|\\.)*)"?|([^\x00-\x20\x7f-\xff()<>@,;:\\"/\[\]?=]+)|(\()|(\S)', re.DOTALL
)
MULTIPART = b"multipart"
KNOWN_TYPES = {b"", b"text", b"message", MULTIPART}  # others change nothing
PLAIN = (b"text", b"plain")
MESSAGE = (b"message", b"rfc822")
SEVEN_BIT = b"7bit"
CODED = {b"base64", b"quoted-printable"}
EIGHT_BIT = {b"8bit", b"binary"}
ENCODINGS = {SEVEN_BIT} | EIGHT_BIT | CODED

# Encodings that a part made of others may not have, by its type; multipart/* is like a message.
IMPROPER = {
    MESSAGE: CODED,
    (b"message", b"partial"): EIGHT_BIT,
    (b"message", b"external-body"): EIGHT_BIT,
}


class Segment(enum.Enum):
    """What a piece belongs to."""

    PRIMARY = enum.auto()  # headers of the message
    MIME = enum.auto()  # headers of a part
    NESTED = enum.auto()  # headers of a message that is a part
    BODY = enum.auto()


class Fault(enum.Enum):
    """What a strict reader refuses; the worst first."""

    NESTING = "MIME nesting exceeds safety limit"
    HEADER = "improper use of 8-bit data in message header"
    BODY = "improper use of 8-bit data in message body"
    ENCODING = "invalid message/* or multipart/* encoding domain"


class Piece(NamedTuple):
    """A logical header, or a line of the body, without its newline."""

    segment: Segment
    text: bytes


class Boundary(NamedTuple):
    """What separates parts, and what a part is that does not say so."""

    mark: bytes
    default_type: tuple[bytes, bytes]


class Splitter:
    """Cuts one message."""

    def __init__(
        self, params: MimeParams, *, parts: bool = True, strict: Collection[Fault] = ()
    ) -> None:
        """Begin with the first header.

        Without parts everything behind those is body. strict: the faults to look for.
        """
        self.faults: dict[Fault, bytes] = {}
        self._params = params
        self._strict = strict
        self._minds_body = Fault.BODY in strict
        self._parts = parts
        self._segment = Segment.PRIMARY
        self._header: bytearray | None = None
        self._type = PLAIN
        self._encoding = SEVEN_BIT
        self._boundaries: list[Boundary] = []
        self.opened = self.closed = 0  # boundaries so far that begin a part, or end the last one

    @property
    def in_body(self) -> bool:
        """Whether the next line is one of the body, or a boundary."""
        return self._segment is Segment.BODY

    @property
    def marks(self) -> list[bytes]:
        """What lines that are boundaries begin with."""
        return [boundary.mark for boundary in self._boundaries]

    def minds(self, fault: Fault) -> bool:
        """Tell whether a fault is looked for."""
        return fault in self._strict

    def receive_line(self, line: bytes, *, begins: bool = True) -> Iterator[Piece]:
        """Yield the pieces that a line completes; not begins: it goes on with a longer one."""
        if self._segment is not Segment.BODY:
            if self._header is not None and not begins:
                self._continue(line)
                return
            if self._header is not None and line[:1] in (b" ", b"\t"):
                self._continue(b"\n" + line)
                return
            yield from self._end_header()
            if match := HEADER.match(line):
                self._header = bytearray(match[1] + line[match.end() - 1 :])
                return
            yield from self._end_headers(line)
            if not line:
                return
        if begins and line.startswith(b"--") and self._boundaries:
            self._pass_boundary(line)
        if self._minds_body and self._encoding == SEVEN_BIT and not line.isascii():
            self._note(Fault.BODY, line)
        yield Piece(Segment.BODY, line)

    def finish(self) -> Iterator[Piece]:
        """Yield what was not complete at the end of the message."""
        yield from self._end_header()

    def _continue(self, line: bytes) -> None:
        assert self._header is not None
        if len(self._header) < self._params.header_size_limit:
            self._header += line

    def _end_header(self) -> Iterator[Piece]:
        if self._header is None:
            return
        text = bytes(self._header)
        self._header = None
        if self._parts:
            self._look_at(text)
        yield Piece(self._segment, text)

    def _look_at(self, text: bytes) -> None:
        """Learn from a header what is to come."""
        name = text[:26].partition(b":")[0].lower()
        if name == b"content-type":
            self._take_type(text)
        elif name == b"content-transfer-encoding":
            encoding = next(tokens(text[len(name) + 1 :]), b"").lower()
            if encoding in ENCODINGS:
                self._encoding = encoding
        if Fault.HEADER in self._strict and not text.isascii():
            self._note(Fault.HEADER, text)

    def _note(self, fault: Fault, text: bytes) -> None:
        if fault in self._strict:
            self.faults.setdefault(fault, text)

    def _end_headers(self, line: bytes) -> Iterator[Piece]:
        """Go on to what the headers say is next."""
        if not line or self._segment is Segment.PRIMARY:
            yield Piece(Segment.BODY, b"")
        kind = MESSAGE if self._type[0] == MULTIPART else self._type
        if self._encoding in IMPROPER.get(kind, ()):
            self._note(Fault.ENCODING, self._encoding)
        # What begins with no header is body, whatever it was said to be.
        nested = self._type in (MESSAGE, (b"message", b"global")) and not line
        self._segment = Segment.NESTED if self._parts and nested else Segment.BODY
        if not line and (nested or self._type[0] == MULTIPART):
            self._encoding = SEVEN_BIT  # each part says its own
        self._type = PLAIN

    def _take_type(self, header: bytes) -> None:
        """Learn what is to come from a Content-Type."""
        found, boundaries = parse_content_type(header.partition(b":")[2])
        if found[0] in KNOWN_TYPES:
            self._type = found
        if found[0] == MULTIPART:
            for boundary in boundaries:
                self._push(self._type[1], boundary, header)

    def _push(self, subtype: bytes, boundary: bytes, header: bytes) -> None:
        if len(self._boundaries) > self._params.mime_nesting_limit + 1:
            self._note(Fault.NESTING, header)
        else:
            mark = b"--" + boundary[: self._params.mime_boundary_length_limit]
            default = MESSAGE if subtype == b"digest" else PLAIN
            self._boundaries.append(Boundary(mark, default))

    def _pass_boundary(self, line: bytes) -> None:
        """Begin a part, or end the last one, if the line is a boundary."""
        for place in range(len(self._boundaries) - 1, -1, -1):
            boundary = self._boundaries[place]
            if not line.startswith(boundary.mark):
                continue
            if line.startswith(b"--", len(boundary.mark)):
                del self._boundaries[place:]
                self.closed += 1
                self._encoding = SEVEN_BIT
            else:
                del self._boundaries[place + 1 :]
                self.opened += 1
                self._segment = Segment.MIME
                self._type = boundary.default_type
                self._encoding = SEVEN_BIT
            return


def parse_content_type(value: bytes) -> tuple[tuple[bytes, bytes], list[bytes]]:
    """Return type and subtype in lower case, and the boundaries, of a Content-Type."""
    words = list(tokens(value))
    kind = words[0].lower() if words else b""
    subtype = words[2].lower() if words[1:2] == [b"/"] and words[2:] else b""
    boundaries = [
        words[place + 3]
        for place in range(len(words) - 3)
        if words[place] == b";"
        and words[place + 1].lower() == b"boundary"
        and words[place + 2] == b"="
    ]
    return (kind, subtype), boundaries


def tokens(value: bytes) -> Iterator[bytes]:
    """Yield the tokens of a structured header, comments left out, quotes undone."""
    place = 0
    while match := TOKEN.search(value, place):
        place = match.end()
        if match[1] is not None:
            yield re.sub(rb"\\(.)", rb"\1", match[1], flags=re.DOTALL)
        elif match[3]:
            place = comment_end(value, place)
        else:
            yield match[2] or match[4]


def comment_end(value: bytes, place: int) -> int:
    """Return the place behind a comment whose opening parenthesis stands before place."""
    level = 1
    while level and place < len(value):
        byte = value[place : place + 1]
        place += 2 if byte == b"\\" else 1
        level += (byte == b"(") - (byte == b")")
    return place
