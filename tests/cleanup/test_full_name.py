"""Promises of cleanup.full_name, and of who is named as a message's author.

SEE ALSO
    postconf(5): header_from_format
"""

import email.policy
from email.parser import BytesHeaderParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.full_name import with_name
from tests.cleanup.stream import CONTENT, RECIPIENT, SENDER, TIME, message, rec, take

# As Postfix writes them, in either form.
SEEN = [
    (b"Joe", b"Joe <s@x>", b"s@x (Joe)"),
    (b"Joe Doe", b"Joe Doe <s@x>", b"s@x (Joe Doe)"),
    (b"O'Brien", b"O'Brien <s@x>", b"s@x (O'Brien)"),
    (b"J. D.", b'"J. D." <s@x>', b"s@x (J. D.)"),
    (b'a"b', b'"a\\"b" <s@x>', b's@x (a"b)'),
    (b"a\\b", b'"a\\\\b" <s@x>', b"s@x (a\\b)"),
    (b"Joe (x) y", b'"Joe (x) y" <s@x>', b"s@x (Joe (x) y)"),
    (b"caf\xc3\xa9 x", b"caf\xc3\xa9 x <s@x>", b"s@x (caf\xc3\xa9 x)"),
    (b"caf\xe9", b"caf\xe9 <s@x>", b"s@x (caf\xe9)"),
    (b"a  b\tc", b"a b c <s@x>", b"s@x (a  b\tc)"),
    (b"", b"s@x", b"s@x"),
    (b"   ", b"<s@x>", b"s@x (   )"),
    (b"a\0b", b"a <s@x>", b"s@x (a)"),
    (b"=?utf-8?q?x?=", b"=?utf-8?q?x?= <s@x>", b"s@x (=?utf-8?q?x?=)"),
    # Postfix writes a comment that does not end, or one that ends too soon.
    (b"(x", b'"(x" <s@x>', b'"(x" <s@x>'),
    (b"x)", b'"x)" <s@x>', b'"x)" <s@x>'),
    (b"x\\", b'"x\\\\" <s@x>', b'"x\\\\" <s@x>'),
]


@pytest.mark.parametrize(("name", "standard", "obsolete"), SEEN)
def test_a_name_stands_before_the_address_or_behind_it(
    name: bytes, standard: bytes, obsolete: bytes
) -> None:
    assert with_name(b"s@x", name, "standard") == standard
    assert with_name(b"s@x", name, "obsolete") == obsolete


@given(st.binary(max_size=30), st.sampled_from(["standard", "obsolete"]))
def test_whatever_the_name_the_header_is_one_line_with_that_address(name: bytes, form: str) -> None:
    header = b"From: " + with_name(b"s@x.test", name, form)
    assert b"\n" not in header
    assert b"\r" not in header
    parsed = BytesHeaderParser(policy=email.policy.compat32).parsebytes(header + b"\n\n")
    assert header.endswith(b"<s@x.test>") or header.startswith(b"From: s@x.test")
    assert len(parsed.keys()) == 1


FULL_NAME = rec(b"F", b"J. Doe")


@pytest.mark.parametrize(
    ("sender", "extra", "found"),
    [
        (SENDER, FULL_NAME, b'From: "J. Doe" <s@from.test>'),
        (SENDER, FULL_NAME + rec(b"F", b"second"), b'From: "J. Doe" <s@from.test>'),
        (SENDER, rec(b"F", b"a\nBcc: b@c"), b'From: "a Bcc: b@c" <s@from.test>'),
        (rec(b"S"), FULL_NAME, b"From: MAILER-DAEMON"),
        (rec(b"S", b"q r@x"), FULL_NAME, b'From: "J. Doe" <"q r"@x>'),
    ],
)
def test_the_author_is_named_if_the_client_knows_the_name(
    sender: bytes, extra: bytes, found: bytes
) -> None:
    outcome = take(message(b"Subject: x\n\n", TIME + extra + sender + RECIPIENT + CONTENT))
    assert outcome.status == 0
    assert [text for _, text in outcome.content() if text.startswith(b"From:")] == [found]
    assert ("N", b"Bcc: b@c") not in outcome.records()


def test_an_author_who_is_named_already_stays() -> None:
    outcome = take(message(b"From: me@x.test\n\n", TIME + FULL_NAME + SENDER + RECIPIENT + CONTENT))
    assert ("N", b"From: me@x.test") in outcome.content()
    assert b"J. Doe" not in b"".join(text for _, text in outcome.content())
