"""Promises of cleanup.parts, cleanup.checks and cleanup.action.

SEE ALSO
    tests/suite/test_checks.py, for comparison with Postfix
    spec/cleanup-behaviour.md, sections 4 and 6
"""

import pytest

from cleanup.inspection import characters
from common.status import Status
from tests.cleanup.stream import QUEUE_ID, Outcome, Records, message, rec, take

HEADER = b"Message-Id: <m1@x.test>\nDate: x\nFrom: f@x.test\n"
FROM = "from local; from=<s@from.test> to=<r@to.test>"
WHOLE: Records = [("N", b"X-T: 1"), ("N", b""), ("N", b"body")]


def table(*rules: str) -> str:
    """Return a table of these rules, as main.cf has it."""
    inner = " ".join(f"{{{rule}}}" for rule in rules)
    return f"regexp:{{{inner}}}".replace("$", "$$")


def checked(answer: str, content: bytes = b"X-T: 1\n\nbody\n", flags: int = 114) -> Outcome:
    """Return what comes of a message to whose header X-T, or line "spam", a table says that."""
    settings = {
        "header_checks": table(f"/^X-T:/ {answer}"),
        "body_checks": table(f"/spam/ {answer}"),
    }
    return take(message(HEADER + content), settings, flags)


def rest(outcome: Outcome) -> Records:
    """Return the content behind the usual headers."""
    return outcome.content()[4:]


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ("REJECT", Status.CONTENT_REFUSED, b"5.7.1 message content rejected"),
        ("REJECT no", Status.CONTENT_REFUSED, b"5.7.1 no"),
        ("reject 5.7.0 no", Status.CONTENT_REFUSED, b"5.7.0 no"),
        ("REJECT 4.7.1 later", Status.DEFERRED, b"4.7.1 later"),
        ("REJECT 5.7.0", Status.CONTENT_REFUSED, b"5.7.0 "),
    ],
)
@pytest.mark.parametrize("content", [b"X-T: 1\n\nbody\n", b"\nspam\n"])
def test_a_refusal_is_told_and_logged(
    answer: str, status: Status, reason: bytes, content: bytes
) -> None:
    outcome = checked(answer, content)
    assert (outcome.status, outcome.session.message.reason) == (status, reason)
    what = "body spam" if b"spam" in content else "header X-T: 1"
    assert outcome.journal.lines()[-1] == f"{QUEUE_ID}: reject: {what} {FROM}: {reason.decode()}"


@pytest.mark.parametrize(
    ("answer", "stored", "logged"),
    [
        ("WARN look", WHOLE, "warning: header X-T: 1 {}: look"),
        ("INFO note", WHOLE, "info: header X-T: 1 {}: note"),
        ("PASS fine", WHOLE, "pass: header X-T: 1 {}: fine"),
        ("DUNNO", WHOLE, ""),
        ("OK", WHOLE, ""),
        ("IGNORE", WHOLE[1:], ""),
        ("STRIP", WHOLE[1:], "strip: header X-T: 1 {}"),
        ("PREPEND X-P: 2", [("N", b"X-P: 2"), *WHOLE], "prepend: header X-T: 1 {}: X-P: 2"),
        ("REPLACE X-R: 2", [("N", b"X-R: 2"), *WHOLE[1:]], "replace: header X-T: 1 {}: X-R: 2"),
        (
            "REPLACE To: bob",
            [("N", b"To: bob@mx.example.test"), *WHOLE[1:]],
            "replace: header X-T: 1 {}: To: bob",
        ),
    ],
)
def test_what_becomes_of_a_header(answer: str, stored: Records, logged: str) -> None:
    outcome = checked(answer)
    assert outcome.status == 0
    assert rest(outcome) == stored
    lines = [line for line in outcome.journal.lines() if "message-id=" not in line]
    assert lines == ([f"{QUEUE_ID}: {logged.format(FROM)}"] if logged else [])


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("FILTER smtp:[10.0.0.1]", [("L", b"smtp:[10.0.0.1]")]),
        ("REDIRECT boss@x.test", [(">", b"boss@x.test")]),
        (
            "BCC copy@x.test",
            [("A", b"notify_flags=1"), ("O", b"copy@x.test"), ("R", b"copy@x.test")],
        ),
        ("FILTER none", []),
        ("REDIRECT none", []),
        ("BCC none", []),
    ],
)
def test_what_an_action_adds_stands_behind_the_content(answer: str, found: Records) -> None:
    outcome = checked(answer, b"X-T: 1\nX-T: 1\n\nbody\n")
    assert outcome.extracted() == found
    assert outcome.size()[2] == 1 + answer.startswith("BCC copy")


def test_a_message_may_be_held_or_dropped() -> None:
    held, dropped = checked("HOLD x", b"X-T: 1\nX-T: 2\n\n"), checked("DISCARD")
    assert held.session.message.hold
    assert [line for line in held.journal.lines() if "hold:" in line] == [
        f"{QUEUE_ID}: hold: header X-T: 1 {FROM}: x"
    ]
    assert (dropped.session.message.discard, dropped.status) == (True, 0)


@pytest.mark.parametrize("answer", ["PREPEND x", "REPLACE x", "FROB", "PREPEND", "REPLACE", "BCC"])
def test_an_action_that_is_none_is_named_and_nothing_more(answer: str) -> None:
    outcome = checked(answer)
    assert rest(outcome) == WHOLE
    assert outcome.journal.warnings()[0].startswith("warning: ")


def test_nothing_is_looked_at_unless_the_client_asks_for_it() -> None:
    outcome = checked("REJECT", flags=112)
    assert (outcome.status, rest(outcome)) == (0, WHOLE)


def test_after_pass_nothing_more_is_looked_at() -> None:
    settings = {
        "header_checks": table("/^X-T:/ PASS", "/^X-U:/ REJECT"),
        "body_checks": table("/b/ REJECT"),
    }
    assert take(message(b"X-T: 1\nX-U: 1\n\nb\n"), settings).status == 0


def test_a_table_that_fails_makes_the_client_come_back() -> None:
    outcome = take(message(), {"body_checks": "fail:x"})
    assert outcome.status == Status.WRITE_FAILED


PARTS = (
    b"Content-Type: multipart/mixed; boundary=b\nX-A: 1\n\nX-B: 2\n--b\nX-C: 3\n\nX-D: 4\n"
    b"--b\nContent-Type: message/rfc822\n\nX-E: 5\n\nX-F: 6\n--b--\n"
)


def test_each_kind_of_header_has_its_tables() -> None:
    kinds = ("header", "mime_header", "nested_header", "body")
    settings = {f"{kind}_checks": table(f"/^X-(.)/ INFO {kind} $1") for kind in kinds}
    lines = take(message(HEADER + PARTS), settings).journal.lines()
    assert [line.rpartition(": ")[2] for line in lines if "info:" in line] == [
        *("header A", "body B", "mime_header C", "body D", "nested_header E", "body F")
    ]


@pytest.mark.parametrize(
    ("limit", "seen"), [("0", "abcdef"), ("7", "abde"), ("5", "abde"), ("4", "ade"), ("1", "")]
)
def test_so_much_of_each_part_is_looked_at(limit: str, seen: str) -> None:
    content = b"Content-Type: multipart/x; boundary=b\n\na:\nb:\nc:\n--b\n\nd:\n--b\n\ne:\nxx\nf:\n"
    settings = {"body_checks": table("/^(.):/ INFO $1"), "body_checks_size_limit": limit}
    lines = take(message(content), settings).journal.lines()
    assert "".join(line[-1] for line in lines if "info:" in line) == seen


@pytest.mark.parametrize(
    ("settings", "content", "reason"),
    [
        (
            {"strict_8bitmime": "yes"},
            b"X: \xe9\n\n",
            b"5.6.0 improper use of 8-bit data in message header",
        ),
        (
            {"strict_8bitmime": "yes"},
            b"\n\xe9\n",
            b"5.6.0 improper use of 8-bit data in message body",
        ),
        ({"strict_8bitmime_body": "yes"}, b"X: \xe9\n\n", b""),
        ({"strict_7bit_headers": "yes"}, b"\n\xe9\n", b""),
        ({"strict_8bitmime": "yes"}, b"Content-Transfer-Encoding: 8bit\n\n\xe9\n", b""),
        (
            {"strict_mime_encoding_domain": "yes"},
            b"Content-Transfer-Encoding: base64\nContent-Type: message/rfc822\n\n",
            b"5.6.0 invalid message/* or multipart/* encoding domain",
        ),
        ({"message_reject_characters": "\\7"}, b"\n\7\n", b"5.7.1 disallowed character"),
    ],
)
def test_a_strict_host_refuses(settings: dict[str, str], content: bytes, reason: bytes) -> None:
    outcome = take(message(content), settings)
    assert outcome.session.message.reason == reason
    assert outcome.status == (Status.CONTENT_REFUSED if reason else 0)


def test_bytes_may_be_left_out() -> None:
    outcome = take(message(HEADER + b"X-T: a\0b\n\na\0b\n"), {"message_strip_characters": "\\0"})
    assert rest(outcome) == [("N", b"X-T: ab"), ("N", b""), ("N", b"ab")]


@pytest.mark.parametrize(
    ("text", "found"), [("\\0\\12\\377", b"\0\n\xff"), ("a\\n\\\\", b"a\n\\"), ("é", "é".encode())]
)
def test_characters_are_written_as_in_c(text: str, found: bytes) -> None:
    assert characters(text) == found


def test_headers_of_parts_are_treated_though_nothing_is_looked_for() -> None:
    part = b"Content-Transfer-Encoding: 8bit\nX-T : 1\nX-N: a\0b\n\nX-T : 1\n"
    content = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + part
    outcome = take(message(HEADER + content))
    assert outcome.extracted() == [("A", b"encoding=8bit")]
    assert [text for _, text in outcome.content()[-4:]] == [b"X-T: 1", b"X-N: a", b"", b"X-T : 1"]


def test_a_longer_line_goes_on_in_the_next_record() -> None:
    lines = (
        rec(b"L", b"X-T: a") + rec(b"N", b" b") + rec(b"N", b"") + rec(b"L", b"x") + rec(b"N", b"y")
    )
    records = message(b"").replace(rec(b"X"), lines + rec(b"X"), 1)
    outcome = take(records, {"header_checks": table("/^X-T: a b$/ INFO whole")})
    assert any(line.endswith(": whole") for line in outcome.journal.lines())
