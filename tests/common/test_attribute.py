"""Promises of common.attribute.

SEE ALSO
    spec/attr-protocol.md
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import attribute
from common.attribute import LIST_LIMIT, Attributes
from common.errors import PeerError
from tests.splits import splits

values = st.binary(max_size=12).map(lambda value: value.replace(b"\0", b""))
names = values.filter(bool)
lists = st.lists(st.tuples(names, values), max_size=4)

GREETING = b"protocol\0cleanup_protocol\0queue_id\0C3A92216044\0\0"
STATUS = b"status\x000\0reason\0\0\0"


@pytest.mark.parametrize(
    ("pairs", "wire"),
    [
        ([], b"\0"),
        ([(b"flags", b"114")], b"flags\x00114\0\0"),
        ([(b"protocol", b"cleanup_protocol"), (b"queue_id", b"C3A92216044")], GREETING),
        ([(b"status", b"0"), (b"reason", b"")], STATUS),
    ],
)
def test_a_list_is_names_and_values_each_ended_by_nul(pairs: Attributes, wire: bytes) -> None:
    assert attribute.encode(pairs) == wire
    assert attribute.decode(wire) == (pairs, len(wire))


@settings(max_examples=100, deadline=None)
@given(lists, st.binary(max_size=10))
def test_a_list_is_found_when_it_is_whole_and_not_before(pairs: Attributes, rest: bytes) -> None:
    wire = attribute.encode(pairs)
    for size in range(len(wire)):
        assert attribute.decode(wire[:size]) is None
    assert attribute.decode(wire + rest) == (pairs, len(wire))


@settings(max_examples=30, deadline=None)
@given(lists)
def test_any_list_survives_any_split(pairs: Attributes) -> None:
    for parts in splits(attribute.encode(pairs)):
        buffer, found = bytearray(), []
        for part in parts:
            buffer += part
            found.append(attribute.decode(buffer))
        assert found == [None] * (len(parts) - 1) + [(pairs, len(buffer))]


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"x" * (LIST_LIMIT + 1), id="a name"),
        pytest.param(b"name\0" + b"x" * LIST_LIMIT, id="a value"),
        pytest.param(b"a\0b\0" * (LIST_LIMIT // 4 + 1), id="pairs"),
    ],
)
def test_a_list_without_end_is_refused(wire: bytes) -> None:
    with pytest.raises(PeerError, match="attribute list without end"):
        attribute.decode(wire)


def test_a_strict_reader_gets_the_values_in_its_order() -> None:
    pairs = [(b"status", b"4"), (b"reason", b"too large")]
    assert attribute.values(pairs, b"status", b"reason") == [b"4", b"too large"]


def test_a_strict_reader_tolerates_what_stands_behind_its_last_name() -> None:
    pairs = [(b"status", b"4"), (b"reason", b""), (b"extra", b"1")]
    assert attribute.values(pairs, b"status", b"reason") == [b"4", b""]


@pytest.mark.parametrize(
    ("pairs", "complaint"),
    [
        ([], "missing attribute protocol"),
        ([(b"protocol", b"x")], "missing attribute queue_id"),
        ([(b"queue_id", b"x")], r"unexpected attribute queue_id \(expecting: protocol\)"),
        (
            [(b"protocol", b"x"), (b"extra", b""), (b"queue_id", b"y")],
            r"unexpected attribute extra \(expecting: queue_id\)",
        ),
        ([(b"\xe9", b"")], r"unexpected attribute é \(expecting: protocol\)"),
    ],
)
def test_a_strict_reader_says_which_name_is_missing_or_strange(
    pairs: Attributes, complaint: str
) -> None:
    with pytest.raises(PeerError, match=complaint):
        attribute.values(pairs, b"protocol", b"queue_id")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"0", 0),
        (b"007", 7),
        (b"2147483647", 2**31 - 1),
        (b"2147483648", -(2**31)),
        (b"4294967295", -1),
        (b"4294967296", 2**32),
        (b"18446744073709551615", 2**64 - 1),
    ],
)
def test_a_number_above_31_bits_stands_for_a_negative_one(text: bytes, number: int) -> None:
    assert attribute.number(text) == number


@pytest.mark.parametrize(
    "text", [b"", b" 1", b"1 ", b"-1", b"+1", b"0x10", b"1junk", b"1.0", b"\xb2", b"1" * 21]
)
def test_a_number_is_digits_and_nothing_else(text: bytes) -> None:
    with pytest.raises(PeerError, match="bad number"):
        attribute.number(text)
