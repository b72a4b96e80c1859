"""Promises of common.text.

SEE ALSO
    spec/cleanup-protocol.md, section 4.1
"""

import time
import tracemalloc
from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import record
from common.record import Reader, RecordType
from common.text import (
    RUN_LEAST,
    SHORT_BLOCK,
    TABLE_LIMIT,
    TEXT_HEADS,
    Lines,
    text_records,
    whole_lines,
)
from tests.splits import cut

LIMIT = 2048
READ_SIZE = 32 * 1024  # of a piece, mostly

# Lines of every interesting length: short ones, and around a small limit.
lines = st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"-"))
contents = st.lists(lines, max_size=12).map(b"\n".join)


def records(
    content: bytes, limit: int = LIMIT, places: Iterable[int] = ()
) -> list[tuple[str, bytes]]:
    """Return the records of a content that comes in pieces, cut at these places."""
    pieces = [piece for piece in cut(content, places) if piece]
    return parse(b"".join(text_records(pieces, limit)))


def parse(stream: bytes) -> list[tuple[str, bytes]]:
    reader, found = Reader(stream), []
    while (one := reader.next_record()) is not None:
        found.append((chr(one[0]), one[1]))
    assert reader.buffered() == 0
    return found


def joined(found: list[tuple[str, bytes]]) -> bytes:
    return b"".join(text + (b"\n" if kind == "N" else b"") for kind, text in found)


def check(content: bytes, limit: int, places: Iterable[int] = ()) -> None:
    """Check all that is promised of any content."""
    found = records(content, limit, places)
    assert joined(found) == content
    assert {kind for kind, _ in found} <= {"N", "L"}
    assert all(len(text) <= limit for _, text in found)
    # A piece is unfinished for its length, or at the end of everything.
    assert all(len(text) == limit for kind, text in found[:-1] if kind == "L")
    assert all(text for kind, text in found if kind == "L")


@settings(max_examples=200, deadline=None)
@given(contents, st.integers(1, 45), st.sets(st.integers(1, 400)))
def test_joined_records_are_the_content(content: bytes, limit: int, places: set[int]) -> None:
    check(content, limit, places)
    assert records(content, limit, places) == records(content, limit)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [0, 1, 2047, 2048, 2049, 4096, 8191, 8192, 8193, 32_766, 32_768, 70_000]
            ),
            st.sampled_from([b"", b"\n"]),
        ),
        max_size=6,
    ),
    st.sampled_from([512, 2048, 8192, 10_000]),
    st.sampled_from([1000, 16_384, READ_SIZE, 1_000_000]),
)
def test_long_lines_and_piece_edges_lose_nothing(
    sizes: list[tuple[int, bytes]], limit: int, piece: int
) -> None:
    content = b"".join(b"y" * size + newline for size, newline in sizes)
    check(content, limit, range(0, len(content), piece))


@pytest.mark.parametrize("size", [READ_SIZE - 1, READ_SIZE, READ_SIZE + 1, 3 * READ_SIZE])
@pytest.mark.parametrize("line", [b"x" * 70 + b"\n", b"\n", b"z" * (TABLE_LIMIT + 1) + b"\n"])
def test_contents_above_one_piece_lose_nothing(line: bytes, size: int) -> None:
    content = (line * (size // len(line) + 1))[:size]
    for end in (b"", b"\n", b"x", b"\nx"):
        check(content + end, LIMIT, range(0, len(content) + 2, READ_SIZE))


@pytest.mark.parametrize("length", [0, 1, 10, 72, 127, 128, 2047, 2048, 2049])
@pytest.mark.parametrize("count", [1, 2, 500])
@pytest.mark.parametrize("other", [b"", b"\n", b"short\n", b"x" * 73 + b"\n", b"no newline"])
def test_lines_of_one_length_lose_nothing(length: int, count: int, other: bytes) -> None:
    equal = (b"x" * length + b"\n") * count
    for content in (equal, equal + other, other + equal, equal + other + equal):
        if b"no newline" not in content or content.endswith(b"no newline"):
            check(content, LIMIT)


def test_a_line_of_the_same_length_with_a_newline_in_it_is_two() -> None:
    assert records(b"abc\nd\nf\nghi\n") == [("N", text) for text in (b"abc", b"d", b"f", b"ghi")]
    assert records(b"ab\n\n\n\ncd\n") == [("N", text) for text in (b"ab", b"", b"", b"", b"cd")]


def test_a_line_is_handed_out_when_it_has_ended_and_a_very_long_one_before() -> None:
    lines = Lines(10)
    assert lines.add(b"ab") == b""
    assert parse(lines.add(b"c\nd")) == [("N", b"abc")]
    assert lines.add(b"x" * 9) == b""  # it may end here, and then it is whole
    assert parse(lines.add(b"y")) == [("L", b"d" + b"x" * 9)]
    assert parse(lines.add(b"\n")) == [("N", b"y")]
    assert lines.end() == b""
    assert lines.add(b"z") == b""
    assert parse(lines.end()) == [("L", b"z")]
    assert lines.end() == b""


@settings(max_examples=100, deadline=None)
@given(st.lists(lines, min_size=1, max_size=12), st.integers(1, 45))
def test_lines_at_once_are_the_same_as_lines_in_pieces(block: list[bytes], limit: int) -> None:
    content = b"".join(line + b"\n" for line in block)
    assert parse(whole_lines(content, limit)) == records(content, limit, range(1, len(content)))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 90), max_size=30),
    st.integers(0, 90),
    st.integers(RUN_LEAST // 50, RUN_LEAST),
    st.lists(st.integers(0, 90), max_size=30),
    st.sets(st.integers(0, RUN_LEAST)),
)
def test_lines_of_one_length_between_others_lose_nothing(
    before: list[int], length: int, count: int, behind: list[int], newlines: set[int]
) -> None:
    lengths = [*before, *([length] * count), *behind]
    content = bytearray(b"".join(b"x" * size + b"\n" for size in lengths))
    for place in newlines:
        if place < len(content):
            content[place] = ord("\n")
    expected = [("N", line) for line in bytes(content).split(b"\n")[:-1]]
    assert parse(whole_lines(bytes(content), LIMIT)) == expected


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(100, 2000),
    st.sampled_from([0, 100, SHORT_BLOCK - 1, SHORT_BLOCK, 40_000]),
)
def test_very_short_lines_around_another_lose_nothing(seed: int, count: int, length: int) -> None:
    chosen = Random(seed)
    sizes = [chosen.randint(0, 20) for _ in range(count)]
    content = b"".join(b"x" * size + b"\n" for size in (*sizes, length, *sizes))
    found = parse(whole_lines(content, LIMIT))
    assert joined(found) == content
    assert [len(text) for _, text in found[:count]] == sizes
    assert [len(text) for _, text in found[-count:]] == sizes


def test_very_short_lines_are_not_all_objects_at_the_same_time() -> None:
    content = b"".join(b"x" * (size % 5) + b"\n" for size in range(100_000))
    tracemalloc.start()
    try:
        whole_lines(content, LIMIT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(content)  # a line of its own size takes twenty times as much


def test_a_content_is_yielded_in_pieces_that_fit_a_write() -> None:
    content = (b"x" * 70 + b"\n") * 5000
    pieces = list(text_records(cut(content, range(0, len(content), READ_SIZE)), LIMIT))
    assert max(map(len, pieces)) <= 2 * READ_SIZE
    assert len(pieces) >= len(content) // READ_SIZE


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", []),
        (b"\n", [("N", b"")]),
        (b"\n\n", [("N", b""), ("N", b"")]),
        (b"a", [("L", b"a")]),
        (b"a\n", [("N", b"a")]),
        (b"a\nb", [("N", b"a"), ("L", b"b")]),
        (b"a\r\n", [("N", b"a\r")]),
        (b"a\0b\n", [("N", b"a\0b")]),
        (b"\r\n x", [("N", b"\r"), ("L", b" x")]),
        (b".\n..\n", [("N", b"."), ("N", b"..")]),
        (b"From\n", [("N", b"From")]),
        (b" > From x\n", [("N", b" > From x")]),
        (b"a\nFrom b\n c\n", [("N", b"a"), ("N", b"From b"), ("N", b" c")]),
    ],
)
def test_lines_end_at_newlines_and_nowhere_else(
    content: bytes, found: list[tuple[str, bytes]]
) -> None:
    assert records(content) == found


@pytest.mark.parametrize(
    ("size", "kinds", "last"),
    [
        (2046, "N", 2046),
        (2047, "N", 2047),
        (2048, "N", 2048),
        (2049, "LN", 1),
        (4095, "LN", 2047),
        (4096, "LN", 2048),
        (4097, "LLN", 1),
        (8192, "LLLN", 2048),
    ],
)
def test_a_long_line_is_cut_as_recorded(size: int, kinds: str, last: int) -> None:
    for more in (b"", b"next\n"):
        found = records(b"x" * size + b"\n" + more)
        assert "".join(kind for kind, _ in found) == kinds + "N" * bool(more)
        assert [len(text) for _, text in found][: len(kinds)] == [2048] * (len(kinds) - 1) + [last]


@pytest.mark.parametrize(
    ("size", "lengths"), [(2047, [2047]), (2048, [2048]), (2049, [2048, 1]), (4096, [2048, 2048])]
)
def test_a_long_last_line_without_newline_is_unfinished(size: int, lengths: list[int]) -> None:
    found = records(b"x" * size)
    assert [(kind, len(text)) for kind, text in found] == [("L", length) for length in lengths]


@pytest.mark.parametrize("piece", [READ_SIZE, 100_000_000])
def test_the_time_for_a_line_grows_with_its_length_and_no_faster(piece: int) -> None:
    def seconds(size: int) -> float:
        pieces = cut(b"x" * size, range(0, size, piece))
        begin = time.process_time()
        for _ in text_records(pieces, 512):
            pass
        return time.process_time() - begin

    short = min(seconds(500_000) for _ in range(3))
    long = min(seconds(4_000_000) for _ in range(2))
    assert long < 8 * short * 3  # cut in place: 8 times as long; copied each time: 64 times


def test_the_heads_kept_ready_are_those_of_the_record_format() -> None:
    expected = [RecordType.TEXT + record.encode_length(n) for n in range(TABLE_LIMIT + 1)]
    assert list(TEXT_HEADS) == expected
