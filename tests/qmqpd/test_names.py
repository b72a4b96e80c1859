"""Promises of qmqpd.names, with lookups that the test answers."""

import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from qmqpd import names
from qmqpd.experience import FORGOTTEN_SECONDS, FOUND_SECONDS, SILENT_SECONDS, Experience
from qmqpd.lookups import Answer, Lane
from qmqpd.names import CACHE_LIMIT, FAILED_SECONDS, SLOW_SECONDS, Resolver
from tests.common.journal import Journal
from tests.qmqpd.name_service import Clock

ADDRESS, OTHER = "192.0.2.7", "192.0.2.8"
FOUND = names.FOUND_SECONDS


class Lookups:
    """Keeps what is asked; the test answers, or says what else becomes of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Lane]] = []
        self.waiting: set[str] = set()
        self.durations: dict[str, float] = {}
        self.done: list[tuple[Answer, float]] = []

    def ask(self, address: str, lane: Lane) -> None:
        self.asked.append((address, lane))

    def drop(self, address: str) -> bool:
        return address in self.waiting

    def duration(self, address: str) -> float:
        return self.durations.get(address, 0.0)

    def finished(self) -> Iterator[tuple[Answer, float]]:
        while self.done:
            yield self.done.pop(0)


class World:
    """A resolver, and what it depends on."""

    def __init__(self, permitted: Callable[[str], bool | None]) -> None:
        self.clock = Clock()
        self.journal = Journal()
        self.permitted = permitted
        self.experience = Experience()
        self.renew()

    def renew(self) -> None:
        """Have another worker take over: what one knew is gone, experience is not."""
        self.lookups = Lookups()
        self.resolver = Resolver(self.journal, self.permitted, self.experience)
        os.close(self.resolver.fileno())
        self.resolver._lookups = self.lookups  # type: ignore[assignment]

    def answer(
        self,
        name: str = "unknown",
        *,
        address: str = ADDRESS,
        warning: str = "",
        seconds: float = 0,
    ) -> None:
        """Have a lookup come to an end."""
        self.lookups.done.append((Answer(address, name, warning), seconds))
        self.resolver.collect()

    def fall_silent(self, address: str = ADDRESS) -> None:
        """Have a client give up waiting for its name."""
        assert self.resolver.name_of(address) is None
        self.lookups.durations[address] = 5.0
        self.resolver.give_up(address)

    def lane(self) -> Lane:
        """Return the lane of the last question."""
        return self.lookups.asked[-1][1]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    def made(permitted: bool | None = None) -> World:
        world = World(lambda address: permitted)
        monkeypatch.setattr(names, "time", SimpleNamespace(monotonic=lambda: world.clock.now))
        return world

    return made


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    return make()


# Answers.


def test_a_name_is_there_once_it_was_looked_up(world: World) -> None:
    assert world.resolver.name_of(ADDRESS) is None
    assert world.resolver.name_of(ADDRESS) is None
    world.answer("mail.example.test")
    assert world.resolver.name_of(ADDRESS) == "mail.example.test"
    assert len(world.lookups.asked) == 1


def test_a_name_that_is_at_hand_is_there_at_once(world: World) -> None:
    asked = []

    def local(address: str) -> Answer | None:
        if address != ADDRESS:
            return None
        asked.append(address)
        return Answer(address, "mail.example.test", "of its own")

    world.resolver._local = local
    assert [world.resolver.name_of(ADDRESS) for _ in "ab"] == ["mail.example.test"] * 2
    assert asked == [ADDRESS]
    assert world.journal.warnings() == ["warning: of its own"]
    assert world.resolver.name_of("192.0.2.99") is None
    assert [address for address, _ in world.lookups.asked] == ["192.0.2.99"]


def test_a_warning_is_logged_when_the_answer_is_taken(world: World) -> None:
    world.resolver.name_of(ADDRESS)
    world.answer(warning="hostname a does not resolve to address b")
    assert world.resolver.name_of(ADDRESS) == "unknown"
    assert world.journal.lines() == ["warning: hostname a does not resolve to address b"]


@pytest.mark.parametrize(("name", "seconds"), [("a.test", FOUND), ("unknown", FAILED_SECONDS)])
def test_an_answer_is_good_for_its_time_and_then_asked_for_again(
    world: World, name: str, seconds: float
) -> None:
    world.resolver.name_of(ADDRESS)
    world.answer(name)
    world.clock.now += seconds - 0.1
    assert world.resolver.name_of(ADDRESS) == name
    assert len(world.lookups.asked) == 1
    world.clock.now += 0.2
    assert world.resolver.name_of(ADDRESS) is None
    world.answer("new.test")
    assert world.resolver.name_of(ADDRESS) == "new.test"


def test_names_are_kept_longer_than_failures() -> None:
    assert (FOUND, FAILED_SECONDS) == (60, 10)


def test_an_answer_is_kept_when_others_come(world: World) -> None:
    for address in (ADDRESS, OTHER):
        world.resolver.name_of(address)
        world.answer(f"{address}.test", address=address)
    assert world.resolver.name_of(ADDRESS) == f"{ADDRESS}.test"


def test_the_cache_does_not_grow_for_ever(world: World) -> None:
    for number in range(3 * CACHE_LIMIT):
        world.resolver.name_of(str(number))
        world.answer(address=str(number))
    assert len(world.resolver._cache) <= CACHE_LIMIT + 1
    assert world.resolver._meanwhile == {}


# Who is asked about first.


@pytest.mark.parametrize(
    ("permitted", "lane"), [(True, Lane.PERMITTED), (None, Lane.STRANGER), (False, Lane.REFUSED)]
)
def test_the_list_of_clients_tells_the_lane(
    make: Callable[..., World], permitted: bool | None, lane: Lane
) -> None:
    world = make(permitted)
    world.resolver.name_of(ADDRESS)
    assert world.lookups.asked == [(ADDRESS, lane)]


@pytest.mark.parametrize(
    ("permitted", "lane"), [(True, Lane.KNOWN), (None, Lane.KNOWN), (False, Lane.REFUSED)]
)
def test_who_had_a_name_before_is_known_to_every_worker(
    make: Callable[..., World], permitted: bool | None, lane: Lane
) -> None:
    world = make(permitted)
    world.resolver.name_of(ADDRESS)
    world.answer("mail.example.test")
    world.renew()
    world.resolver.name_of(ADDRESS)
    assert world.lane() is lane
    world.clock.now += FOUND_SECONDS + 1
    world.renew()
    world.resolver.name_of(ADDRESS)
    assert world.lane() is names.LANES[permitted]


# Silent name servers.


def test_a_client_that_gave_up_is_nameless_until_an_answer_comes(world: World) -> None:
    world.fall_silent()
    assert world.resolver.name_of(ADDRESS) == "unknown"
    world.clock.now += 1000
    assert world.resolver.name_of(ADDRESS) == "unknown"
    assert len(world.lookups.asked) == 1  # which still goes on
    world.answer("mail.example.test")
    assert world.resolver.name_of(ADDRESS) == "mail.example.test"


def test_nobody_waits_or_asks_in_vain_in_another_worker(world: World) -> None:
    world.fall_silent()
    world.renew()
    world.clock.now += SILENT_SECONDS - 0.1
    assert world.resolver.name_of(ADDRESS) == "unknown"
    assert world.lookups.asked == []
    assert world.resolver.name_of(OTHER) is None


@pytest.mark.parametrize("permitted", [True, False])
def test_a_client_that_needs_no_name_does_not_wait_for_the_second_try(
    make: Callable[..., World], permitted: bool
) -> None:
    world = make(permitted)
    world.fall_silent()
    world.renew()
    world.clock.now += SILENT_SECONDS + 0.1
    assert world.resolver.name_of(ADDRESS) == "unknown"
    assert len(world.lookups.asked) == 1
    world.answer("mail.example.test")
    assert world.resolver.name_of(ADDRESS) == "mail.example.test"


def test_a_client_whose_name_decides_does_wait_for_the_second_try(world: World) -> None:
    world.fall_silent()
    world.renew()
    world.clock.now += SILENT_SECONDS + 0.1
    assert world.resolver.name_of(ADDRESS) is None
    world.answer("mail.example.test")
    assert world.resolver.name_of(ADDRESS) == "mail.example.test"


def test_one_worker_tries_again_for_all(make: Callable[..., World]) -> None:
    world = make(True)
    world.fall_silent()
    world.clock.now += SILENT_SECONDS + 0.1
    world.renew()
    world.resolver.name_of(ADDRESS)
    assert len(world.lookups.asked) == 1
    world.renew()
    assert world.resolver.name_of(ADDRESS) == "unknown"
    assert world.lookups.asked == []


def test_a_name_server_that_is_back_is_asked_by_everybody(make: Callable[..., World]) -> None:
    world = make(True)
    world.fall_silent()
    world.answer("mail.example.test")
    world.renew()
    assert world.resolver.name_of(ADDRESS) is None
    assert len(world.lookups.asked) == 1


def test_silence_of_long_ago_is_forgotten(make: Callable[..., World]) -> None:
    world = make(True)
    world.fall_silent()
    world.renew()
    world.clock.now += SILENT_SECONDS + FORGOTTEN_SECONDS + 1
    assert world.resolver.name_of(ADDRESS) is None


def test_a_lookup_that_nobody_had_time_for_says_nothing(world: World) -> None:
    world.resolver.name_of(ADDRESS)
    world.lookups.waiting.add(ADDRESS)
    world.resolver.give_up(ADDRESS)
    assert world.resolver.name_of(ADDRESS) is None
    assert len(world.lookups.asked) == 2
    world.renew()
    assert world.resolver.name_of(ADDRESS) is None


def test_nor_does_one_that_has_only_just_begun(world: World) -> None:
    world.resolver.name_of(ADDRESS)
    world.lookups.durations[ADDRESS] = SLOW_SECONDS / 2
    world.resolver.give_up(ADDRESS)
    assert world.resolver.name_of(ADDRESS) is None
    assert len(world.lookups.asked) == 1


@pytest.mark.parametrize(
    ("name", "seconds", "silent"),
    [
        ("unknown", SLOW_SECONDS, True),
        ("unknown", SLOW_SECONDS / 2, False),
        ("a.test", SLOW_SECONDS, False),
    ],
)
def test_a_failure_after_a_long_time_counts_as_silence(
    world: World, name: str, seconds: float, silent: bool
) -> None:
    world.resolver.name_of(ADDRESS)
    world.answer(name, seconds=seconds)
    world.renew()
    assert world.resolver.name_of(ADDRESS) == ("unknown" if silent else None)
