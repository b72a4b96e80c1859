"""The command's first steps: options, names, what is missing."""

from pathlib import Path

import pytest

from commands import __main__ as command
from commands.__main__ import COMMANDS, global_options


@pytest.mark.parametrize(
    ("arguments", "config_dir", "verbose", "rest"),
    [
        (["stop"], "/default", 0, []),
        (["-c", "/a", "-v", "stop"], "/a", 1, []),
        (["stop", "-c", "/a", "-vv"], "/a", 2, []),
        (["-c", "/a", "-v", "stop", "-c", "/b", "-v"], "/b", 2, []),
        (["stop", "--json", "x"], "/default", 0, ["--json", "x"]),
        (["stop", "-f", "me@a", "-c", "/a", "you@b"], "/a", 0, ["-f", "me@a", "you@b"]),
        (["stop", "--", "-c", "/a"], "/default", 0, ["--", "-c", "/a"]),
    ],
)
def test_general_options_may_stand_anywhere(
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    config_dir: str,
    verbose: int,
    rest: list[str],
) -> None:
    monkeypatch.setenv("MAIL_CONFIG", "/default")
    options, own = global_options(arguments)
    assert options.command == "stop"
    assert (options.config_dir, options.verbose, own) == (Path(config_dir), verbose, rest)


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str]:
    """Return exit status and standard error."""
    monkeypatch.setattr("sys.argv", ["postroom", *arguments])
    status = command.main()
    return status, capsys.readouterr().err


def test_without_a_command_all_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = run(monkeypatch, capsys)
    assert status == 1
    assert all(f"\n  {name} " in text for name in COMMANDS)


def test_an_unknown_command_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = run(monkeypatch, capsys, "bogus")
    assert status == 1
    assert text.startswith("postroom: fatal: unknown command: 'bogus'. Usage: postroom")


def test_a_command_that_is_missing_fails_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(COMMANDS, "later", ("commands.nosuch:main", "is not there yet"))
    status, text = run(monkeypatch, capsys, "later")
    assert (status, text) == (
        1,
        "postroom: fatal: the command later is not part of this installation\n",
    )


@pytest.mark.parametrize("name", ["start", "stop", "reload", "drain", "abort", "status", "check"])
def test_a_missing_configuration_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, tmp_path: Path
) -> None:
    status, text = run(monkeypatch, capsys, "-c", str(tmp_path), name)
    expected = f"postroom: fatal: open {tmp_path}/main.cf: No such file or directory\n"
    assert (status, text) == (1, expected)
