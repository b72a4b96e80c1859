"""Promises of cleanup.headers.

SEE ALSO
    spec/cleanup-behaviour.md, sections 3 and 5
    spec/qmqp.md, section 8
"""

from collections.abc import Iterator, Mapping

import pytest

from common.status import Status
from tests.cleanup.stream import (
    CLOSING,
    CONTENT,
    ENVELOPE,
    QUEUE_ID,
    RECEIVED,
    RECIPIENT,
    TIME,
    Host,
    Outcome,
    Records,
    lines,
    message,
    options,
    rec,
    received,
    take,
)
from tests.common.journal import Journal
from tests.common.zone import local_zone

MESSAGE_ID = f"Message-Id: <20261120122141.{QUEUE_ID}@mx.example.test>"
DATE = "Date: Fri, 20 Nov 2026 12:21:41 +0000 (UTC)"
FROM = "From: s@from.test"
ADDED = [MESSAGE_ID, DATE, FROM]
COMPLETE = "Date: d\nMessage-Id: <m1@x.test>\nFrom: f@x.test\n"  # nothing is missing


@pytest.fixture(autouse=True)
def universal_time() -> Iterator[None]:
    with local_zone("UTC0"):
        yield


def stored(header: str, settings: Mapping[str, str] | None = None) -> list[str]:
    """Return the stored header, a line each; it ends where the empty line stands."""
    found = received(header.encode("utf-8", "surrogateescape") + b"\nbody\n", settings)
    assert found[-2:] == [("N", b""), ("N", b"body")]
    return text_lines(found[:-2])


def text_lines(records: Records) -> list[str]:
    assert all(kind == "N" for kind, _ in records)
    return [text.decode("utf-8", "surrogateescape") for _, text in records]


def utf8_field(outcome: Outcome) -> int:
    return outcome.size()[5]


# What is missing is added.


@pytest.mark.parametrize(
    ("header", "added"),
    [
        ("", ADDED),
        ("Subject: x\n", ADDED),
        ("Date: d\n", [MESSAGE_ID, FROM]),
        ("From: f@x.test\n", [MESSAGE_ID, DATE]),
        ("Message-Id: <m1@x.test>\n", [DATE, FROM]),
        ("MESSAGE-ID: <m1@x.test>\n", [DATE, FROM]),
        ("Message-Id:\n", [DATE, FROM]),
        (COMPLETE, []),
        ("Resent-From: r@x.test\n" + COMPLETE, [f"Resent-{MESSAGE_ID}", f"Resent-{DATE}"]),
        ("Resent-To: r@x.test\n", [f"Resent-{line}" for line in ADDED]),
        (
            "Resent-Message-Id: <r@x.test>\nResent-Date: d\nResent-From: r@x.test\n" + COMPLETE,
            [],
        ),
        ("Resent-Message-Id: <r@x.test>\n", [f"Resent-{DATE}", f"Resent-{FROM}"]),
    ],
)
def test_missing_headers_are_added_behind_the_client_s(header: str, added: list[str]) -> None:
    assert stored(header) == header.splitlines() + added


def test_a_removed_resent_header_still_counts() -> None:
    assert stored("Resent-Bcc: r@x.test\n" + COMPLETE) == COMPLETE.splitlines() + [
        f"Resent-{line}" for line in ADDED
    ]


@pytest.mark.parametrize(
    ("sender", "header"),
    [
        (b"", "From: MAILER-DAEMON"),
        (b"bob", "From: bob@mx.example.test"),
        (b"a b@c.test", 'From: "a b"@c.test'),
        (b'"a b"@c.test', 'From: "\\"a b\\""@c.test'),
        (b"mailer-daemon", "From: MAILER-DAEMON"),
    ],
)
def test_an_added_from_shows_the_sender_quoted(sender: bytes, header: str) -> None:
    envelope = TIME + rec(b"S", sender) + RECIPIENT + CONTENT
    outcome = take(message(b"Subject: x\n\nb\n", envelope))
    assert ("N", header.encode()) in outcome.content()


def test_a_long_sender_makes_a_header_of_two_records() -> None:
    sender = b"s" * 2038 + b"@from.test"
    envelope = TIME + rec(b"S", sender) + RECIPIENT + CONTENT
    found = take(message(b"\n", envelope)).content()[3:5]
    assert found == [("L", b"From: " + sender[:2042]), ("N", sender[2042:])]


def test_a_long_queue_id_needs_no_time_in_front() -> None:
    session = Host().session(Journal(), "4jWF8l2TfNzJTgF")
    written = session.receive_data(options() + message(b"\n"))
    assert b"Message-Id: <4jWF8l2TfNzJTgF@mx.example.test>" in written


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("Subject: x\n", True),
        ("Bcc: x@x.test\n", True),
        ("To: x@x.test\n", False),
        ("CC: x@x.test\n", False),
        ("Resent-To: x@x.test\n", False),
        ("Resent-Cc: x@x.test\n", False),
        ("Apparently-To: x@x.test\n", True),
    ],
)
def test_undisclosed_recipients_are_mentioned_if_nobody_else_is(header: str, shown: bool) -> None:
    undisclosed = "To: undisclosed-recipients:;"
    found = stored(header, {"undisclosed_recipients_header": undisclosed})
    assert (found[-1] == undisclosed) is shown


REMOTE = TIME + rec(b"A", b"rewrite_context=remote") + rec(b"S", b"bob") + RECIPIENT + CONTENT


def test_headers_of_remote_clients_are_left_alone() -> None:
    outcome = take(message(b"To: alice\n\nb\n", REMOTE))
    texts = [text for _, text in outcome.content()]
    assert texts == [b"Received: x", b"To: alice", b"", b"b"]
    assert outcome.journal.lines() == [f"{QUEUE_ID}: message-id=<>"]


@pytest.mark.parametrize(
    ("header", "completed"),
    [
        ("To: alice", "To: alice@far.test"),
        ("To: alice, bob@x.test", "To: alice@far.test, bob@x.test"),
        ("To: bob@x.test", "To: bob@x.test"),
        ("Subject: alice", "Subject: alice"),
        ("From: alice@host", "From: alice@host.far.test"),
    ],
)
def test_headers_of_remote_clients_get_the_domain_that_the_operator_chose(
    header: str, completed: str
) -> None:
    settings = {"remote_header_rewrite_domain": "far.test", "append_dot_mydomain": "yes"}
    outcome = take(message(header.encode() + b"\n\nb\n", REMOTE), settings)
    texts = [text.decode() for _, text in outcome.content()]
    assert texts[:2] == ["Received: x", completed]
    assert MESSAGE_ID in texts  # such headers count as rewritten, so what is missing is added
    local = take(message(b"To: alice\n\nb\n"), settings)
    assert b"To: alice@mx.example.test" in [text for _, text in local.content()]


def test_missing_headers_are_added_for_remote_clients_if_the_operator_wants_it() -> None:
    outcome = take(message(b"To: alice\n\nb\n", REMOTE), {"always_add_missing_headers": "yes"})
    texts = [text.decode() for _, text in outcome.content()]
    added = [MESSAGE_ID, DATE, "From: bob@mx.example.test"]
    assert texts == ["Received: x", "To: alice", *added, "", "b"]


# What is removed.


def test_some_headers_are_dropped_and_their_continuations_with_them() -> None:
    header = "Bcc: a@x.test,\n b@x.test\nReturn-Path: <o@x.test>\nCONTENT-LENGTH: 9\nStatus: RO\n"
    assert stored(header + COMPLETE) == ["Status: RO", *COMPLETE.splitlines()]


@pytest.mark.parametrize(
    ("drop", "kept"),
    [("", ["Bcc: b@x.test", "X-Secret: 1"]), ("x-secret", ["Bcc: b@x.test"]), ("X-Secret bcc", [])],
)
def test_the_operator_chooses_what_is_dropped(drop: str, kept: list[str]) -> None:
    header = "Bcc: b@x.test\nX-Secret: 1\n" + COMPLETE
    assert stored(header, {"message_drop_headers": drop}) == [*kept, *COMPLETE.splitlines()]


# What is changed.


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ("Subject : x", "Subject: x"),
        ("X-YZ \t :  z", "X-YZ:  z"),
        ("To : bob", "To: bob@mx.example.test"),
        ("Subject:x", "Subject:x"),
        ("X-Empty:", "X-Empty:"),
        ("X-Blank: ", "X-Blank: "),
        ("X-Nul: a\0b: c", "X-Nul: a"),
        ("From: <>", "From: <>"),
        ("To: ", "To: "),
        ("Cc: ,,", "Cc: ,,"),
        ("Delivered-To: bob", "Delivered-To: bob"),
        ("X-Original-To: bob", "X-Original-To: bob"),
        ("SENDER: bob", "SENDER: bob@mx.example.test"),
        ("!#$: odd", "!#$: odd"),
    ],
)
def test_a_header_is_stored_as_it_is_but_for_this(sent: str, found: str) -> None:
    assert stored(f"{sent}\n{COMPLETE}") == [found, *COMPLETE.splitlines()]


@pytest.mark.parametrize(
    "name",
    [
        *("From", "Sender", "Reply-To", "Errors-To", "Return-Receipt-To"),
        *("Disposition-Notification-To", "Mail-Followup-To", "Resent-From", "Resent-Sender"),
        *("To", "Cc", "Apparently-To", "Resent-To", "Resent-Cc", "Resent-Reply-To"),
    ],
)
def test_addresses_are_completed_in_every_header_that_holds_some(name: str) -> None:
    assert f"{name}: bob@mx.example.test" in stored(f"{name}: bob\n")


@pytest.mark.parametrize("name", ["Bcc", "Resent-Bcc", "Return-Path"])
def test_addresses_are_completed_even_where_headers_are_dropped_by_default(name: str) -> None:
    assert f"{name}: bob@mx.example.test" in stored(f"{name}: bob\n", {"message_drop_headers": ""})


def test_a_header_with_complete_addresses_keeps_its_folding() -> None:
    header = "To: a@x.test,\n  b@x.test\n"
    assert stored(header + COMPLETE) == (header + COMPLETE).splitlines()


def test_a_rewritten_header_is_one_record_per_folded_line() -> None:
    found = stored("To: " + ", ".join(f"user{n:02}" for n in range(4)) + "\n" + COMPLETE)
    assert found[:2] == [
        "To: user00@mx.example.test, user01@mx.example.test,",
        "\tuser02@mx.example.test, user03@mx.example.test",
    ]


@pytest.mark.parametrize(
    ("sizes", "kept"),
    [
        ([155, 146, 151], [155, 144]),  # in mid-line: the last line end is too far
        ([905], [300]),
        ([280, 46, 51], [280]),  # at the line end: less than a tenth is lost
        ([304] + [2] * 20, [300]),
        ([300], [300]),
        ([155, 144], [155, 144]),
    ],
)
def test_a_header_above_the_size_limit_is_cut(sizes: list[int], kept: list[int]) -> None:
    folded = ["X-F: " + "a" * (sizes[0] - 5), *(" " + "b" * (size - 1) for size in sizes[1:])]
    header = "".join(f"{line}\n" for line in folded)
    found = stored(header + COMPLETE, {"header_size_limit": "300"})
    assert [len(line) for line in found[:-3]] == kept
    assert found[-3:] == COMPLETE.splitlines()


def test_a_long_header_line_is_stored_in_pieces() -> None:
    for size, pieces in ((2048, [2048]), (2049, [2048, 1]), (5000, [2048, 2048, 904])):
        line = b"X-Long: " + b"h" * (size - 8)
        found = received(line + b"\n" + COMPLETE.encode() + b"\n")[: len(pieces)]
        assert [len(text) for _, text in found] == pieces
        assert "".join(kind for kind, _ in found) == "L" * (len(pieces) - 1) + "N"


# What is counted, noted, logged.


@pytest.mark.parametrize(
    ("headers", "limit", "passes"),
    [
        (48, "50", True),
        (49, "50", False),
        (50, "50", False),
        (1, "3", True),
        (2, "3", False),
        (0, "1", False),
    ],
)
def test_too_many_received_headers_refuse_the_message(
    headers: int, limit: str, passes: bool
) -> None:
    content = b"Received: by h.test\n" * headers + b"\nb\n"
    outcome = take(message(content), {"hopcount_limit": limit})
    assert outcome.session.finished
    assert outcome.status == (0 if passes else Status.TOO_MANY_HOPS)
    warnings = outcome.journal.warnings()
    expected = f"warning: {QUEUE_ID}: message rejected: hopcount exceeded"
    assert warnings == ([] if passes else [expected])


def test_hops_are_counted_in_any_writing_and_not_in_the_body() -> None:
    content = b"received: a\n\tb\nRECEIVED: c\n\nReceived: body\n" + b"Received: x\n" * 10
    assert take(message(content), {"hopcount_limit": "4"}).status == 0
    assert take(message(content), {"hopcount_limit": "3"}).status == Status.TOO_MANY_HOPS


@pytest.mark.parametrize(
    ("header", "lines"),
    [
        ("Message-Id: <m1@x.test>\n", ["message-id=<m1@x.test>"]),
        ("MESSAGE-ID:<m1@x.test> \n", ["message-id=<m1@x.test> "]),
        ("Message-Id:\n", ["message-id="]),
        ("", [f"message-id=<20261120122141.{QUEUE_ID}@mx.example.test>"]),
        ("Message-Id: <m1>\nMessage-Id: <m2>\n", ["message-id=<m1>", "message-id=<m2>"]),
        ("Message-Id: <a\n b>\n", ["message-id=<a? b>"]),
        (
            "Resent-Message-Id: <r@x.test>\nMessage-Id: <m1@x.test>\n",
            ["resent-message-id=<r@x.test>", "message-id=<m1@x.test>"],
        ),
        (
            "Resent-To: r@x.test\n",
            [
                f"resent-message-id=<20261120122141.{QUEUE_ID}@mx.example.test>",
                "message-id=<>",
            ],
        ),
    ],
)
def test_message_ids_are_logged(header: str, lines: list[str]) -> None:
    outcome = take(message(header.encode() + b"\nb\n"))
    assert outcome.journal.lines() == [f"{QUEUE_ID}: {line}" for line in lines]


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        ("8bit", [("A", b"encoding=8bit")]),
        ("8BIT", [("A", b"encoding=8bit")]),
        ("7bit", []),
        ("quoted-printable", []),
    ],
)
def test_the_body_s_encoding_is_noted_behind_the_content(value: str, encoding: Records) -> None:
    content = f"Content-Transfer-Encoding: {value}\n\nb\n".encode()
    assert take(message(content)).extracted() == encoding
    assert take(message(content), {"detect_8bit_encoding_header": "no"}).extracted() == []


@pytest.mark.parametrize(
    ("header", "flag"),
    [("Subject: x\n", 0), ("Subject: caf\u00e9\n", 2), ("Subject: caf\udce9\n", 2)],
)
def test_a_header_with_8_bit_text_is_noted_in_the_size_record(header: str, flag: int) -> None:
    content = header.encode("utf-8", "surrogateescape") + b"\n\xff\n"
    assert utf8_field(take(message(content))) == flag
    assert utf8_field(take(message(content), {"smtputf8_enable": "no"})) == 0


@pytest.mark.parametrize(
    ("sender", "flag"),
    [(b"caf\xc3\xa9@b.test", 4), (b"a@caf\xc3\xa9.test", 4), (b"caf\xe9@b.test", 0), (b"", 0)],
)
def test_a_sender_in_utf8_is_noted_in_the_size_record(sender: bytes, flag: int) -> None:
    envelope = TIME + rec(b"S", sender) + RECIPIENT + CONTENT
    assert utf8_field(take(message(b"\n", envelope))) == flag
    assert utf8_field(take(message(b"\n", envelope), {"smtputf8_enable": "no"})) == 0


# The Received header that every receiver adds.


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="no content"),
        pytest.param(lines(b"\nbody\n"), id="no header"),
        pytest.param(lines(b"Subject: x\n\nbody\n"), id="another header only"),
        pytest.param(lines(b"Subject: x\n"), id="another header and no body"),
        pytest.param(lines(b"\nReceived: in the body\n"), id="in the body"),
    ],
)
def test_a_message_without_received_header_breaks_the_protocol(content: bytes) -> None:
    outcome = take(ENVELOPE + content + CLOSING)
    assert (outcome.session.finished, outcome.status) == (True, Status.BAD)
    assert len(outcome.journal.warnings()) == 1


def test_other_headers_may_stand_before_the_received_header() -> None:
    # Receivers put headers that their access rules prepend in front of it.
    outcome = take(ENVELOPE + lines(b"X-First: y\n") + RECEIVED + lines(b"\nb\n") + CLOSING)
    assert outcome.status == 0
    assert outcome.content()[:2] == [("N", b"X-First: y"), ("N", b"Received: x")]


def test_a_value_with_bytes_that_are_no_utf8_is_used_as_it_was_written() -> None:
    # How main.cf is read: such a byte becomes a lone surrogate.
    outcome = take(message(), {"undisclosed_recipients_header": "X-C: caf\udce9"})
    assert any(b"caf\xe9" in payload for _, payload in outcome.content())
