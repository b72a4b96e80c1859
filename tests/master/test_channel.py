"""The status channel: reports, gossip, and the confirmation that all have left."""

import socket

import pytest

from common.child import AVAILABLE, STATUS_MESSAGE, TAKEN
from master.channel import Channel, Process, Reading


@pytest.fixture
def channel() -> Channel:
    made = Channel.open()
    for pid in (10, 11):
        made.processes[pid] = Process(pid, generation=pid + 100, born=0.0)
    return made


def send(channel: Channel, *reports: tuple[int, int, int]) -> None:
    channel.theirs.send(b"".join(STATUS_MESSAGE.pack(*report) for report in reports))


def test_nothing_to_read_is_nothing_to_do(channel: Channel) -> None:
    assert channel.read() == Reading()


def test_a_request_is_counted_when_it_is_over(channel: Channel) -> None:
    send(channel, (10, 110, TAKEN))
    assert channel.read() == Reading(freed=-1)
    assert channel.processes[10].taken
    send(channel, (10, 110, AVAILABLE))
    assert channel.read() == Reading(freed=1, served=True)
    assert (channel.processes[10].taken, channel.processes[10].requests) == (False, 1)


def test_reports_of_several_processes_arrive_at_once(channel: Channel) -> None:
    send(channel, (10, 110, TAKEN), (11, 111, TAKEN), (10, 110, AVAILABLE))
    assert channel.read() == Reading(freed=-1, served=True)


@pytest.mark.parametrize(
    "report", [(10, 110, AVAILABLE), (12, 110, TAKEN), (10, 111, TAKEN), (10, 0, TAKEN)]
)
def test_gossip_is_ignored(channel: Channel, report: tuple[int, int, int]) -> None:
    send(channel, report)
    assert channel.read() == Reading()
    assert not channel.processes[10].taken


def test_odd_reports_are_complained_of(channel: Channel) -> None:
    send(channel, (10, 110, 7))
    assert channel.read() == Reading(complaints=("process id 10: bad status 7",))
    channel.theirs.send(STATUS_MESSAGE.pack(10, 110, TAKEN) + b"12345")
    assert channel.read() == Reading(-1, complaints=("sent partial status update (5 bytes)",))
    send(channel, (10, 110, AVAILABLE))
    assert channel.read() == Reading(1, served=True)


def test_who_is_told_to_leave_can_still_report_and_then_confirms(channel: Channel) -> None:
    child = socket.socket(fileno=channel.theirs.dup().detach())
    channel.retire()
    assert child.recv(1) == b""
    child.send(STATUS_MESSAGE.pack(10, 110, TAKEN))
    assert channel.read() == Reading(-1)
    assert not channel.confirmed
    sibling = child.dup()
    child.close()
    channel.read()
    assert not channel.confirmed  # one of two has left
    sibling.close()
    channel.read()
    assert channel.confirmed
    channel.close()


def test_a_program_of_postfix_confirms_by_its_end() -> None:
    """It can neither report any more nor keep the channel open: it finds that out, and goes."""
    channel = Channel.open(native=False)
    channel.processes[10] = Process(10, 110, 0.0)
    child = socket.socket(fileno=channel.theirs.dup().detach())
    assert not channel.confirmed
    channel.retire()
    channel.close()
    assert child.recv(1) == b""
    with pytest.raises(BrokenPipeError):
        child.send(STATUS_MESSAGE.pack(10, 110, TAKEN))
    assert channel.read() == Reading()
    assert not channel.confirmed
    del channel.processes[10]
    assert channel.confirmed
