"""Addresses out of service names, with no name server and no socket."""

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from common.config import Entry, MainCf
from common.errors import ConfigError
from common.params import MasterParams
from master import endpoints, services
from master.endpoints import Endpoint, Names, Network
from master.services import Defaults, Service, Transport

V4, V6 = socket.AF_INET, socket.AF_INET6


def service(name: str, kind: str = "inet") -> Service:
    line = f"{name} {kind} n - n - - qmqpd\n"
    return services.parse(line, Path("master.cf"), Defaults()).services[0]


def network(settings: Mapping[str, str] | None = None, names: Names | None = None) -> Network:
    found = settings or {}
    entries = {name: Entry(text, f"main.cf, line {name}") for name, text in found.items()}
    main_cf = MainCf(Path("main.cf"), entries)
    known = names or Names(
        {"both.test": ("192.0.2.1", "2001:db8::1"), "six.test": ("2001:db8::6",)}
    )
    return Network.of(main_cf, main_cf.load(MasterParams), known)


@pytest.fixture(autouse=True)
def _with_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "ipv6_works", lambda: True)


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("628", {}, [(V4, "0.0.0.0"), (V6, "::")]),
        (":628", {}, [(V4, "0.0.0.0"), (V6, "::")]),
        ("628", {"inet_protocols": "ipv4"}, [(V4, "0.0.0.0")]),
        ("628", {"inet_protocols": "ipv6"}, [(V6, "::")]),
        ("628", {"inet_interfaces": "loopback-only"}, [(V4, "127.0.0.1"), (V6, "::1")]),
        ("628", {"inet_interfaces": "both.test, 127.0.0.1"},
         [(V4, "192.0.2.1"), (V6, "2001:db8::1"), (V4, "127.0.0.1")]),
        ("628", {"inet_interfaces": "127.0.0.1 127.0.0.1"}, [(V4, "127.0.0.1")]),
        ("192.0.2.9:628", {}, [(V4, "192.0.2.9")]),
        ("[192.0.2.9]:628", {}, [(V4, "192.0.2.9")]),
        ("[2001:db8::9]:628", {}, [(V6, "2001:db8::9")]),
        ("both.test:628", {"inet_protocols": "ipv4"}, [(V4, "192.0.2.1")]),
    ],
)  # fmt: skip
def test_names_become_addresses(
    name: str, settings: dict[str, str], expected: list[tuple[int, str]]
) -> None:
    found = network(settings).endpoints(service(name))
    assert [(one.family, one.host) for one in found] == expected
    assert {one.port for one in found} == {628}


def test_a_host_without_ipv6_serves_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "ipv6_works", lambda: False)
    assert [one.host for one in network().endpoints(service("628"))] == ["0.0.0.0"]
    # Asked for by name, it has to be tried.
    assert network().endpoints(service("[::1]:628"))[0].host == "::1"
    assert network({"inet_protocols": "ipv6"}).endpoints(service("628"))[0].host == "::"


@pytest.mark.parametrize(
    ("name", "port"), [("smtp", 25), ("submissions", 465), ("smtps", 465), ("domain", 53)]
)
def test_ports_have_names(name: str, port: int) -> None:
    assert network().endpoints(service(name))[0].port == port


@pytest.mark.parametrize(
    ("name", "settings", "complaint"),
    [
        ("0", {}, "master.cf, line 1: unknown service: 0/tcp"),
        ("65536", {}, "master.cf, line 1: unknown service: 65536/tcp"),
        ("9" * 5000, {}, f"master.cf, line 1: unknown service: {'9' * 5000}/tcp"),
        ("nosuchport", {}, "master.cf, line 1: unknown service: nosuchport/tcp"),
        ("host:", {}, 'master.cf, line 1: missing port in "host:"'),
        ("[]:1", {}, 'master.cf, line 1: missing port in "[]:1"'),
        ("::1:628", {}, 'master.cf, line 1: need "host:port" or "port" in "::1:628"'),
        ("[::1:628", {}, 'master.cf, line 1: need "host:port" or "port" in "[::1:628"'),
        ("new.test:1", {},
         "master.cf, line 1: new.test: host names are looked up at start and upgrade only"),
        ("628", {"inet_interfaces": "new.test"},
         "main.cf, line inet_interfaces: parameter inet_interfaces:"
         " new.test: host names are looked up at start and upgrade only"),
        ("six.test:628", {"inet_protocols": "ipv4"},
         "master.cf, line 1: service six.test:628: no address to listen on"),
    ],
)  # fmt: skip
def test_mistakes_name_their_line(name: str, settings: dict[str, str], complaint: str) -> None:
    names = Names({"six.test": ("2001:db8::6",)}, closed=True)
    with pytest.raises(ConfigError) as caught:
        network(settings, names).endpoints(service(name))
    assert str(caught.value) == complaint


def test_a_local_service_is_a_path() -> None:
    (found,) = network().endpoints(service("cleanup", "unix"))
    assert (str(found), found.address, found.remote) == ("public/cleanup", "public/cleanup", False)


@pytest.mark.parametrize(
    ("host", "remote"),
    [("127.0.0.1", False), ("127.9.9.9", False), ("0.0.0.0", True), ("192.0.2.1", True)],
)
def test_only_loopback_is_out_of_reach_for_other_hosts(host: str, remote: bool) -> None:
    assert Endpoint(Transport.INET, host, 628).remote is remote


@pytest.mark.parametrize("transport", [one for one in Transport if one is not Transport.INET])
def test_of_local_services_only_pass_has_clients_of_other_hosts(transport: Transport) -> None:
    (found,) = network().endpoints(service("smtpd", transport.value))
    assert (found.transport, found.host) == (transport, "public/smtpd")
    assert found.remote is (transport is Transport.PASS)


def test_addresses_are_shown_as_written() -> None:
    assert str(Endpoint(Transport.INET, "::1", 628)) == "[::1]:628"
    assert str(Endpoint(Transport.INET, "192.0.2.1", 628)) == "192.0.2.1:628"
