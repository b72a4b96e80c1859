"""test_clock - a clock that jumps back and forth under load hurts nobody

DESCRIPTION
    Nobody touches the machine's clock: the programs of an instance add to it
    what stands in a file.
"""

import mmap
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import mktime_tz, parsedate_tz
from pathlib import Path

import pytest

from tests.suite import mistakes
from tests.suite.instance import Postroom
from tests.suite.load import Load, lost
from tests.suite.qmqp import Connection, packet, submit
from tests.suite.queue_file import read_records
from tests.suite.storm import await_success
from tests.suite.waiting import wait_for

HOUR, DAY = 3600, 86400
JUMPS = (-HOUR, 3 * DAY, 0, 3 * DAY, -HOUR, 0)  # seconds ahead of the machine's clock
MESSAGES = 20  # between two jumps
SLACK = 60  # seconds that the test may take
GAP = 10.0  # seconds without success that nobody calls stuck
OFFSET = 8  # bytes

JUMPING = """
import mmap, os, time

descriptor = os.open({path!r}, os.O_RDONLY)
offset = mmap.mmap(descriptor, {length}, prot=mmap.PROT_READ)
os.close(descriptor)
plain = time.time_ns

def time_ns():
    return plain() + int.from_bytes(offset[:], "little", signed=True) * 1_000_000_000

time.time_ns = time_ns
time.time = lambda: time_ns() / 1e9
"""
# A daemon that takes the time of day for what has passed.
NOT_MONOTONIC = """
time.monotonic = time.time
"""


class Clock:
    """How far the programs' clock is ahead."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(OFFSET))
        path.chmod(0o644)
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), OFFSET)

    def set(self, seconds: int) -> None:
        """Jump."""
        self._memory[:] = seconds.to_bytes(OFFSET, "little", signed=True)


@contextmanager
def instance_with_clock(mistake: str = "", **settings: str) -> Iterator[tuple[Postroom, Clock]]:
    """Run an instance whose clock can jump."""
    with Postroom({"smtpd_peername_lookup": "no", **settings}) as instance:
        clock = Clock(instance.top / "clock")
        text = JUMPING.format(path=str(clock.path), length=OFFSET)
        mistakes.make(instance, text + mistake)
        yield instance.start(), clock


def ride(instance: Postroom, clock: Clock) -> tuple[Load, str]:
    """Submit while the clock jumps; return that, and what a slow client heard at last."""
    whole = packet(b"Subject: slow\n\nbody\n")
    with Connection(instance.port) as slow, Load(instance.port) as load:
        slow.send(whole[:20])
        for jump in JUMPS:
            await_success(load, MESSAGES)
            clock.set(jump)
        await_success(load, MESSAGES)
        slow.send(whole[20:])
        heard = slow.answer().verdict
    return load, heard


@pytest.mark.parametrize("long_ids", ["no", "yes"])
def test_jumps_cost_no_message_and_no_name_twice(long_ids: str) -> None:
    with instance_with_clock(enable_long_queue_ids=long_ids) as (instance, clock):
        load, heard = ride(instance, clock)
        assert load.failed() == []
        assert heard == "K"
        assert load.longest_gap() < GAP
        ids = [re.search(r"queued as (\w+)", sent.detail)[1] for sent in load.sent]  # type: ignore[index]
        assert len(set(ids)) == len(ids) >= len(JUMPS) * MESSAGES
        assert set(ids) < instance.queue_files().keys()
        assert not lost(load.acknowledged(), instance)
        offsets = [offset_of(path) for path in instance.queue_files().values()]
        assert {*JUMPS} <= set(offsets)
        assert not [line for line in instance.log_lines() if re.search("fatal|watchdog", line)]
        for line in instance.log_lines():
            time.strptime(f"2028 {line[:15]}", "%Y %b %d %H:%M:%S")


def offset_of(path: Path) -> int:
    """Return which of the jumps a file's creation belongs to; all its dates must be of some."""
    records = read_records(path)
    text = "\n".join(one.value for one in records if one.kind == "N")
    dates = re.findall(r"(?:; |^Date: )(\w{3}, .*)", text, re.MULTILINE)
    assert dates
    created = next(int(one.value[12:]) for one in records if one.value.startswith("create_time="))
    arrival = next(int(one.value.split()[0]) for one in records if one.kind == "T")
    made = path.stat().st_mtime  # by the machine's clock
    # A message on its way while the clock jumps has dates of both sides.
    offsets = [jump_of(time - made) for time in (created, arrival, *map(stamp, dates))]
    return offsets[0]


def jump_of(difference: float) -> int:
    """Return the jump that makes this difference."""
    (found,) = {jump for jump in JUMPS if abs(difference - jump) < SLACK}
    return found


def stamp(text: str) -> int:
    """Return the time that a header tells."""
    parsed = parsedate_tz(text)
    assert parsed, text
    return mktime_tz(parsed)


def test_a_daemon_that_measures_by_the_time_of_day_is_found_out() -> None:
    # Of several workers another one might be woken, time and again.
    alone = instance_with_clock(NOT_MONOTONIC, qmqpd_prefork_count="1")
    with alone as (instance, clock), Connection(instance.port) as slow:
        slow.send(packet(b"Subject: slow\n\nbody\n")[:20])
        assert submit(instance.port).verdict == "K"
        clock.set(3 * DAY)

        def is_found_out() -> bool:
            submit(instance.port)  # to this worker or another
            return any("read/write timeout" in line for line in instance.log_lines())

        wait_for(is_found_out, 10, "the end of the slow client")
        assert slow.answer().verdict != "K"
