"""Promises of cleanup.content.

SEE ALSO
    spec/cleanup-behaviour.md, section 3
"""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.status import Status
from tests.cleanup.stream import (
    CLOSING,
    ENVELOPE,
    RECEIVED,
    Host,
    Records,
    lines,
    message,
    options,
    rec,
    received,
    take,
    text,
)
from tests.splits import cut, splits

COMPLETE = b"Date: d\nMessage-Id: <m1@x.test>\nFrom: f@x.test\n"  # nothing is missing
HEADER = [("N", line) for line in COMPLETE.splitlines()]

HOST = Host()
KEEPING = Host({"cleanup_replace_stray_cr_lf": "no"})

# Any bytes with many line ends and strays, in lines of any length.
bodies = st.lists(
    st.one_of(st.binary(max_size=30), st.sampled_from([b"\n", b"\r\n", b"\r", b"\0", b"x" * 300])),
    max_size=12,
).map(b"".join)


def pieces(body: bytes, sizes: list[int]) -> bytes:
    """Return text records for body, cut into pieces of these sizes, over and over."""
    out, turn = [], 0
    *whole, rest = body.split(b"\n")
    for line, kind in [*((line, b"N") for line in whole), (rest, b"L")]:
        while len(line) > sizes[turn % len(sizes)]:
            size = sizes[turn % len(sizes)]
            out.append(rec(b"L", line[:size]))
            line, turn = line[size:], turn + 1
        if line or kind == b"N":
            out.append(rec(kind, line))
    return b"".join(out)


def expected(body: bytes) -> bytes:
    """Return what delivery writes of a body: the newline at its end supplied."""
    return body if not body or body.endswith(b"\n") else body + b"\n"


# Header and body.


@pytest.mark.parametrize(
    ("content", "stored"),
    [
        (b"", []),
        (b"\n", [("N", b"")]),
        (b"\n\n", [("N", b""), ("N", b"")]),
        (b"X: 1", [("N", b"X: 1")]),
        (b"X: 1\n", [("N", b"X: 1")]),
        (b"X: 1\n\n", [("N", b"X: 1"), ("N", b"")]),
        (b"\nbody\n", [("N", b""), ("N", b"body")]),
        (b"\nbody", [("N", b""), ("L", b"body"), ("N", b"")]),
        (b"no header\nX: 1\n", [("N", b""), ("N", b"no header"), ("N", b"X: 1")]),
        (b"X: 1\nno header\n", [("N", b"X: 1"), ("N", b""), ("N", b"no header")]),
        (b"\nX: 1\n", [("N", b""), ("N", b"X: 1")]),
        (b"X-\x7f: 4\n", [("N", b""), ("N", b"X-\x7f: 4")]),
        (b"X-\xe9: 4\n", [("N", b""), ("N", b"X-\xe9: 4")]),
        (b"X Y: 4\n", [("N", b""), ("N", b"X Y: 4")]),
        (b": 4\n", [("N", b""), ("N", b": 4")]),
        (b"\0", [("N", b""), ("L", b"\0"), ("N", b"")]),
        (b"X: 1\n y\n\tz\n", [("N", b"X: 1"), ("N", b" y"), ("N", b"\tz")]),
        (b"X: 1\n  \n y\n", [("N", b"X: 1"), ("N", b"  "), ("N", b" y")]),
        (b"\n.\n..\n", [("N", b""), ("N", b"."), ("N", b"..")]),
        (b"\nFrom here\n", [("N", b""), ("N", b"From here")]),
        (b"\nbo\0dy\n\0\n", [("N", b""), ("N", b"bo\0dy"), ("N", b"\0")]),
        (b"X: 1\r\n\r\nlf one\n", [("N", b"X: 1 "), ("N", b" "), ("N", b""), ("N", b"lf one")]),
        (b"X: a\rb\n\nbody a\rb\n", [("N", b"X: a b"), ("N", b""), ("N", b"body a b")]),
        (b"\nline\r\r\nnext\r", [("N", b""), ("N", b"line  "), ("L", b"next "), ("N", b"")]),
    ],
)
def test_a_header_ends_at_the_first_line_that_is_none(content: bytes, stored: Records) -> None:
    found = received(COMPLETE + content)
    assert found == HEADER + stored


def test_what_looks_like_a_continuation_goes_on_with_the_received_header() -> None:
    outcome = take(ENVELOPE + RECEIVED + lines(b"\r\nX: 1\r\n") + CLOSING)
    assert outcome.content()[:3] == [("N", b"Received: x"), ("N", b" "), ("N", b"X: 1 ")]


def test_a_first_line_that_is_no_header_may_be_longer_than_a_record() -> None:
    found = received(COMPLETE + b"z" * 3000 + b"\n\nbody\n")
    assert [(kind, len(payload)) for kind, payload in found[3:]] == [
        *(("N", 0), ("L", 2048), ("N", 952), ("N", 0), ("N", 4))
    ]


@pytest.mark.parametrize("size", [2047, 2048, 2049, 4096, 4097, 8192])
@pytest.mark.parametrize("newline", [b"", b"\n"])
def test_a_long_body_line_keeps_its_pieces(size: int, newline: bytes) -> None:
    sent = lines(b"x" * size + newline)
    outcome = take(ENVELOPE + RECEIVED + lines(COMPLETE + b"\n") + sent + CLOSING)
    assert text(outcome.content()[5:]) == b"x" * size + b"\n"
    assert [len(payload) for kind, payload in outcome.content()[5:] if kind == "L"] == (
        [2048] * ((size - 1) // 2048) + [size - (size - 1) // 2048 * 2048] * (not newline)
    )


@pytest.mark.parametrize("size", [2049, 5000, 300_000])
def test_a_record_above_the_limit_is_cut_again(size: int) -> None:
    for kind in (b"N", b"L"):
        outcome = take(ENVELOPE + RECEIVED + lines(b"\n") + rec(kind, b"x" * size) + CLOSING)
        assert text(outcome.content()[5:]) == b"x" * size + b"\n"
        assert all(len(payload) <= 2048 for _, payload in outcome.content())


def test_the_time_for_a_record_grows_with_its_length_and_no_faster() -> None:
    def seconds(size: int) -> float:
        stream = ENVELOPE + RECEIVED + lines(b"\n") + rec(b"L", b"x" * size) + CLOSING
        begin = time.process_time()
        take(stream, {"message_size_limit": "0", "line_length_limit": "512"})
        return time.process_time() - begin

    short = min(seconds(500_000) for _ in range(3))
    long = min(seconds(4_000_000) for _ in range(2))
    assert long < 8 * short * 3


# Any bytes.


@settings(max_examples=100, deadline=None)
@given(bodies, st.lists(st.integers(1, 400), min_size=1, max_size=5))
def test_any_body_is_stored_byte_for_byte_but_strays(body: bytes, sizes: list[int]) -> None:
    stream = ENVELOPE + RECEIVED + lines(b"\n") + pieces(body, sizes) + CLOSING
    found = HOST.take(stream)
    assert found.status == 0
    assert text(found.content()[4:]) == b"\n" + expected(body.replace(b"\r", b" "))
    assert text(KEEPING.take(stream).content()[4:]) == b"\n" + expected(body)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([b"N", b"L"]), st.binary(max_size=40)), max_size=8))
def test_no_stray_survives_wherever_it_stands(records: list[tuple[bytes, bytes]]) -> None:
    stream = ENVELOPE + RECEIVED + lines(b"\n") + b"".join(rec(*one) for one in records) + CLOSING
    found = HOST.take(stream)
    assert found.status == 0
    texts = [payload for _, payload in found.content()]
    assert not any(set(payload) & set(b"\r\n") for payload in texts)
    sent = [(kind.decode(), payload) for kind, payload in records]
    ended = b"\n" if sent and sent[-1][0] == "L" else b""
    plain = [(kind, payload.translate(bytes.maketrans(b"\r\n", b"  "))) for kind, payload in sent]
    assert text(found.content()[5:]) == text(plain) + ended


@settings(max_examples=60, deadline=None)
@given(bodies, st.booleans(), st.sets(st.integers(0, 900), max_size=6))
def test_any_split_of_the_stream_gives_the_same_file(
    body: bytes, separated: bool, places: set[int]
) -> None:
    content = b"Subject: x\nTo: bob\n" + b"\n" * separated + body
    stream = options() + message(content)
    whole = HOST.take(b"", parts=[stream])
    parted = HOST.take(b"", parts=cut(stream, places))
    assert (parted.status, parted.file) == (whole.status, whole.file)
    assert parted.journal.lines() == whole.journal.lines()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no newline",
        b"X: 1\n y\n\nbody\r\n" + b"z" * 150 + b"\nlast",
        b"\r\nSubject: x\r\n",
        b"\na\rb\n0123456789\nc\rd\n0123456789abc\n",  # lengths that look like line ends
    ],
)
def test_every_split_in_two_and_byte_by_byte_gives_the_same_file(content: bytes) -> None:
    stream = options() + message(content)
    whole = HOST.take(b"", parts=[stream])
    assert (whole.session.finished, whole.status) == (True, 0)
    for parts in splits(stream):
        parted = HOST.take(b"", parts=parts)
        assert (parted.session.finished, parted.file) == (True, whole.file)


def test_a_large_body_is_passed_on_as_it_comes() -> None:
    session = HOST.session(HOST.take(b"").journal)
    session.receive_data(options() + ENVELOPE + RECEIVED + lines(b"\n"))
    line = rec(b"N", b"x" * 100)
    for _ in range(50):
        assert len(session.receive_data(line * 300)) == len(line) * 300


def test_needless_length_bytes_are_understood() -> None:
    stream = b"N\x80\x00" + b"N\x83\x00abc" + b"L\x83\x80\x00def" + b"N\x00"
    found = take(ENVELOPE + RECEIVED + lines(b"\n") + stream + CLOSING)
    assert text(found.content()[5:]) == b"\nabc\ndef\n"


# Records that have no place here.


@pytest.mark.parametrize("place", ["header", "in a header", "body", "in a line"])
@pytest.mark.parametrize(
    "kind", [b"p", b"q", b"S", b"R", b"T", b"M", b"A", b"C", b"w", b"\0", b"\xff"]
)
def test_a_record_that_is_no_text_breaks_the_protocol(place: str, kind: bytes) -> None:
    before = {
        "header": RECEIVED,
        "in a header": RECEIVED + rec(b"L", b"X: 1"),
        "body": RECEIVED + lines(b"\nb\n"),
        "in a line": RECEIVED + lines(b"\nb"),
    }[place]
    outcome = take(ENVELOPE + before + rec(kind, b"0") + lines(b"more\n") + CLOSING)
    assert (outcome.session.finished, outcome.status) == (True, Status.BAD)
    assert len(outcome.journal.warnings()) == 1
    assert "unexpected record type" in outcome.journal.warnings()[0]


@pytest.mark.parametrize("before", [b"", RECEIVED, RECEIVED + lines(b"\nb\n")])
def test_an_end_in_the_middle_breaks_the_protocol_and_is_the_end(before: bytes) -> None:
    outcome = take(ENVELOPE + before + rec(b"E"))
    assert (outcome.session.finished, outcome.status) == (True, Status.BAD)


# Size.


@pytest.mark.parametrize("more", [0, 1])
def test_the_file_may_reach_the_size_limit_and_not_pass_it(more: int) -> None:
    whole = take(message())
    limit = str(len(whole.file) - more)
    outcome = take(message(), {"message_size_limit": limit})
    assert outcome.status == (Status.TOO_LARGE if more else 0)
    warning = "warning: C3A92216044: queue file size limit exceeded"
    assert outcome.journal.warnings() == [warning] * more
    assert len(outcome.written) <= int(limit)


def test_a_message_that_does_not_fit_is_refused_wherever_the_limit_lies() -> None:
    stream = message(b"X: 1\n" * 20 + b"\nb\n" * 20)
    for limit in range(1, len(take(stream).file), 7):
        outcome = take(stream, {"message_size_limit": str(limit)})
        assert (outcome.session.finished, outcome.status) == (True, Status.TOO_LARGE)
        assert len(outcome.written) <= limit


def test_a_size_limit_of_zero_is_none() -> None:
    body = b"\n" + (b"x" * 999 + b"\n") * 11_000
    assert take(message(body)).status == Status.TOO_LARGE
    assert take(message(body), {"message_size_limit": "0"}).status == 0
