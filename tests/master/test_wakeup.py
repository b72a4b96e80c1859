"""Calls, with a service that the test plays itself."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from master import wakeup
from master.configuration import Configuration
from master.endpoints import Names
from master.events import Loop
from master.plan import Plan
from master.wakeup import Wakeup
from tests.common.journal import Journal

LINE = "a unix n - n {wakeup} 1 nosuch\n"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket of a service; nobody accepts but the test."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "public").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.setblocking(False)
        listener.bind("public/a")
        listener.listen(10)
        yield listener


def plan(top: Path, column: str) -> Plan:
    """Return the plan of that service with such a wakeup column."""
    (top / "main.cf").write_text("")
    (top / "master.cf").write_text(LINE.format(wakeup=column))
    (found,) = Configuration.load(top, Names()).plans.values()
    return found


class Rounds:
    """A wakeup and its loop."""

    def __init__(self, top: Path, column: str) -> None:
        self.loop, self.log = Loop(), Journal()
        self.wakeup = Wakeup(plan(top, column), self.loop, self.log)

    def run(self, seconds: float, then: Callable[[], None] = lambda: None) -> None:
        """Let time go by."""
        self.loop.call_later(seconds, self.loop.stop)
        self.loop.run()
        then()


def calls(service: socket.socket) -> list[socket.socket]:
    """Return who has connected and was not accepted yet."""
    found = []
    while True:
        try:
            found.append(service.accept()[0])
        except BlockingIOError:
            return found


def test_the_first_call_comes_at_once_and_brings_two_words(
    service: socket.socket, tmp_path: Path
) -> None:
    rounds = Rounds(tmp_path, "60")
    rounds.wakeup.start(-1)
    rounds.run(0.05)
    (call,) = calls(service)
    assert call.recv(100) == b"W\0"


def test_a_service_that_does_not_answer_is_not_called_again(
    service: socket.socket, tmp_path: Path
) -> None:
    rounds = Rounds(tmp_path, "1")
    rounds.wakeup.start(-1)
    rounds.run(2.2)
    (call,) = calls(service)
    rounds.run(1.0)
    assert calls(service) == []  # taken, but not over
    call.close()
    rounds.run(1.1)
    assert len(calls(service)) == 1
    assert rounds.log.warnings() == []


def test_a_call_without_an_answer_ends_with_a_warning(
    service: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeup, "PATIENCE", 0.05)
    rounds = Rounds(tmp_path, "60")
    rounds.wakeup.start(-1)
    (call,) = calls(service)
    rounds.run(0.2)
    assert call.recv(100) == b"W\0"
    assert call.recv(100) == b""
    assert rounds.log.warnings() == ["warning: wakeup of service public/a: read timeout"]


def test_a_service_that_hangs_up_in_mid_sentence_has_understood(
    service: socket.socket, tmp_path: Path
) -> None:
    rounds = Rounds(tmp_path, "60")
    rounds.wakeup.start(-1)
    calls(service)[0].close()
    rounds.run(0.05)
    assert rounds.log.warnings() == []


def test_who_cannot_be_reached_is_told_and_tried_again(
    service: socket.socket, tmp_path: Path
) -> None:
    (tmp_path / "public/a").unlink()
    rounds = Rounds(tmp_path, "1")
    rounds.wakeup.start(-1)
    complaint = "warning: wakeup of service public/a: No such file or directory"
    assert rounds.log.warnings() == [complaint]
    rounds.run(1.1)
    assert rounds.log.warnings() == [complaint] * 2


@pytest.mark.parametrize("column", ["0", "-", "60?"])
def test_who_does_not_want_it_is_not_called(
    service: socket.socket, tmp_path: Path, column: str
) -> None:
    rounds = Rounds(tmp_path, column)
    rounds.wakeup.start(-1)
    rounds.run(0.05)
    assert calls(service) == []
    rounds.wakeup.used()
    rounds.wakeup.used()
    rounds.run(0.05)
    assert len(calls(service)) == (column == "60?")


def test_after_the_end_there_is_no_call(service: socket.socket, tmp_path: Path) -> None:
    rounds = Rounds(tmp_path, "1")
    rounds.wakeup.start(-1)
    (call,) = calls(service)
    rounds.run(0.05)
    rounds.wakeup.stop()
    rounds.wakeup.used()
    rounds.run(1.1)
    assert call.recv(100) == b"W\0"
    assert call.recv(100) == b""
    assert calls(service) == []
