"""Promises of qmqpd.experience."""

import os

import pytest

from qmqpd.experience import (
    FORGOTTEN_SECONDS,
    FOUND_SECONDS,
    NOTE,
    PLACES,
    SILENT_SECONDS,
    Experience,
)

ADDRESS, OTHER = "192.0.2.7", "192.0.2.8"
NOW = 1000.0


def test_nothing_is_known_at_first() -> None:
    experience = Experience()
    assert not experience.found(ADDRESS, NOW)
    assert experience.silent_until(ADDRESS, NOW) == 0


def test_a_name_that_was_found_is_remembered_for_its_time() -> None:
    experience = Experience()
    experience.note_found(ADDRESS, NOW)
    assert experience.found(ADDRESS, NOW + FOUND_SECONDS - 1)
    assert not experience.found(ADDRESS, NOW + FOUND_SECONDS + 1)
    assert not experience.found(OTHER, NOW)
    assert experience.silent_until(ADDRESS, NOW) == 0


def test_silence_is_remembered_and_forgotten() -> None:
    experience = Experience()
    experience.note_silence(ADDRESS, NOW)
    end = NOW + SILENT_SECONDS
    assert experience.silent_until(ADDRESS, NOW) == end
    assert experience.silent_until(ADDRESS, end + FORGOTTEN_SECONDS - 1) == end
    assert experience.silent_until(ADDRESS, end + FORGOTTEN_SECONDS + 1) == 0
    assert experience.silent_until(OTHER, NOW) == 0
    assert not experience.found(ADDRESS, NOW)


def test_what_happened_last_counts() -> None:
    experience = Experience()
    experience.note_found(ADDRESS, NOW)
    experience.note_silence(ADDRESS, NOW)
    assert not experience.found(ADDRESS, NOW)
    experience.note_found(ADDRESS, NOW)
    assert experience.silent_until(ADDRESS, NOW) == 0


def test_workers_that_were_forked_share_it() -> None:
    experience = Experience()
    child = os.fork()
    if child == 0:
        experience.note_silence(ADDRESS, NOW)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert experience.silent_until(ADDRESS, NOW) > 0


def test_one_place_has_one_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    experience = Experience()
    first, second = (next(name for name in same_place(seed)) for seed in (ADDRESS, OTHER))
    for mine, other in ((ADDRESS, first), (OTHER, second)):
        experience.note_found(mine, NOW)
        assert not experience.found(other, NOW)
        experience.note_silence(other, NOW)
        assert not experience.found(mine, NOW)
        assert experience.silent_until(mine, NOW) == 0


def same_place(address: str) -> list[str]:
    """Return addresses whose notes have the place of this one's."""
    place = hash(address) % PLACES
    return [name for number in range(40 * PLACES) if hash(name := f"h{number}") % PLACES == place]


def test_any_number_of_addresses_takes_the_same_room() -> None:
    experience = Experience()
    for number in range(4 * PLACES):
        experience.note_silence(f"h{number}", NOW)
    assert len(experience._notes) == PLACES * NOTE.size < 1_000_000


@pytest.mark.parametrize("until", [float("inf"), float("nan"), 1e300, -1.0])
def test_a_time_that_cannot_be_is_ignored(until: float) -> None:
    experience = Experience()
    experience._write(ADDRESS, 0.0, until)
    assert experience.silent_until(ADDRESS, NOW) == 0
