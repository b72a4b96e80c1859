"""Promises of claims: what a killed process was at can be found, and nothing else is touched.

SEE ALSO
    tests.cleanup.test_writer, for every moment of a file's life
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from common.claim import PATHS_LIMIT, Claim
from tests.common.memory import shared

LONGEST = "incoming/" + "Z" * 100


@pytest.fixture(autouse=True)
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("incoming", "hold", "active"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)


def end_of(child: Callable[[], None]) -> int:
    """Run something in a process of its own that is killed then; return the signal."""
    pid = os.fork()
    if pid == 0:
        try:
            child()
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    return os.WTERMSIG(os.waitpid(pid, 0)[1])


def test_at_first_and_when_it_is_struck_nothing_is_noted() -> None:
    claim = Claim()
    assert (claim.paths(), claim.remove()) == ([], [])
    claim.note("incoming/4F3A2216044")
    claim.strike()
    assert claim.paths() == []


def test_a_note_replaces_the_one_before_it() -> None:
    claim = Claim()
    for paths in (["incoming/123456.7"], [LONGEST, LONGEST], ["incoming/A1", "hold/A1"]):
        claim.note(*paths)
        assert claim.paths() == paths


def test_what_a_killed_process_noted_is_removed_whatever_state_it_is_in() -> None:
    claim = Claim(shared(Claim.SIZE))

    def child() -> None:
        claim.note("incoming/12.34", "incoming/4F3A2216044", "hold/4F3A2216044")
        Path("incoming/4F3A2216044").touch(0o700)

    Path("incoming/4F3A2216045").touch(0o600)
    assert end_of(child) == signal.SIGKILL
    assert claim.remove() == ["incoming/4F3A2216044"]
    assert os.listdir("incoming") == ["4F3A2216045"]
    assert claim.paths() == []


@pytest.mark.parametrize(
    "path",
    ["active/A1", "incoming", "incoming/../active/A1", "../spool/incoming/A1", "/incoming/A1", "x"],
)
def test_nothing_but_a_queue_file_being_written_is_removed(path: str) -> None:
    Path("active/A1").touch()
    claim = Claim()
    claim.note(path)
    assert claim.remove() == []
    assert os.listdir("active") == ["A1"]


def test_rubbish_in_the_memory_is_no_path() -> None:
    for rubbish in (
        b"\xff" * 256,
        b"\x05\xff\xfe\x80ab".ljust(256, b"\0"),
        bytes(range(1, 256)) + b" ",
    ):
        assert Claim(memoryview(bytearray(rubbish))).paths() == []
    assert len(LONGEST) * 2 < PATHS_LIMIT
