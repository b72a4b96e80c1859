"""Promises of cleanup.trigger.

SEE ALSO
    spec/qmgr-delivery-protocols.md, section 1
"""

import contextlib
import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, repeat
from pathlib import Path
from types import SimpleNamespace

import pytest

from cleanup import trigger
from cleanup.trigger import WARNING_INTERVAL, Trigger
from tests.common.forked import outcome
from tests.common.journal import Journal

SHARED = trigger.LAST_WARNING  # memory that forked processes have in common
MISSING = "warning: cannot wake public/qmgr: No such file or directory"


@dataclass
class Clock:
    now: float = 1000.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(trigger, "time", SimpleNamespace(monotonic=lambda: found.now))
    monkeypatch.setattr(trigger, "LAST_WARNING", bytearray(8))
    return found


@pytest.fixture(autouse=True)
def public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "public").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "public"


@pytest.fixture
def fifo() -> Iterator[int]:
    """The reading end of public/qmgr."""
    os.mkfifo("public/qmgr")
    reader = os.open("public/qmgr", os.O_RDONLY | os.O_NONBLOCK)
    yield reader
    os.close(reader)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as found:
        found.bind("public/qmgr")
        found.settimeout(10)
        yield found


def wake(count: int = 1, *, seconds: Iterable[int] = repeat(7)) -> list[str]:
    """Wake the queue manager, so often, at these seconds; return what was logged."""
    journal = Journal()
    with contextlib.closing(Trigger("qmgr", journal)) as found:
        for _, second in zip(range(count), seconds, strict=False):
            found.pull(second)
    return journal.lines()


@pytest.fixture
def bell() -> Iterator[Trigger]:
    """What wakes the queue manager again and again."""
    with contextlib.closing(Trigger("qmgr", Journal())) as found:
        yield found


def fresh_fifo() -> int:
    """Put a new FIFO in the place of what is there; return its reading end."""
    Path("public/fresh").unlink(missing_ok=True)
    os.mkfifo("public/fresh")
    os.rename("public/fresh", "public/qmgr")
    return os.open("public/qmgr", os.O_RDONLY | os.O_NONBLOCK)


@pytest.mark.parametrize("seconds", [repeat(7), count(), [7, 7, 8], [7, 6, 7]])
def test_a_fifo_gets_one_byte_a_message(fifo: int, seconds: Iterable[int]) -> None:
    assert wake(3, seconds=seconds) == []
    assert os.read(fifo, 100) == b"WWW"


def test_a_queue_manager_that_was_replaced_with_its_fifo_is_told_at_once(bell: Trigger) -> None:
    old = fresh_fifo()
    bell.pull(7)
    os.close(old)
    new = fresh_fifo()
    bell.pull(7)
    bell.pull(7)
    assert os.read(new, 100) == b"WW"
    os.close(new)


def test_a_queue_manager_that_comes_back_to_its_fifo_is_told_at_once(bell: Trigger) -> None:
    old = fresh_fifo()
    bell.pull(7)
    os.close(old)
    bell.pull(7)  # nobody is there
    back = os.open("public/qmgr", os.O_RDONLY | os.O_NONBLOCK)
    bell.pull(7)
    assert os.read(back, 100) == b"W"
    os.close(back)


@pytest.mark.parametrize("folder_too", [False, True])
def test_a_new_fifo_is_found_within_a_second_though_the_old_one_is_read(
    bell: Trigger, folder_too: bool
) -> None:
    old = fresh_fifo()
    bell.pull(7)
    if folder_too:
        os.rename("public", "public.old")
        os.mkdir("public")
    new = fresh_fifo()
    bell.pull(8)
    assert (os.read(old, 100), os.read(new, 100)) == (b"W", b"W")
    os.close(old)
    os.close(new)


def test_a_fifo_gives_way_to_a_socket(fifo: int, bell: Trigger) -> None:
    bell.pull(7)
    os.unlink("public/qmgr")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("public/qmgr")
        listener.listen()
        listener.settimeout(10)
        for second in (8, 8):
            bell.pull(second)
            with listener.accept()[0] as connection:
                assert connection.recv(100) == b"W\0"
    assert os.read(fifo, 100) == b"W"


def test_no_more_than_one_descriptor_is_kept(fifo: int, bell: Trigger) -> None:
    bell.pull(7)
    before = len(os.listdir("/proc/self/fd"))
    for second in range(9):
        bell.pull(second)
    assert len(os.listdir("/proc/self/fd")) == before
    assert os.read(fifo, 100) == b"W" * 10


def test_a_socket_gets_two_bytes_and_is_closed(listener: socket.socket) -> None:
    listener.listen()
    assert wake() == []
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(10)
        assert (connection.recv(100), connection.recv(100)) == (b"W\0", b"")


def test_a_queue_manager_that_does_not_accept_is_not_waited_for(listener: socket.socket) -> None:
    listener.listen(1)
    assert wake(20) == []  # the backlog is full: it has been told often enough
    connection, _ = listener.accept()
    assert connection.recv(100) == b"W\0"
    connection.close()


def test_a_full_fifo_is_not_waited_for(fifo: int) -> None:
    writer = os.open("public/qmgr", os.O_WRONLY | os.O_NONBLOCK)
    filled = os.write(writer, bytes(10_000_000))
    assert wake(3) == []
    assert filled < 10_000_000
    os.close(writer)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        ("nothing", "No such file or directory"),
        ("fifo", "No such device or address"),
        ("socket", "Connection refused"),
        ("file", "Connection refused"),
    ],
)
def test_a_queue_manager_that_is_not_there_is_no_error_but_worth_a_line(
    make: str, reason: str
) -> None:
    if make == "fifo":
        os.mkfifo("public/qmgr")
    elif make == "file":
        Path("public/qmgr").touch()
    elif make == "socket":
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind("public/qmgr")
    assert wake() == [f"warning: cannot wake public/qmgr: {reason}"]


def test_one_warning_an_hour_is_enough(clock: Clock) -> None:
    assert wake(50) == [MISSING]
    clock.now += WARNING_INTERVAL - 1
    assert wake() == []
    clock.now += 2
    assert wake(2) == [MISSING]
    assert WARNING_INTERVAL == 3600


def test_the_hour_is_that_of_all_processes_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trigger, "LAST_WARNING", SHARED)
    SHARED[:] = bytes(8)
    assert outcome(lambda: "\n".join(wake()).encode()) == MISSING.encode()
    assert outcome(lambda: "\n".join(wake()).encode()) == b""
    assert wake() == []
    SHARED[:] = bytes(8)


def test_the_service_may_have_another_name() -> None:
    journal = Journal()
    Trigger("other", journal).pull(7)
    assert "public/other" in journal.lines()[0]


def test_a_link_in_the_way_is_not_written_to(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    os.mkfifo(target)
    reader = os.open(target, os.O_RDONLY | os.O_NONBLOCK)
    Path("public/qmgr").symlink_to(target)
    assert len(wake()) == 1
    assert os.read(reader, 100) == b""
    os.close(reader)
