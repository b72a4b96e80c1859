"""Promises of cleanup.rewrite.

SEE ALSO
    spec/qmqp.md, sections 5 and 6
"""

from collections.abc import Mapping

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from cleanup.rewrite import Rewriter, sanitize
from common.params import CleanupParams
from tests.common.settings import load

# As sent, as stored on mx.example.test; senders and recipients alike.
RECORDED = [
    (b"bob", b"bob@mx.example.test"),
    (b"postmaster", b"postmaster@mx.example.test"),
    (b"BoB@From.TEST", b"BoB@From.TEST"),
    (b"A.B@C.TEST", b"A.B@C.TEST"),
    (b"<a@b.test>", b"<a@b.test>"),
    (b"a@b.test.", b"a@b.test"),
    (b"a.@b.test", b"a.@b.test"),
    (b"a..b@c.test", b"a..b@c.test"),
    (b"a@b@c.test", b"a@b@c.test"),
    (b"a%b@c.test", b"a%b@c.test"),
    (b"host!user", b"user@host"),
    (b"@r1.test,@r2.test:a@b.test", b"a@b.test"),
    (b"@r.test:a@b.test", b"a@b.test"),
    (b"a b@c.test", b"a b@c.test"),
    (b'"a b"@c.test', b'"a b"@c.test'),
    (b"a(comment)@b.test", b"a(comment)@b.test"),
    (b"a@[10.0.0.1]", b"a@[10.0.0.1]"),
    (b"a\0b@c.test", b"a@mx.example.test"),
    (b"a\nb@c.test", b"a b@c.test"),
    (b"a\nX-Inject: 1@c.test", b"a X-Inject: 1@c.test"),
    (b"caf\xe9@b.test", b"caf\xe9@b.test"),
    (b"caf\xc3\xa9@b.test", b"caf\xc3\xa9@b.test"),
    (b"a@caf\xc3\xa9.test", b"a@caf\xc3\xa9.test"),
    (b"@", b"@"),
    (b"@b.test", b"@b.test"),
    (b"a@", b"a@"),
    (b" ", b" @mx.example.test"),
    (b" a@b.test ", b" a@b.test"),
    (b"a,b@c.test", b"a,b@c.test"),
    (b"a@b", b"a@b"),
    (b"#@[]", b"#@[]"),
    (b"@[]", b"@[]"),
    (b"a+ext@b.test", b"a+ext@b.test"),
    (b"-x@b.test", b"-x@b.test"),
    (b"a\\b@c.test", b"a\\b@c.test"),
    (b'a"b@c.test', b'a"b@c.test'),
    (b"r" * 992 + b"@to.test", b"r" * 992 + b"@to.test"),
    (b"", b""),
]

# Not in the recorded cases, but tried with the same release.
TRIED = [
    (b"@r.test:bob", b"bob@mx.example.test"),
    (b"@r1,@r2:bob", b"bob@mx.example.test"),
    (b"@:bob", b"bob@mx.example.test"),
    (b"@r:a@b@c", b"a@b@c"),
    (b"@a:@b:c@d", b"@b:c@d"),
    (b"a:b@c", b"a:b@c"),
    (b"@r1:x y@z", b"x y@z"),
]


def rewriter(settings: Mapping[str, str] | None = None) -> Rewriter:
    return Rewriter(load(CleanupParams, **(settings or {})))


@pytest.mark.parametrize(("sent", "stored"), TRIED)
def test_other_addresses_are_completed_as_the_reference_does(sent: bytes, stored: bytes) -> None:
    assert rewriter().complete(sent) == stored


@pytest.mark.parametrize(("sent", "stored"), RECORDED)
def test_recorded_addresses_are_completed_as_recorded(sent: bytes, stored: bytes) -> None:
    assert rewriter().complete(sanitize(sent)) == stored
    assert rewriter().sender(sanitize(sent)) == stored


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"mailer-daemon",
        b"MAILER-DAEMON",
        b"MAILER-DAEMON@mx.example.test",
        b"mailer-daemon@MX.Example.TEST",
        b"mailer-daemon@mx.example.test.",
    ],
)
def test_this_host_s_mailer_daemon_is_the_null_sender(sent: bytes) -> None:
    assert rewriter().sender(sent) == b""


def test_another_host_s_mailer_daemon_is_a_sender() -> None:
    assert rewriter().sender(b"MAILER-DAEMON@b.test") == b"MAILER-DAEMON@b.test"
    assert rewriter().complete(b"MAILER-DAEMON") == b"MAILER-DAEMON@mx.example.test"


@pytest.mark.parametrize(
    ("settings", "sent", "stored"),
    [
        ({"append_dot_mydomain": "yes"}, b"bob@host", b"bob@host.example.test"),
        ({"append_dot_mydomain": "yes"}, b"a@b", b"a@b.example.test"),
        ({"append_dot_mydomain": "yes"}, b"a@b.test", b"a@b.test"),
        ({"append_dot_mydomain": "yes"}, b"a@[10.0.0.1]", b"a@[10.0.0.1]"),
        ({"append_dot_mydomain": "yes"}, b"a@b.", b"a@b"),
        ({"append_dot_mydomain": "yes"}, b"bob", b"bob@mx.example.test"),
        ({"append_at_myorigin": "no"}, b"bob", b"bob"),
        ({"append_at_myorigin": "no"}, b"host!user", b"user@host"),
        ({"swap_bangpath": "no"}, b"host!user", b"host!user@mx.example.test"),
        ({"allow_percent_hack": "no"}, b"a%b", b"a%b@mx.example.test"),
        ({"myorigin": "origin.test"}, b"bob", b"bob@origin.test"),
        ({}, b"a%b", b"a@b"),
        ({}, b"a%b%c", b"a%b@c"),
        ({}, b"a!b!c", b"b!c@a"),
        ({}, b"!user", b"!user@mx.example.test"),
        ({}, b"host!", b"host!@mx.example.test"),
        ({}, b"%b", b"%b@mx.example.test"),
        ({}, b"a%", b"a%@mx.example.test"),
    ],
)
def test_the_rules_can_be_changed(settings: dict[str, str], sent: bytes, stored: bytes) -> None:
    assert rewriter(settings).complete(sent) == stored


@pytest.mark.parametrize(
    ("raw", "clean"),
    [(b"a\0b", b"a"), (b"\0", b""), (b"a\nb\n", b"a b "), (b"a\r\tb", b"a\r\tb"), (b"", b"")],
)
def test_nul_ends_an_envelope_address_and_a_newline_is_a_blank(raw: bytes, clean: bytes) -> None:
    assert sanitize(raw) == clean


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=20))
def test_a_complete_address_stays_as_it_is(sent: bytes) -> None:
    once = rewriter().complete(sent)
    # Trailing dots and blanks go one layer at a time; routes may be nested.
    assume(not once.endswith((b".", b" ", b"\t")) and b":" not in once)
    assert rewriter().complete(once) == once


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=20))
def test_every_address_gets_a_domain(sent: bytes) -> None:
    assert b"@" in rewriter().complete(sent)


def test_a_value_with_bytes_that_are_no_utf8_is_used_as_it_was_written() -> None:
    # How main.cf is read: such a byte becomes a lone surrogate.
    found = rewriter({"myorigin": "caf\udce9.test"})
    assert found.complete(b"bob") == b"bob@caf\xe9.test"


# The usual address is known at a glance; that must change nothing.

parts = st.sampled_from(
    [
        *(b"a", b"b.test", b"@", b".", b":", b"!", b"%", b"-", b"_", b"[", b"]", b'"', b"1"),
        *(b" ", b"\t", b"\0", b"\n", b"\r", b"\xe9", b"mailer-daemon", b"MX.example.test"),
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(parts, max_size=7).map(b"".join), st.sampled_from(["yes", "no"]))
@example(b"a@b.test\n", "no")
@example(b"a@b", "yes")
@example(b"@r:a@b.test", "no")
@example(b"mailer-daemon@MX.example.test", "no")
def test_an_envelope_address_is_completed_whichever_way_it_takes(raw: bytes, dots: str) -> None:
    found = rewriter({"append_dot_mydomain": dots})
    full = found.complete(sanitize(raw))
    assert found.recipient(raw) == (full or b"MAILER-DAEMON@mx.example.test")
    assert found.sender(raw) == (b"" if full.lower() == found.null_sender else full)
