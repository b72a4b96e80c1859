"""test_kill - a killed process costs its client a retry, and nobody a message

SEE ALSO
    tests.suite.storm, for the storms at full length
"""

import signal
import socket
import stat
from pathlib import Path

import pytest

from tests.cleanup.stream import message, options
from tests.suite.instance import Postroom
from tests.suite.load import Load, lost
from tests.suite.mistakes import (
    ANSWERED_TOO_SOON,
    HURRY,
    NOBODY_CLOSES,
    NOBODY_TAKES_BACK,
    make,
)
from tests.suite.qmqp import submit
from tests.suite.relay import Relay
from tests.suite.storm import GAP_LIMIT, NOTHING_LEAVES, Pace, await_success, rage
from tests.suite.waiting import wait_for

STEADY, QUICK, FIERCE = Pace(5, 8), Pace(10, 4), Pace(50, 4)


@pytest.mark.alone
@pytest.mark.parametrize("pace", [STEADY, FIERCE], ids=["steady", "fierce"])
def test_killed_workers_cost_no_acknowledged_message_and_leave_nothing(
    postroom: Postroom, pace: Pace
) -> None:
    toll = rage(postroom, pace)
    assert toll.kills > pace.kills * pace.seconds / 2, "hardly anything was there to be killed"
    assert toll.complaints(steady=pace is STEADY) == [], toll


@pytest.mark.alone
def test_killed_programs_of_postfix_cost_none_either() -> None:
    with Relay(NOTHING_LEAVES) as relay:
        toll = rage(relay.start(), STEADY)
    assert toll.complaints(steady=True) == [], toll


@pytest.mark.parametrize(
    ("mistake", "found"),
    [
        (ANSWERED_TOO_SOON, "lost"),
        (NOBODY_TAKES_BACK, "retried_but_stored"),
        (NOBODY_CLOSES, "leaked"),
    ],
    ids=["answers too soon", "nobody takes back", "nobody closes"],
)
def test_a_daemon_with_a_mistake_is_found_out(mistake: str, found: str) -> None:
    with Postroom() as instance:
        make(instance, mistake)
        # Who is told to end makes up for much.
        toll = rage(instance.start(), QUICK, patience=0.0, signals=[signal.SIGKILL])
    assert found in " ".join(toll.complaints(steady=False)), toll


@pytest.mark.alone
def test_the_unfinished_file_of_a_killed_process_is_removed_and_the_log_says_so(
    postroom: Postroom,
) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        path = begin_message(postroom, client)
        for worker in postroom.children("cleanup"):
            worker.kill()
        wait_for(lambda: not path.exists(), 1, "the end of the file")
    postroom.wait_for_log(rf"removed incoming/{path.name}: process pid \d+ had not finished it")


def test_what_a_killed_mail_system_left_goes_when_it_is_back_and_what_is_written_stays() -> None:
    with Postroom() as instance, socket.socket(socket.AF_UNIX) as first:
        make(instance, HURRY)
        instance.start()
        left = begin_message(instance, first)
        master = instance.master()
        # First of all: it would remove what its children leave.
        for process in sorted(instance.note_processes(), key=lambda one: one != master):
            process.kill()
        wait_for(lambda: not instance.master(), 5, "the end of master")
        instance.start()
        with socket.socket(socket.AF_UNIX) as second:
            written = begin_message(instance, second)
            wait_for(lambda: not left.exists(), 10, "the end of the file")
            instance.wait_for_log(rf"removed incoming/{left.name}: unfinished, and nobody is at it")
            assert written.exists()
            second.sendall(message()[40:])
            wait_for(lambda: written.name in instance.queue_files(), 5, "the message")


def begin_message(instance: Postroom, client: socket.socket) -> Path:
    """Send cleanup half a message; return its file."""
    before = instance.files("incoming")
    client.connect(str(instance.spool / "public/cleanup"))
    client.sendall(options() + message()[:40])

    def made() -> list[Path]:
        found = {*instance.files("incoming")} - {*before}
        return [one for one in found if "." not in one.name]  # that was its first name

    (path,) = wait_for(made, 10, "a file")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path


@pytest.mark.alone
def test_the_service_is_back_at_once_after_all_its_workers_were_killed(postroom: Postroom) -> None:
    with Load(postroom.port) as load:
        for _ in range(3):
            await_success(load)
            for worker in postroom.children("qmqpd") + postroom.children("cleanup"):
                worker.kill()
        await_success(load)
    assert not lost(load.acknowledged(), postroom)
    assert load.longest_gap() <= GAP_LIMIT


def test_daemons_that_somebody_terminates_before_they_served_are_replaced(
    postroom: Postroom,
) -> None:
    """As by killall: an exit of their own, and no reason for a minute's pause."""
    idle = postroom.children("cleanup") + postroom.children("qmqpd")
    for worker in idle:
        worker.kill(signal.SIGTERM)
    wait_for(lambda: not any(one.alive() for one in idle), 5, "the end of the workers")
    assert submit(postroom.port).verdict == "K"
    assert "throttling" not in "".join(postroom.log_lines())


def test_a_file_removed_behind_the_servers_back_is_found_missing(postroom: Postroom) -> None:
    """A checker that cannot fail proves nothing."""
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
