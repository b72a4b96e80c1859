"""The programs that Postfix's master starts: how they are made."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands import daemons
from common.params import PARAMETERS


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """A configuration that names a folder for them."""
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "main.cf").write_text(f"native_daemon_directory = {tmp_path}/a/b\n")
    return folder


def refusal(program: Path) -> str:
    """Return what a program says that is started by hand."""
    done = subprocess.run([program], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 1
    return done.stderr.decode()


def test_they_are_made_where_main_cf_says_and_their_paths_are_printed(
    etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):  # what is there already is replaced
        assert daemons.main(etc, 0, []) == 0
        programs = [etc.parent / "a/b" / name for name in ("qmqpd", "cleanup")]
        assert capsys.readouterr().out.splitlines() == [str(path) for path in programs]
    for path in programs:
        assert refusal(path).startswith(f"{path.name}: fatal: do not run this command by hand")
    assert sorted(os.listdir(etc.parent / "a/b")) == ["cleanup", "qmqpd"]


def test_without_a_configuration_they_are_made_beside_the_interpreter(tmp_path: Path) -> None:
    found = daemons.directory(tmp_path / "no-configuration")
    assert found == Path(sys.executable).parents[1] / "libexec/postroom"
    assert "native_daemon_directory" in PARAMETERS


@pytest.mark.parametrize("folder", ["with a blank", "with'quotes'", "long" * 60])
def test_an_interpreter_that_no_first_line_can_name_is_found(tmp_path: Path, folder: str) -> None:
    interpreter = tmp_path / folder / "python"
    interpreter.parent.mkdir()
    interpreter.symlink_to(os.path.realpath(sys.executable))
    program = tmp_path / "qmqpd"
    text = daemons.source("qmqpd", str(interpreter), daemons.module_folders())
    daemons.write_program(program, text)
    assert refusal(program).startswith("qmqpd: fatal: do not run this command by hand")


def test_a_folder_that_cannot_be_made_is_named(etc: Path) -> None:
    (etc.parent / "a").write_text("")
    done = subprocess.run(
        [Path(sys.executable).parent / "postroom", "-c", etc, "daemons"],
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    path = etc.parent / "a/b/qmqpd"
    assert (done.returncode, done.stderr) == (1, f"postroom: fatal: make {path}: Not a directory\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to guard")
def test_a_folder_that_others_may_write_to_is_told(
    etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = etc.parent / "a/b"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    assert daemons.main(etc, 0, []) == 0
    assert f"will not run: group or other writable: {folder}" in capsys.readouterr().err
