"""Promises of cleanup: which messages need SMTPUTF8, as Postfix 3.7.11 tells it.

SEE ALSO
    spec/qmqp.md, section 7
    spec/cleanup-protocol.md, section 3
"""

import pytest

from tests.cleanup.stream import CONTENT, TIME, message, rec, take

ASKS, DETECTS = 256, 512  # flags of the client
REQUESTED, HEADER, SENDER = 1, 2, 4  # in the last field of the size record

UTF8, LATIN1 = "caf\u00e9@b.test".encode(), b"caf\xe9@b.test"
ASCII = b"r@to.test"
PLAIN, ODD = b"Subject: x\n\n", "Subject: caf\u00e9\n\n".encode()


@pytest.mark.parametrize(
    ("flags", "sender", "recipients", "content", "field", "types"),
    [
        (0, ASCII, [ASCII], PLAIN, 0, "r"),
        (0, UTF8, [UTF8], ODD, SENDER | HEADER, "r"),
        (DETECTS, ASCII, [ASCII], PLAIN, 0, "r"),
        (DETECTS, UTF8, [ASCII, ASCII + b"2"], PLAIN, SENDER | REQUESTED, "rr"),
        (DETECTS, LATIN1, [ASCII], PLAIN, 0, "r"),
        (DETECTS, ASCII, [ASCII, UTF8, ASCII + b"2"], PLAIN, REQUESTED, "rur"),
        (DETECTS, ASCII, [LATIN1], PLAIN, 0, "r"),
        (DETECTS, UTF8, [LATIN1], PLAIN, SENDER | REQUESTED, "u"),
        (DETECTS, ASCII, [ASCII], ODD, HEADER | REQUESTED, "r"),
        (DETECTS, ASCII, [UTF8], ODD, HEADER | REQUESTED, "u"),
        (DETECTS, ASCII, [ASCII], PLAIN + UTF8, 0, "r"),
        (ASKS, ASCII, [ASCII], PLAIN, REQUESTED, "r"),
        (ASKS, ASCII, [UTF8, LATIN1, ASCII], PLAIN, REQUESTED, "uur"),
        (ASKS, UTF8, [ASCII], ODD, SENDER | HEADER | REQUESTED, "r"),
    ],
)
def test_who_needs_smtputf8_and_whose_address_is_named_by_it(
    flags: int, sender: bytes, recipients: list[bytes], content: bytes, field: int, types: str
) -> None:
    envelope = TIME + rec(b"S", sender) + b"".join(rec(b"R", one) for one in recipients) + CONTENT
    outcome = take(message(content, envelope), flags=flags)
    kinds = {"r": b"rfc822;", "u": b"utf-8;"}
    assert outcome.size()[5] == field
    assert outcome.envelope("A")[1:] == [
        ("A", b"dsn_orig_rcpt=" + kinds[kind] + one)
        for kind, one in zip(types, recipients, strict=True)
    ]


def test_a_recipient_counts_whatever_its_sender_called_it() -> None:
    given = rec(b"A", b"dsn_orig_rcpt=rfc822;x@y.test")
    envelope = TIME + rec(b"S", ASCII) + given + rec(b"R", UTF8) + CONTENT
    outcome = take(message(PLAIN, envelope), flags=DETECTS)
    assert outcome.size()[5] == REQUESTED
    assert ("A", b"dsn_orig_rcpt=rfc822;x@y.test") in outcome.envelope()


@pytest.mark.parametrize(("flags", "field"), [(0, 0), (DETECTS, 0), (ASKS, REQUESTED)])
def test_switched_off_nothing_is_found_but_a_request_is_passed_on(flags: int, field: int) -> None:
    envelope = TIME + rec(b"S", UTF8) + rec(b"R", UTF8) + CONTENT
    outcome = take(message(ODD, envelope), {"smtputf8_enable": "no"}, flags=flags)
    assert outcome.size()[5] == field


CHECKS = {
    "header_checks": "regexp:{{/^X-Out/ IGNORE} {/^X-In/ PREPEND X-New: caf\u00e9}"
    " {/^X-For/ REPLACE X-New: caf\u00e9} {/^X-Plain/ REPLACE X-New: cafe}}"
}
PARTS = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n%b\n\nx\n--b--\n"
LONG = b"X-Long: " + b"x" * 60 + UTF8


@pytest.mark.parametrize("settings", [CHECKS, {**CHECKS, "header_size_limit": "60"}])
@pytest.mark.parametrize(
    ("header", "field"),
    [
        (b"X-Other: " + UTF8, HEADER),
        (b"X-Out: " + UTF8, 0),
        (b"X-In: cafe", HEADER),
        (b"X-For: cafe", HEADER),
        (b"X-Plain: " + UTF8, 0),
        (b"Bcc: " + UTF8, 0),  # is dropped
        (b"X: y\0" + UTF8, 0),
        (LONG, HEADER),  # and cut
    ],
)
def test_headers_count_as_they_leave(header: bytes, field: int, settings: dict[str, str]) -> None:
    assert take(message(header + b"\n\n"), settings).size()[5] == field
    in_part = field if not header.startswith(b"Bcc") else HEADER
    assert take(message(PARTS % header), settings).size()[5] == in_part
