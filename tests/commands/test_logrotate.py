"""logrotate: a new file, and no line lost."""

import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import logrotate
from tests.commands.commanded import Commanded
from tests.suite.waiting import wait_for


@pytest.fixture
def system() -> Iterator[Commanded]:
    one = Commanded()
    try:
        assert one.run("start").returncode == 0
        yield one
    finally:
        one.__exit__()


def rotated(system: Commanded) -> list[Path]:
    """Return the old files."""
    return sorted(system.top.glob("mail.log.*"))


def test_the_old_file_is_compressed_and_the_new_one_written(system: Commanded) -> None:
    system.configure(maillog_file_rotate_suffix="%Y-%m-%d")
    day = time.strftime("%Y-%m-%d")
    done = system.run("logrotate")
    assert (done.returncode, done.stderr) == (0, "")
    (old,) = rotated(system)
    assert old.name in (f"mail.log.{day}.gz", f"mail.log.{time.strftime('%Y-%m-%d')}.gz")
    assert b"daemon started" in gzip.decompress(old.read_bytes())
    with system.connect() as visit:
        visit.say("log")
    system.wait_for_log("a line from echod")
    assert "daemon started" not in system.log_text()
    # A second one on the same day would hide the first.
    before = system.log_text()
    (system.top / old.stem).touch()
    assert system.run("logrotate").returncode == 1
    assert before in system.log_text()


def test_a_file_in_which_lines_may_yet_come_is_left_alone(
    system: Commanded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logrotate, "LEAVE_SECONDS", 0.3)
    with system.connect() as visit:
        assert logrotate.main(system.top / "etc", 0, []) == 0
        (old,) = rotated(system)
        assert f"{old} is not compressed: processes are at work" in capsys.readouterr().err
        visit.say("log")
        wait_for(lambda: "a line from echod" in old.read_text(), 5, "its line in the old file")


def test_a_bad_configuration_keeps_the_file(system: Commanded) -> None:
    system.configure(max_use="many")
    done = system.run("logrotate")
    assert done.returncode == 1
    assert "log not rotated: reload refused: " in done.stderr
    assert rotated(system) == []
    assert "daemon started" in system.log_text()


def test_a_compressor_that_fails_is_told(system: Commanded) -> None:
    system.configure(maillog_file_compressor="/bin/false")
    done = system.run("logrotate")
    (old,) = rotated(system)
    assert (done.returncode, done.stderr) == (
        1,
        f"postroom: fatal: /bin/false {old}: exit status 1\n",
    )


def test_a_log_of_a_stopped_system_is_rotated(system: Commanded) -> None:
    assert system.run("stop").returncode == 0
    assert system.run("logrotate").returncode == 0
    assert len(rotated(system)) == 1


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("", "parameter maillog_file: there is no log file to rotate"),
        ("/dev/stdout", "parameter maillog_file: /dev/stdout is no file to rotate"),
    ],
)
def test_what_is_no_file_is_not_rotated(system: Commanded, path: str, complaint: str) -> None:
    system.configure(maillog_file=path)
    done = system.run("logrotate")
    assert (done.returncode, done.stderr) == (1, f"postroom: fatal: {complaint}\n")
