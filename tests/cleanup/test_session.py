"""Promises of cleanup.session.

SEE ALSO
    spec/cleanup-protocol.md, section 2
    spec/queue-file.md, section 6
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanup.message import Option
from common import attribute
from common.errors import PeerError
from common.status import Status
from tests.cleanup.stream import (
    ARRIVAL,
    END,
    SENDER,
    SIZE_RECORD,
    TIME,
    Host,
    message,
    options,
    parse,
    rec,
    take,
)
from tests.common.journal import Journal
from tests.common.zone import local_zone
from tests.splits import cut, splits

HOST = Host()
RELAY = Host({"myhostname": "relay.example.test"})

# The recorded dialogue: the client's side of it.
DIALOGUE = (
    b"flags\x00114\0\0"
    b"T\x111795177301 799325"
    b"S\x13sender@from.example"
    b"A\x19log_client_name=localhost"
    b"A\x1clog_client_address=127.0.0.1"
    b"A\x15log_client_port=50474"
    b"A\x27log_message_origin=localhost[127.0.0.1]"
    b"A\x16log_protocol_name=QMQP"
    b"A\x15client_name=localhost"
    b"A\x18client_address=127.0.0.1"
    b"A\x11client_port=50474"
    b"A\x15client_address_type=2"
    b"A\x12protocol_name=QMQP"
    b"R\x0frcpt@to.example"
    b"M\0"
    b"N\x30Received: from localhost (localhost [127.0.0.1])"
    b"N\x39\tby relay.example.test (Postfix) with QMQP id C3A92216044"
    b"N\x3d\tfor <rcpt@to.example>; Fri, 20 Nov 2026 12:21:41 +0000 (UTC)"
    b"N\x1bFrom: <sender@from.example>"
    b"N\x15To: <rcpt@to.example>"
    b"N\x09Date: Fri"
    b"X\0"
    b"E\0"
)

# The queue file that came of it, and where each record stands.
NUMBERS = (296, 491, 1, 0, 296, 0)
FILE = [
    (0, "C", " ".join(f"{number:15}" for number in NUMBERS).encode()),
    (97, "T", b"1795177301 799325"),
    (116, "A", b"create_time=1795177301"),
    (140, "S", b"sender@from.example"),
    (161, "A", b"log_client_name=localhost"),
    (188, "A", b"log_client_address=127.0.0.1"),
    (218, "A", b"log_client_port=50474"),
    (241, "A", b"log_message_origin=localhost[127.0.0.1]"),
    (282, "A", b"log_protocol_name=QMQP"),
    (306, "A", b"client_name=localhost"),
    (329, "A", b"client_address=127.0.0.1"),
    (355, "A", b"client_port=50474"),
    (374, "A", b"client_address_type=2"),
    (397, "A", b"protocol_name=QMQP"),
    (417, "A", b"dsn_orig_rcpt=rfc822;rcpt@to.example"),
    (455, "O", b"rcpt@to.example"),
    (472, "R", b"rcpt@to.example"),
    (489, "M", b""),
    (491, "N", b"Received: from localhost (localhost [127.0.0.1])"),
    (541, "N", b"\tby relay.example.test (Postfix) with QMQP id C3A92216044"),
    (600, "N", b"\tfor <rcpt@to.example>; Fri, 20 Nov 2026 12:21:41 +0000 (UTC)"),
    (663, "N", b"From: <sender@from.example>"),
    (692, "N", b"To: <rcpt@to.example>"),
    (715, "N", b"Date: Fri"),
    (726, "N", b"Message-Id: <20261120122141.C3A92216044@relay.example.test>"),
    (787, "X", b""),
    (789, "E", b""),
]


def test_the_recorded_message_gives_the_recorded_file_however_it_is_cut() -> None:
    expected = b"".join(rec(kind.encode(), payload) for _, kind, payload in FILE)
    assert len(expected) == 791
    with local_zone("UTC0"):
        for parts in splits(DIALOGUE):
            outcome = RELAY.take(b"", parts=parts)
            assert outcome.session.finished
            assert outcome.file == expected
            assert outcome.session.verdict() == b"status\x000\0reason\0\0\0"


def test_the_recorded_file_has_its_records_where_it_says() -> None:
    data = b"".join(rec(kind.encode(), payload) for _, kind, payload in FILE)
    for place, kind, _ in FILE:
        assert data[place : place + 1] == kind.encode()


def test_the_greeting_names_the_protocol_and_the_queue_id() -> None:
    expected = b"protocol\0cleanup_protocol\0queue_id\0C3A92216044\0\0"
    assert HOST.session(Journal()).greeting() == expected
    assert len(expected) == 48


def test_the_size_record_is_all_zeros_until_the_end() -> None:
    outcome = take(message())
    assert parse(outcome.written[:SIZE_RECORD]) == [("C", b" ".join([b"%15d" % 0] * 6))]
    assert len(outcome.session.message.size_record()) == SIZE_RECORD


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.lists(st.sampled_from([b"a", b"b@c", b"d@e.test"]), max_size=5))
def test_the_numbers_of_the_size_record_lead_readers_through_the_file(
    body: bytes, recipients: list[bytes]
) -> None:
    envelope = rec(b"T", b"%d 0" % ARRIVAL) + rec(b"S", b"s@x") + rec(b"R", b"first@x")
    envelope += b"".join(rec(b"R", one) for one in recipients) + rec(b"M")
    outcome = HOST.take(message(b"\n" + body, envelope))
    size, offset, count, hints, length, _ = outcome.size()
    assert outcome.file[offset - 2 : offset] == rec(b"M")
    assert outcome.file[offset + size :].startswith(rec(b"X"))
    assert count == sum(kind == "R" for kind, _ in outcome.records())
    assert (hints, length) == (0, size)


# Options.


@pytest.mark.parametrize("flags", [0, 50, 66, 112, 114, 178, 434, 626, 627, 32, 544, 1024 | 114])
def test_every_client_s_options_are_understood(flags: int) -> None:
    outcome = take(message(), flags=flags)
    assert (outcome.status, int(outcome.session.message.options)) == (0, flags)


def test_options_may_be_followed_by_others_that_are_not_known() -> None:
    start = attribute.encode([(b"flags", b"114"), (b"extra", b"1")])
    outcome = HOST.take(b"", parts=[start + message()])
    assert (outcome.session.finished, outcome.status) == (True, 0)


@pytest.mark.parametrize(
    "start",
    [
        b"\0",
        b"flagz\x00114\0\0",
        b"extra\x001\0flags\x00114\0\0",
        b"flags\0\0\0",
        b"flags\0-1\0\0",
        b"flags\x004294967295\0\0",
        b"flags\0abc\0\0",
        b"flags\x001 \0\0",
        b"x" * 200_000,
    ],
)
def test_options_that_are_none_end_the_conversation(start: bytes) -> None:
    for parts in ([start], cut(start, range(0, len(start), max(1, len(start) // 7)))):
        with pytest.raises(PeerError):
            HOST.take(b"", parts=parts)


def test_a_record_length_that_is_none_ends_the_conversation() -> None:
    for before in (b"", TIME + SENDER, message()[: -len(END)], rec(b"q")):
        with pytest.raises(PeerError, match="too many bytes"):
            take(before + b"N\xff\xff\xff\xff\x01")


# The verdict.


@pytest.mark.parametrize(
    ("bit", "reason", "verdict"),
    [
        (Status.WRITE_FAILED, b"", b"status\x002\0reason\0\0\0"),
        (Status.DEFERRED, b"4.7.1 later", b"status\x00256\0reason\x004.7.1 later\0\0"),
    ],
)
def test_a_verdict_is_status_and_reason(bit: Status, reason: bytes, verdict: bytes) -> None:
    outcome = take(message())
    outcome.session.message.refuse(bit, reason)
    assert outcome.session.verdict() == verdict


def test_the_first_reason_counts_and_every_bit() -> None:
    outcome = take(message())
    outcome.session.message.refuse(Status.CONTENT_REFUSED, b"5.7.1 first")
    outcome.session.message.refuse(Status.DEFERRED, b"4.7.1 second")
    assert outcome.session.verdict() == b"status\x00264\0reason\x005.7.1 first\0\0"


def test_a_failure_outside_lets_the_client_finish() -> None:
    session = HOST.session(Journal())
    stream = message()
    session.receive_data(options() + stream[:40])
    session.fail(Status.WRITE_FAILED)
    assert not session.finished
    assert session.receive_data(stream[40:]) == b""
    assert session.finished
    assert session.message.verdict() == Status.WRITE_FAILED


def test_a_failure_before_the_options_lets_the_client_finish() -> None:
    session = HOST.session(Journal())
    session.fail(Status.WRITE_FAILED)
    session.receive_data(options() + message())
    assert (session.finished, session.message.verdict()) == (True, Status.WRITE_FAILED)


def test_a_failure_at_the_end_is_the_verdict() -> None:
    outcome = take(message())
    outcome.session.fail(Status.WRITE_FAILED)
    assert (outcome.session.finished, outcome.status) == (True, Status.WRITE_FAILED)


@pytest.mark.parametrize("rest", [b"x", message(), rec(b"E")])
def test_behind_the_end_nothing_counts(rest: bytes) -> None:
    plain = take(message())
    outcome = take(message() + rest)
    assert (outcome.session.finished, outcome.file) == (True, plain.file)


def test_a_client_that_stops_in_the_middle_is_not_finished() -> None:
    stream = message()
    for size in range(len(stream)):
        assert not take(stream[:size]).session.finished


# Any stream at all.

kinds = st.sampled_from([*b"TSRAMNLXEODCfVWFKIc/on<i>pwmq", 0, 255])
payloads = st.one_of(
    st.sampled_from([b"", b"a=b", b"1795177301 0", b"s@x", b"X: 1", b"4", b"-=", b"Received: x"]),
    st.binary(max_size=12),
    st.integers(0, 10**30).map(lambda number: b"%d" % number),
)
streams = st.lists(st.tuples(kinds, payloads), max_size=14).map(
    lambda records: b"".join(rec(bytes((kind,)), payload) for kind, payload in records)
)
likely = st.lists(
    st.sampled_from(
        [
            *(rec(b"T", b"1795177301 0"), rec(b"S", b"s@x"), rec(b"R", b"r@x"), rec(b"M")),
            *(rec(b"N", b"Received: x"), rec(b"N", b""), rec(b"L", b"y"), rec(b"X"), rec(b"E")),
            *(rec(b"A", b"a=1"), rec(b"O", b"o"), rec(b"f", b"4"), rec(b"N", b"To: bob")),
        ]
    ),
    max_size=16,
).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(st.one_of(streams, likely, st.binary(max_size=60)), st.sets(st.integers(0, 300), max_size=3))
def test_any_stream_is_a_message_a_refusal_or_a_broken_conversation(
    stream: bytes, places: set[int]
) -> None:
    outcomes = []
    for parts in ([options() + stream], cut(options() + stream, places)):
        try:
            outcome = HOST.take(b"", parts=parts)
        except PeerError as error:
            outcomes.append((str(error), b""))
            continue
        outcomes.append((str(outcome.status), outcome.session.verdict()))
        discarded = outcome.session.message.options & Option.DISCARD
        if outcome.session.finished and not outcome.status and not discarded:
            records = outcome.records()
            assert (records[0][0], records[-1]) == ("C", ("E", b""))
            assert outcome.size()[2] == sum(kind == "R" for kind, _ in records) > 0
    assert outcomes[0] == outcomes[1]
