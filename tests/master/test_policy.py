"""How many processes: the whole policy as tables, without a process."""

import itertools
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from master import policy
from master.policy import (
    FORKS_PER_SECOND,
    LONGEST_BACK_OFF,
    REACTIONS,
    Decision,
    Ending,
    Reaction,
    Tally,
    Use,
    decide,
)

NOW = 1000.0
EVENTS = st.sampled_from(["taken", "free", "die", "kill", "fail"])


@pytest.mark.parametrize(
    ("tally", "expected"),
    [
        (Tally(prefork=4, limit=0), Decision(forks=4)),
        (Tally(prefork=4, limit=0, total=3, available=0), Decision(forks=1)),
        (Tally(prefork=4, limit=0, total=4, available=4), Decision()),
        (Tally(prefork=4, limit=0, total=4, available=0), Decision(watch=True)),
        (Tally(prefork=4, limit=4, total=4, available=0), Decision()),
        (Tally(prefork=4, limit=5, total=4, available=0), Decision(watch=True)),
        (Tally(prefork=4, limit=0, total=40, available=1), Decision()),
        (Tally(prefork=1, limit=0, total=2, available=2, orphaned=True), Decision(forks=1)),
        (Tally(prefork=1, limit=0, total=0, orphaned=True), Decision(forks=1)),
        (Tally(prefork=1, limit=2, total=2, available=1, orphaned=True), Decision()),
        (Tally(prefork=0, limit=0), Decision(watch=True)),
        (Tally(prefork=0, limit=1, total=1), Decision()),
        (Tally(prefork=4, limit=0, throttled_until=NOW + 60), Decision(look_again=NOW + 60)),
        (Tally(prefork=4, limit=0, backing_off_until=NOW + 1), Decision(look_again=NOW + 1)),
        (Tally(prefork=4, limit=0, throttled_until=NOW), Decision(forks=4)),
    ],
)
def test_each_state_has_its_decision(tally: Tally, expected: Decision) -> None:
    assert decide(tally, NOW) == expected


def test_replacements_are_limited_to_so_many_a_second() -> None:
    tally = Tally(prefork=FORKS_PER_SECOND + 5, limit=0)
    first = decide(tally, NOW)
    assert first.forks == FORKS_PER_SECOND
    tally.replaced.extend([NOW] * first.forks)
    tally.total = tally.available = first.forks
    assert decide(tally, NOW + 0.5) == Decision(look_again=NOW + 1.0)
    assert decide(tally, NOW + 1.0).forks == 5


def test_a_client_is_waited_for_even_when_replacements_are_used_up() -> None:
    tally = Tally(prefork=4, limit=0)
    tally.replaced.extend([NOW] * FORKS_PER_SECOND)
    assert decide(tally, NOW) == Decision(watch=True, look_again=NOW + 1.0)


def test_every_ending_has_a_reaction() -> None:
    assert set(REACTIONS) == set(itertools.product(Ending, Use))


@pytest.mark.parametrize(
    ("status", "requests", "age", "reaction"),
    [
        (0, 0, 100.0, Reaction.NOTHING),
        (0, 0, 0.01, Reaction.PAUSE),
        (0, 100, 0.01, Reaction.NOTHING),
        (1 << 8, 0, 0.01, Reaction.THROTTLE),
        (1 << 8, 0, 100.0, Reaction.THROTTLE),
        (1 << 8, 1, 0.01, Reaction.WARN),
        (signal.SIGKILL, 0, 0.01, Reaction.BACK_OFF),
        (signal.SIGTERM, 0, 100.0, Reaction.BACK_OFF),
        (signal.SIGKILL, 1, 0.01, Reaction.WARN),
        # Whoever tidies up before it obeys.
        (signal.SIGTERM << 8, 0, 0.01, Reaction.BACK_OFF),
        (signal.SIGTERM << 8, 0, 100.0, Reaction.BACK_OFF),
        (signal.SIGTERM << 8, 1, 0.01, Reaction.WARN),
        # What a program does to itself, with a core file or without.
        (signal.SIGSEGV, 0, 0.01, Reaction.THROTTLE),
        (signal.SIGABRT | 0x80, 0, 0.01, Reaction.THROTTLE),
        (signal.SIGSEGV | 0x80, 1, 0.01, Reaction.WARN),
    ],
)
def test_only_a_failure_before_the_first_request_throttles(
    status: int, requests: int, age: float, reaction: Reaction
) -> None:
    assert REACTIONS[policy.ending(status), policy.use(requests, age)] is reaction


def test_processes_that_are_leaving_take_their_places_with_them() -> None:
    tally = Tally(prefork=0, limit=1, leaving=1)
    assert decide(tally, NOW) == Decision()
    tally.leaving = 0
    assert decide(tally, NOW) == Decision(watch=True)


def test_the_pause_after_deaths_grows_up_to_a_limit() -> None:
    tally = Tally(prefork=1, limit=0)
    now, pauses = NOW, []
    for _ in range(8):
        assert tally.back_off(now)
        pauses.append(round(tally.backing_off_until - now, 6))
        now = tally.backing_off_until
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.5, 0.5, 0.5, 0.5]


def test_deaths_at_one_time_count_once_and_calm_ends_the_row() -> None:
    tally = Tally(prefork=1, limit=0)
    assert [tally.back_off(NOW) for _ in range(5)] == [True, False, False, False, False]
    assert tally.deaths == 1
    assert tally.back_off(NOW + 60)
    assert tally.backing_off_until == NOW + 60.05


def test_a_throttle_is_announced_once() -> None:
    tally = Tally(prefork=1, limit=0)
    assert [tally.throttle(NOW, 60.0), tally.throttle(NOW + 1, 60.0)] == [True, False]
    assert tally.throttled_until == NOW + 61
    assert tally.throttle(NOW + 61, 60.0)


@given(
    prefork=st.integers(0, 30),
    limit=st.integers(0, 30),
    events=st.lists(
        st.tuples(st.sampled_from(["taken", "free", "die", "kill", "fail"]), st.floats(0, 2))
    ),
)
def test_no_course_of_events_breaks_the_limits(
    prefork: int, limit: int, events: list[tuple[str, float]]
) -> None:
    tally = Tally(min(prefork, limit) if limit else prefork, limit)
    now = NOW
    for event, pause in events:
        now += pause
        if event == "taken" and tally.available:
            tally.available -= 1
        elif event == "free" and tally.available < tally.total:
            tally.available += 1
        elif event in ("die", "kill", "fail") and tally.available:
            tally.total -= 1
            tally.available -= 1
            if event == "kill":
                tally.back_off(now)
            if event == "fail":
                tally.throttle(now, 60.0)
        decision = decide(tally, now)
        assert tally.backing_off_until <= now + LONGEST_BACK_OFF
        tally.replaced.extend([now] * decision.forks)
        tally.total += decision.forks
        tally.available += decision.forks
        assert not limit or tally.total <= limit
        assert len([one for one in tally.replaced if one > now - 1.0]) <= FORKS_PER_SECOND
        # Somebody serves, somebody is called when a client comes, or it is known when to look.
        assert tally.available or decision.watch or decision.look_again or not tally.room()
