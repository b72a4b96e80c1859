"""Promises of qmqpd.handover.

SEE ALSO
    spec/cleanup-protocol.md, sections 2 to 4
    spec/qmqp.md, section 8
"""

import itertools
import socket
from collections.abc import Iterator, Mapping

import pytest

from common import attribute, frame
from common.client import Client
from common.handover import Handover
from common.params import QmqpdParams
from common.record import Reader
from qmqpd.handover import HandoverRules, Parcel, option_flags
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


def parcel(
    content: bytes = b"Subject: x\n\nb\n",
    sender: bytes = b"s@from.test",
    recipients: list[bytes] | None = None,
    client: Client = CLIENT,
    settings: Mapping[str, str] | None = None,
) -> Parcel:
    pieces = cut(content, range(0, len(content), READ_SIZE)) if content else []
    sent = Submission(pieces, sender, [b"r@to.test"] if recipients is None else recipients)
    rules = HandoverRules.of(load(QmqpdParams, **(settings or {})))
    return Parcel(rules, client, ARRIVAL, sent)


def records(one: Parcel) -> list[tuple[str, bytes]]:
    """Return what cleanup is sent, behind the flags."""
    stream = b"".join(one.records(QUEUE_ID))
    flags = attribute.decode(stream)
    assert flags is not None
    reader, found = Reader(stream[flags[1] :]), []
    while (record := reader.next_record()) is not None:
        found.append((chr(record[0]), record[1]))
    assert reader.buffered() == 0
    return found


def envelope(one: Parcel, kinds: str) -> list[bytes]:
    """Return the envelope's records of these types."""
    found = itertools.takewhile(lambda record: record[0] != "M", records(one))
    return [payload for kind, payload in found if kind in kinds]


def trace(one: Parcel) -> list[bytes]:
    """Return the lines of the trace header."""
    found = itertools.dropwhile(lambda record: record[0] != "M", records(one))
    return [payload for _, payload in list(found)[1:4]]


def test_the_recorded_dialogue_is_spoken_byte_for_byte_in_one_write() -> None:
    one = parcel(
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
    stream = b"".join(parcel(settings=settings).records(QUEUE_ID))
    found = attribute.decode(stream)
    assert found is not None
    assert found[0] == [(b"flags", b"%d" % flags)]


def test_the_records_stand_in_the_order_that_cleanup_wants() -> None:
    one = parcel(sender=b"list-@from.test-@[]", settings={"content_filter": "smtp:[10.0.0.1]"})
    kinds = "".join(kind for kind, _ in records(one))
    assert kinds == "TLSV" + "A" * 10 + "RM" + "NNN" + "NNN" + "XE"
    assert envelope(one, "L") == [b"smtp:[10.0.0.1]"]


def test_a_sender_may_be_empty_and_is_passed_on_raw() -> None:
    for sender in (b"", b" a\n\0\xff@b", b"#@[]"):
        assert envelope(parcel(sender=sender), "SV") == [sender]


def test_a_sender_that_asks_for_verp_is_given_apart_from_its_delimiters() -> None:
    one = parcel(sender=b"list-@from.example-@[]")
    assert envelope(one, "SV") == [b"list@from.example", b"-="]


def test_recipients_are_passed_on_raw_in_their_order() -> None:
    recipients = [b"b", b"", b"a\n@c", b"b"]
    assert envelope(parcel(recipients=recipients), "R") == recipients
    assert envelope(parcel(recipients=[]), "R") == []


def test_the_trace_header_names_the_host_and_the_product() -> None:
    settings = {"myhostname": "other.example.org", "mail_name": "My Mail System"}
    assert trace(parcel(settings=settings)) == [
        b"Received: from localhost (localhost [127.0.0.1])",
        b"\tby other.example.org (My Mail System) with QMQP id C3A92216044",
        b"\tfor <r@to.test>; Fri, 20 Nov 2026 12:21:41 +0000 (UTC)",
    ]


@pytest.mark.parametrize(("setting", "origin"), [("no", b""), ("yes", b":50474")])
def test_the_client_s_port_is_told_for_logs_only_where_it_is_logged(
    setting: str, origin: bytes
) -> None:
    found = envelope(parcel(settings={"qmqpd_client_port_logging": setting}), "A")
    assert b"log_message_origin=localhost[127.0.0.1]" + origin in found
    assert b"client_port=50474" in found


@pytest.mark.parametrize(("parameter", "kind"), [("mail_name", "N"), ("content_filter", "L")])
def test_a_value_with_bytes_that_are_no_utf8_travels_as_it_was_written(
    parameter: str, kind: str
) -> None:
    # How main.cf is read: such a byte becomes a lone surrogate.
    found = records(parcel(settings={parameter: "caf\udce9"}))
    assert any(one == kind and b"caf\xe9" in payload for one, payload in found)


@pytest.mark.parametrize("size", [0, 1, 20_000, 60_000, 300_000])
def test_a_message_goes_in_pieces_fit_for_a_write_and_a_small_one_in_one(size: int) -> None:
    line = b"x" * 99 + b"\n"
    one = parcel((line * (size // 100 + 1))[:size])
    pieces = list(one.records(QUEUE_ID))
    assert all(pieces)
    if size < READ_SIZE:
        assert len(pieces) == 1
    assert max(map(len, pieces)) < 2 * READ_SIZE
    assert len(pieces) <= 2 + size // READ_SIZE
    texts = [payload for kind, payload in records(one) if kind in "NL"][3:]
    assert b"".join(texts) == (line * (size // 100 + 1))[:size].replace(b"\n", b"")


# The same as a frame.


def framed(one: Parcel) -> tuple[Handover, bytes]:
    """Return facts and content of the frame."""
    whole = b"".join(one.frame())
    found = frame.decode(whole, len(whole))
    assert found is not None
    handover, size, content_size = found
    assert len(whole) == size + content_size
    return handover, whole[size:]


def test_a_frame_tells_what_the_records_tell() -> None:
    one = parcel(
        b"From nobody\n b: c\nlast",
        b"list-@from.test-@[]",
        [b"b", b"", b"a\n@c", b"b"],
        settings={"content_filter": "smtp:[10.0.0.1]", "qmqpd_client_port_logging": "yes"},
    )
    handover, content = framed(one)
    assert handover == Handover(
        options=114,
        arrival=ARRIVAL,
        client=CLIENT,
        port_logging=True,
        by=b"mx.example.test (Postfix) with QMQP",
        content_filter=b"smtp:[10.0.0.1]",
        sender=b"list@from.test",
        delimiters=b"-=",
        recipients=[b"b", b"", b"a\n@c", b"b"],
    )
    assert content == b"X-Mailbox-Line: From nobody\n\n b: c\nlast"


def test_a_message_may_be_asked_for_in_both_forms() -> None:
    # A native cleanup that has gone away: the next attempt goes to the public one.
    one = parcel(b" x\n" * 20_000)
    first = list(one.records(QUEUE_ID))
    assert list(one.frame()) == list(one.frame())
    assert list(one.records(QUEUE_ID)) == first


@pytest.mark.parametrize("size", [0, 1, 20_000, 60_000, 300_000])
@pytest.mark.parametrize("recipients", [1, 10_000])
def test_a_frame_is_its_head_and_the_content_as_it_came(size: int, recipients: int) -> None:
    content = (b"x" * 99 + b"\n") * (size // 100 + 1)
    one = parcel(content[:size], recipients=[b"r@to.test"] * recipients)
    _, *pieces = one.frame()
    assert pieces == cut(content[:size], range(0, size, READ_SIZE)) if size else not pieces
    assert framed(one)[1] == content[:size]
