"""Promises of common.client."""

import socket

import pytest

from common.client import Address, Client


@pytest.mark.parametrize(
    ("family", "peer", "expected"),
    [
        (
            socket.AF_INET,
            ("192.0.2.7", 4711),
            (socket.AF_INET, "192.0.2.7", 4711, "unknown", "192.0.2.7"),
        ),
        (
            socket.AF_INET6,
            ("2001:db8::7", 4711, 0, 0),
            (socket.AF_INET6, "2001:db8::7", 4711, "unknown", "IPv6:2001:db8::7"),
        ),
        (
            socket.AF_INET6,
            ("fe80::1%eth0", 4711, 0, 2),
            (socket.AF_INET6, "fe80::1", 4711, "unknown", "IPv6:fe80::1"),
        ),
        (
            socket.AF_INET6,
            ("::ffff:192.0.2.7", 4711, 0, 0),
            (socket.AF_INET, "192.0.2.7", 4711, "unknown", "192.0.2.7"),
        ),
        (socket.AF_UNIX, "", (0, "127.0.0.1", 0, "localhost", "127.0.0.1")),
        (socket.AF_UNIX, b"\0abstract", (0, "127.0.0.1", 0, "localhost", "127.0.0.1")),
    ],
)
def test_a_client_is_who_accept_says(
    family: int, peer: Address, expected: tuple[int, str, int, str, str]
) -> None:
    client = Client.of(family, peer)
    found = (client.family, client.address, client.port, client.name, client.header_address)
    assert found == expected


def test_a_label_is_name_and_address_and_the_port_if_wanted() -> None:
    client = Client(socket.AF_INET, "127.0.0.1", 43106, "localhost")
    assert client.label(with_port=False) == "localhost[127.0.0.1]"
    assert client.label(with_port=True) == "localhost[127.0.0.1]:43106"
    six = Client(socket.AF_INET6, "2001:db8::7", 1)
    assert six.label(with_port=True) == "unknown[2001:db8::7]:1"
