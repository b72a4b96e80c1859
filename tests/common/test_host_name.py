"""Promises of common.host_name. The words are those of the reference for the same names."""

import pytest

from common.host_name import is_address, trouble

LONG = ".".join(["y" * 60] * 4)  # 243 bytes
ONES = ".".join(["1" * 60] * 5)


@pytest.mark.parametrize(
    "name",
    [
        *("a", "a.b", "localhost", "a_b.test", "_a", "a_", "_", "1a.test", "a.1", "1-1", "1_1"),
        *("A-1.Example.TEST", "x" * 63, f"{LONG}.{'z' * 11}", "0x1f"),
    ],
)
def test_a_well_formed_name_has_no_trouble(name: str) -> None:
    assert trouble(name.encode()) == ""


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("10.66.1.7", "numeric hostname: 10.66.1.7"),
        ("::1", "numeric hostname: ::1"),
        ("4711", "valid_hostname: numeric hostname: 4711"),
        ("1.2.3", "valid_hostname: numeric hostname: 1.2.3"),
        ("", "valid_hostname: misplaced delimiter: "),
        (".", "valid_hostname: misplaced delimiter: ."),
        (".a", "valid_hostname: misplaced delimiter: .a"),
        ("a.", "valid_hostname: misplaced delimiter: a."),
        ("1.2.3.", "valid_hostname: misplaced delimiter: 1.2.3."),
        ("a..b", "valid_hostname: misplaced delimiter: a..b"),
        ("1..2", "valid_hostname: misplaced delimiter: 1..2"),
        ("-", "valid_hostname: misplaced hyphen: -"),
        ("-a.test", "valid_hostname: misplaced hyphen: -a.test"),
        ("a-.test", "valid_hostname: misplaced hyphen: a-.test"),
        ("a.-b", "valid_hostname: misplaced hyphen: a.-b"),
        ("a/b", "valid_hostname: invalid character 47(decimal): a/b"),
        ("a b", "valid_hostname: invalid character 32(decimal): a b"),
        ("a\nb", "valid_hostname: invalid character 10(decimal): a\nb"),
        ("a\0b", "valid_hostname: invalid character 0(decimal): a\0b"),
        ("[10.66.1.9]", "valid_hostname: invalid character 91(decimal): [10.66.1.9]"),
        ("caf\u00e9.test", "valid_hostname: invalid character 195(decimal): caf\u00e9.test"),
        ("x" * 64, f"valid_hostname: hostname label too long: {'x' * 64}"),
        (f"{LONG}.{'z' * 12}", f"valid_hostname: bad length 256 for {LONG[:100]}..."),
        ("x" * 300, f"valid_hostname: hostname label too long: {'x' * 100}"),
        (f"{LONG}.{'z' * 11}.", f"valid_hostname: misplaced delimiter: {LONG[:100]}"),
        (f"{LONG}.{LONG}.-", f"valid_hostname: misplaced hyphen: {LONG[:100]}"),
        (ONES, f"valid_hostname: numeric hostname: {ONES[:100]}"),
        ("a" * 70 + "/", f"valid_hostname: hostname label too long: {'a' * 70}/"),
        ("a" * 64 + "_-", f"valid_hostname: hostname label too long: {'a' * 64}_-"),
        ("-" + "a" * 70, f"valid_hostname: misplaced hyphen: -{'a' * 70}"),
        ("a/" * 40, f"valid_hostname: invalid character 47(decimal): {'a/' * 40}"),
    ],
)
def test_what_is_no_name_is_told_in_the_words_of_the_field(name: str, reason: str) -> None:
    assert trouble(name.encode()) == reason


def test_a_name_of_any_bytes_has_a_printable_reason() -> None:
    assert trouble(b"caf\xe9") == "valid_hostname: invalid character 233(decimal): caf\ufffd"


@pytest.mark.parametrize("text", ["192.0.2.7", "::1", "2001:db8::7", "fe80::1%eth0"])
def test_an_address_is_one(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize("text", ["", "192.0.2", "192.0.2.7.", "[::1]", "192.0.2.07", "a", "1"])
def test_what_only_looks_like_an_address_is_none(text: str) -> None:
    assert not is_address(text)
