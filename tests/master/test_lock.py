"""Only one master: the lock counts, not the file."""

import os
from pathlib import Path

import pytest

from common.errors import ConfigError
from master import lock
from master.lock import LockedError, acquire


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "master.pid"


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PROBE_SECONDS", 0.02)


def test_the_file_tells_the_pid_in_postfix_form(path: Path) -> None:
    held = acquire(path)
    assert path.read_bytes() == b"%32d\n" % os.getpid()
    assert path.stat().st_mode & 0o777 == 0o600
    assert lock.holder(path) == os.getpid()
    os.close(held)
    assert lock.holder(path) is None
    assert path.exists()


def test_a_second_one_is_refused(path: Path) -> None:
    held = acquire(path)
    with pytest.raises(LockedError, match="already running"):
        acquire(path)
    os.close(held)
    os.close(acquire(path))


def test_what_a_dead_master_left_behind_is_replaced(path: Path) -> None:
    path.write_text("1\nsomething longer than a pid that was here before\n" * 3)
    assert lock.holder(path) is None
    held = acquire(path)
    assert path.read_bytes() == b"%32d\n" % os.getpid()
    os.close(held)


def test_a_lock_without_a_pid_is_still_a_lock(path: Path) -> None:
    held = acquire(path)
    os.ftruncate(held, 0)
    assert lock.holder(path) == 0
    os.close(held)


def test_no_file_is_no_lock(path: Path) -> None:
    assert lock.holder(path) is None
    assert not path.exists()


@pytest.mark.parametrize("kind", ["symlink", "hard link", "fifo", "directory"])
def test_links_and_special_files_are_refused_untouched(path: Path, kind: str) -> None:
    precious = path.with_name("precious")
    precious.write_text("precious")
    if kind == "symlink":
        path.symlink_to(precious)
    elif kind == "hard link":
        path.hardlink_to(precious)
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    for use in (acquire, lock.holder):
        with pytest.raises(ConfigError, match="open lock file"):
            use(path)
    assert precious.read_text() == "precious"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere/x: No such file or directory"):
        acquire(tmp_path / "nowhere/x")
