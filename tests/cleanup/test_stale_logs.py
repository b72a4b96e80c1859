"""Promises of cleanup.stale_logs."""

import os
from pathlib import Path

import pytest

from cleanup import stale_logs as stale_logs_module
from cleanup.stale_logs import (
    CROWDED_SECONDS,
    LIST_SECONDS,
    LOG_DIRECTORIES,
    LOOKED_UP,
    NAMES_LIMIT,
    StaleLogs,
)
from common.queue_id import QueueId

NAME = QueueId("C3A92216044")
HASHED = ("deferred", "defer")  # as hash_queue_names is by default


@pytest.fixture(autouse=True)
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A queue without logs, where the process works."""
    monkeypatch.chdir(tmp_path)
    for folder in LOG_DIRECTORIES:
        (tmp_path / folder).mkdir()
    return tmp_path


def files() -> list[Path]:
    """Return what is in the queue, folders left out."""
    return sorted(path for path in Path().rglob("*") if not path.is_dir())


class Clock:
    """A clock that stands."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(stale_logs_module, "time", found)
    return found


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were looked up so far."""
    paths: list[str] = []
    real = os.access

    def access(path: str, mode: int, *, follow_symlinks: bool) -> bool:
        paths.append(path)
        return real(path, mode, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "access", access)
    return paths


def busy(hashed: tuple[str, ...] = HASHED, depth: int = 1) -> StaleLogs:
    """Return one that has just made a list of the logs, if it can be made."""
    found = StaleLogs(hashed, depth)
    for _ in range(LOOKED_UP + 1):
        found.remove(QueueId("0123456789A"))
    return found


def test_logs_of_a_former_message_are_removed() -> None:
    name = QueueId("C3A92216044")
    for folder in ("defer", "bounce", "trace"):
        Path(folder, name).touch()
        Path(folder, "OTHER").touch()
    stale_logs = StaleLogs((), 1)
    stale_logs.remove(name)
    assert sorted(str(path) for path in files()) == ["bounce/OTHER", "defer/OTHER", "trace/OTHER"]
    stale_logs.remove(name)  # none there: no error


def test_logs_of_a_former_message_are_removed_where_the_queue_is_hashed() -> None:
    # As hash_queue_names and hash_queue_depth are by default: defer/C/C3A92216044.
    name = QueueId("C3A92216044")
    Path("defer/C").mkdir()
    for path in (Path("defer/C", name), Path("bounce", name)):
        path.touch()
    Path("trace/C").mkdir()
    elsewhere = [Path("defer", name), Path("trace/C", name)]  # these are no logs of it
    for path in elsewhere:
        path.touch()
    StaleLogs(("deferred", "defer"), 1).remove(name)
    assert sorted(files()) == elsewhere


def test_a_stale_log_that_cannot_be_removed_disturbs_nobody() -> None:
    name = QueueId("C3A92216044")
    Path("defer", name).mkdir()
    Path("bounce", name).symlink_to("nowhere")
    StaleLogs((), 1).remove(name)
    assert Path("defer", name).is_dir()
    assert not Path("bounce", name).is_symlink()


# Lists.


def test_a_busy_process_looks_no_names_up(clock: Clock, looked_up: list[str]) -> None:
    logs = busy()
    assert len(looked_up) == LOOKED_UP * len(LOG_DIRECTORIES)
    for number in range(1000):
        logs.remove(QueueId(f"{number:05X}F12345"))
    assert len(looked_up) == LOOKED_UP * len(LOG_DIRECTORIES)


@pytest.mark.parametrize("folder", LOG_DIRECTORIES)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_log_that_is_in_the_list_is_removed(folder: str, depth: int) -> None:
    path = Path(folder, *NAME[:depth], NAME)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    other = path.with_name("OTHER")
    other.touch()
    logs = busy((folder,), depth)
    logs.remove(NAME)
    assert files() == [other]


def test_a_folder_that_lies_elsewhere_is_listed_too(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Path("defer", NAME[0]).symlink_to(elsewhere)
    (elsewhere / NAME).touch()
    busy().remove(NAME)
    assert list(elsewhere.iterdir()) == []


def test_a_log_that_came_since_the_list_is_found_by_the_next(clock: Clock) -> None:
    logs = busy()
    Path("bounce", NAME).touch()
    clock.now += LIST_SECONDS
    logs.remove(NAME)
    assert files() == []
    logs = busy()
    Path("bounce", NAME).touch()
    clock.now += LIST_SECONDS
    for number in range(LOOKED_UP + 1):
        logs.remove(QueueId(f"{number:05X}F12345"))
    logs.remove(NAME)
    assert files() == []


def test_names_are_looked_up_where_there_are_too_many(clock: Clock, looked_up: list[str]) -> None:
    for number in range(NAMES_LIMIT + 1):
        Path("trace", f"{number:05X}F12345").touch()
    logs = busy()
    Path("bounce", NAME).touch()
    looked_up.clear()
    logs.remove(NAME)
    assert not Path("bounce", NAME).exists()
    assert len(looked_up) == len(LOG_DIRECTORIES)
    # The list is not tried again soon.
    for path in files():
        path.unlink()
    clock.now += CROWDED_SECONDS / 2
    for _ in range(LOOKED_UP * 2):
        logs.remove(NAME)
    assert len(looked_up) == len(LOG_DIRECTORIES) * (1 + LOOKED_UP * 2)
    clock.now += CROWDED_SECONDS / 2
    for _ in range(LOOKED_UP * 2):
        logs.remove(NAME)
    assert len(looked_up) == len(LOG_DIRECTORIES) * (1 + LOOKED_UP * 3)


def test_names_are_looked_up_where_no_list_can_be_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def scandir(path: str) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "scandir", scandir)
    logs = busy()
    Path("bounce", NAME).touch()
    logs.remove(NAME)
    assert files() == []


def test_a_folder_that_is_not_there_has_no_logs(looked_up: list[str]) -> None:
    Path("trace").rmdir()
    Path("bounce", NAME).touch()
    logs = busy()
    looked_up.clear()
    logs.remove(QueueId("0123456789A"))
    assert looked_up == []
    logs.remove(NAME)
    assert files() == []
