"""test_parked - thousands of clients that stall cost those that do not next to nothing

DESCRIPTION
    Rates and times of good clients are taken in turns, alone and beside a
    crowd that does nothing, has sent half of a message, drips, or never reads
    the reply. The whole suite's memory is taken while the crowd is there.

    The long form (--long, `make crowd`) has ten thousand of them.
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil
import pytest

from tests.suite.conftest import chosen
from tests.suite.instance import Postroom, in_memory
from tests.suite.load import Load
from tests.suite.parked import Kind, parked
from tests.suite.waiting import wait_for

pytestmark = pytest.mark.alone

LEAST_RATIO = 0.8  # of the rate
MOST_TIMES = 3.0  # the time that all but one in a hundred take
MOST_MEMORY = 250_000_000  # bytes, of all processes, what they share counted once
SETTLE_SECONDS = 60.0
TRIES = 3  # of so many rounds, where the machine has other work


@dataclass(frozen=True, slots=True)
class Form:
    """How much is done."""

    count: int  # clients that stall
    rounds: int
    window: float  # seconds of one measurement
    crowds: tuple[tuple[Kind, ...], ...]


EVERY_KIND = tuple(Kind)
SHORT = Form(2_000, 3, 1.0, (EVERY_KIND,))
LONG = Form(10_000, 5, 2.0, ((Kind.IDLE,), (Kind.DRIPPING,), EVERY_KIND))


@dataclass(slots=True)
class Account:
    """Rates and times without and with a crowd, and the memory that one takes."""

    alone: list[float] = field(default_factory=list)  # successes per second
    beside: list[float] = field(default_factory=list)
    took_alone: list[float] = field(default_factory=list)  # seconds of all but one in a hundred
    took_beside: list[float] = field(default_factory=list)
    memory: int = 0  # bytes

    @property
    def ratio(self) -> float:
        """What is left of the rate."""
        return statistics.median(self.beside) / statistics.median(self.alone)

    @property
    def times(self) -> float:
        """How many times as long the slowest of a hundred takes."""
        return statistics.median(self.took_beside) / statistics.median(self.took_alone)

    def complaints(self) -> list[str]:
        """Return what is worse than it may be."""
        worse = {
            "rate": self.ratio < LEAST_RATIO,
            "p99": self.times > MOST_TIMES,
            "memory": self.memory > MOST_MEMORY,
        }
        return [name for name, found in worse.items() if found]

    def __str__(self) -> str:
        return (
            f"{self.ratio:.2f} of the rate ({listed(self.beside)} beside, {listed(self.alone)}"
            f" alone), p99 {self.times:.2f} times ({listed(self.took_beside, 1000)} and"
            f" {listed(self.took_alone, 1000)} ms), {self.memory / 1e6:.0f} MB"
        )


def listed(values: list[float], unit: float = 1.0) -> str:
    """Return values for people."""
    return " ".join(f"{value * unit:.0f}" for value in values)


@pytest.mark.timeout(600)
def test_clients_that_stall_leave_good_ones_four_fifths_of_their_rate(
    pytestconfig: pytest.Config,
) -> None:
    form = LONG if chosen(pytestconfig, "long") else SHORT
    # Any one worker may get all of them. Workers that hold somebody do not leave when they have
    # served enough: they shall not do so in the other windows either.
    settings = {
        "qmqpd_name_timeout": "1s",
        "max_use": "1000000",
        "qmqpd_worker_connection_limit": str(form.count + 1000),
    }
    with in_memory(), Postroom(settings) as instance:
        instance.start()
        measure(instance, 0.5)  # a warm-up
        for kinds in form.crowds:
            account = Account()
            for _ in range(TRIES):
                for _ in range(form.rounds):
                    play_one(account, instance, form, kinds)
                if not account.complaints():
                    break
            print(f"\n{form.count} {', '.join(kinds)}: {account}")
            assert account.complaints() == [], account


def play_one(account: Account, instance: Postroom, form: Form, kinds: tuple[Kind, ...]) -> None:
    """Take one pair of measurements."""
    rate, took = measure(instance, form.window)
    account.alone.append(rate)
    account.took_alone.append(took)
    with crowd(instance, form.count, kinds):
        rate, took = measure(instance, form.window)
        account.memory = max(account.memory, memory(instance))
    account.beside.append(rate)
    account.took_beside.append(took)


def measure(instance: Postroom, seconds: float) -> tuple[float, float]:
    """Return successes per second, and what 99 of 100 took at most; nothing may fail."""
    with Load(instance.port) as load:
        time.sleep(seconds)
        count = len(load.sent)
    assert load.failed() == []
    return count / seconds, load.slowest()


@contextmanager
def crowd(instance: Postroom, count: int, kinds: tuple[Kind, ...]) -> Iterator[None]:
    """Have clients that stall, each of them accepted; all are still there at the end."""
    position = instance.log_position()
    deaf = sum(kinds[number % len(kinds)] is Kind.DEAF for number in range(count))

    def come() -> int:
        return logged(instance, position, b": connect from ")

    def gone() -> int:
        return logged(instance, position, b": disconnect from ")

    with parked(instance.port, count, kinds):
        wait_for(lambda: come() == count and gone() == deaf, SETTLE_SECONDS, "the clients")
        yield
        assert (come(), gone()) == (count, deaf), "the clients did not stay"
    wait_for(lambda: gone() == count, SETTLE_SECONDS, "their end")


def logged(instance: Postroom, position: int, what: bytes) -> int:
    """Return how many lines of clients that stall say what."""
    with instance.log_path.open("rb") as log:
        log.seek(position)
        return sum(what in line and b"[127.1." in line for line in log)


def memory(instance: Postroom) -> int:
    """Return the bytes of all processes, what several have in common counted once."""
    found = 0
    for each in instance.note_processes():
        with suppress(psutil.NoSuchProcess):  # they come and go
            found += psutil.Process(each.pid).memory_full_info().pss if each.alive() else 0
    return found
