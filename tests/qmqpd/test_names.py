"""Promises of qmqpd.names, with a name service that the test plays."""

import contextlib
import os
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from qmqpd import names
from qmqpd.names import CACHE_LIMIT, FAILED_SECONDS, FOUND_SECONDS, THREADS, Answer, Resolver
from tests.common.journal import Journal

ADDRESS = "192.0.2.7"
STOP = "stop"  # ends a lookup thread


@dataclass
class NameService:
    """Names by address, addresses by name; what is missing does not exist."""

    names: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def getnameinfo(self, peer: tuple[str, int], flags: int) -> tuple[str, str]:
        assert flags & socket.NI_NAMEREQD  # else a failure looks like a name
        self.asked.append(peer[0])
        if peer[0].startswith(STOP):
            raise SystemExit
        if peer[0] not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.names[peer[0]], "0"

    def getaddrinfo(self, name: str | bytes, *rest: object, **more: object) -> list[Any]:
        host = name if isinstance(name, str) else name.decode()
        if host not in self.addresses:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, 1, 6, "", (address, 0))
            for address in self.addresses[host]
        ]


@dataclass
class Clock:
    now: float = 1000.0


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> NameService:
    found = NameService()
    monkeypatch.setattr(socket, "getnameinfo", found.getnameinfo)
    monkeypatch.setattr(socket, "getaddrinfo", found.getaddrinfo)
    return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(names, "time", SimpleNamespace(monotonic=lambda: found.now))
    return found


@dataclass
class Lookup:
    """A resolver at work, and its log."""

    resolver: Resolver
    journal: Journal

    def finished(self) -> None:
        """Wait for at least one answer, take all."""
        assert select.select([self.resolver.fileno()], [], [], 10)[0], "no thread answered"
        self.resolver.collect()

    def name(self, address: str) -> str:
        """Look a name up, through the threads if need be."""
        while (name := self.resolver.name_of(address)) is None:
            self.finished()
        return name


class Worker(threading.Thread):
    """A lookup thread that the test can end."""

    def run(self) -> None:
        with contextlib.suppress(SystemExit):
            super().run()


@pytest.fixture
def lookup(service: NameService, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lookup]:
    threads: list[Worker] = []

    def start(**arguments: Any) -> Worker:
        threads.append(Worker(**arguments))
        return threads[-1]

    monkeypatch.setattr(names, "threading", SimpleNamespace(Thread=start))
    journal = Journal()
    resolver = Resolver(journal)
    resolver.start()
    yield Lookup(resolver, journal)
    for place in range(THREADS):
        resolver.name_of(f"{STOP}.{place}")
    for thread in threads:
        thread.join(10)
    os.close(resolver.fileno())


# One name.


@pytest.mark.parametrize(
    ("address", "addresses"),
    [
        (ADDRESS, [ADDRESS]),
        (ADDRESS, ["10.0.0.1", "2001:db8::1", ADDRESS]),
        ("2001:db8::7", ["2001:db8::7"]),
        ("fe80::1", ["fe80::1%eth0"]),
    ],
)
def test_a_name_counts_if_it_leads_back(
    service: NameService, address: str, addresses: list[str]
) -> None:
    service.names[address] = "mail.example.test"
    service.addresses["mail.example.test"] = addresses
    assert names.verified_name(address) == Answer(address, "mail.example.test")


def test_an_address_without_name_is_unknown_and_no_trouble(service: NameService) -> None:
    assert names.verified_name(ADDRESS) == Answer(ADDRESS, "unknown", "")


def test_a_name_that_leads_elsewhere_is_unknown_and_worth_a_warning(service: NameService) -> None:
    service.names[ADDRESS] = "mail.example.test"
    service.addresses["mail.example.test"] = ["192.0.2.70", "192.0.2.77"]
    assert names.verified_name(ADDRESS) == Answer(
        *(ADDRESS, "unknown"), f"hostname mail.example.test does not resolve to address {ADDRESS}"
    )


def test_a_name_that_leads_nowhere_is_unknown_and_the_reason_told(service: NameService) -> None:
    service.names[ADDRESS] = "mail.example.test"
    assert names.verified_name(ADDRESS) == Answer(
        *(ADDRESS, "unknown"),
        f"hostname mail.example.test does not resolve to address {ADDRESS}:"
        " Temporary failure in name resolution",
    )


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "a..b", "-a.test", "a-.test", ".a", "a b", "a\nb", "a/b", "[192.0.2.7]"),
        *("192.0.2.7", "1.2.3.4", "4711", "café.test", "a\0b", "x" * 256),
    ],
)
def test_a_malformed_name_is_unknown_even_if_it_leads_back(service: NameService, name: str) -> None:
    service.names[ADDRESS] = name
    service.addresses[name] = [ADDRESS]
    assert names.verified_name(ADDRESS) == Answer(
        *(ADDRESS, "unknown"), f"malformed host name for address {ADDRESS}"
    )


@pytest.mark.parametrize("name", ["a", "a.b", "a_b.test", "1a.test", "A-1.Example.TEST", "x" * 63])
def test_a_well_formed_name_is_taken_as_it_is(service: NameService, name: str) -> None:
    service.names[ADDRESS] = name
    service.addresses[name] = [ADDRESS]
    assert names.verified_name(ADDRESS).name == name


def test_a_name_that_the_system_cannot_even_look_up_is_unknown(
    service: NameService, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The real getaddrinfo refuses a label above 63 bytes with an error of its own kind.
    monkeypatch.undo()
    monkeypatch.setattr(socket, "getnameinfo", service.getnameinfo)
    service.names[ADDRESS] = "a" * 64 + ".invalid"
    assert names.verified_name(ADDRESS).name == "unknown"


# The resolver.


def test_a_name_is_there_once_the_descriptor_is_readable(
    lookup: Lookup, service: NameService
) -> None:
    service.names[ADDRESS] = "mail.example.test"
    service.addresses["mail.example.test"] = [ADDRESS]
    assert not select.select([lookup.resolver.fileno()], [], [], 0)[0]
    assert lookup.resolver.name_of(ADDRESS) is None
    lookup.finished()
    assert lookup.resolver.name_of(ADDRESS) == "mail.example.test"
    assert not select.select([lookup.resolver.fileno()], [], [], 0)[0]
    assert lookup.journal.lines() == []


def test_a_warning_is_logged_when_the_answer_is_taken(lookup: Lookup, service: NameService) -> None:
    service.names[ADDRESS] = "mail.example.test"
    assert lookup.name(ADDRESS) == "unknown"
    assert len(lookup.journal.warnings()) == 1
    assert f"does not resolve to address {ADDRESS}" in lookup.journal.warnings()[0]


def test_many_askers_are_one_lookup(lookup: Lookup, service: NameService) -> None:
    for _ in range(100):
        lookup.resolver.name_of(ADDRESS)
    lookup.finished()
    assert lookup.name(ADDRESS) == "unknown"
    assert service.asked == [ADDRESS]


def test_many_names_come_through_few_threads(lookup: Lookup, service: NameService) -> None:
    hosts = {f"10.0.{number}.1": f"h{number}.test" for number in range(50)}
    service.names.update(hosts)
    service.addresses.update({name: [address] for address, name in hosts.items()})
    for address in hosts:
        lookup.resolver.name_of(address)
    assert {address: lookup.name(address) for address in hosts} == hosts


@pytest.mark.parametrize(("known", "seconds"), [(True, FOUND_SECONDS), (False, FAILED_SECONDS)])
def test_an_answer_is_good_for_its_time_and_then_asked_for_again(
    lookup: Lookup, service: NameService, clock: Clock, known: bool, seconds: float
) -> None:
    if known:
        service.names[ADDRESS] = "mail.example.test"
        service.addresses["mail.example.test"] = [ADDRESS]
    name = lookup.name(ADDRESS)
    clock.now += seconds - 0.1
    assert lookup.resolver.name_of(ADDRESS) == name
    assert len(service.asked) == 1
    clock.now += 0.2
    assert lookup.resolver.name_of(ADDRESS) is None
    assert lookup.name(ADDRESS) == name
    assert len(service.asked) == 2


def test_an_answer_is_kept_when_others_come(lookup: Lookup, service: NameService) -> None:
    for number in range(20):
        lookup.name(f"10.0.0.{number}")
    for number in range(20):
        assert lookup.resolver.name_of(f"10.0.0.{number}") == "unknown"
    assert len(service.asked) == 20


def test_names_are_kept_longer_than_failures() -> None:
    assert FOUND_SECONDS == 60
    assert FAILED_SECONDS == 10


def test_a_lookup_that_was_given_up_is_nameless_for_a_while_and_its_answer_counts_later(
    lookup: Lookup, service: NameService, clock: Clock
) -> None:
    assert lookup.resolver.name_of(ADDRESS) is None
    lookup.resolver.give_up(ADDRESS)
    assert lookup.resolver.name_of(ADDRESS) == "unknown"
    service.names[ADDRESS] = "mail.example.test"
    service.addresses["mail.example.test"] = [ADDRESS]
    lookup.finished()
    clock.now += FAILED_SECONDS + 0.1
    assert lookup.name(ADDRESS) == "mail.example.test"


def test_the_cache_does_not_grow_for_ever(service: NameService, clock: Clock) -> None:
    resolver = Resolver(Journal())
    for number in range(3 * CACHE_LIMIT):
        resolver._answers.append(Answer(str(number), "unknown"))
        if number % 1000 == 999:
            os.eventfd_write(resolver.fileno(), 1)
            resolver.collect()
    assert len(resolver._cache) <= CACHE_LIMIT + 1000
    os.close(resolver.fileno())


def test_a_lookup_that_breaks_in_an_unknown_way_does_not_end_the_resolver(
    lookup: Lookup, service: NameService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(host: bytes, *rest: object, **more: object) -> list[Any]:
        raise UnicodeError("label too long")

    monkeypatch.setattr(socket, "getaddrinfo", odd)
    for number in range(2 * THREADS):
        service.names[f"10.0.0.{number}"] = "odd.test"
        lookup.resolver.name_of(f"10.0.0.{number}")
    for number in range(2 * THREADS):
        assert lookup.name(f"10.0.0.{number}") == "unknown"
