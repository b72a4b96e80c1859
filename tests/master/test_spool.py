"""The directories of the queue."""

import os
import stat
from pathlib import Path

import pytest

from common.config import Entry, MainCf
from common.errors import ConfigError
from common.params import MasterParams
from master import spool
from tests.master.running import account


@pytest.fixture
def params(tmp_path: Path) -> MasterParams:
    owner, group = account()
    settings = {
        "queue_directory": str(tmp_path / "spool"),
        "data_directory": str(tmp_path / "data"),
        "mail_owner": owner,
        "setgid_group": group,
    }
    (tmp_path / "spool").mkdir()
    entries = {name: Entry(text, "test") for name, text in settings.items()}
    return MainCf(tmp_path / "main.cf", entries).load(MasterParams)


def modes(params: MasterParams) -> dict[str, int]:
    """Return the modes of all directories."""
    queue = Path(params.queue_directory)
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in queue.iterdir()}


def test_missing_directories_are_made_with_their_modes(params: MasterParams) -> None:
    owner = spool.mail_owner(params)
    spool.prepare(params, owner)
    found = modes(params)
    assert found.pop("pid") == 0o755
    assert found.pop("public") == 0o710
    assert found.pop("maildrop") == 0o730
    assert set(found) == set(spool.PRIVATE_DIRECTORIES)
    assert set(found.values()) == {0o700}
    expected = owner.uid if owner else os.geteuid()
    assert Path(params.queue_directory, "incoming").stat().st_uid == expected
    assert list(spool.problems(params, owner)) == []


def test_what_exists_is_left_alone_and_told(params: MasterParams) -> None:
    owner = spool.mail_owner(params)
    queue = Path(params.queue_directory)
    (queue / "incoming").mkdir()
    (queue / "incoming").chmod(0o777)
    spool.prepare(params, owner)
    (queue / "active").rmdir()
    (queue / "active").symlink_to("/")
    (queue / "hold").rmdir()
    assert modes(params)["incoming"] == 0o777
    told = list(spool.problems(params, owner))
    assert f"not a directory: {queue}/active" in told
    assert f"{queue}/hold: No such file or directory" in told
    assert any(line.endswith(f"{queue}/incoming") for line in told)


def test_damaged_mail_is_told(params: MasterParams) -> None:
    owner = spool.mail_owner(params)
    spool.prepare(params, owner)
    Path(params.queue_directory, "corrupt/ABC").write_text("damaged")
    assert list(spool.problems(params, owner)) == ["damaged message: corrupt/ABC"]


def test_no_queue_directory_is_a_mistake(params: MasterParams) -> None:
    os.rmdir(params.queue_directory)
    with pytest.raises(ConfigError, match="parameter queue_directory: no directory"):
        spool.prepare(params, None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only a system instance, run by root, has an owner")
def test_root_does_not_own_the_mail(params: MasterParams) -> None:
    entries = {"mail_owner": Entry("root", "test")}
    root = MainCf(Path("main.cf"), entries).load(MasterParams)
    with pytest.raises(ConfigError, match="user root has privileged user ID"):
        spool.mail_owner(root)
