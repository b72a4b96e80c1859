"""mime - a message's parts

DESCRIPTION
    The first byte chooses whether parts are looked for, and what is refused.
"""

from common import mime
from common.mime import Fault, Piece, Segment, Splitter
from common.params import MimeParams
from tests.common.settings import changed, load
from tests.fuzz.bug import Bug
from tests.fuzz.inputs import control

TOKENS = (
    *(
        b"Content-Type: multipart/mixed; boundary=b\n",
        b" boundary=c",
        b'"',
        b"\n--b\n",
        b"\n--b--\n",
        b"\n\n",
    ),
    *(
        b"message/rfc822",
        b"digest",
        b"(",
        b")",
        b"\\",
        b";",
        b"/",
        b"=",
        b'boundary=""',
        b"\n ",
        b"\xe9",
    ),
    *(b"Content-Transfer-Encoding: 8bit\n", b"base64", b" : x"),
)
BUG = Bug(
    *("common.mime", "Splitter._push"),
    *("if len(self._boundaries) > self._params.mime_nesting_limit + 1:", "if False:"),
)

PARAMS = changed(load(MimeParams), mime_nesting_limit=1, mime_boundary_length_limit=8)


def check(data: bytes) -> None:
    """Cut a message into pieces: none is lost, and boundaries are bounded."""
    (choice,), text = control(data, 1)
    parts, strict = bool(choice & 1), tuple(Fault) if choice & 2 else ()
    splitter = Splitter(PARAMS, parts=parts, strict=strict)
    lines = text.split(b"\n")
    pieces: list[Piece] = []
    for line in lines:
        pieces += splitter.receive_line(line)
        assert len(splitter.marks) <= PARAMS.mime_nesting_limit + 2
        assert all(len(mark) <= 2 + PARAMS.mime_boundary_length_limit for mark in splitter.marks)
    pieces += splitter.finish()
    check_pieces(lines, pieces)
    assert parts or all(one.segment in (Segment.PRIMARY, Segment.BODY) for one in pieces)
    assert strict or not splitter.faults
    assert splitter.closed <= sum(line.startswith(b"--") for line in lines)


def check_pieces(lines: list[bytes], pieces: list[Piece]) -> None:
    """Check that pieces are the lines again, but for blanks before colons and empty lines."""
    out: list[bytes] = []
    for piece in pieces:
        header = piece.segment is not Segment.BODY
        assert not header or mime.HEADER.match(piece.text)
        out += piece.text.split(b"\n") if header else [piece.text]
    assert [plain(one) for one in out if one] == [plain(one) for one in lines if one]


def plain(line: bytes) -> bytes:
    """Return a line without the blanks before its first colon."""
    match = mime.HEADER.match(line)
    return match[1] + line[match.end() - 1 :] if match else line
