"""Promises of common.own_addresses."""

import pytest

from common.network import parse_address
from common.own_addresses import local_addresses, own_addresses
from common.params import CleanupParams
from tests.common.settings import load

LOOPBACK, OTHER = parse_address("127.0.0.1"), parse_address("192.0.2.7")
SIX = parse_address("2001:db8::1")


def own(*proxies: str, interfaces: str = "all", protocols: str = "all") -> frozenset[object]:
    settings = {"inet_interfaces": interfaces, "inet_protocols": protocols}
    return frozenset(own_addresses(load(CleanupParams, **settings), proxies))


def test_all_interfaces_have_the_addresses_of_this_host() -> None:
    assert LOOPBACK in own()
    assert own() == set(local_addresses())


@pytest.mark.parametrize(
    ("interfaces", "expected"),
    [
        ("127.0.0.1", {LOOPBACK}),
        ("[2001:db8::1], 192.0.2.7", {SIX, OTHER}),
        ("no-such-host.invalid", set()),
    ],
)
def test_only_what_is_named_counts(interfaces: str, expected: set[object]) -> None:
    assert own(interfaces=interfaces) == expected


def test_loopback_interfaces_can_be_meant() -> None:
    found = own(interfaces="loopback-only")
    assert LOOPBACK in found
    assert found <= {LOOPBACK, parse_address("::1")} | {
        one for one in local_addresses() if one[1] >> 24 == 127
    }


def test_addresses_of_a_proxy_are_our_own() -> None:
    assert OTHER in own("192.0.2.7")


def test_only_ip_versions_in_use_count() -> None:
    assert own("2001:db8::1", interfaces="192.0.2.7", protocols="ipv4") == {OTHER}
    assert own("2001:db8::1", interfaces="192.0.2.7", protocols="ipv6") == {SIX}
