"""Promises of qmqpd.verp.

SEE ALSO
    spec/qmqp.md, section 5
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmqpd.verp import delimiters_trouble, split_verp


@pytest.mark.parametrize(
    ("sender", "plain", "delimiters"),
    [
        (b"list-@host.test-@[]", b"list@host.test", b"-="),
        (b"list=@host.test-@[]", b"list@host.test", b"=="),
        (b"list+@host.test-@[]", b"list@host.test", b"+="),
        (b"list-return-@host.test-@[]", b"list-return@host.test", b"-="),
        (b"listx@host.test-@[]", b"list@host.test", b"x="),
        (b"ab@h-@[]", b"a@h", b"b="),
        (b"list-@host@other-@[]", b"list@host@other", b"-="),
        (b"list-@-@[]-@[]", b"list@-@[]", b"-="),
    ],
)
def test_a_sender_may_ask_for_verp(sender: bytes, plain: bytes, delimiters: bytes) -> None:
    assert split_verp(sender) == (plain, delimiters)


@pytest.mark.parametrize(
    "sender",
    [
        b"",
        b"bob@host.test",
        b"list-@host.test",
        b"-@host-@[]",
        b"@host-@[]",
        b"list-@-@[]",
        b"list-host-@[]",
        b"-@[]",
        b"#@[]",
        b"@[]",
        b"list-@host.test-@[] ",
        b"list-@host.test@[]",
    ],
)
def test_other_senders_stay_as_they_are(sender: bytes) -> None:
    assert split_verp(sender) == (sender, b"")


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=10), st.integers(0, 255), st.binary(min_size=1, max_size=10))
def test_what_is_asked_for_is_what_is_found(prefix: bytes, delimiter: int, host: bytes) -> None:
    prefix, letter = prefix.replace(b"@", b"a"), bytes((delimiter,)).replace(b"@", b"a")
    found = split_verp(prefix + letter + b"@" + host + b"-@[]")
    assert found == (prefix + b"@" + host, letter + b"=")


@pytest.mark.parametrize(
    ("delimiters", "allowed", "refused"),
    [
        (b"", "-=+", False),
        (b"", "", False),
        (b"-=", "-=+", False),
        (b"==", "-=+", False),
        (b"x=", "-=+", True),
        (b"-=", "-", True),
        (b"-=", "", True),
        (b"\xff=", "-=+", True),
    ],
)
def test_delimiters_are_among_those_allowed_or_refused_by_name(
    delimiters: bytes, allowed: str, refused: bool
) -> None:
    text = b'Error: Invalid VERP delimiters: "%b". Need two characters from "%b"'
    expected = text % (delimiters, allowed.encode()) if refused else b""
    assert delimiters_trouble(delimiters, allowed) == expected
