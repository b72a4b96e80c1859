"""The first steps of a child, each tried in a fork of its own."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common import child
from master import fork

InFork = Callable[[Callable[[], object]], Any]

LIBC_SIGNALS = 0x1_8000_0000  # 32 and 33, which a C library keeps for threads


@pytest.fixture
def in_fork(tmp_path: Path) -> InFork:
    """Return a function that returns what another returns in a fork, which may do as it likes."""
    report = tmp_path / "report"

    def run(act: Callable[[], object]) -> Any:
        pid = os.fork()
        if pid == 0:
            try:
                report.write_text(json.dumps(act()))
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        return json.loads(report.read_text())

    return run


def open_descriptors() -> dict[int, str]:
    """Return what is open beyond standard error, by number."""
    found = {}
    for number in range(3, 120):
        try:
            found[number] = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    "numbers",
    [[3, 4, 5, 6], [6, 5, 4, 3], [20, 4, 3, 21], [4, 5, 6, 7], [5, 3, 4, 90], [50, 51, 52, 53]],
)
def test_descriptors_get_their_numbers_whatever_they_had(
    in_fork: InFork, numbers: list[int]
) -> None:
    def act() -> object:
        os.closerange(3, 200)
        files = [os.dup2(os.memfd_create(f"file{one}"), 100 + one) for one in range(len(numbers))]
        for file, number in zip(files, numbers, strict=True):
            os.dup2(file, number)
        child.arrange(numbers)
        inherited = [one for one in open_descriptors() if os.get_inheritable(one)]
        return [open_descriptors(), inherited]

    found, inherited = in_fork(act)
    assert {int(number): name.split(" ")[0] for number, name in found.items()} == {
        3 + index: f"/memfd:file{index}" for index in range(len(numbers))
    }
    assert inherited == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (os.SCHED_OTHER, os.SCHED_BATCH),
        (os.SCHED_BATCH, os.SCHED_BATCH),
        (os.SCHED_IDLE, os.SCHED_IDLE),  # by chrt(1): it is the administrator's word
    ],
)
def test_a_child_that_wakes_up_waits_for_its_turn(in_fork: InFork, before: int, after: int) -> None:
    def act() -> object:
        os.nice(3)
        os.sched_setscheduler(0, before, os.sched_param(0))
        child.wait_for_turn()
        return os.sched_getscheduler(0), os.nice(0)

    assert in_fork(act) == [after, os.nice(0) + 3]


def test_where_no_policy_may_be_chosen_a_child_lives_with_the_usual_one(
    in_fork: InFork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError

    def act() -> object:
        monkeypatch.setattr(os, "sched_setscheduler", refuse)
        child.wait_for_turn()
        return os.sched_getscheduler(0)

    assert in_fork(act) == os.sched_getscheduler(0)


def test_signals_have_their_default_action_but_for_three(in_fork: InFork) -> None:
    def act() -> object:
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        fork.reset_signals(fork.ACTIONS)
        return Path("/proc/self/status").read_text()

    lines = dict(line.split(":\t") for line in in_fork(act).splitlines() if ":\t" in line)
    ignored = {number for number in range(1, 65) if int(lines["SigIgn"], 16) >> (number - 1) & 1}
    assert ignored - {32, 33} == {signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ}
    assert int(lines["SigCgt"], 16) & ~LIBC_SIGNALS == 0
    assert int(lines["SigBlk"], 16) == 0
