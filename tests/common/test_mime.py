"""Promises of common.mime.

SEE ALSO
    tests/commands/test_map_reference.py, for comparison with Debian's
"""

import pytest

from common.mime import Segment, Splitter
from common.params import MimeParams
from tests.common.settings import load

PRIMARY, MIME, NESTED, BODY = Segment.PRIMARY, Segment.MIME, Segment.NESTED, Segment.BODY
MIXED = b"Content-Type: multipart/mixed; boundary=xx"


def pieces(text: bytes, *, parts: bool = True, **limits: str) -> list[tuple[Segment, bytes]]:
    """Return segment and text of each piece of a message."""
    splitter = Splitter(load(MimeParams, **limits), parts=parts)
    found = [piece for line in text.split(b"\n") for piece in splitter.receive_line(line)]
    return [(piece.segment, piece.text) for piece in [*found, *splitter.finish()]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"A: b\n c\n\td\nE : f\n\nbody", [(PRIMARY, b"A: b\n c\n\td"), (PRIMARY, b"E: f")]),
        (b"A: b\nno header\nC: d", [(PRIMARY, b"A: b"), (BODY, b""), (BODY, b"no header")]),
        (b"A: b", [(PRIMARY, b"A: b")]),
        (b"\nA: b", [(BODY, b""), (BODY, b"A: b")]),
        (b" x\nA: b", [(BODY, b""), (BODY, b" x"), (BODY, b"A: b")]),
    ],
)
def test_headers_come_before_the_body(text: bytes, expected: list[tuple[Segment, bytes]]) -> None:
    assert pieces(text)[: len(expected)] == expected


def test_parts_have_headers_of_their_own() -> None:
    text = MIXED + b"\n\npre\n--xx\nA: b\n\nbody\n--xx\nC: d\n--xx--\nE: f"
    assert pieces(text)[1:] == [
        *((BODY, b""), (BODY, b"pre"), (BODY, b"--xx"), (MIME, b"A: b"), (BODY, b"")),
        *((BODY, b"body"), (BODY, b"--xx"), (MIME, b"C: d"), (BODY, b"--xx--"), (BODY, b"E: f")),
    ]


def test_without_parts_all_behind_the_headers_is_body() -> None:
    text = MIXED + b"\n\n--xx\nA: b\n"
    assert [segment for segment, _ in pieces(text, parts=False)] == [PRIMARY] + [BODY] * 4


def test_a_message_in_a_message_has_nested_headers() -> None:
    text = MIXED + b"\n\n--xx\nContent-Type: Message/RFC822\n\nA: b\n\nx\n--xx--\n"
    assert pieces(text)[2:8] == [
        *((BODY, b"--xx"), (MIME, b"Content-Type: Message/RFC822"), (BODY, b"")),
        *((NESTED, b"A: b"), (BODY, b""), (BODY, b"x")),
    ]


def test_what_was_announced_as_a_message_but_begins_with_no_header_is_body() -> None:
    text = b"Content-Type: message/rfc822\nno header\nA: b\n"
    assert [segment for segment, _ in pieces(text)] == [PRIMARY] + [BODY] * 4


def test_parts_of_a_digest_are_messages() -> None:
    text = b"Content-Type: multipart/digest; boundary=xx\n\n--xx\n\nA: b\n"
    assert (NESTED, b"A: b") in pieces(text)


@pytest.mark.parametrize(
    ("value", "is_boundary"),
    [
        (b'multipart/mixed; boundary="xx"', True),
        (b"multipart/mixed (c ; boundary=yy) ; a=b ; BOUNDARY = xx", True),
        (b"multipart/mixed;\n boundary=xx", True),
        (b"multipart/mixed; boundary", False),
        (b"text/plain; boundary=xx", False),
        (b"multipart mixed; boundary=xx", True),
        (b'multipart/mixed; boundary="x\\x"', True),
        (b"", False),
        (b"(", False),
    ],
)
def test_a_boundary_is_a_parameter_of_a_multipart(value: bytes, is_boundary: bool) -> None:
    text = b"Content-Type: " + value + b"\n\n--xx\nA: b\n\n"
    assert ((MIME, b"A: b") in pieces(text)) is is_boundary


def test_limits_bound_headers_boundaries_and_nesting() -> None:
    assert pieces(b"A: 5\n 7\n 9\n 11", header_size_limit="6")[0] == (PRIMARY, b"A: 5\n 7")
    cut = pieces(MIXED + b"\n\n--xy\nA: b\n", mime_boundary_length_limit="1")
    assert (MIME, b"A: b") in cut
    levels = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(6)
    )
    assert pieces(levels + b"A: b\n", mime_nesting_limit="1")[-2:-1] == [(BODY, b"A: b")]


def test_a_piece_of_a_longer_line_is_no_boundary() -> None:
    splitter = Splitter(load(MimeParams))
    for line in (MIXED, b""):
        list(splitter.receive_line(line))
    assert [piece.segment for piece in splitter.receive_line(b"--xx", begins=False)] == [BODY]
    list(splitter.receive_line(b"A: b"))
    assert list(splitter.finish()) == []
