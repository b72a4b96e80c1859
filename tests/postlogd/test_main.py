"""The process: lines in, lines out, reports, and when it leaves."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import log as log_module
from common.child import AVAILABLE, TAKEN, Child
from postlogd import __main__ as postlogd
from tests.common.forked import Forked, lose_line

HEAD = b"Nov  2 12:47:22 mx "


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "postlog"


@pytest.fixture
def daemon(place: Path) -> Iterator[Forked]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(place))
        with Forked(postlogd.work, [listener]) as forked:
            yield forked


@pytest.fixture
def program(place: Path, daemon: Forked) -> Iterator[socket.socket]:
    """A program of Postfix as it logs: it waits while the socket is full."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(10)
        sender.connect(str(place))
        yield sender


def test_lines_are_written_as_they_are(daemon: Forked, program: socket.socket) -> None:
    program.send(HEAD + b"postfix/smtpd[12]: warning: odd")
    assert daemon.wait_for_log("odd") == "warning: odd"
    assert daemon._text == HEAD + b"postfix/smtpd[12]: warning: odd\n"


def test_a_line_without_a_head_gets_one(daemon: Forked, program: socket.socket) -> None:
    program.send(b"who am I?\n")
    program.send(b"\n")
    program.send(b"")
    program.send(HEAD + b"x[1]: the last")
    daemon.wait_for_log("the last")
    first, *rest = daemon._text.decode().splitlines()
    assert f" mx postfix/test[{daemon.pid}]: who am I?" in first
    assert len(rest) == 1


def test_lines_that_were_lost_are_reported_before_another_comes(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "RETRY_SECONDS", 0.1)

    def run(child: Child) -> None:
        lose_line(child.log)
        postlogd.work(child)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(place))
        with Forked(run, [listener]) as daemon:
            daemon.wait_for_log("warning: log was unavailable: 1 lines lost")


def test_the_first_line_is_reported_and_no_other(daemon: Forked, program: socket.socket) -> None:
    for number in range(3):
        program.send(HEAD + b"x[1]: %d" % number)
        daemon.wait_for_log(str(number))
    assert [daemon.report(), daemon.report()] == [
        (daemon.pid, 4, TAKEN),
        (daemon.pid, 4, AVAILABLE),
    ]
    assert not daemon.reported()


def test_what_was_sent_before_it_has_to_leave_is_written(
    daemon: Forked, program: socket.socket
) -> None:
    daemon.signal(signal.SIGSTOP)
    os.waitpid(daemon.pid, os.WUNTRACED)
    for number in range(5):
        program.send(HEAD + b"x[1]: %d" % number)
    daemon.status.close()
    daemon.signal(signal.SIGCONT)
    assert daemon.wait() == 0
    assert daemon.log() == ["0", "1", "2", "3", "4"]


def test_many_lines_keep_their_order(daemon: Forked, program: socket.socket) -> None:
    count = 3 * postlogd.BATCH
    for number in range(count):
        program.send(HEAD + b"x[1]: %d" % number)
        if number % 100 == 0:
            daemon.log()  # its pipe is read meanwhile
    daemon.wait_for_log(str(count - 1))
    assert daemon.log() == [str(number) for number in range(count)]
