"""Promises of qmqpd.lookups, with a name service that the test plays."""

import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from qmqpd import lookups
from qmqpd.lookups import (
    ENDLESS_LIMIT,
    ENDLESS_SECONDS,
    THREADS,
    Answer,
    Lane,
    Lookups,
    verified_name,
)
from tests.qmqpd.name_service import Clock, NameService
from tests.suite.waiting import holds_within

ADDRESS = "192.0.2.7"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameService]:
    with NameService() as found:
        monkeypatch.setattr(socket, "gethostbyaddr", found.gethostbyaddr)
        monkeypatch.setattr(socket, "getaddrinfo", found.getaddrinfo)
        yield found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(lookups, "time", SimpleNamespace(monotonic=lambda: found.now))
    return found


@pytest.fixture
def asked(service: NameService, clock: Clock) -> Iterator[Lookups]:
    found = Lookups()
    yield found
    service.release()
    assert holds_within(lambda: not found._busy and not found._endless, 10)
    os.close(found.fileno())


def threads() -> set[str]:
    """Return the threads of this process."""
    return set(os.listdir("/proc/self/task"))


def answers(asked: Lookups, count: int) -> list[Answer]:
    """Wait for so many answers."""
    found: list[Answer] = []
    while len(found) < count:
        assert select.select([asked.fileno()], [], [], 10)[0], f"no more answers than {found}"
        found += [answer for answer, _ in asked.finished()]
    return found


# One name.


def test_a_lookup_imports_nothing() -> None:
    # A worker is locked in when it looks a name up: perhaps it cannot read the library any more.
    script = """if True:
        import sys
        from qmqpd.lookups import verified_name
        before = set(sys.modules)
        verified_name("127.0.0.1"), verified_name("::1")
        print(sorted(set(sys.modules) - before))
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("address", "addresses"),
    [
        (ADDRESS, [ADDRESS]),
        (ADDRESS, ["10.0.0.1", ADDRESS]),
        ("2001:db8::7", ["2001:db8::7"]),
        ("fe80::1", ["fe80::1%eth0"]),
    ],
)
def test_a_name_counts_if_it_leads_back(
    service: NameService, address: str, addresses: list[str]
) -> None:
    service.names[address] = "mail.example.test"
    service.addresses["mail.example.test"] = addresses
    assert verified_name(address) == Answer(address, "mail.example.test")


def test_an_address_without_name_is_unknown_and_no_trouble(service: NameService) -> None:
    assert verified_name(ADDRESS) == Answer(ADDRESS, "unknown", "")


def test_a_name_that_leads_elsewhere_is_unknown_and_worth_a_warning(service: NameService) -> None:
    service.names[ADDRESS] = "mail.example.test"
    service.addresses["mail.example.test"] = ["192.0.2.70", "192.0.2.77"]
    assert verified_name(ADDRESS) == Answer(
        *(ADDRESS, "unknown"), f"hostname mail.example.test does not resolve to address {ADDRESS}"
    )


def test_a_name_that_leads_nowhere_is_unknown_and_the_reason_told(service: NameService) -> None:
    service.names[ADDRESS] = "mail.example.test"
    assert verified_name(ADDRESS) == Answer(
        *(ADDRESS, "unknown"),
        f"hostname mail.example.test does not resolve to address {ADDRESS}:"
        " Temporary failure in name resolution",
    )


def test_a_name_is_asked_for_addresses_of_the_clients_own_kind(service: NameService) -> None:
    service.names.update({ADDRESS: "two.test", "2001:db8::7": "two.test"})
    service.addresses["two.test"] = [ADDRESS, "2001:db8::7"]
    assert verified_name(ADDRESS).name == verified_name("2001:db8::7").name == "two.test"
    assert service.families == [socket.AF_INET, socket.AF_INET6]


@pytest.mark.parametrize(
    "name", ["", "a..b", "a b", "192.0.2.7", "4711", "caf\u00e9.test", "x" * 64]
)
def test_a_malformed_name_is_unknown_even_if_it_leads_back(service: NameService, name: str) -> None:
    service.names[ADDRESS] = name
    service.addresses[name] = [ADDRESS]
    answer = verified_name(ADDRESS)
    assert answer.name == "unknown"
    assert "hostname" in answer.warning
    assert service.families == []  # nobody was asked


def test_a_name_of_bytes_that_are_no_text_is_unknown(service: NameService) -> None:
    service.names[ADDRESS] = b"caf\xe9.test".decode("utf-8", "surrogateescape")
    assert "invalid character 233(decimal)" in verified_name(ADDRESS).warning


# Threads.


def test_an_answer_is_there_once_the_descriptor_is_readable(
    asked: Lookups, service: NameService
) -> None:
    service.names[ADDRESS] = "mail.example.test"
    service.addresses["mail.example.test"] = [ADDRESS]
    assert not select.select([asked.fileno()], [], [], 0)[0]
    asked.ask(ADDRESS, Lane.STRANGER)
    assert answers(asked, 1) == [Answer(ADDRESS, "mail.example.test")]
    assert not select.select([asked.fileno()], [], [], 0)[0]


def test_there_are_no_threads_before_and_after(asked: Lookups, service: NameService) -> None:
    before = threads()
    asked.ask(ADDRESS, Lane.STRANGER)
    answers(asked, 1)
    assert holds_within(lambda: threads() <= before, 10)


def test_many_addresses_come_through_few_threads(asked: Lookups, service: NameService) -> None:
    hosts = {f"10.0.{number}.1": f"h{number}.test" for number in range(200)}
    service.names.update(hosts)
    service.addresses.update({name: [address] for address, name in hosts.items()})
    for address in hosts:
        asked.ask(address, Lane.STRANGER)
    assert {one.address: one.name for one in answers(asked, 200)} == hosts
    assert service.most_at_a_time <= THREADS[Lane.STRANGER]


@pytest.mark.parametrize("lane", Lane)
def test_a_lane_has_its_threads_and_no_more(
    asked: Lookups, service: NameService, lane: Lane
) -> None:
    service.hold()
    for number in range(50):
        asked.ask(f"10.0.0.{number}", lane)
    assert service.busy(THREADS[lane]) == THREADS[lane]
    service.release()
    assert len(answers(asked, 50)) == 50
    assert service.most_at_a_time == THREADS[lane]


def test_no_lane_waits_for_another(asked: Lookups, service: NameService) -> None:
    service.hold()
    for place, lane in enumerate(Lane):
        for number in range(100):
            asked.ask(f"10.0.{place}.{number}", lane)
    assert service.busy(sum(THREADS)) == sum(THREADS)


def test_a_thread_goes_on_in_its_lane_in_the_order_of_arrival(
    asked: Lookups, service: NameService
) -> None:
    service.hold()
    for number in range(2 * THREADS[Lane.KNOWN]):
        asked.ask(f"10.0.0.{number}", Lane.KNOWN)
        asked.ask(f"10.0.1.{number}", Lane.REFUSED)
    service.busy(THREADS[Lane.KNOWN] + THREADS[Lane.REFUSED])
    service.release()
    answers(asked, 4 * THREADS[Lane.KNOWN])
    for place in (0, 1):
        found = [address for address in service.asked if address.startswith(f"10.0.{place}.")]
        waited = found[-THREADS[Lane.KNOWN] :]
        assert waited == sorted(waited, key=lambda address: int(address.rpartition(".")[2]))


def test_one_that_waits_can_be_dropped_and_is_not_looked_up(
    asked: Lookups, service: NameService
) -> None:
    service.hold()
    for number in range(THREADS[Lane.REFUSED] + 2):
        asked.ask(f"10.0.0.{number}", Lane.REFUSED)
    service.busy(THREADS[Lane.REFUSED])
    last = THREADS[Lane.REFUSED]
    assert asked.drop(f"10.0.0.{last}")
    assert not asked.drop(f"10.0.0.{last}")
    assert not asked.drop("10.0.0.0")  # it is being looked up
    service.release()
    found = {answer.address for answer in answers(asked, last + 1)}
    assert found == {f"10.0.0.{number}" for number in range(last + 2)} - {f"10.0.0.{last}"}


def test_how_long_a_lookup_lasts_is_known_meanwhile_and_after(
    asked: Lookups, service: NameService, clock: Clock
) -> None:
    service.hold()
    asked.ask(ADDRESS, Lane.STRANGER)
    service.busy(1)
    clock.now += 7
    assert asked.duration(ADDRESS) == 7
    assert asked.duration("10.0.0.1") == 0
    service.release()
    assert select.select([asked.fileno()], [], [], 10)[0]
    assert [seconds for _, seconds in asked.finished()] == [7]
    assert asked.duration(ADDRESS) == 0


def test_lookups_without_end_make_room_for_others(
    asked: Lookups, service: NameService, clock: Clock
) -> None:
    service.hold()
    for number in range(THREADS[Lane.STRANGER]):
        asked.ask(f"10.0.0.{number}", Lane.STRANGER)
    service.busy(THREADS[Lane.STRANGER])
    service.free.add(ADDRESS)
    clock.now += ENDLESS_SECONDS - 1
    asked.ask(ADDRESS, Lane.STRANGER)  # waits
    assert not select.select([asked.fileno()], [], [], 0)[0]
    clock.now += 2
    asked.ask("10.9.9.9", Lane.REFUSED)  # whoever comes
    asked.ask("10.9.9.8", Lane.STRANGER)
    found = answers(asked, THREADS[Lane.STRANGER] + 1)
    assert found[-1].address == ADDRESS
    assert {answer.warning for answer in found[:-1]} == {
        f"looking up 10.0.0.{number}: its name server does not come to an end"
        for number in range(THREADS[Lane.STRANGER])
    }


def test_an_end_that_comes_too_late_is_no_answer(
    asked: Lookups, service: NameService, clock: Clock
) -> None:
    service.hold()
    asked.ask(ADDRESS, Lane.STRANGER)
    service.busy(1)
    clock.now += ENDLESS_SECONDS + 1
    asked.ask(ADDRESS, Lane.STRANGER)  # once more, in another thread
    service.busy(2)
    service.release()
    found = answers(asked, 2)
    assert [bool(answer.warning) for answer in found] == [True, False]
    assert holds_within(lambda: not asked._endless, 10)
    assert not asked._finished, "a third answer"


def test_threads_that_are_stuck_for_ever_are_not_made_without_limit(
    asked: Lookups, service: NameService, clock: Clock
) -> None:
    service.hold()
    count = 0
    for _ in range(ENDLESS_LIMIT // THREADS[Lane.KNOWN] + 3):
        for _ in range(THREADS[Lane.KNOWN]):
            asked.ask(f"10.0.0.{count}", Lane.KNOWN)
            count += 1
        clock.now += ENDLESS_SECONDS + 1
    service.busy(ENDLESS_LIMIT)  # waits for them, if they come
    assert ENDLESS_LIMIT <= service.most_at_a_time <= ENDLESS_LIMIT + THREADS[Lane.KNOWN]


def test_a_lookup_that_breaks_in_an_unknown_way_is_answered(
    asked: Lookups, service: NameService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(*arguments: object) -> None:
        raise UnicodeError("label too long")

    monkeypatch.setattr(socket, "getaddrinfo", odd)
    for number in range(2 * THREADS[Lane.STRANGER]):
        service.names[f"10.0.0.{number}"] = "odd.test"
        asked.ask(f"10.0.0.{number}", Lane.STRANGER)
    found = answers(asked, 2 * THREADS[Lane.STRANGER])
    assert {answer.name for answer in found} == {"unknown"}
    assert all("UnicodeError: label too long" in answer.warning for answer in found)


def test_a_system_without_threads_is_reported_and_others_follow(
    asked: Lookups, service: NameService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*call: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as now:
        now.setattr(asked, "_start", refuse)
        for number in range(2 * THREADS[Lane.STRANGER]):
            asked.ask(f"10.0.0.{number}", Lane.STRANGER)
        found = answers(asked, 2 * THREADS[Lane.STRANGER])
    assert all("can't start new thread" in answer.warning for answer in found)
    assert not asked._busy
    asked.ask(ADDRESS, Lane.STRANGER)
    assert answers(asked, 1) == [Answer(ADDRESS, "unknown")]
