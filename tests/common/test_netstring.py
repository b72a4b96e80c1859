"""Promises of common.netstring.

SEE ALSO
    spec/qmqp.md, section 3
"""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import netstring
from common.netstring import LENGTH_LIMIT, FramingError, Reader, TooLongError
from tests.splits import cut, splits

payload_lists = st.lists(st.binary(max_size=40), max_size=4)


def lengths(parts: list[bytes], limit: int = LENGTH_LIMIT) -> list[int]:
    """Return each length that a reader of these parts finds."""
    reader, found = Reader(), []
    for part in parts:
        reader.receive_data(part)
        while (length := reader.next_length(limit)) is not None:
            found.append(length)
    return found


def payloads(parts: list[bytes], limit: int = LENGTH_LIMIT) -> list[bytes]:
    """Return each payload that a reader of these parts finds."""
    reader, found = Reader(), []
    for part in parts:
        reader.receive_data(part)
        while (payload := reader.next_payload(limit)) is not None:
            found.append(payload)
    return found


@pytest.mark.parametrize(
    ("payload", "wire"),
    [
        (b"", b"0:,"),
        (b"hello", b"5:hello,"),
        (b"\0\n,:", b"4:\0\n,:,"),
        (b"x" * 10, b"10:xxxxxxxxxx,"),
    ],
)
def test_a_payload_is_framed_by_its_length_and_a_comma(payload: bytes, wire: bytes) -> None:
    assert netstring.encode(payload) == wire


@settings(max_examples=60, deadline=None)
@given(payload_lists)
def test_any_payloads_survive_any_split(sent: list[bytes]) -> None:
    for parts in splits(b"".join(map(netstring.encode, sent))):
        assert payloads(parts, limit=40) == sent


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=3000), max_size=6), st.sets(st.integers(0, 9000)))
def test_payloads_survive_many_cuts(sent: list[bytes], places: set[int]) -> None:
    assert payloads(cut(b"".join(map(netstring.encode, sent)), places)) == sent


@pytest.mark.parametrize(
    ("wire", "length"),
    [
        pytest.param(b"0:", 0, id="zero"),
        pytest.param(b":", 0, id="no digits"),
        pytest.param(b"14:", 14, id="plain"),
        pytest.param(b"0000014:", 14, id="leading zeros"),
        pytest.param(b"0000000000000000000000000000000000:", 0, id="zeros only"),
        pytest.param(b"000000000000000000000000000009223372036854775807:", 2**63 - 1, id="both"),
        pytest.param(b"999999999999999999:", 10**18 - 1, id="18 digits"),
        pytest.param(b"1000000000000000000:", 10**18, id="19 digits"),
        pytest.param(b"9223372036854775807:", 2**63 - 1, id="largest"),
    ],
)
def test_a_length_is_what_its_digits_say_however_they_arrive(wire: bytes, length: int) -> None:
    for parts in splits(wire):
        assert lengths(parts) == [length]


@pytest.mark.parametrize("head", [b"", b"1", b"0", b"123"])
def test_a_length_holds_digits_and_nothing_else(head: bytes) -> None:
    for byte in set(range(256)) - set(b"0123456789:"):
        for parts in splits(head + bytes((byte,))):
            with pytest.raises(FramingError):
                lengths(parts)


@pytest.mark.parametrize(
    "wire",
    [b" 12:", b"-1:", b"+5:", b"0x10:", b"12,", b"\0", b"\xff", b"GET / HTTP/1.0\r\n", b"1 2:"],
)
def test_what_is_no_number_is_refused_at_the_first_strange_byte(wire: bytes) -> None:
    for parts in splits(wire):
        with pytest.raises(FramingError):
            lengths(parts)


@pytest.mark.parametrize("zeros", [0, 1, 40])
@pytest.mark.parametrize(
    "digits",
    [b"9223372036854775808", b"99999999999999999999", b"10000000000000000000", b"9" * 4000],
)
def test_a_number_overflows_at_the_digit_that_does_it(digits: bytes, zeros: int) -> None:
    reader = Reader()
    reader.receive_data(b"0" * zeros)
    assert reader.next_length() is None
    value = 0
    for digit in digits:
        value = value * 10 + digit - ord("0")
        reader.receive_data(bytes((digit,)))
        if value > 2**63 - 1:
            with pytest.raises(TooLongError):
                reader.next_length()
            return
        assert reader.next_length() is None
    pytest.fail("the number never overflowed")


@pytest.mark.parametrize("digits", [b"9223372036854775808", b"9" * 20])
def test_an_overflow_needs_no_colon(digits: bytes) -> None:
    for parts in splits(digits):
        with pytest.raises(TooLongError):
            lengths(parts)


@pytest.mark.parametrize("limit", [0, 1, 512, 2048, 10_240_000])
def test_a_length_may_equal_the_limit_and_is_judged_at_the_colon(limit: int) -> None:
    assert lengths([b"%d:" % limit], limit) == [limit]
    reader = Reader()
    reader.receive_data(b"%d" % (limit + 1))
    assert reader.next_length(limit) is None
    reader.receive_data(b":")
    with pytest.raises(TooLongError):
        reader.next_length(limit)


def test_a_length_is_judged_before_its_payload_arrives() -> None:
    for parts in splits(b"2049:"):
        with pytest.raises(TooLongError):
            payloads(parts, limit=2048)


def test_leading_zeros_by_the_megabyte_take_no_memory() -> None:
    reader, zeros = Reader(), b"0" * 65536
    tracemalloc.start()
    try:
        for _ in range(64):
            reader.receive_data(zeros)
            assert reader.next_length() is None
            assert reader.buffered() == 0
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * len(zeros)
    reader.receive_data(b"5:hello,")
    assert reader.next_length() == 5


def test_an_announced_payload_takes_no_memory_before_it_comes() -> None:
    reader = Reader()
    reader.receive_data(b"9223372036854775807:x")
    assert reader.next_payload() is None
    assert reader.buffered() == 1


@pytest.mark.parametrize(
    "wire", [b"5:hello;", b"4:hello,", b"6:hello,1", b"0:x", b":x", b"3:a@b\n"]
)
def test_a_payload_is_followed_by_a_comma_or_refused(wire: bytes) -> None:
    for parts in splits(wire):
        with pytest.raises(FramingError):
            payloads(parts)


@pytest.mark.parametrize(
    ("wire", "wanting"),
    [(b"3:abc,", {5}), (b"0:,", {2}), (b":,", {1}), (b"00012:0123456789ab,", {18})],
)
def test_only_the_comma_is_wanted_right_behind_a_payload(wire: bytes, wanting: set[int]) -> None:
    found = set()
    for size in range(len(wire) + 1):
        reader = Reader()
        reader.receive_data(wire[:size])
        reader.next_payload()
        if reader.wants_comma():
            found.add(size)
    assert found == wanting


@pytest.mark.parametrize(("data", "answer"), [(b"", None), (b",", True), (b"1:a,", False)])
def test_a_comma_ahead_is_seen_and_left_there(data: bytes, answer: bool | None) -> None:
    reader = Reader()
    reader.receive_data(data)
    assert reader.at_end() is answer
    assert reader.buffered() == len(data)


def test_what_stands_behind_a_payload_stays_for_the_next_one() -> None:
    reader = Reader()
    reader.receive_data(b"1:a,2:b")
    assert reader.next_payload() == b"a"
    assert reader.next_payload() is None
    assert reader.buffered() == 1
    reader.receive_data(b"c,,")
    assert reader.next_payload() == b"bc"
    assert reader.at_end() is True
