"""Promises of the workers' memory, as far as a few seconds can tell.

SEE ALSO
    bench.memory, bench.soak, for the long runs
"""

import pytest

from bench.memory import (
    CHUNK,
    LARGE_MESSAGE,
    LARGEST,
    LARGEST_PEAK,
    SETTINGS,
    anonymous,
    peaks,
    send,
    usages,
)
from bench.soak import GROWTH, slope
from tests.suite.instance import Postroom

# What 4,000 messages may add: so much the allocator takes at a time. 64 bytes a message are more.
SLACK = 256 * 1024


def test_a_worker_is_small_and_keeps_nothing_of_its_messages() -> None:
    with Postroom(SETTINGS) as instance:
        instance.start()
        first, warm, last = usages(instance, (1_000, 4_000, 8_000))
    assert max(first.values()) <= LARGEST, first
    for program, size in warm.items():
        assert last[program] - size < SLACK, (program, warm, last)


def test_master_does_not_grow_with_the_workers_that_come_and_go() -> None:
    """There are a hundred of them for each 5,000 messages."""
    with Postroom() as instance:
        master = instance.start().master()
        assert master
        send(instance, CHUNK)
        first = anonymous(master)
        send(instance, CHUNK)
        assert anonymous(master) - first < SLACK


@pytest.mark.parametrize("native", ["yes", "no"])
def test_a_large_message_does_not_make_large_workers(native: str) -> None:
    with Postroom({**SETTINGS, "native_submission": native}) as instance:
        most = peaks(instance.start())
    print(most)
    assert max(most.values()) < LARGEST_PEAK, most
    assert most["qmqpd"] > LARGE_MESSAGE  # it keeps the message until it is whole
    assert most["cleanup"] < LARGE_MESSAGE  # it does not


def test_growth_is_seen() -> None:
    """Of a hundred bytes a message, in a megabyte."""
    grown = [(count, {"qmqpd": 10**6 + count * 100}) for count in range(CHUNK, 10**6, CHUNK)]
    flat = [(count, {"qmqpd": 10**6 + count % 3}) for count, _ in grown]
    assert slope(grown, "qmqpd") > GROWTH
    assert abs(slope(flat, "qmqpd")) < GROWTH
