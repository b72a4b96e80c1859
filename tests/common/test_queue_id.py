"""Promises of common.queue_id.

SEE ALSO
    spec/queue-file.md, sections 7 and 8
"""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.queue_id import (
    encode_long,
    encode_short,
    hash_directories,
    inode_of,
    is_long,
    is_valid,
    with_inode,
)

DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"

seconds = st.integers(0, 52**6 - 1)
microseconds = st.integers(0, 999_999)
inodes = st.integers(1, 2**64 - 1)


def number(text: str, base: int) -> int:
    value = 0
    for letter in text:
        assert DIGITS.index(letter) < base
        value = value * base + DIGITS.index(letter)
    return value


def test_recorded_ids_are_made_again() -> None:
    assert encode_short(801426, 2187332) == "C3A92216044"
    assert encode_long(1795177943, 350604, 2189239) == "4jWF8l2TfNzJTgF"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (encode_short(0, 0), "000000"),
        (encode_short(1, 255), "00001FF"),
        (encode_short(999_999, 1), "F423F1"),
        (encode_long(0, 0, 0), "0000000000z0"),
        (encode_long(0, 51, 51), "000000000zz10"),
    ],
)
def test_parts_are_padded_to_their_width(made: str, expected: str) -> None:
    assert made == expected


@settings(max_examples=200, deadline=None)
@given(microseconds, inodes)
def test_a_short_id_tells_its_parts(micro: int, inode: int) -> None:
    made = encode_short(micro, inode)
    assert (int(made[:5], 16), int(made[5:], 16)) == (micro, inode)
    assert made == made.upper()
    assert is_valid(made)
    assert not is_long(made)


@settings(max_examples=200, deadline=None)
@given(seconds, microseconds, inodes)
def test_a_long_id_tells_its_parts(second: int, micro: int, inode: int) -> None:
    made = encode_long(second, micro, inode)
    head, separator, tail = made.rpartition("z")
    assert separator
    assert (len(head), number(tail, 51)) == (10, inode)
    assert (number(head[:6], 52), number(head[6:], 52)) == (second, micro)
    assert is_valid(made)
    assert is_long(made)


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("C3A92216044", True),
        ("AAAAA1", True),
        ("NOQUEUE", True),
        ("under_score", True),
        ("a" * 255, True),
        ("a" * 256, False),
        ("", False),
        ("ABC-1", False),
        ("ABC.1", False),
        ("../ABC", False),
        ("ABC\n", False),
        ("ABC\0", False),
        ("ÀBC", False),
        ("\u0661", False),
    ],
)
def test_a_name_is_letters_digits_and_underscores(name: str, valid: bool) -> None:
    assert is_valid(name) is valid


@pytest.mark.parametrize(
    ("name", "long"),
    [
        ("C3A92216044", False),
        ("4jWF8l2TfNzJTgF", True),
        ("012345678z1", False),
        ("0123456789z1", True),
        ("z123456789z1", True),
        ("", False),
    ],
)
def test_a_long_id_is_known_by_its_last_separator(name: str, long: bool) -> None:
    assert is_long(name) is long


@pytest.mark.parametrize(
    ("name", "depth", "directories"),
    [
        ("A7ADD216056", 0, []),
        ("A7ADD216056", 1, ["A"]),
        ("A7ADD216056", 3, ["A", "7", "A"]),
        ("AB", 4, ["A", "B", "_", "_"]),
        ("4jWF8l2TfNzJTgF", 1, ["5"]),
        ("4jWF8l2TfNzJTgF", 5, ["5", "5", "9", "8", "C"]),
        ("4jWF8l2TfNzJTgF", 6, ["5", "5", "9", "8", "C", "_"]),
    ],
)
def test_a_hashed_queue_spreads_by_the_microseconds(
    name: str, depth: int, directories: list[str]
) -> None:
    assert hash_directories(name, depth) == directories


@settings(max_examples=300, deadline=None)
@given(
    st.text(string.ascii_letters + string.digits + "_z", min_size=1, max_size=30),
    st.integers(0, 6),
)
def test_every_name_that_a_file_may_have_has_a_place(name: str, depth: int) -> None:
    directories = hash_directories(name, depth)
    assert len(directories) == depth
    assert all(is_valid(letter) and len(letter) == 1 for letter in directories)


# Names and inodes.


@given(seconds, microseconds, inodes)
def test_a_name_tells_its_inode(second: int, microsecond: int, inode: int) -> None:
    assert inode_of(encode_short(microsecond, inode)) == inode
    assert inode_of(encode_long(second, microsecond, inode)) == inode


@given(seconds, microseconds, inodes, inodes)
def test_a_name_of_another_inode_keeps_its_time(
    second: int, microsecond: int, inode: int, other: int
) -> None:
    short, long = encode_short(microsecond, inode), encode_long(second, microsecond, inode)
    for long_ids in (False, True):
        assert with_inode(short, other, long_ids=long_ids) == encode_short(microsecond, other)
    assert with_inode(long, other, long_ids=True) == encode_long(second, microsecond, other)
    assert with_inode(long, other, long_ids=False) == encode_short(microsecond, other)


@pytest.mark.parametrize("name", ["12345a", "123450A", "12345", "zzzzzG1", "12345 1"])
def test_what_could_be_a_short_name_may_tell_no_inode(name: str) -> None:
    assert inode_of(name) == -1


@pytest.mark.parametrize("name", ["", "1234", "A" * 22, "4jWF8l2TfNz", "4jWF8l2TfNzAE", "x" * 40])
def test_what_can_be_no_name_tells_nothing(name: str) -> None:
    assert inode_of(name) is None
