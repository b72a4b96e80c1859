"""When an old configuration counts as gone."""

import pytest

from master import handover
from master.channel import Channel, Process
from master.events import Loop
from master.handover import Handover


class Wait:
    """A handover and what came of it."""

    def __init__(self, *channels: Channel) -> None:
        self.loop = Loop()
        self.result: list[int] | None = None
        self.handover = Handover(self.loop, channels, self.done)

    def done(self, missing: list[int]) -> None:
        """Take the result, and end the loop."""
        assert self.result is None
        self.result = missing
        self.loop.stop()


@pytest.fixture(autouse=True)
def _short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "BUSY_SECONDS", 0.02)
    monkeypatch.setattr(handover, "LONGEST_SECONDS", 0.06)


def channel(*, confirmed: bool = False, taken: bool = False) -> Channel:
    made = Channel.open()
    made.processes[7] = Process(7, 1, 0.0, taken=taken)
    made.ended = confirmed
    return made


def test_nobody_to_wait_for_is_over_at_once() -> None:
    wait = Wait()
    wait.handover.check()
    assert wait.result == []


def test_it_is_over_when_the_last_channel_confirms() -> None:
    old, older = channel(), channel(confirmed=True)
    wait = Wait(old, older)
    wait.handover.check()
    assert wait.result is None
    old.ended = True
    wait.handover.check()
    wait.handover.check()
    assert wait.result == []


def test_a_busy_process_is_waited_for_only_a_moment() -> None:
    wait = Wait(channel(taken=True))
    wait.loop.run()
    assert wait.result == []


def test_who_neither_confirms_nor_works_is_named_in_the_end() -> None:
    wait = Wait(channel(), channel(taken=True))
    wait.loop.run()
    assert wait.result == [7]


def test_busy_processes_that_leave_later_do_not_hold_it_up() -> None:
    old = channel()
    wait = Wait(old)
    wait.loop.call_later(0.03, old.processes.clear)
    wait.loop.call_later(0.04, wait.handover.check)
    wait.loop.run()
    assert wait.result == []
