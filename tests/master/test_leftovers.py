"""Promises about unfinished queue files: those of the dead go, those of the living stay."""

import errno
import fcntl
import gc
import os
import pwd
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from master import leftovers
from master.events import READ, Callback, Loop, Timer
from master.leftovers import AGAIN, AGE, QUEUES, Leftovers, sweep
from tests.common.journal import Journal
from tests.master.running import Running, account
from tests.suite.instance import RANDOM
from tests.suite.waiting import wait_for


@pytest.fixture(autouse=True)
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in QUEUES:
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def later() -> float:
    """Return a time at which what exists now is old enough."""
    return time.time() + AGE + 1


def leave(path: str, mode: int = 0o600) -> Path:
    """Make a file that somebody left."""
    made = Path(path)
    made.write_bytes(b"C")
    made.chmod(mode)
    return made


@pytest.mark.parametrize(
    "path", ["incoming/123.4567", "incoming/C3A92216044", "hold/4jWF8l2TfNzJTgF"]
)
def test_an_old_unfinished_file_that_is_open_nowhere_goes(path: str) -> None:
    made = leave(path)
    assert list(sweep(later())) == [path]
    assert not made.exists()


@pytest.mark.parametrize("mode", [0o700, 0o744, 0o640, 0o400, 0o000])
def test_a_file_of_any_other_mode_stays(mode: int) -> None:
    made = leave("incoming/C3A92216044", mode)
    assert list(sweep(later())) == []
    assert made.exists()


@pytest.mark.parametrize("name", ["C3A9-1", ".123.4567", "x.y", "C3A92216044#FIX"])
def test_what_has_no_name_of_a_queue_file_stays(name: str) -> None:
    made = leave(f"incoming/{name}")
    assert list(sweep(later())) == []
    assert made.exists()


def test_a_young_file_stays_and_is_looked_at_again() -> None:
    made = leave("incoming/C3A92216044")
    assert list(sweep(time.time() + AGE - 5)) == [AGAIN]
    assert made.exists()


def test_the_age_is_that_of_the_last_change_of_any_kind() -> None:
    made = leave("incoming/C3A92216044")
    os.utime(made, (0, 0))
    assert list(sweep(time.time())) == [AGAIN]
    assert made.exists()


@pytest.mark.parametrize("flags", [os.O_RDWR, os.O_WRONLY])
@pytest.mark.parametrize("locked", [False, True])
def test_a_file_that_somebody_writes_stays_however_old_it_is(flags: int, locked: bool) -> None:
    """Ours locks it, Postfix's cleanup does not."""
    made = leave("incoming/C3A92216044")
    writer = os.open(made, flags)
    if locked:
        fcntl.flock(writer, fcntl.LOCK_EX)
    assert list(sweep(later())) == [AGAIN]
    assert made.exists()
    os.close(writer)
    assert list(sweep(later())) == ["incoming/C3A92216044"]


def test_files_that_are_being_written_give_no_reason_to_look_again() -> None:
    made = leave("incoming/C3A92216044")
    with made.open("r+b"):
        assert list(sweep(time.time())) == []


def test_a_file_that_is_finished_between_two_looks_at_it_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = leave("incoming/C3A92216044")
    plain = os.open

    def finish_first(path: str, flags: int, *rest: int) -> int:
        made.chmod(0o700)
        return plain(path, flags, *rest)

    monkeypatch.setattr(os, "open", finish_first)
    assert list(sweep(later())) == []
    assert made.exists()


def test_links_and_pipes_are_let_alone(tmp_path: Path) -> None:
    precious = leave("precious")
    Path("incoming/AAAAA1").symlink_to(precious)
    os.mkfifo("incoming/AAAAA2", 0o600)
    os.mkdir("incoming/AAAAA3", 0o600)
    assert list(sweep(later())) == []
    assert precious.exists()
    assert sorted(os.listdir("incoming")) == ["AAAAA1", "AAAAA2", "AAAAA3"]


def test_a_file_that_is_replaced_by_a_link_at_the_last_moment_is_not_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    precious = leave("precious")
    made = leave("incoming/AAAAA1")
    plain = os.open

    def replace_first(path: str, flags: int, *rest: int) -> int:
        made.unlink()
        made.symlink_to(precious)
        return plain(path, flags, *rest)

    monkeypatch.setattr(os, "open", replace_first)
    assert list(sweep(later())) == []
    assert precious.exists()


def test_where_there_are_no_leases_everything_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> NoReturn:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    made = leave("incoming/C3A92216044")
    monkeypatch.setattr(fcntl, "fcntl", refuse)
    assert list(sweep(later())) == []
    assert made.exists()


class Timers(Loop):
    """A loop that notes who is to be called, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Timer] = []
        self.watched: list[int] = []

    def call_at(self, when: float, callback: Callback) -> Timer:
        self.calls.append(Timer(when, len(self.calls), callback))
        return self.calls[-1]

    def watch(self, descriptor: int, callback: Callback, events: int = READ) -> None:
        self.watched.append(descriptor)

    def forget(self, descriptor: int) -> None:
        if descriptor in self.watched:
            self.watched.remove(descriptor)


@pytest.mark.parametrize("scarce", ["pipe2", "fork"])
def test_without_room_for_a_look_master_goes_on_and_looks_later(
    scarce: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> NoReturn:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, scarce, refuse)
    journal, timers = Journal(), Timers()
    gc.collect()  # descriptors of earlier tests
    before = len(os.listdir("/proc/self/fd"))
    Leftovers(timers, journal, None).expect()
    timers.calls.pop().callback()
    assert journal.lines() == [
        "warning: fork: Too many open files: unfinished queue files stay for now"
    ]
    assert len(timers.calls) == 1
    assert len(os.listdir("/proc/self/fd")) == before


def test_at_a_stop_nobody_looks_again_whatever_becomes_of_who_looks() -> None:
    timers = Timers()
    made = Leftovers(timers, Journal(), None)
    made.expect()
    timers.calls.pop().callback()
    assert timers.watched
    made.end()
    assert made.reap(os.wait()[0], signal.SIGKILL)
    made.expect()
    assert (timers.calls, timers.watched) == ([], [])


# In a mail system.


@pytest.fixture
def running() -> Iterator[Running]:
    """One whose files are old after a blink."""

    def hurry() -> None:
        leftovers.AGE, leftovers.LOOK_AFTER = 0.2, 0.3

    with Running(patch=hurry) as made:
        yield made


def left(running: Running) -> Path:
    """Leave a file that belongs to the owner of the queue."""
    made = running.top / f"spool/incoming/{RANDOM.randrange(16**5, 16**6):X}"
    made.touch(0o600)
    os.chown(made, pwd.getpwnam(account()[0]).pw_uid, -1)
    return made


def test_what_another_mail_system_left_goes_a_while_after_the_start(running: Running) -> None:
    made, other = left(running), left(running)
    with other.open("r+b"):
        wait_for(lambda: not made.exists(), 5, "the end of the file")
        running.wait_for_log(f"removed incoming/{made.name}: unfinished, and nobody is at it")
        assert other.exists()
    wait_for(lambda: not other.exists(), 5, "the end of the file that was open")


def test_a_process_that_comes_to_a_bad_end_is_reason_to_look_again(running: Running) -> None:
    first = left(running)
    wait_for(lambda: not first.exists(), 5, "the look after the start")
    made = left(running)
    os.kill(running.workers()[0], signal.SIGKILL)
    wait_for(lambda: not made.exists(), 5, "the end of the file")


def test_a_queue_that_cannot_be_read_is_logged(running: Running) -> None:
    (running.top / "spool/hold").rmdir()
    running.wait_for_log("warning: looking for unfinished queue files: [Errno 2] No such file")
