"""Promises of qmqpd.handover.

SEE ALSO
    spec/cleanup-protocol.md, sections 2 to 4
    spec/qmqp.md, section 8
"""

import itertools
import socket
from collections.abc import Iterator, Mapping

import pytest

from common import attribute
from common.params import QmqpdParams
from common.record import Reader
from qmqpd.client import Client
from qmqpd.handover import Handover, HandoverRules, option_flags, shown
from qmqpd.session import Submission
from tests.common.settings import load
from tests.common.zone import local_zone
from tests.splits import cut

ARRIVAL = 1795177301_799325  # microseconds
QUEUE_ID = "C3A92216044"
READ_SIZE = 32 * 1024
CLIENT = Client(socket.AF_INET, "127.0.0.1", 50474, "localhost")

# The recorded dialogue: qmqpd's side of it, in one write.
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
CONTENT = b"From: <sender@from.example>\nTo: <rcpt@to.example>\nDate: Fri\n"


@pytest.fixture(autouse=True)
def universal_time() -> Iterator[None]:
    with local_zone("UTC0"):
        yield


def handover(
    content: bytes = b"Subject: x\n\nb\n",
    sender: bytes = b"s@from.test",
    recipients: list[bytes] | None = None,
    client: Client = CLIENT,
    settings: Mapping[str, str] | None = None,
) -> Handover:
    pieces = cut(content, range(0, len(content), READ_SIZE)) if content else []
    sent = Submission(pieces, sender, [b"r@to.test"] if recipients is None else recipients)
    rules = HandoverRules.of(load(QmqpdParams, **(settings or {})))
    return Handover(rules, client, ARRIVAL, sent)


def records(one: Handover) -> list[tuple[str, bytes]]:
    """Return what cleanup is sent, behind the flags."""
    stream = b"".join(one.records(QUEUE_ID))
    flags = attribute.decode(stream)
    assert flags is not None
    reader, found = Reader(stream[flags[1] :]), []
    while (record := reader.next_record()) is not None:
        found.append((chr(record[0]), record[1]))
    assert reader.buffered() == 0
    return found


def envelope(one: Handover, kinds: str) -> list[bytes]:
    """Return the envelope's records of these types."""
    found = itertools.takewhile(lambda record: record[0] != "M", records(one))
    return [payload for kind, payload in found if kind in kinds]


def trace(one: Handover) -> list[bytes]:
    """Return the lines of the trace header."""
    found = itertools.dropwhile(lambda record: record[0] != "M", records(one))
    return [payload for _, payload in list(found)[1:4]]


def test_the_recorded_dialogue_is_spoken_byte_for_byte_in_one_write() -> None:
    one = handover(
        CONTENT,
        b"sender@from.example",
        [b"rcpt@to.example"],
        settings={"myhostname": "relay.example.test"},
    )
    assert list(one.records(QUEUE_ID)) == [DIALOGUE]
    assert len(DIALOGUE) == 565


@pytest.mark.parametrize(
    ("settings", "flags"),
    [
        ({}, 114),
        ({"receive_override_options": "no_address_mappings"}, 66),
        ({"receive_override_options": "no_header_body_checks"}, 112),
        ({"receive_override_options": "no_milters"}, 50),
        ({"receive_override_options": "no_unknown_recipient_checks"}, 114),
        ({"receive_override_options": "no_milters, no_address_mappings"}, 2),
        (
            {
                "receive_override_options": "no_unknown_recipient_checks,no_milters,"
                "no_address_mappings,no_header_body_checks"
            },
            0,
        ),
        ({"smtputf8_autodetect_classes": "qmqpd"}, 626),
        ({"smtputf8_autodetect_classes": "all"}, 626),
        ({"smtputf8_autodetect_classes": "sendmail, verify, qmqpd"}, 626),
        ({"smtputf8_autodetect_classes": ""}, 114),
        (
            {
                "smtputf8_autodetect_classes": "all",
                "receive_override_options": "no_header_body_checks",
            },
            624,
        ),
        ({"smtputf8_enable": "no"}, 114),
    ],
)
def test_the_flags_are_those_recorded(settings: dict[str, str], flags: int) -> None:
    assert option_flags(load(QmqpdParams, **settings)) == flags
    stream = b"".join(handover(settings=settings).records(QUEUE_ID))
    found = attribute.decode(stream)
    assert found is not None
    assert found[0] == [(b"flags", b"%d" % flags)]


def test_the_records_stand_in_the_order_that_cleanup_wants() -> None:
    one = handover(sender=b"list-@from.test-@[]", settings={"content_filter": "smtp:[10.0.0.1]"})
    kinds = "".join(kind for kind, _ in records(one))
    assert kinds == "TLSV" + "A" * 10 + "RM" + "NNN" + "NNN" + "XE"
    assert envelope(one, "L") == [b"smtp:[10.0.0.1]"]


def test_a_sender_may_be_empty_and_is_passed_on_raw() -> None:
    for sender in (b"", b" a\n\0\xff@b", b"#@[]"):
        assert envelope(handover(sender=sender), "SV") == [sender]


def test_a_sender_that_asks_for_verp_is_given_apart_from_its_delimiters() -> None:
    one = handover(sender=b"list-@from.example-@[]")
    assert envelope(one, "SV") == [b"list@from.example", b"-="]


def test_recipients_are_passed_on_raw_in_their_order() -> None:
    recipients = [b"b", b"", b"a\n@c", b"b"]
    assert envelope(handover(recipients=recipients), "R") == recipients
    assert envelope(handover(recipients=[]), "R") == []


@pytest.mark.parametrize(
    ("client", "settings", "attributes"),
    [
        (
            Client(socket.AF_INET6, "2001:db8::7", 4711, "six.test"),
            {},
            [
                "log_client_name=six.test",
                "log_client_address=IPv6:2001:db8::7",
                "log_client_port=4711",
                "log_message_origin=six.test[2001:db8::7]",
                "log_protocol_name=QMQP",
                "client_name=six.test",
                "client_address=2001:db8::7",
                "client_port=4711",
                "client_address_type=10",
                "protocol_name=QMQP",
            ],
        ),
        (
            Client(socket.AF_INET, "192.0.2.7", 4711),
            {"qmqpd_client_port_logging": "yes"},
            [
                "log_client_name=unknown",
                "log_client_address=192.0.2.7",
                "log_client_port=4711",
                "log_message_origin=unknown[192.0.2.7]:4711",
                "log_protocol_name=QMQP",
                "client_name=unknown",
                "client_address=192.0.2.7",
                "client_port=4711",
                "client_address_type=2",
                "protocol_name=QMQP",
            ],
        ),
        (
            Client.of(socket.AF_UNIX, ""),
            {},
            [
                "log_client_name=localhost",
                "log_client_address=127.0.0.1",
                "log_client_port=0",
                "log_message_origin=localhost[127.0.0.1]",
                "log_protocol_name=QMQP",
                "client_name=localhost",
                "client_address=127.0.0.1",
                "client_port=0",
                "client_address_type=0",
                "protocol_name=QMQP",
            ],
        ),
    ],
)
def test_ten_attributes_tell_who_the_client_is(
    client: Client, settings: dict[str, str], attributes: list[str]
) -> None:
    found = envelope(handover(client=client, settings=settings), "A")
    assert [one.decode() for one in found] == attributes


def test_one_recipient_is_named_in_the_trace_header() -> None:
    assert trace(handover()) == [
        b"Received: from localhost (localhost [127.0.0.1])",
        b"\tby mx.example.test (Postfix) with QMQP id C3A92216044",
        b"\tfor <r@to.test>; Fri, 20 Nov 2026 12:21:41 +0000 (UTC)",
    ]


@pytest.mark.parametrize("recipients", [[], [b"a", b"b"], [b"a", b"a"]])
def test_no_recipient_or_several_are_not_named(recipients: list[bytes]) -> None:
    assert trace(handover(recipients=recipients)) == [
        b"Received: from localhost (localhost [127.0.0.1])",
        b"\tby mx.example.test (Postfix) with QMQP",
        b"\tid C3A92216044; Fri, 20 Nov 2026 12:21:41 +0000 (UTC)",
    ]


def test_the_trace_header_names_client_host_and_product() -> None:
    one = handover(
        client=Client(socket.AF_INET6, "2001:db8::7", 1),
        settings={"myhostname": "other.example.org", "mail_name": "My Mail System"},
    )
    assert trace(one)[:2] == [
        b"Received: from unknown (unknown [IPv6:2001:db8::7])",
        b"\tby other.example.org (My Mail System) with QMQP id C3A92216044",
    ]


@pytest.mark.parametrize(
    ("recipient", "text"),
    [
        (b"bob", b"bob"),
        (b"", b'""'),
        (b"a b@c.test", b'"a b"@c.test'),
        (b'"a b"@c.test', b'"\\"a b\\""@c.test'),
        (b"<a@b.test>", b'"<a"@b.test>'),
        (b"a\0b@c.test", b"a"),
        (b"\0b@c.test", b'""'),
        (b"a\nX-Inject: 1@c.test", b'"a X-Inject: 1"@c.test'),
        (b"caf\xe9@b.test", b"caf\xe9@b.test"),
        (b"@", b'""@'),
        (b"a\\b@c.test", b'"a\\\\b"@c.test'),
        (b"a@c.test\n\tb", b"a@c.test \tb"),
    ],
)
def test_a_recipient_is_shown_quoted_and_on_one_line(recipient: bytes, text: bytes) -> None:
    assert shown(recipient) == text
    assert trace(handover(recipients=[recipient]))[2].startswith(b"\tfor <%b>; " % text)


@pytest.mark.parametrize(
    ("parameter", "kind"), [("mail_name", "N"), ("myhostname", "N"), ("content_filter", "L")]
)
def test_a_value_with_bytes_that_are_no_utf8_travels_as_it_was_written(
    parameter: str, kind: str
) -> None:
    # How main.cf is read: such a byte becomes a lone surrogate.
    found = records(handover(settings={parameter: "caf\udce9"}))
    assert any(one == kind and b"caf\xe9" in payload for one, payload in found)


@pytest.mark.parametrize("size", [0, 1, 20_000, 60_000, 300_000])
def test_a_message_goes_in_pieces_fit_for_a_write_and_a_small_one_in_one(size: int) -> None:
    line = b"x" * 99 + b"\n"
    one = handover((line * (size // 100 + 1))[:size])
    pieces = list(one.records(QUEUE_ID))
    assert all(pieces)
    if size < READ_SIZE:
        assert len(pieces) == 1
    assert max(map(len, pieces)) < 2 * READ_SIZE
    assert len(pieces) <= 2 + size // READ_SIZE
    texts = [payload for kind, payload in records(one) if kind in "NL"][3:]
    assert b"".join(texts) == (line * (size // 100 + 1))[:size].replace(b"\n", b"")
