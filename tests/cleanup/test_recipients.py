"""Promises of cleanup.recipients.

SEE ALSO
    spec/qmqp.md, section 6
    spec/cleanup-behaviour.md, section 2
"""

from collections.abc import Mapping

import pytest

from cleanup.recipients import NOTIFY_VALUES
from tests.cleanup.stream import (
    CLOSING,
    CONTENT,
    RECEIVED,
    SENDER,
    TIME,
    Outcome,
    Records,
    rec,
    take,
)

O, R, A = "O", "R", "A"  # noqa: E741 - the letters of the records


def with_recipients(stream: bytes, settings: Mapping[str, str] | None = None) -> Outcome:
    outcome = take(TIME + SENDER + stream + CONTENT + RECEIVED + CLOSING, settings)
    assert outcome.status == 0
    return outcome


def blocks(stream: bytes, settings: Mapping[str, str] | None = None) -> Records:
    """Return the recipient blocks of a message."""
    return with_recipients(stream, settings).envelope()[3:]


def block(original: bytes, final: bytes, dsn: bytes = b"") -> Records:
    return [(A, b"dsn_orig_rcpt=" + (dsn or b"rfc822;" + final)), (O, original), (R, final)]


def to(*recipients: bytes) -> bytes:
    return b"".join(rec(b"R", one) for one in recipients)


@pytest.mark.parametrize(
    ("sent", "original", "final"),
    [
        (b"r@to.test", b"r@to.test", b"r@to.test"),
        (b"", b"", b"MAILER-DAEMON@mx.example.test"),
        (b"bob", b"bob", b"bob@mx.example.test"),
        (b"host!user", b"host!user", b"user@host"),
        (b"@r.test:a@b.test", b"@r.test:a@b.test", b"a@b.test"),
        (b"a@b.test.", b"a@b.test.", b"a@b.test"),
        (b"a\0b@c.test", b"a", b"a@mx.example.test"),
        (b"a\nX-Inject: 1@c.test", b"a\nX-Inject: 1@c.test", b"a X-Inject: 1@c.test"),
        (b"caf\xe9@b.test", b"caf\xe9@b.test", b"caf\xe9@b.test"),
        (b"<a@b.test>", b"<a@b.test>", b"<a@b.test>"),
        (b"@", b"@", b"@"),
        (b"R" * 2048, b"R" * 2048, b"R" * 2048 + b"@mx.example.test"),
    ],
)
def test_a_recipient_is_stored_as_sent_and_completed(
    sent: bytes, original: bytes, final: bytes
) -> None:
    assert blocks(to(sent)) == block(original, final)


def test_the_operator_chooses_who_stands_in_for_nobody() -> None:
    assert blocks(to(b""), {"empty_address_recipient": "postmaster@x.test"}) == block(
        b"", b"postmaster@x.test"
    )


# Duplicates.


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([b"r@to.test", b"r@to.test"], [b"r@to.test"]),
        ([b"r@to.test", b"R@TO.TEST"], [b"r@to.test"]),
        ([b"bob", b"bob@mx.example.test"], [b"bob@mx.example.test"] * 2),
        ([b"bob", b"bob"], [b"bob@mx.example.test"]),
        ([b"a@x", b"b@x", b"a@x", b"c@x", b"b@x"], [b"a@x", b"b@x", b"c@x"]),
        ([b"", b""], [b"MAILER-DAEMON@mx.example.test"]),
    ],
)
def test_the_same_recipient_is_stored_once(sent: list[bytes], kept: list[bytes]) -> None:
    outcome = with_recipients(to(*sent))
    assert [payload for _, payload in outcome.envelope(R)] == kept
    assert outcome.size()[2] == len(kept)


def test_what_was_sent_does_not_matter_where_the_operator_says_so() -> None:
    settings = {"enable_original_recipient": "no"}
    outcome = with_recipients(to(b"bob", b"bob@mx.example.test"), settings)
    assert [payload for _, payload in outcome.envelope(R)] == [b"bob@mx.example.test"]


@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        ("2", [b"a@t", b"b@t", b"c@t", b"c@t"]),
        ("3", [b"a@t", b"b@t", b"c@t"]),
        ("0", [b"a@t", b"b@t", b"c@t"]),  # no limit
    ],
)
def test_only_so_many_are_remembered(limit: str, kept: list[bytes]) -> None:
    stream = to(b"a@t", b"b@t", b"c@t", b"a@t", b"c@t")
    outcome = with_recipients(stream, {"duplicate_filter_limit": limit})
    assert [payload for _, payload in outcome.envelope(R)] == kept


# What comes before a recipient applies to it alone.


def test_an_original_recipient_may_be_given() -> None:
    assert blocks(rec(b"O", b"Orig@x") + to(b"a@b", b"c@d")) == [
        *block(b"Orig@x", b"a@b"),
        *block(b"c@d", b"c@d"),
    ]


def test_the_original_for_notices_may_be_given() -> None:
    given = rec(b"A", b"dsn_orig_rcpt=rfc822;x+40y")
    assert blocks(given + to(b"a@b", b"c@d")) == [
        *block(b"a@b", b"a@b", b"rfc822;x+40y"),
        *block(b"c@d", b"c@d"),
    ]


@pytest.mark.parametrize("value", sorted(NOTIFY_VALUES - {0}))
def test_notices_may_be_asked_for(value: int) -> None:
    outcome = with_recipients(rec(b"A", b"notify_flags=%d" % value) + to(b"a@b", b"c@d"))
    assert outcome.envelope()[3:] == [
        (A, b"notify_flags=%d" % value),
        *block(b"a@b", b"a@b"),
        *block(b"c@d", b"c@d"),
    ]
    assert outcome.size()[3] == value << 1


def test_the_hints_are_those_of_all_recipients() -> None:
    stream = b"".join(
        rec(b"A", b"notify_flags=%d" % value) + to(b"r%d@x" % value) for value in (1, 2, 8)
    )
    assert with_recipients(stream).size()[3] == 0b10110


@pytest.mark.parametrize("value", [b"7", b"3", b"16", b"-1", b"x", b"9" * 30, b"9" * 5000])
def test_notices_that_cannot_be_asked_for_are_worth_a_warning(value: bytes) -> None:
    outcome = with_recipients(rec(b"A", b"notify_flags=" + value) + to(b"a@b"))
    assert outcome.envelope()[3:] == block(b"a@b", b"a@b")
    assert len(outcome.journal.warnings()) == 1


def test_notices_that_were_never_asked_for_are_none() -> None:
    assert blocks(rec(b"A", b"notify_flags=0") + to(b"a@b")) == block(b"a@b", b"a@b")


@pytest.mark.parametrize("kind", [b"D", b"/"])
def test_a_recipient_that_is_done_takes_what_was_given_with_it(kind: bytes) -> None:
    given = rec(b"O", b"x") + rec(b"A", b"notify_flags=2") + rec(b"A", b"dsn_orig_rcpt=rfc822;x")
    assert blocks(given + rec(kind, b"done@x") + to(b"a@b")) == block(b"a@b", b"a@b")


def test_recipients_apart_only_in_their_notices_are_two() -> None:
    stream = to(b"a@b") + rec(b"A", b"notify_flags=2") + to(b"a@b")
    assert len(with_recipients(stream).envelope(R)) == 2
