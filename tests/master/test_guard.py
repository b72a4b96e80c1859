"""What root refuses to run."""

import os
from pathlib import Path

import pytest

from common.errors import ConfigError
from master import guard
from master.configuration import Configuration
from master.endpoints import Names

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to guard")


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    (tmp_path / "main.cf").write_text("")
    (tmp_path / "master.cf").write_text("")
    return Configuration.load(tmp_path, Names())


def test_a_configuration_of_root_alone_is_fine(configuration: Configuration) -> None:
    guard.check(configuration)


@pytest.mark.parametrize("name", ["main.cf", "master.cf", "."])
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_files_and_folders_that_others_may_write_are_refused(
    configuration: Configuration, name: str, mode: int
) -> None:
    path = configuration.directory / name
    path.chmod(path.stat().st_mode | mode)
    with pytest.raises(ConfigError, match=f"group or other writable: {path}"):
        guard.check(configuration)


def test_files_of_others_are_refused(configuration: Configuration) -> None:
    os.chown(configuration.directory / "main.cf", 65534, -1)
    with pytest.raises(ConfigError, match="refusing to run as root: not owned by root"):
        guard.check(configuration)


def test_programs_are_looked_at_too(
    configuration: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loose = tmp_path / "module.py"
    loose.write_text("")
    loose.chmod(0o666)
    monkeypatch.setattr(guard, "program_files", lambda: [loose])
    assert f"group or other writable: {loose}" in list(guard.complaints(configuration))
    guard.check(configuration)


def test_the_interpreter_and_our_modules_are_known() -> None:
    found = guard.program_files()
    assert Path(guard.__file__) in found
    assert Path(os.__file__) in found
