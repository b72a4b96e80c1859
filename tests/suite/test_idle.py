"""test_idle - thousands of clients that say nothing slow nobody down"""

import contextlib
import resource
import statistics
import time
from collections.abc import Iterator

import pytest

from tests.suite.instance import Postroom
from tests.suite.load import Load
from tests.suite.qmqp import Connection, submit
from tests.suite.waiting import wait_for

pytestmark = pytest.mark.alone

IDLE = 2000  # connections held open
SOURCES = 20  # addresses they come from, so that no address runs out of ports
ROUNDS = 5
WINDOW = 1.0  # seconds of one measurement
LEAST_RATIO = 0.8
DESCRIPTORS = 4096


@contextlib.contextmanager
def many_descriptors() -> Iterator[None]:
    """Let this process hold the idle connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        pytest.fail(f"needs {DESCRIPTORS} descriptors, the hard limit is {hard}")
    if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_two_thousand_idle_clients_leave_good_ones_four_fifths_of_their_rate() -> None:
    # Started before the limit is raised: the product must see to its descriptors itself.
    with Postroom({"smtpd_peername_lookup": "no"}) as instance:
        instance.start()
        assert submit(instance.port).verdict == "K"
        with many_descriptors():
            alone, beside = measure(instance)
    ratio = statistics.median(beside) / statistics.median(alone)
    assert ratio >= LEAST_RATIO, f"alone {alone}, beside {IDLE} idle clients {beside}"


def measure(instance: Postroom) -> tuple[list[float], list[float]]:
    """Return the rates without and with idle clients, taken in turns."""
    alone, beside = [], []
    for _ in range(ROUNDS):
        alone.append(rate(instance))
        with idle_clients(instance):
            beside.append(rate(instance))
    return alone, beside


def rate(instance: Postroom) -> float:
    """Return the successes per second of one window; every submission must be one."""
    with Load(instance.port) as load:
        time.sleep(WINDOW)
        count = len(load.sent)
    assert load.failed() == []
    return count / WINDOW


@contextlib.contextmanager
def idle_clients(instance: Postroom) -> Iterator[None]:
    """Hold silent connections; all of them are accepted before, and gone after."""
    position = instance.log_position()
    with contextlib.ExitStack() as stack:
        for number in range(IDLE):
            source = f"127.1.0.{1 + number % SOURCES}"
            stack.enter_context(Connection(instance.port, source=source))
        wait_for(lambda: logged(instance, position, " connect from ") == IDLE, 30, "the clients")
        yield
    wait_for(lambda: logged(instance, position, "disconnect from ") == IDLE, 30, "their end")


def logged(instance: Postroom, position: int, what: str) -> int:
    """Return how many lines of idle clients say what."""
    return sum(what in ln and "[127.1.0." in ln for ln in instance.log_lines(position))
