"""Promises of the memory that master shares with one child: tried with real forks."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import cleanup.__main__
import qmqpd.__main__
from common.program import Program
from common.sandbox.layers import Layer
from master.shared import Shared
from tests.common.journal import Journal

CLEANUP, QMQPD = Program.of(cleanup.__main__), Program.of(qmqpd.__main__)


def end_of(child: Callable[[], object]) -> int:
    """Run something in a process of its own; return the signal that ended it, 0 for none."""
    pid = os.fork()
    if pid == 0:
        try:
            child()
        finally:
            os._exit(0)
    return os.WTERMSIG(os.waitpid(pid, 0)[1])


def test_master_reads_all_that_its_child_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("incoming").mkdir()
    Path("incoming/A1").touch()
    shared = Shared(CLEANUP)

    def child() -> None:
        assert shared.claim
        shared.claim.note("incoming/A1")
        shared.told.tell((Layer.LIMITS | Layer.FILES).value)
        shared.losses.lost[1], shared.losses.kept[0] = 2**40, 3

    assert shared.told.heard() is None
    assert end_of(child) == 0
    assert shared.told.heard() == Layer.LIMITS | Layer.FILES
    assert (list(shared.losses.lost), list(shared.losses.kept)) == ([0, 2**40], [3, 0])
    journal = Journal()
    shared.wind_up(17, journal)
    assert journal.lines() == ["removed incoming/A1: process pid 17 had not finished it"]
    assert (os.listdir("incoming"), journal.dropped) == ([], 3)


def test_the_longest_claim_fits_beside_the_rest() -> None:
    shared = Shared(CLEANUP)
    path = "incoming/" + "Z" * 100
    assert shared.claim
    shared.claim.note(path, path)
    assert shared.claim.paths() == [path, path]
    assert (shared.told.heard(), list(shared.losses.kept)) == (None, [0, 0])


def test_processes_forked_later_have_no_part_in_it() -> None:
    shared = Shared(CLEANUP)
    shared.keep()
    assert end_of(lambda: shared.told.tell(1)) == signal.SIGSEGV
    assert shared.told.heard() is None


def test_only_who_writes_queue_files_can_claim_one() -> None:
    assert Shared(QMQPD).claim is None
