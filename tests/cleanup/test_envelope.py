"""Promises of cleanup.envelope.

SEE ALSO
    spec/cleanup-protocol.md, section 4.2
    spec/queue-file.md, section 4
"""

import pytest

from common.status import Status
from tests.cleanup.stream import (
    CLOSING,
    CONTENT,
    QUEUE_ID,
    RECEIVED,
    RECIPIENT,
    SENDER,
    TIME,
    Records,
    rec,
    take,
)

REST = RECEIVED + CLOSING
CREATED = ("A", b"create_time=1795177301")


def attribute(text: bytes) -> bytes:
    return rec(b"A", text)


# What is stored.


def test_the_least_envelope_is_stored_with_what_cleanup_adds() -> None:
    assert take(TIME + SENDER + RECIPIENT + CONTENT + REST).envelope() == [
        ("T", b"1795177301 799325"),
        CREATED,
        ("S", b"s@from.test"),
        ("A", b"dsn_orig_rcpt=rfc822;r@to.test"),
        ("O", b"r@to.test"),
        ("R", b"r@to.test"),
    ]


@pytest.mark.parametrize(
    ("record", "stored"),
    [
        (rec(b"L", b"smtp:[10.0.0.1]"), [("L", b"smtp:[10.0.0.1]")]),
        (rec(b"I", b"inspector"), [("I", b"inspector")]),
        (rec(b">", b"boss@x.test"), [(">", b"boss@x.test")]),
        (rec(b"F", b"Full Name"), [("F", b"Full Name")]),
        (rec(b"K", b"trace_flags=0"), [("K", b"trace_flags=0")]),
        (rec(b"c", b"1"), []),
        (rec(b"C", b"            123"), []),
        (rec(b"V", b"-="), [("V", b"-=")]),
        (rec(b"V", b"=="), [("V", b"==")]),
        (rec(b"V", b"xy"), []),
        (rec(b"V", b"-"), []),
        (rec(b"V", b""), []),
        (rec(b"V", b"-=+"), []),
        (rec(b"W", b"     1795177302"), [("W", b"     1795177302")]),
        (attribute(b"log_client_name=localhost"), [("A", b"log_client_name=localhost")]),
        (attribute(b"envelope_id=x"), [("A", b"envelope_id=x")]),
        (attribute(b"ret_flags=1"), [("A", b"ret_flags=1")]),
        (attribute(b"a=b=c"), [("A", b"a=b=c")]),
        (attribute(b"empty="), []),
        (rec(b"F", b"one") + rec(b"F", b"two"), [("F", b"one")]),
        (
            rec(b"W", b"     1795177302") + rec(b"W", b"     1795177303"),
            [("W", b"     1795177302")],
        ),
    ],
)
def test_an_optional_record_is_stored_or_passed_over(record: bytes, stored: Records) -> None:
    plain = take(TIME + SENDER + RECIPIENT + CONTENT + REST).envelope()
    outcome = take(TIME + SENDER + record + RECIPIENT + CONTENT + REST)
    assert (outcome.status, outcome.session.finished) == (0, True)
    place = plain.index(("S", b"s@from.test")) + 1
    assert outcome.envelope() == plain[:place] + stored + plain[place:]


def test_records_may_stand_in_front_of_the_sender() -> None:
    before = rec(b"L", b"smtp:") + attribute(b"a=1") + rec(b"F", b"x") + rec(b"f", b"0")
    outcome = take(before + TIME + SENDER + RECIPIENT + CONTENT + REST)
    assert outcome.status == 0
    kinds = [kind for kind, _ in outcome.envelope()]
    assert kinds == ["L", "A", "F", "T", "A", "S", "A", "O", "R"]


@pytest.mark.parametrize(
    "text",
    [b"a = 1", b"a= 1", b" a =1 ", b"a=1"],
)
def test_blanks_around_an_attribute_do_not_matter(text: bytes) -> None:
    outcome = take(TIME + SENDER + attribute(text) + RECIPIENT + CONTENT + REST)
    (stored,) = [
        payload for kind, payload in outcome.envelope() if payload[:2] in (b"a=", b"a ", b" a")
    ]
    assert stored.replace(b" ", b"") == b"a=1"


def test_an_attribute_without_value_is_worth_a_warning() -> None:
    outcome = take(TIME + SENDER + attribute(b"empty=") + RECIPIENT + CONTENT + REST)
    assert len(outcome.journal.warnings()) == 1
    assert outcome.journal.warnings()[0].startswith(f"warning: {QUEUE_ID}: ")


def test_the_first_time_counts_and_each_is_answered_with_the_time_of_creation() -> None:
    later = rec(b"T", b"1795177999 1")
    outcome = take(TIME + later + SENDER + RECIPIENT + CONTENT + REST)
    assert outcome.envelope("T") == [("T", b"1795177301 799325")]
    assert outcome.envelope()[:3] == [("T", b"1795177301 799325"), CREATED, CREATED]


def test_a_time_may_come_behind_the_sender() -> None:
    assert take(SENDER + TIME + RECIPIENT + CONTENT + REST).status == 0


@pytest.mark.parametrize("payload", [b"1795177301", b"1795177301 0", b"0 0"])
def test_a_time_is_stored_as_it_came(payload: bytes) -> None:
    outcome = take(rec(b"T", payload) + SENDER + RECIPIENT + CONTENT + REST)
    assert outcome.envelope("T") == [("T", payload)]


@pytest.mark.parametrize(
    ("settings", "sender", "warn"),
    [
        ({}, SENDER, []),
        ({"delay_warning_time": "4h"}, SENDER, [("W", b"     1795191701")]),
        ({"delay_warning_time": "4"}, SENDER, [("W", b"     1795191701")]),
        ({"delay_warning_time": "4h"}, rec(b"S"), []),
    ],
)
def test_a_warning_time_stands_once_before_the_first_recipient(
    settings: dict[str, str], sender: bytes, warn: Records
) -> None:
    outcome = take(TIME + sender + RECIPIENT + rec(b"R", b"b") + CONTENT + REST, settings)
    assert outcome.envelope("W") == warn
    if warn:
        kinds = "".join(kind for kind, _ in outcome.envelope())
        assert kinds == "TASW" + "AOR" * 2


def test_verp_of_a_null_sender_means_nothing() -> None:
    outcome = take(TIME + rec(b"S") + rec(b"V", b"-=") + RECIPIENT + CONTENT + REST)
    assert (outcome.status, outcome.envelope("V")) == (0, [])


def test_the_operator_says_which_verp_delimiters_are_allowed() -> None:
    stream = TIME + SENDER + rec(b"V", b"#=") + RECIPIENT + CONTENT + REST
    outcome = take(stream, {"verp_delimiter_filter": "#="})
    assert outcome.envelope("V") == [("V", b"#=")]


# What breaks the protocol.


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(SENDER + RECIPIENT + CONTENT, id="no time"),
        pytest.param(SENDER + RECIPIENT + TIME + CONTENT, id="time behind a recipient"),
        pytest.param(TIME + CONTENT, id="no sender"),
        pytest.param(TIME + RECIPIENT + SENDER + CONTENT, id="recipient before the sender"),
        pytest.param(TIME + rec(b"O", b"x") + SENDER + CONTENT, id="original before the sender"),
        pytest.param(TIME + rec(b"D", b"x") + SENDER + CONTENT, id="done before the sender"),
        pytest.param(TIME + rec(b"/", b"x") + SENDER + CONTENT, id="cancelled before the sender"),
        pytest.param(TIME + rec(b"n", b"1") + SENDER + CONTENT, id="notify before the sender"),
        pytest.param(TIME + rec(b"o", b"x") + SENDER + CONTENT, id="orcpt before the sender"),
        pytest.param(TIME + rec(b"K", b"x") + SENDER + CONTENT, id="killed before the sender"),
        pytest.param(TIME + SENDER + SENDER + RECIPIENT + CONTENT, id="two senders"),
        pytest.param(TIME + SENDER + RECIPIENT + SENDER + CONTENT, id="second sender later"),
        pytest.param(TIME + SENDER + attribute(b"no equals sign") + CONTENT, id="attribute"),
        pytest.param(TIME + SENDER + attribute(b"") + CONTENT, id="empty attribute"),
        pytest.param(TIME + SENDER + attribute(b"=value") + CONTENT, id="nameless attribute"),
        pytest.param(TIME + SENDER + attribute(b" = value") + CONTENT, id="blank name"),
        pytest.param(rec(b"T", b"abc") + SENDER + CONTENT, id="time in words"),
        pytest.param(rec(b"T", b"") + SENDER + CONTENT, id="empty time"),
        pytest.param(rec(b"T", b"-1 0") + SENDER + CONTENT, id="negative time"),
        pytest.param(TIME + SENDER + rec(b"p", b"0"), id="pointer"),
        pytest.param(TIME + SENDER + rec(b"w", b"0"), id="padding"),
        pytest.param(TIME + SENDER + rec(b"m", b"1"), id="milters"),
        pytest.param(TIME + SENDER + rec(b"q"), id="q"),
        pytest.param(TIME + SENDER + rec(b"N", b"text"), id="text"),
        pytest.param(TIME + SENDER + rec(b"X"), id="extracted"),
        pytest.param(TIME + SENDER + rec(b"\0"), id="NUL"),
        pytest.param(TIME + SENDER + rec(b"\xff", b"x" * 1000), id="byte 255"),
    ],
)
def test_an_envelope_out_of_order_is_refused_and_read_to_the_end(stream: bytes) -> None:
    outcome = take(stream + REST)
    assert (outcome.session.finished, outcome.status) == (True, Status.BAD)
    assert len(outcome.journal.warnings()) == 1
    assert outcome.journal.warnings()[0].startswith(f"warning: {QUEUE_ID}: ")


@pytest.mark.parametrize("before", [b"", TIME, TIME + SENDER, TIME + SENDER + RECIPIENT])
def test_an_end_in_the_envelope_is_refused_and_is_the_end(before: bytes) -> None:
    outcome = take(before + rec(b"E"))
    assert (outcome.session.finished, outcome.status) == (True, Status.BAD)


@pytest.mark.parametrize("digits", [b"9" * 17, b"9223372036854775807", b"9" * 20, b"9" * 5000])
def test_a_time_beyond_all_calendars_is_refused(digits: bytes) -> None:
    outcome = take(rec(b"T", digits + b" 0") + SENDER + RECIPIENT + CONTENT + REST)
    assert (outcome.session.finished, outcome.status) == (True, Status.BAD)


# Attributes.


@pytest.mark.parametrize(
    ("limit", "count", "status"),
    [("100", 99, 0), ("100", 101, Status.BAD), ("10", 9, 0), ("10", 11, Status.BAD)],
)
def test_attributes_are_limited(limit: str, count: int, status: int) -> None:
    attributes = b"".join(attribute(b"x%d=1" % number) for number in range(count))
    outcome = take(
        TIME + SENDER + attributes + RECIPIENT + CONTENT + REST,
        {"queue_file_attribute_count_limit": limit},
    )
    assert (outcome.session.finished, outcome.status) == (True, status)


def test_an_attribute_that_is_set_again_counts_once() -> None:
    attributes = b"".join(attribute(b"x=%d" % number) for number in range(150))
    assert take(TIME + SENDER + attributes + RECIPIENT + CONTENT + REST).status == 0


@pytest.mark.parametrize("text", [b"dsn_orig_rcpt=rfc822;r%d@to.test", b"notify_flags=1"])
def test_attributes_of_recipients_do_not_count(text: bytes) -> None:
    # A receiver of SMTP sends some for each recipient, and may have a thousand recipients.
    recipients = b"".join(
        attribute(text % number if b"%" in text else text) + rec(b"R", b"r%d@to.test" % number)
        for number in range(200)
    )
    outcome = take(TIME + SENDER + recipients + CONTENT + REST)
    assert (outcome.session.finished, outcome.status) == (True, 0)
    assert len(outcome.envelope("R")) == 200


# Flags.


@pytest.mark.parametrize(
    ("payload", "options", "warned"),
    [
        (b"0", 0, False),
        (b"4", 4, False),
        (b"8", 8, False),
        (b"12", 12, False),
        (b"16", 0, True),
        (b"5", 4, True),
        (b"9" * 20, None, True),
        (b"9" * 5000, None, True),
    ],
)
def test_only_hold_and_discard_can_be_added(
    payload: bytes, options: int | None, warned: bool
) -> None:
    outcome = take(TIME + SENDER + rec(b"f", payload) + RECIPIENT + CONTENT + REST)
    assert outcome.session.finished
    assert outcome.status in (0, Status.BAD)
    assert bool(outcome.journal.warnings()) is warned
    if options is not None:
        assert outcome.session.message.options & 12 == options
        assert outcome.status == 0
