"""Promises of cleanup.native: a queue file does not show which way its message came.

DESCRIPTION
    Each message goes both ways: as the records that qmqpd would send to any
    cleanup, and as the frame that it sends to ours. Verdict, queue file and
    log lines must be the same.

SEE ALSO
    docs/frame.md
    tests.cleanup.test_session, for what the records become
"""

import contextlib
import socket
import struct
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleanup.native import FACTS_LEAST
from common import frame
from common.client import Client
from common.errors import PeerError
from common.status import Status
from qmqpd.session import RECIPIENT_COST, RECIPIENTS_ROOM
from tests.cleanup.both_ways import CLIENT, Relay, Sent, check_both_ways, feed, outcome
from tests.cleanup.stream import QUEUE_ID, SIZE_RECORD, parse
from tests.common.journal import Journal
from tests.common.zone import local_zone
from tests.splits import cut, splits
from tests.suite import check_cases

READ_SIZE = 32 * 1024
MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def universal_time() -> Iterator[None]:
    with local_zone("UTC0"):
        yield


# Any message.

NAMES = [
    *(b"From", b"To", b"cc", b"Bcc", b"Resent-To", b"RESENT-FROM", b"Return-Path", b"Sender"),
    *(b"Date", b"Resent-Date", b"Message-Id", b"message-ID", b"Resent-Message-Id", b"Received"),
    *(b"Subject", b"X", b"Content-Transfer-Encoding", b"Content-Length", b"Delivered-To", b"X!y"),
]
VALUES = [
    *(b"", b" ", b" x", b"\tx", b"x", b" a@b.test", b" bob", b" Some One <a@b.test>", b" a@b"),
    *(b" a@b.test, bob", b" a@b.test,\n c@d.test", b" <m1@x.test>", b" 8bit", b" BINARY \t"),
    *(b" x\n y", b" x\n\ty\n z", b" x\n ", b" caf\xe9", b" caf\xc3\xa9", b" a\0b", b" x\r", b"\r"),
    *(b" a b c:d", b": x", b" host!user", b" (c) a", b' "q\\"q"@b.test', b" g: a@b.test;"),
]
COLONS = [b":", b":", b":", b":", b" :", b"\t :", b""]
ODD_LINES = [
    *(b"", b" ", b"\t", b"x", b" x", b":", b": x", b" : x", b"no header", b"\0", b"a\0: b", b"\r"),
    *(b"From nobody", b">From nobody", b">", b"caf\xe9: x", b".", b"--", b"Received", b"X :y"),
]
SIZES = [19, 20, 21, 40, 41, 60, 511, 512, 513, 1024, 1025, 2047, 2048, 2049, 4096, 5000]


def long_header(size: int, name: bool) -> bytes:
    """Return a header of so many bytes that has nearly all of them in its name, or its value."""
    return b"x" * (size - 2) + b": " if name else b"X-Long: " + b"y" * (size - 8)


headers = st.builds(
    lambda name, colon, value: name + colon + value,
    *(st.sampled_from(NAMES), st.sampled_from(COLONS), st.sampled_from(VALUES)),
)
long_headers = st.builds(long_header, st.sampled_from(SIZES), st.booleans())
long_lines = st.sampled_from(SIZES).map(lambda size: b"z" * size)
plain_headers = st.builds(
    lambda name, value: b"%b: %b" % (name, value),
    st.sampled_from(NAMES),
    st.sampled_from([b"x", b"a@b.test", b"<m1@x.test>", b"x\n y", b"8bit"]),
)
header_lines = st.one_of(
    st.lists(plain_headers, max_size=8),
    st.lists(st.one_of(headers, plain_headers), max_size=8),
    st.lists(st.one_of(headers, long_headers, st.sampled_from(ODD_LINES)), max_size=6),
)
body_lines = st.lists(
    st.one_of(st.sampled_from(ODD_LINES), long_lines, st.binary(max_size=30)), max_size=6
)
contents = st.builds(
    lambda header, empty, body, end: b"\n".join([*header, *empty, *body]) + end,
    header_lines,
    st.sampled_from([[b""], [b""], [b""], []]),
    body_lines,
    st.sampled_from([b"\n", b"\n", b"", b"\n\n"]),
)
large_contents = st.builds(
    lambda header, times, value, body: header * times + value + b"\n" + body,
    st.sampled_from([b"X-Many: header\n", b"To: bob\n", b"Received: by x\n", b"M: x\n y\n"]),
    st.sampled_from([60, 2500, 7000]),
    st.sampled_from([b"", b"Message-Id: <m1@x.test>\n", b"Bcc: b@c.test\n"]),
    st.sampled_from([b"", b"b\n", b"b" * 70 + b"\n" + b"c\r\n" * 2000, b"x" * 50_000]),
)
addresses = st.one_of(
    st.sampled_from(
        [
            *(
                b"r@to.test",
                b"R@To.Test",
                b"bob",
                b"",
                b"a@b",
                b"@r1:a@b.test",
                b"h!u",
                b"a b@c.test",
            ),
            *(
                b"a\0b@c.test",
                b"a\nb@c.test",
                b"a\rb@c.test",
                b"caf\xe9@b.test",
                b"u\xc3\xa9@b.test",
            ),
            *(b'q"q@c.test', b"mailer-daemon", b"r" * 520 + b"@to.test", b"r" * 2040 + b"@to.test"),
        ]
    ),
    st.binary(max_size=12),
)
senders = st.one_of(
    addresses, st.sampled_from([b"list-@from.test-@[]", b"l-@from.test-~-@[]", b"-@[]", b"#@[]"])
)
clients = st.sampled_from(
    [
        *(CLIENT, Client(socket.AF_INET6, "2001:db8::7", 1, "unknown")),
        *(Client(socket.AF_UNSPEC, "127.0.0.1", 0, "localhost"), CLIENT._replace(name="n" * 255)),
    ]
)


def messages(found: st.SearchStrategy[bytes]) -> st.SearchStrategy[Sent]:
    """Return messages with such contents."""
    return st.builds(Sent, found, senders, st.lists(addresses, max_size=4).map(tuple), clients)


YES_NO = ("yes", "no")
choices: dict[str, tuple[str, ...]] = {
    "cleanup_replace_stray_cr_lf": YES_NO,
    "smtputf8_enable": YES_NO,
    "append_dot_mydomain": YES_NO,
    "append_at_myorigin": YES_NO,
    "enable_original_recipient": YES_NO,
    "detect_8bit_encoding_header": YES_NO,
    "always_add_missing_headers": YES_NO,
    "qmqpd_client_port_logging": YES_NO,
    "message_drop_headers": ("", "bcc, content-length, resent-bcc, return-path", "received x"),
    "undisclosed_recipients_header": ("", "To: undisclosed-recipients:;"),
    "delay_warning_time": ("0h", "1h"),
    "content_filter": ("", "smtp:[10.0.0.1]"),
    "verp_delimiter_filter": ("-=+", "*"),
    "smtputf8_autodetect_classes": ("sendmail", "all"),
    "mail_name": ("Postfix", "My Mail System " + "x" * 500, "caf\udce9"),
    "line_length_limit": ("2048", "2048", "512"),
    "header_size_limit": ("102400", "1", "20", "100", "600"),
    "hopcount_limit": ("50", "1", "2", "3"),
    "message_size_limit": ("10240000", "0", "200", "1000", "1500", "2000", "40000"),
    "duplicate_filter_limit": ("1000", "0", "1"),
    "queue_file_attribute_count_limit": ("100", "1", "10", "11", "12"),
}


def some(names: Iterable[str]) -> st.SearchStrategy[dict[str, str]]:
    """Return settings for a few of these parameters."""
    pairs = st.sampled_from(sorted(names)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(choices[name]))
    )
    return st.lists(pairs, max_size=4).map(dict)


relays = st.builds(
    Relay,
    some(choices),
    st.sampled_from([{}, {}, {}, {"line_length_limit": 20}, {"line_length_limit": 40}]),
    st.sampled_from([QUEUE_ID, "4ZGrBg0fYpzKk4"]),
    st.sampled_from([0, 0, 0, 4, 8, 12]),
)
places = st.one_of(st.just(set[int]()), st.sets(st.integers(-300, 600), max_size=5))
far_places = st.one_of(
    st.sets(st.integers(1, 200_000), max_size=5),
    st.just(set(range(READ_SIZE, 500_000, READ_SIZE))),
)


@settings(max_examples=400, deadline=None)
@given(relays, messages(contents), places)
def test_any_message_becomes_the_same_file_whichever_way_it_comes(
    relay: Relay, sent: Sent, places: set[int]
) -> None:
    check_both_ways(relay, sent, places)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
@given(relays, messages(large_contents), far_places)
def test_any_large_message_does_so_too(relay: Relay, sent: Sent, places: set[int]) -> None:
    check_both_ways(relay, sent, places)


# Messages that are ordinary, or nearly so.
ORDINARY = b"From: A <a@b.test>\nTo: c@d.test\nDate: x\nMessage-Id: <m@x.test>\n"
PARTED = b"Content-Type: multipart/mixed; boundary=b\n"
ODDITIES = [
    *(b"Resent-To: x@y.test", b"Resent-Nobody: x", b"Bcc: bob", b"Cc: a@b.test", b"Cc: bob"),
    *(b"Content-Type: text/plain", b"Content-Type:\tMultipart/mixed; boundary=b", b"X y: z"),
    *(b"Content-Transfer-Encoding:  8bit ", b"Content-Transfer-Encoding: 7bit", b"X:\0", b"X:"),
    *(b"Message-ID:  <m2@x.test>", b"X: \xe9", b"X: y\r", b"Received: x", b"Return-Path: <a@b>"),
    *(b"x" * 2047 + b":", b"x" * 2048 + b":", b"y" * 3000 + b": y", b"X: " + b"y" * 3000),
    *(b"content-length: 1", b" folded", b"", b"no header", b"Cc: a@b.test,\n c@d.test", b"X!: y"),
]
NAMED = [
    *(b"", b"r@to.test", b"R@To.Test", b"r@TO.test", b"bob", b"a b@to.test", b"a\rb@to.test"),
    *(b"\xc3\xa9@to.test", b"x" * 97 + b"@to.test", b"x" * 98 + b"@to.test", b"@a:b@to.test"),
    *(b"a!b", b"a%b@to.test", b"b@to.test.", b"a\0b@to.test", b"a\nb@to.test", b'"q"@to.test'),
    *(b"x" * 118 + b"@to.test", b"x" * 119 + b"@to.test", b"mailer-daemon@mx.example.test"),
]
odd_choices = {**choices, "empty_address_recipient": ("bob",), "always_bcc": ("", "r@to.test")}
nearly_ordinary = st.builds(
    lambda one, other, body: b"%b%b%b\n%b" % (one, ORDINARY, other, body),
    *(st.sampled_from([b"", b"", *(one + b"\n" for one in ODDITIES)]) for _ in range(2)),
    st.sampled_from([b"", b"b\n", b"b", b"b\r\nb\n", b"\0\n" * 50, b"b\n" * 400, b"b" * 5000]),
)


@settings(max_examples=400, deadline=None)
@given(
    st.builds(
        Relay,
        st.sampled_from(sorted(odd_choices)).flatmap(
            lambda name: st.sampled_from(odd_choices[name]).map(lambda text: {name: text})
        ),
        st.sampled_from([{}, {}, {"line_length_limit": 20}, {"message_size_limit": 1100}]),
        st.sampled_from([QUEUE_ID, "4ZGrBg0fYpzKk4"]),
        st.sampled_from([0, 0, 4, 8, 256]),
    ),
    st.builds(
        Sent,
        nearly_ordinary,
        st.sampled_from(NAMED),
        st.lists(st.sampled_from(NAMED), min_size=1, max_size=3).map(tuple),
        clients,
    ),
    places,
)
def test_an_ordinary_message_does_so_too(relay: Relay, sent: Sent, places: set[int]) -> None:
    check_both_ways(relay, sent, places)


@pytest.mark.parametrize(
    ("sent", "is_ordinary"),
    [
        (Sent(ORDINARY + b"\nb\n"), True),
        (Sent(ORDINARY + b"\nb"), True),
        (Sent(ORDINARY + b"\n", recipients=(b"a@b.test", b"c@b.test")), True),
        (Sent(b"Content-Type: text/plain; x=\n y\n" + ORDINARY + b"\nb\r\n", b""), True),
        (Sent(ORDINARY + b"\nb\n", recipients=(b"a@b.test", b"A@b.test")), False),
        (Sent(ORDINARY + b"\nb\n", recipients=(b"bob",)), False),
        (Sent(ORDINARY + b"\nb\n", recipients=(b"a\rb@c.test",)), False),
        (Sent(ORDINARY), False),
        (Sent(b"Cc: bob\n" + ORDINARY + b"\nb\n"), False),
        (Sent(PARTED + ORDINARY + b"\n--b\n"), False),
    ],
)
def test_an_ordinary_message_is_taken_at_once(
    sent: Sent, is_ordinary: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_both_ways(Relay(), sent)
    monkeypatch.delattr("cleanup.native.EnvelopeStage")
    with contextlib.nullcontext() if is_ordinary else pytest.raises(NameError):
        feed(Relay().session(), [Relay().frame(sent)])


def test_a_header_that_comes_as_records_is_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = Sent(ORDINARY + b"\nb\n")
    expected = Relay().by_drops(sent)
    monkeypatch.delattr("cleanup.headers.HeaderBlock.add")
    assert Relay().by_records(sent) == expected


# Messages with parts, and what is looked for in them.
CHECKS = "regexp:{{/^X-N: [0-5]/ REPLACE X-New: y} {/^n[0-5]/ IGNORE} {/^(.....)/ INFO $$1}}"
LOOKS: tuple[dict[str, str], ...] = (
    {},
    {},
    {"header_checks": CHECKS},
    {"header_checks": CHECKS, "mime_nesting_limit": "1", "mime_boundary_length_limit": "2"},
    {"body_checks": CHECKS, "body_checks_size_limit": "30"},
    {"header_checks": CHECKS, "body_checks": CHECKS, "receive_override_options": "no_milters"},
    {"strict_8bitmime": "yes", "strict_mime_encoding_domain": "yes"},
    {"header_checks": CHECKS, "receive_override_options": "no_header_body_checks"},
    {"message_strip_characters": "-a", "disable_mime_input_processing": "yes"},
    {"message_reject_characters": "\\7", "cleanup_replace_stray_cr_lf": "no"},
)
watchful = st.builds(
    Relay,
    st.builds(lambda look, others: {**others, **look}, st.sampled_from(LOOKS), some(choices)),
    st.sampled_from([{}, {}, {"line_length_limit": 20}, {"line_length_limit": 40}]),
)
parted = st.integers(0, 100_000).map(lambda seed: check_cases.message(Random(seed)))
# In front of the content lies the header of the frame: less of it is cut.
many_places = st.integers(1, 60).map(lambda size: set(range(600, 20_000, size)))


@settings(max_examples=400, deadline=None)
@given(watchful, messages(parted), many_places)
def test_a_message_with_parts_does_so_too(relay: Relay, sent: Sent, places: set[int]) -> None:
    check_both_ways(relay, sent, places)


# Ordinary headers, and checks that may have something to say of them.
RULES = [
    *("/^X: x/ {0}", "/^Subject:/ {0}", "/ y$/ {0}", "/^Received: .*client/ {0}", "/./!/X/ {0}"),
    *("/^content-type: (.*)/ {0}", "/boundary/ {0}", "/^X-N:/ {0}", "!/:/ {0}", "/(b)\\1/ {0}"),
    *("if /^X/", "if !/^X/", "endif", "/nothing like that/ {0}", "/neither ([a-z]+) that/ {0}"),
]
SAID = ["DUNNO", "OK", "WARN x", "IGNORE", "REPLACE X: z", "PREPEND X-P: 1", "HOLD", "PASS", "FROB"]
SAID += ["REJECT", "DISCARD", "REDIRECT a@b.test", "BCC c@b.test", "FILTER a:b", "STRIP", "INFO y"]
MISSES = (
    "regexp:{{/nothing/ WARN} {/like/ WARN} {/that, neither/ WARN} {/here$$/ WARN} {/^ / WARN}}"
)
tables = st.one_of(
    st.sampled_from(["", MISSES, MISSES, "fail:x", "static:DUNNO", "inline:{x=y}"]),
    st.lists(
        st.builds(
            lambda rule, said: rule.format(said), st.sampled_from(RULES), st.sampled_from(SAID)
        ),
        max_size=6,
    ).map(lambda rules: f"regexp:{{{' '.join(f'{{{one}}}' for one in rules)}}}".replace("$", "$$")),
)
TABLES = ["header_checks", "mime_header_checks", "nested_header_checks", "body_checks"]
checking = st.builds(
    lambda found, more, nesting, others: {
        **others,
        **{name: f"{table}, {more}".strip(", ") for name, table in found.items()},
        **nesting,
    },
    st.dictionaries(st.sampled_from(TABLES), tables, min_size=1),
    st.sampled_from(["", "", MISSES]),
    st.sampled_from([{}, {}, {"mime_nesting_limit": "1"}, {"body_checks_size_limit": "9"}]),
    some(choices),
)
types = st.sampled_from(
    [
        *(b" text/plain", b" multipart/mixed; boundary=b", b" message/rfc822", b" x;\n boundary=b"),
        *(b" multipart/mixed" + b"; boundary=b" * count for count in (2, 3, 4, 5)),
    ]
)
mostly_plain = st.lists(
    st.one_of(
        *(plain_headers, plain_headers, plain_headers, headers),
        types.map(lambda value: b"Content-Type:" + value),
        st.sampled_from([b"X-N: 1", b"MIME-Version: 1.0", b"Content-ID: x", b"X: a\n y"]),
    ),
    max_size=7,
)
small_bodies = st.lists(
    st.sampled_from([b"", b"--b", b"--b--", b"X: x", b"X-N: 1", b"Content-Type: text/x", b"bb"]),
    max_size=8,
)


@settings(max_examples=600, deadline=None)
@given(
    st.builds(Relay, checking, st.just({}), st.just(QUEUE_ID), st.sampled_from([0, 0, 0, 4, 8])),
    st.builds(
        lambda header, body: Sent(b"\n".join([*header, b"", *body, b""])),
        mostly_plain,
        small_bodies,
    ),
    places,
)
def test_a_header_that_checks_look_at_does_so_too(
    relay: Relay, sent: Sent, places: set[int]
) -> None:
    check_both_ways(relay, sent, places)


PLAIN = b"To: a@b.test\nMessage-Id: <m1@x.test>\n"
FOLDED = b"Subject: a\n b\n"
MISSED = "regexp:{{/x-y/ IGNORE}}"


@pytest.mark.parametrize(
    ("texts", "header"),
    [
        ({"header_checks": MISSED}, FOLDED + PLAIN),
        ({"header_checks": f"{MISSED}, {MISSES}"}, FOLDED + PLAIN),
        ({"header_checks": MISSES, "mime_header_checks": "regexp:{{/^S/ IGNORE}}"}, FOLDED),
        ({"body_checks": "regexp:{{/^S/ IGNORE}}"}, FOLDED + PLAIN),
        ({"header_checks": MISSED, "body_checks": MISSED}, FOLDED + b"Content-Type: text/x-z\n"),
        ({"header_checks": MISSED}, FOLDED + PARTED),
        ({"header_checks": MISSED}, PARTED + b"Content-Type: text/plain\n"),
        ({"header_checks": MISSED}, b"Content-Type: text/plain\n" + PARTED),
        ({"header_checks": MISSED}, PARTED + b"Content-Type: multipart/mixed; boundary=c\n"),
    ],
)
def test_a_header_in_which_checks_find_nothing_is_taken_at_once(
    texts: dict[str, str], header: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay, sent = Relay(texts), Sent(header + b"\n--b\nX-Y: in a part\n\nX-Y: in a body\n--b--\n")
    check_both_ways(relay, sent)
    monkeypatch.delattr("cleanup.native.content_stage")
    feed(relay.session(), [relay.frame(sent)])


@pytest.mark.parametrize(
    ("texts", "header"),
    [
        ({"header_checks": MISSED}, b"A: b\nX-Y: z\nC: d\n"),
        ({"header_checks": MISSED}, b"A: b\nC: d\n x-y\n"),
        ({"header_checks": "regexp:{{/^C/ IGNORE} {/^A/ DUNNO}}"}, b"A: b\nC: d\n"),
        ({"header_checks": "regexp:{{/by.*with/ IGNORE}}"}, b"A: b\n"),
        ({"header_checks": MISSES, "mime_header_checks": MISSED}, b"Content-ID: x-y\n"),
        ({"header_checks": "fail:x"}, b"A: b\n"),
        (
            {"header_checks": MISSES, "mime_nesting_limit": "1"},
            b"Content-Type: multipart/mixed" + b"; boundary=b" * 4 + b"\n" + PLAIN,
        ),
        ({"message_strip_characters": "q", "header_checks": MISSES}, b"A: b\n"),
        ({"strict_8bitmime": "yes"}, b"A: b\n"),
    ],
)
def test_what_checks_may_find_is_looked_at_header_by_header(
    texts: dict[str, str], header: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay, sent = Relay(texts), Sent(header + b"\nb\n")
    check_both_ways(relay, sent)
    monkeypatch.delattr("cleanup.native.content_stage")
    with pytest.raises(NameError):
        feed(relay.session(), [relay.frame(sent)])


@pytest.mark.parametrize(
    ("config", "sent"),
    [
        pytest.param({}, Sent(PLAIN + b"\nb\n"), id="plain"),
        pytest.param({}, Sent(b""), id="nothing"),
        pytest.param({}, Sent(b"\n"), id="an empty line"),
        pytest.param({}, Sent(PLAIN), id="header alone"),
        pytest.param({}, Sent(PLAIN[:-1]), id="header without end"),
        pytest.param({}, Sent(PLAIN + b"\nb"), id="last line without end"),
        pytest.param({}, Sent(PLAIN + b"b\n"), id="body without empty line"),
        pytest.param({}, Sent(b"x" * 3000 + b": y\n\nb\n"), id="a name longer than a line"),
        pytest.param({}, Sent(b"x" * 2048 + b": y\n\nb\n"), id="a colon behind a line"),
        pytest.param({}, Sent(b"x" * 2047 + b": y\n\nb\n"), id="a name as long as a line"),
        pytest.param({}, Sent(b"X: " + b"y" * 5000 + b"\n\nb\n"), id="a long value"),
        pytest.param({}, Sent(PLAIN + b"\nb\r\n\r"), id="CR in the body"),
        pytest.param({}, Sent(PLAIN + b"X: y\r\n\r\nb\n"), id="CR in the header"),
        pytest.param(
            {"cleanup_replace_stray_cr_lf": "no"},
            Sent(b"X: y\r\n" + PLAIN + b"\nb\r\n\r\n", recipients=(b"a\rb@c.test",)),
            id="CR that may stay",
        ),
        pytest.param(
            {}, Sent(PLAIN + b"\nb\n", recipients=(b"a\rb@c.test",)), id="CR in a recipient"
        ),
        pytest.param({}, Sent(b"\n", sender=b"a\rb@c.test"), id="CR in the sender"),
        pytest.param({}, Sent(PLAIN, recipients=(b"r" * 2040 + b"@c.test",)), id="long recipient"),
        pytest.param({}, Sent(b"X: \0y\n" + PLAIN + b"\n\0\n"), id="NUL"),
        pytest.param({}, Sent(b"X: \xe9\n" + PLAIN + b"\n\xe9\n"), id="8 bit"),
        pytest.param({}, Sent(b"Bcc: x\n" + PLAIN + b"\nb\n"), id="dropped"),
        pytest.param({}, Sent(b"To: bob\n" + PLAIN + b"\nb\n"), id="to be completed"),
        pytest.param({}, Sent(b"X : y\n" + PLAIN + b"\nb\n"), id="blank before the colon"),
        pytest.param({}, Sent(b"Received: x\n" * 60 + PLAIN + b"\nb\n"), id="too many hops"),
        pytest.param({"hopcount_limit": "1"}, Sent(PLAIN + b"\nb\n"), id="our own hop"),
        pytest.param({"header_size_limit": "30"}, Sent(PLAIN + b"\nb\n"), id="little header"),
        pytest.param({}, Sent(b"X: y\n" * 9000 + PLAIN + b"\nb\n"), id="large header"),
        pytest.param(
            {"message_size_limit": "20000"},
            Sent(b"X: y\n" * 7000 + PLAIN + b"\nb\n"),
            id="header above the size limit",
        ),
        pytest.param(
            {"message_size_limit": "1000"}, Sent(PLAIN + b"\n" + b"b\n" * 500), id="large body"
        ),
        pytest.param(
            {"message_size_limit": "900"},
            Sent(b"\n" + b"x" * 900, recipients=()),
            id="large, to nobody",
        ),
        pytest.param({"queue_file_attribute_count_limit": "7"}, Sent(PLAIN), id="attributes"),
        pytest.param(
            {"queue_file_attribute_count_limit": "7", "message_size_limit": "130"},
            Sent(PLAIN),
            id="too large before too many attributes",
        ),
        pytest.param(
            {"queue_file_attribute_count_limit": "7", "message_size_limit": "500"},
            Sent(PLAIN, recipients=(b"a@b.test", b"b@b.test", b"c@b.test", b"d@b.test")),
            id="too many attributes before too large",
        ),
        pytest.param({"message_size_limit": "1"}, Sent(PLAIN), id="nothing fits"),
        pytest.param({}, Sent(PLAIN, recipients=()), id="nobody"),
        pytest.param({}, Sent(PLAIN, recipients=(b"a@b.test",) * 3000), id="the same again"),
        pytest.param({}, Sent(PLAIN, sender=b"l-@from.test-@[]"), id="VERP"),
        pytest.param({"delay_warning_time": "1h"}, Sent(PLAIN), id="a delay to be told of"),
        pytest.param({"content_filter": "smtp:[10.0.0.1]"}, Sent(PLAIN), id="a filter"),
    ],
)
def test_these_messages_become_the_same_file_however_they_are_cut(
    config: dict[str, str], sent: Sent
) -> None:
    relay = Relay(config)
    whole = relay.frame(sent)
    for size in (len(whole), 1, 100, READ_SIZE):
        if size > 1 or len(whole) < 5000:
            check_both_ways(relay, sent, range(size, len(whole), size))
    for place in range(1, len(whole), 1 if len(whole) < 1000 else len(whole) // 20):
        check_both_ways(relay, sent, {place})


def test_a_frame_may_be_cut_anywhere() -> None:
    relay, sent = Relay(), Sent(PLAIN + b"\nbody\nlast", recipients=(b"a@b.test", b"bob"))
    expected = relay.by_records(sent)
    for parts in splits(relay.frame(sent)):
        assert outcome(relay.session(), parts) == expected


def test_options_are_those_of_the_frame() -> None:
    for flags, held in ((0, False), (4, True), (8, False), (12, True)):
        seen = check_both_ways(Relay(flags=flags), Sent())
        assert seen.held == held
        assert bool(seen.file) == (flags < 8)


def test_a_failure_outside_is_the_verdict_and_nothing_more_is_said() -> None:
    # A full disk before the frame, between two pieces of it, and behind it.
    # More than the size limit is to come: that counts no more.
    relay = Relay({"message_size_limit": "5000"})
    check_failures(relay, relay.frame(Sent(b"Subject: x\n" * 10 + b" \n" + b"body\n" * 4000)))
    check_failures(relay, relay.frame(Sent(PLAIN + b"\n" + b"body\n" * 4000)))


def check_failures(relay: Relay, whole: bytes) -> None:
    for place in (0, 400, 420, 1500):
        session = relay.session()
        feed(session, [whole[:place]] if place else [])
        assert not session.message.status
        session.fail(Status.WRITE_FAILED)
        assert isinstance(session.message.log, Journal)
        before = session.message.log.lines()
        written = feed(session, [whole[place:]])
        assert len(written) == (0 if place else SIZE_RECORD)
        assert session.finished
        assert session.verdict() == frame.encode_verdict(Status.WRITE_FAILED, QUEUE_ID, b"", 0)
        assert session.message.log.lines() == before


def test_the_answer_names_status_queue_id_the_first_reason_and_the_credit() -> None:
    session = Relay().session()
    assert session.greeting() == b""
    session.message.refuse(Status.CONTENT_REFUSED, b"5.7.1 first")
    session.message.refuse(Status.DEFERRED, b"4.7.1 second")
    session.credit = 7
    assert frame.decode_verdict(session.verdict()) == (
        (Status.CONTENT_REFUSED | Status.DEFERRED, QUEUE_ID, b"5.7.1 first", 7),
        len(session.verdict()),
    )


# What is no frame.


def test_a_frame_that_is_not_whole_is_not_finished() -> None:
    whole = Relay().frame(Sent())
    for size in range(len(whole)):
        session = Relay().session()
        session.receive_data(whole[:size])
        assert not session.finished


@pytest.mark.parametrize("content", [b"", b"\n", b"Subject: x\n\nb\n", b"Subject x", b"x" * 5000])
@pytest.mark.parametrize("rest", [b"", b"x", b"PoR1", b"x" * 100_000])
def test_what_comes_behind_a_frame_is_left_for_the_next(content: bytes, rest: bytes) -> None:
    whole = Relay().frame(Sent(content))
    alone = Relay().session()
    expected = feed(alone, [whole])
    for place in {0, 30, len(whole) - len(content), len(whole) - 1} - {len(whole)}:
        session = Relay().session()
        parts = [whole[:place]] if place else []
        assert feed(session, [*parts, whole[place:] + rest]) == expected
        assert session.finished
        assert session.rest == rest
        assert session.verdict() == alone.verdict()


@pytest.mark.parametrize("size", [1, 2, 10, 1000])
def test_a_frame_of_another_version_ends_the_conversation_at_once(size: int) -> None:
    whole = b"PoR1" + Relay().frame(Sent())[4:]
    session = Relay().session()
    with pytest.raises(PeerError, match="unexpected frame b'PoR1'"):
        feed(session, cut(whole[: frame.HEAD.size], range(0, len(whole), size)))


def test_a_stranger_is_refused_at_once_however_his_bytes_are_cut() -> None:
    for opening in (b"x", b"PoX", b"PoR1"):
        for parts in splits(opening):
            session = Relay().session()
            with pytest.raises(PeerError, match="unexpected frame"):
                feed(session, parts)


def test_a_time_that_no_calendar_knows_ends_the_conversation() -> None:
    head = list(frame.HEAD.unpack(Relay().frame(Sent())[: frame.HEAD.size]))
    head[2] = 2**64 - 1
    data = frame.HEAD.pack(*head) + Relay().frame(Sent())[frame.HEAD.size :]
    with pytest.raises(PeerError, match="unexpected time"):
        Relay().session().receive_data(data)


@pytest.mark.parametrize("size", [1, 1000, READ_SIZE])
def test_facts_above_the_limit_end_the_conversation_before_they_are_kept(size: int) -> None:
    relay = Relay({"message_size_limit": "1000"})
    # Sixteen times a gigabyte is announced, in one field after the other.
    for place in range(-9, -1):
        head = list(frame.HEAD.unpack(relay.frame(Sent())[: frame.HEAD.size]))
        head[place] = 2**30
        session = relay.session()
        with pytest.raises(PeerError, match="oversized frame of"):
            feed(session, cut(frame.HEAD.pack(*head) + b"x" * 10_000, range(0, 10_000, size)))


def test_as_many_recipients_are_taken_as_qmqpd_takes() -> None:
    for limit in (1000, 1_000_000):
        relay = Relay({"message_size_limit": str(limit)})
        room = RECIPIENTS_ROOM * limit
        for address in (b"", b"@" + b"r" * 2000 + b":b@c.test"):
            count = room // (len(address) + RECIPIENT_COST) + 1
            sent = Sent(sender=b"s" * 2048, recipients=(address,) * count)
            seen = relay.by_frame(sent, range(READ_SIZE, 8 * room, READ_SIZE))
            assert seen.verdict[0] == (Status.TOO_LARGE if limit == 1000 else 0)


def test_without_a_message_size_limit_there_is_none_for_recipients() -> None:
    relay = Relay({"message_size_limit": "0"})
    sent = Sent(recipients=(b"r" * 2000 + b"@to.test",) * 1000)
    assert 2 * FACTS_LEAST > len(relay.frame(sent)) > FACTS_LEAST
    assert relay.by_frame(sent).verdict[0] == 0


numbers = st.sampled_from([0, 1, 2, 3, 100, 65_535, 2**31, 2**32 - 1])


@settings(max_examples=400, deadline=None)
@given(
    st.dictionaries(st.integers(0, len(frame.HEAD.format)), numbers, max_size=3),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
    st.sets(st.integers(0, 400), max_size=3),
)
def test_a_frame_that_lies_is_refused_or_a_message_like_any_other(
    lies: dict[int, int], flips: list[tuple[int, int]], places: set[int]
) -> None:
    whole = bytearray(SMALL.frame(Sent(recipients=(b"a@b.test", b"bob"))))
    head: list[bytes | int] = list(frame.HEAD.unpack_from(whole))
    for place, number in lies.items():
        if 0 < place < len(head):
            head[place] = number
    with contextlib.suppress(struct.error):  # the field is not as wide
        whole[: frame.HEAD.size] = frame.HEAD.pack(*head)
    for at, byte in flips:
        if at < len(whole):
            whole[at] = byte
    session = SMALL.session()
    written = b""
    try:
        for part in cut(bytes(whole), places):
            if session.finished:
                break
            written += session.receive_data(part)
    except PeerError:
        assert not session.finished or session.message.status
        return
    if session.finished and not session.message.verdict() and not session.message.discard:
        records = parse(session.message.size_record() + written[SIZE_RECORD:])
        assert records[-1] == ("E", b"")
        assert int(records[0][1].split()[2]) == sum(kind == "R" for kind, _ in records) > 0


SMALL = Relay({"message_size_limit": "100000"})


# What a frame costs.


def test_the_time_for_a_frame_grows_with_its_recipients_and_no_faster() -> None:
    def seconds(count: int) -> float:
        sent = Sent(recipients=tuple(b"r%06d@to.test" % number for number in range(count)))
        parts = cut(relay.frame(sent), range(READ_SIZE, 20 * count, READ_SIZE))
        assert len(parts) > count // 3000
        begin = time.process_time()
        assert outcome(relay.session(), parts).verdict[0] == 0
        return time.process_time() - begin

    relay = Relay({"message_size_limit": "0"})
    few = min(seconds(10_000) for _ in range(3))
    many = min(seconds(80_000) for _ in range(2))
    assert many < 8 * few * 3


def test_facts_that_come_slowly_are_not_looked_at_again_and_again() -> None:
    def seconds(count: int) -> float:
        whole = relay.frame(Sent(recipients=(b"r" * 90 + b"@to.test",) * count))
        parts = cut(whole, range(0, len(whole), 50))
        begin = time.process_time()
        outcome(relay.session(), parts)
        return time.process_time() - begin

    relay = Relay({"message_size_limit": "0"})
    few = min(seconds(1000) for _ in range(3))
    many = min(seconds(16_000) for _ in range(2))
    assert many < 16 * few * 3


def test_the_memory_for_a_frame_is_a_small_multiple_of_it() -> None:
    relay = Relay({"message_size_limit": "0", "duplicate_filter_limit": "10"})
    sent = Sent(recipients=tuple(b"r" * 500 + b"%06d@to.test" % number for number in range(8000)))
    parts = cut(relay.frame(sent), range(READ_SIZE, 5 * MEGABYTE, READ_SIZE))
    size = sum(map(len, parts))
    assert size > 4_000_000
    session = relay.session()
    tracemalloc.start()
    try:
        written = sum(len(session.receive_data(part)) for part in parts)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert session.finished
    # The facts, their copy, the addresses; and what is written, in records and as a whole.
    assert peak < 4 * size + 3 * written
