"""Promises of common.handover.

SEE ALSO
    spec/cleanup-protocol.md, section 4.1
    spec/qmqp.md, section 8
"""

import socket
from collections.abc import Iterator

import pytest

from common.client import Client
from common.handover import CLIENT_ATTRIBUTES, Handover, shown
from common.record import Reader
from tests.common.zone import local_zone

QUEUE_ID = "C3A92216044"
CLIENT = Client(socket.AF_INET, "127.0.0.1", 50474, "localhost")
HANDOVER = Handover(
    options=114,
    arrival=1795177301_799325,
    client=CLIENT,
    port_logging=False,
    by=b"mx.example.test (Postfix) with QMQP",
    content_filter=b"",
    sender=b"s@from.test",
    delimiters=b"",
    recipients=[b"r@to.test"],
)


@pytest.fixture(autouse=True)
def universal_time() -> Iterator[None]:
    with local_zone("UTC0"):
        yield


@pytest.mark.parametrize(
    ("arrival", "payload"),
    [
        (1795177301_799325, b"1795177301 799325"),
        (1795177301_000007, b"1795177301 7"),
        (0, b"0 0"),
    ],
)
def test_the_time_is_seconds_and_microseconds(arrival: int, payload: bytes) -> None:
    assert HANDOVER._replace(arrival=arrival).time() == payload


@pytest.mark.parametrize(
    ("client", "port_logging", "attributes"),
    [
        (
            Client(socket.AF_INET6, "2001:db8::7", 4711, "six.test"),
            False,
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
            True,
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
            False,
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
    client: Client, port_logging: bool, attributes: list[str]
) -> None:
    found = told(HANDOVER._replace(client=client, port_logging=port_logging))
    assert [one.decode() for one in found] == attributes
    assert {one.partition(b"=")[0] for one in found} == CLIENT_ATTRIBUTES


def told(handover: Handover) -> list[bytes]:
    """Return the attributes."""
    reader, found = Reader(handover.attributes()), []
    while (one := reader.next_record()) is not None:
        assert one[0] == ord("A")
        found.append(one[1])
    assert reader.buffered() == 0
    return found


def test_what_is_remembered_of_a_client_is_not_told_of_another() -> None:
    # Each differs from the first in one thing that could be missed.
    others = [
        CLIENT._replace(port=1),
        CLIENT._replace(name="other"),
        CLIENT._replace(address="127.0.0.2"),
        CLIENT._replace(family=0),
        CLIENT._replace(port=65535),
    ]
    for port_logging in (False, True):
        handovers = [
            HANDOVER._replace(client=client, port_logging=port_logging)
            for client in (CLIENT, *others, CLIENT)
        ]
        first, *different, last = map(told, handovers)
        assert first == last
        assert all(one != first for one in different)


def test_a_name_too_long_for_a_short_record_is_told_whole() -> None:
    name = "x" * 255
    found = told(HANDOVER._replace(client=CLIENT._replace(name=name)))
    assert f"client_name={name}".encode() in found
    assert f"log_message_origin={name}[127.0.0.1]".encode() in found


def test_one_recipient_is_named_in_the_trace_header() -> None:
    assert HANDOVER.received(QUEUE_ID).splitlines() == [
        b"Received: from localhost (localhost [127.0.0.1])",
        b"\tby mx.example.test (Postfix) with QMQP id C3A92216044",
        b"\tfor <r@to.test>; Fri, 20 Nov 2026 12:21:41 +0000 (UTC)",
    ]


@pytest.mark.parametrize("recipients", [[], [b"a", b"b"], [b"a", b"a"]])
def test_no_recipient_or_several_are_not_named(recipients: list[bytes]) -> None:
    assert HANDOVER._replace(recipients=recipients).received(QUEUE_ID).splitlines() == [
        b"Received: from localhost (localhost [127.0.0.1])",
        b"\tby mx.example.test (Postfix) with QMQP",
        b"\tid C3A92216044; Fri, 20 Nov 2026 12:21:41 +0000 (UTC)",
    ]


def test_the_trace_header_names_client_and_host() -> None:
    one = HANDOVER._replace(
        client=Client(socket.AF_INET6, "2001:db8::7", 1),
        by=b"other.example.org (My Mail System) with QMQP",
    )
    assert one.received(QUEUE_ID).splitlines()[:2] == [
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
    lines = HANDOVER._replace(recipients=[recipient]).received(QUEUE_ID).split(b"\n")
    assert lines[2].startswith(b"\tfor <%b>; " % text)
    assert lines[3:] == [b""]
