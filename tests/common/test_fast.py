"""Promises of common.fast: what numpy makes of lines is what is made without it."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import fast
from common.text import long_line, text_records, whole_lines
from tests.splits import cut
from tests.suite.peers import ROOT, missing

LIMIT = 2048


@pytest.fixture(scope="module", autouse=True)
def loaded() -> Iterator[None]:
    if not fast.load():
        missing("numpy (extra fast)")
    yield
    fast.numpy = None


def expected(block: bytes, limit: int = LIMIT) -> bytes:
    """Return the records of lines, made one by one."""
    return b"".join(long_line(line + b"\n", limit) for line in block.split(b"\n")[:-1])


def short_lines(block: bytes, limit: int = LIMIT) -> bytes:
    """Return what numpy makes of whole lines: it takes them with their LFs in front."""
    return fast.short_lines(b"\n" + block[:-1], limit)


texts = st.one_of(
    st.integers(0, 24).map(lambda length: b"x" * length),
    st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"-")),
    st.sampled_from([b"N", b"N\0", b"\0", b"\r", b"\xff" * 9]),
)
long_texts = st.sampled_from([30, 126, 127, 128, 129, 255, 256, 3000])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(texts, min_size=1, max_size=150),
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 150), long_texts), max_size=3),
    st.sampled_from([1, 12, 70, 127, 512, LIMIT]),
)
def test_any_lines_become_the_same_records(
    lines: list[bytes], times: int, others: list[tuple[int, int]], limit: int
) -> None:
    found = lines * times
    for place, size in others:
        found.insert(place, b"y" * size)
    block = b"".join(line + b"\n" for line in found)
    assert whole_lines(block, limit) == expected(block, limit)
    assert short_lines(block, limit) in (b"", expected(block, limit))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 4), st.sets(st.integers(0, 9000), max_size=6), st.binary(max_size=30))
def test_a_content_in_pieces_becomes_the_same_records(
    most: int, places: set[int], end: bytes
) -> None:
    content = b"".join(b"z" * (n * 7 % (most + 1)) + b"\n" for n in range(3000)) + end
    pieces = [piece for piece in cut(content, places) if piece]
    with_numpy = b"".join(text_records(pieces, LIMIT))
    found, fast.numpy = fast.numpy, None
    try:
        assert with_numpy == b"".join(text_records(pieces, LIMIT))
    finally:
        fast.numpy = found


@pytest.mark.parametrize("most", [0, 4, 20])
def test_short_lines_are_for_numpy(most: int) -> None:
    block = b"".join(b"x" * (n * 7 % (most + 1)) + b"\n" for n in range(3000))
    assert short_lines(block) == expected(block)


def test_other_lines_are_not() -> None:
    assert short_lines(b"\n" * 1000 + b"x" * 127 + b"\n")
    assert not short_lines(b"\n" * 1000 + b"x" * 128 + b"\n")
    assert not short_lines(b"\n" * 1000 + b"x" * 13 + b"\n", 12)
    assert not short_lines((b"x" * 60 + b"\n") * 100)


def test_numpy_is_not_imported_unless_asked_for_and_then_starts_no_thread() -> None:
    """A process that forks must have none; and one that is locked in cannot import any more."""
    program = (
        "import sys, os, common.text, common.fast as fast;"
        "assert 'numpy' not in sys.modules;"
        "os.environ['OPENBLAS_NUM_THREADS'] = '3';"
        "assert fast.load() and 'numpy' in sys.modules;"
        "assert os.environ['OPENBLAS_NUM_THREADS'] == '3';"
        "before = set(sys.modules);"
        "assert fast.short_lines(b'abc\\n' * 9000, 2048);"
        "assert set(sys.modules) == before;"
        "print(len(os.listdir('/proc/self/task')))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("1\n", "")
