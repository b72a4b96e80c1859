"""test_kill - a killed worker costs its client a retry, and nobody a message"""

import random
import time

from tests.suite.instance import Postroom
from tests.suite.load import Load, lost
from tests.suite.waiting import wait_for

KILLS = 40
PAUSE = 0.2  # seconds between two kills: the pace of the fault, not a wait for anything
GAP_LIMIT = 1.0  # seconds without any success


def test_killed_workers_lose_no_acknowledged_message_and_leave_no_gap(postroom: Postroom) -> None:
    killed = 0
    with Load(postroom.port) as load:
        await_success(load)
        for _ in range(KILLS):
            killed += kill_one(postroom)
            time.sleep(PAUSE)
        await_success(load)
    assert killed > KILLS / 2, "hardly anything was there to be killed"
    assert not lost(load.acknowledged(), postroom)
    assert load.longest_gap() <= GAP_LIMIT


def test_the_service_is_back_at_once_after_all_its_workers_were_killed(postroom: Postroom) -> None:
    with Load(postroom.port) as load:
        for _ in range(3):
            await_success(load)
            for worker in postroom.children("qmqpd") + postroom.children("cleanup"):
                worker.kill()
        await_success(load)
    assert not lost(load.acknowledged(), postroom)
    assert load.longest_gap() <= GAP_LIMIT


def test_a_file_removed_behind_the_servers_back_is_found_missing(postroom: Postroom) -> None:
    """The mutant: a checker that cannot fail proves nothing."""
    with Load(postroom.port, limit=20) as load:
        load.join()
    assert len(load.acknowledged()) == 20
    assert not lost(load.acknowledged(), postroom)
    next(iter(postroom.queue_files().values())).unlink()
    assert len(lost(load.acknowledged(), postroom)) == 1


def test_an_unfinished_file_does_not_count_as_stored(postroom: Postroom) -> None:
    with Load(postroom.port, limit=5) as load:
        load.join()
    next(iter(postroom.queue_files().values())).chmod(0o600)
    assert len(lost(load.acknowledged(), postroom)) == 1


def await_success(load: Load) -> None:
    """Wait for one more success."""
    count = len(load.acknowledged())
    wait_for(lambda: len(load.acknowledged()) > count, 10, "one more success")


def kill_one(instance: Postroom) -> int:
    """Kill one worker, any of qmqpd and cleanup; return how many were killed."""
    workers = instance.children("qmqpd") + instance.children("cleanup")
    if not workers:
        return 0
    random.choice(workers).kill()
    return 1
