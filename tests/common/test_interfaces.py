"""Promises of common.interfaces: the default of mynetworks.

SEE ALSO
    tests.commands.test_conf_reference, where it is compared with Postfix's
"""

import ipaddress
import socket

import pytest

from common import interfaces
from common.errors import ConfigError

OWN = ["127.0.0.1/8", "192.0.2.7/25", "10.1.2.3/16", "::1/128", "2001:db8::7/64"]
DEFAULTS = {"mynetworks_style": "subnet", "inet_protocols": "all", "inet_interfaces": "all"}


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [ipaddress.ip_interface(one) for one in OWN]
    monkeypatch.setattr(interfaces, "own_interfaces", lambda: found)
    names = {"mx.test": ["192.0.2.7", "2001:db8::7"], "away.test": ["203.0.113.1"]}
    monkeypatch.setattr(interfaces, "look_up", lambda host: names.get(host, []))


def networks(**settings: str) -> str:
    return interfaces.networks({**DEFAULTS, **settings}.__getitem__)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "127.0.0.0/8 192.0.2.0/25 10.1.0.0/16 [::1]/128 [2001:db8::]/64"),
        (
            {"mynetworks_style": "host"},
            "127.0.0.1/32 192.0.2.7/32 10.1.2.3/32 [::1]/128 [2001:db8::7]/128",
        ),
        (
            {"mynetworks_style": "class", "inet_protocols": "ipv4"},
            "127.0.0.0/8 192.0.2.0/24 10.0.0.0/8",
        ),
        ({"inet_protocols": "ipv6"}, "[::1]/128 [2001:db8::]/64"),
        (
            {"inet_protocols": "ipv4, ipv6", "inet_interfaces": "LOOPBACK-only"},
            "127.0.0.0/8 [::1]/128",
        ),
        ({"inet_interfaces": "192.0.2.7, [2001:db8::7]"}, "192.0.2.0/25 [2001:db8::]/64"),
        ({"inet_interfaces": "mx.test"}, "192.0.2.0/25 [2001:db8::]/64"),
        ({"inet_interfaces": "mx.test", "inet_protocols": "ipv4"}, "192.0.2.0/25"),
        ({"inet_interfaces": "192.0.2.7 192.0.2.7"}, "192.0.2.0/25"),
        ({"inet_interfaces": ""}, ""),
    ],
)
def test_each_address_is_as_wide_as_the_style_says(settings: dict[str, str], expected: str) -> None:
    assert networks(**settings) == expected


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"mynetworks_style": "foo"}, 'unknown mynetworks mask style value "foo" in "foo"'),
        (
            {"mynetworks_style": "host class"},
            "bad mynetworks_style value: host class; specify exactly one value",
        ),
        ({"mynetworks_style": ""}, "bad mynetworks_style value: ; specify exactly one value"),
        ({"inet_protocols": "ipx"}, 'unknown inet_protocols value "ipx" in "ipx"'),
        (
            {"inet_interfaces": "203.0.113.9"},
            "parameter inet_interfaces: no local interface found for 203.0.113.9",
        ),
        (
            {"inet_interfaces": "away.test"},
            "parameter inet_interfaces: no local interface found for 203.0.113.1",
        ),
        (
            {"inet_interfaces": "none.test"},
            "config variable inet_interfaces: host not found: none.test",
        ),
        (
            {"inet_interfaces": "all 127.0.0.1"},
            "config variable inet_interfaces: host not found: all",
        ),
        (
            {"inet_interfaces": "::1", "inet_protocols": "ipv4"},
            "config variable inet_interfaces: host not found: ::1",
        ),
    ],
)
def test_what_makes_no_sense_here_is_named(settings: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError) as found:
        networks(**settings)
    assert str(found.value) == complaint


def test_this_host_has_a_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert ipaddress.ip_interface("127.0.0.1/8") in interfaces.own_interfaces()
    assert interfaces.look_up("127.0.0.1") == ["127.0.0.1"]
    assert interfaces.look_up("no.such.host.invalid") == []
    assert socket.AF_INET in interfaces.FAMILIES
