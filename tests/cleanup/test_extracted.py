"""Promises of cleanup.extracted.

SEE ALSO
    spec/cleanup-protocol.md, section 4.2
"""

import pytest

from common.status import Status
from tests.cleanup.stream import (
    CONTENT,
    END,
    EXTRACTED,
    QUEUE_ID,
    RECEIVED,
    RECIPIENT,
    SENDER,
    TIME,
    Outcome,
    Records,
    rec,
    take,
)

DISCARD, HOLD = 8, 4


def behind(records: bytes, recipients: bytes = RECIPIENT, flags: int = 114) -> Outcome:
    """Return what comes of a message with these records behind its content."""
    stream = TIME + SENDER + recipients + CONTENT + RECEIVED + EXTRACTED + records + END
    outcome = take(stream, flags=flags)
    assert outcome.session.finished
    return outcome


@pytest.mark.parametrize(
    ("records", "stored"),
    [
        (b"", []),
        (rec(b"L", b"smtp:[10.0.0.1]"), [("L", b"smtp:[10.0.0.1]")]),
        (rec(b">", b"boss@x.test"), [(">", b"boss@x.test")]),
        (rec(b"I", b"inspector"), [("I", b"inspector")]),
        (rec(b"F", b"Full Name"), [("F", b"Full Name")]),
        (rec(b"K", b"x"), [("K", b"x")]),
        (rec(b"A", b"encoding=7bit"), [("A", b"encoding=7bit")]),
        (rec(b"A", b"empty="), []),
        (
            rec(b"R", b"late@to.test"),
            [
                ("A", b"dsn_orig_rcpt=rfc822;late@to.test"),
                ("O", b"late@to.test"),
                ("R", b"late@to.test"),
            ],
        ),
        (
            rec(b"O", b"orig@x") + rec(b"A", b"notify_flags=1") + rec(b"R", b"bcc@x"),
            [
                ("A", b"notify_flags=1"),
                ("A", b"dsn_orig_rcpt=rfc822;bcc@x"),
                ("O", b"orig@x"),
                ("R", b"bcc@x"),
            ],
        ),
        (rec(b"O", b"x") + rec(b"D", b"done"), []),
        (rec(b"O", b"x") + rec(b"/", b"cancelled"), []),
    ],
)
def test_a_record_behind_the_content_is_stored_or_passed_over(
    records: bytes, stored: Records
) -> None:
    outcome = behind(records)
    assert (outcome.status, outcome.extracted()) == (0, stored)


def test_a_recipient_named_before_the_content_is_not_stored_again() -> None:
    outcome = behind(rec(b"R", b"r@to.test"))
    assert outcome.extracted() == []
    assert outcome.size()[2] == 1


def test_a_message_may_have_all_its_recipients_behind_the_content() -> None:
    outcome = behind(rec(b"R", b"late@to.test"), recipients=b"")
    assert (outcome.status, outcome.size()[2]) == (0, 1)


@pytest.mark.parametrize("flags", [114, 1])
def test_a_message_without_recipients_is_refused(flags: int) -> None:
    assert behind(b"", recipients=b"", flags=flags).status == Status.NO_RECIPIENTS


def test_a_message_whose_recipients_are_all_done_is_refused() -> None:
    assert behind(b"", recipients=rec(b"D", b"done@x")).status == Status.NO_RECIPIENTS


@pytest.mark.parametrize("kind", [b"P", b"r", b"e", b"o", b"n"])
def test_records_of_old_times_are_no_error(kind: bytes) -> None:
    assert behind(rec(kind, b"1")).status == 0


@pytest.mark.parametrize(
    "kind", [b"S", b"T", b"C", b"M", b"N", b"X", b"p", b"w", b"m", b"q", b"V", b"W", b"\0", b"\xff"]
)
def test_a_record_that_has_no_place_here_breaks_the_protocol(kind: bytes) -> None:
    outcome = behind(rec(kind, b"1"))
    assert outcome.status == Status.BAD
    assert len(outcome.journal.warnings()) == 1
    assert outcome.journal.warnings()[0].startswith(f"warning: {QUEUE_ID}: ")


@pytest.mark.parametrize("payload", [b"no equals sign", b"", b"=x"])
def test_a_malformed_attribute_breaks_the_protocol(payload: bytes) -> None:
    assert behind(rec(b"A", payload)).status == Status.BAD


def test_attributes_are_counted_together_with_those_of_the_envelope() -> None:
    many = b"".join(rec(b"A", b"x%d=1" % number) for number in range(60))
    more = b"".join(rec(b"A", b"y%d=1" % number) for number in range(60))
    assert behind(more, recipients=RECIPIENT + many).status == Status.BAD


@pytest.mark.parametrize(("payload", "flag"), [(b"4", HOLD), (b"8", DISCARD), (b"12", 12)])
def test_a_receiver_may_ask_to_hold_or_discard_behind_the_content(
    payload: bytes, flag: int
) -> None:
    # Its access rules may fire at the end of the message.
    outcome = behind(rec(b"f", payload))
    assert outcome.status == 0
    assert outcome.session.message.options & 12 == flag


# A message that is to be discarded is accepted whatever is wrong with it.


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(TIME + SENDER + CONTENT + RECEIVED + EXTRACTED + END, id="no recipients"),
        pytest.param(
            TIME + SENDER + RECIPIENT + CONTENT + RECEIVED * 60 + EXTRACTED + END, id="hops"
        ),
        pytest.param(
            TIME + SENDER + SENDER + RECIPIENT + CONTENT + RECEIVED + EXTRACTED + END, id="sender"
        ),
        pytest.param(
            TIME + SENDER + RECIPIENT + CONTENT + RECEIVED + rec(b"q") + EXTRACTED + END,
            id="record",
        ),
    ],
)
@pytest.mark.parametrize("asked_by", ["option", "record"])
def test_a_discarded_message_is_always_accepted(stream: bytes, asked_by: str) -> None:
    if asked_by == "option":
        outcome = take(stream, flags=114 | DISCARD)
    else:
        outcome = take(rec(b"f", b"8") + stream)
    assert (outcome.session.finished, outcome.status) == (True, 0)
