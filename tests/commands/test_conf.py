"""Promises of "postroom conf" beyond what Debian's postconf does.

SEE ALSO
    tests.commands.test_conf_reference, where the two are compared
"""

import json
import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from commands.conf import postconf
from commands.conf.rewriting import rewrite
from common.errors import ConfigError
from common.params import PARAMETERS, every
from tests.suite import peers

MASTER_CF = "# first\nsmtp unix - - n - - smtp -o a=b\nsmtp inet n - - - - smtpd\n"


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "main.cf").write_text("relayhost = $foo\nfoo = 1\n")
    (folder / "master.cf").write_text(MASTER_CF)
    return folder


def conf(etc: Path, *arguments: str) -> int:
    return postconf(Path("/nonexistent"), 0, ["-c", str(etc), *arguments])


def files(etc: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in etc.iterdir() if path.is_file()}


# One JSON object a line.


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("-nj", "relayhost"), [{"name": "relayhost", "value": "$foo"}]),
        (("-nxj", "relayhost"), [{"name": "relayhost", "value": "1"}]),
        (("-njh", "foo"), [{"value": "1"}]),
        (("-njH", "foo"), [{"name": "foo"}]),
        (("-Pj",), [{"service": "smtp", "type": "unix", "parameter": "a", "value": "b"}]),
        (
            ("-Fj", "smtp/inet/wakeup"),
            [{"service": "smtp", "type": "inet", "field": "wakeup", "value": "-"}],
        ),
        (
            ("-Mj", "smtp/unix"),
            [
                {"service": "smtp", "type": "unix", "private": "-", "unprivileged": "-"}
                | {"chroot": "n", "wakeup": "-", "process_limit": "-", "command": "smtp -o a=b"}
            ],
        ),
    ],
)
def test_answers_can_be_json(
    arguments: tuple[str, ...],
    expected: list[dict[str, str]],
    etc: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    assert conf(etc, *arguments) == 0
    lines = capfdbinary.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == expected


# What is ours.


def test_all_parameters_are_known(etc: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert conf(etc, "-dH") == 0
    listed = set(capfdbinary.readouterr().out.decode().split())
    assert {one.name for one in every().values() if not one.legacy and not one.releases} <= listed
    assert {name for name, one in PARAMETERS.items() if not one.legacy} <= listed


def test_a_computed_default_of_ours_is_shown(
    etc: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert conf(etc, "-h", "native_daemon_directory") == 0
    shown = capfdbinary.readouterr().out.decode().rstrip("\n")
    assert shown.endswith("/libexec/postroom")


# The executable, under either name.


@pytest.mark.parametrize(
    ("name", "arguments", "program"),
    [("postroom", ("conf",), b"postroom conf"), ("postconf", (), b"postconf")],
)
def test_either_name_is_the_command(
    name: str, arguments: tuple[str, ...], program: bytes, etc: Path, tmp_path: Path
) -> None:
    link = tmp_path / name
    link.symlink_to(peers.postroom())
    command = [str(link), *arguments, "-c", str(etc), "-h", "foo", "none"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"1\n")
    assert program + b": warning: none: unknown parameter\n" in done.stderr


def test_the_directory_may_come_from_the_environment_and_from_the_front(etc: Path) -> None:
    program = str(peers.postroom())
    environment = {**os.environ, "MAIL_CONFIG": str(etc)}
    for command in ([program, "conf", "-h", "foo"], [program, "-c", str(etc), "conf", "-h", "foo"]):
        done = subprocess.run(command, capture_output=True, check=True, env=environment)
        assert done.stdout == b"1\n"


def test_a_reader_that_leaves_early_is_no_error(etc: Path) -> None:
    command = f"{peers.postroom()} conf -c {etc} -d | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
    assert done.stdout.startswith(b"2bounce_notice_recipient")
    assert b"Traceback" not in done.stderr


# Edits.


def test_an_edit_keeps_owner_mode_and_link(etc: Path, tmp_path: Path) -> None:
    target = tmp_path / "real.cf"
    (etc / "main.cf").rename(target)
    (etc / "main.cf").symlink_to(target)
    target.chmod(0o640)
    owner = (65534, 65534) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(target, *owner)
    inode = target.stat().st_ino
    assert conf(etc, "-e", "foo=2") == 0
    assert (etc / "main.cf").is_symlink()
    found = target.stat()
    assert found.st_ino != inode, "a new file takes its place"
    assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (0o640, *owner)
    assert target.read_text() == "relayhost = $foo\nfoo = 2\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["etc", "real.cf"]


def test_edits_at_the_same_time_all_count(etc: Path) -> None:
    program = str(peers.postroom())

    def edit(number: int) -> int:
        command = [program, "conf", "-c", str(etc), "-e", f"own_{number}={number}"]
        return subprocess.run(command, capture_output=True, check=False).returncode

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(edit, range(8))) == {0}
    lines = (etc / "main.cf").read_text().splitlines()
    assert sorted(lines[2:]) == [f"own_{number} = {number}" for number in range(8)]
    assert sorted(files(etc)) == ["main.cf", "master.cf"]


def test_who_waits_for_another_edit_starts_from_its_result(etc: Path) -> None:
    path = etc / "main.cf"
    with ThreadPoolExecutor(1) as pool:
        waiting: list[Future[None]] = []

        def first(lines: list[str]) -> list[str]:
            second = pool.submit(rewrite, path, lambda lines: [*lines, "second = 1\n"])
            waiting.append(second)
            return [*lines, "first = 1\n"]

        rewrite(path, first)
        waiting[0].result(10)
    assert path.read_text().endswith("first = 1\nsecond = 1\n")


def test_a_failing_change_leaves_the_file(etc: Path) -> None:
    before = files(etc)

    def fails(lines: list[str]) -> list[str]:
        raise ConfigError("no")

    with pytest.raises(ConfigError, match="no"):
        rewrite(etc / "main.cf", fails)
    assert files(etc) == before


@pytest.mark.parametrize("size", [0, 1000, 3_000_000])
def test_a_line_may_be_long(
    size: int, etc: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (etc / "main.cf").write_text(f"relayhost = {'x' * size}\nfoo = 1\n")
    assert conf(etc, "-h", "relayhost") == 0
    assert len(capfdbinary.readouterr().out) == size + 1
    assert conf(etc, "-e", "foo=2") == 0
    assert (etc / "main.cf").read_text() == f"relayhost = {'x' * size}\nfoo = 2\n"


# What cannot be done says so, ends with 1, and changes nothing.

RUBBISH = bytes(range(256)) * 40


@pytest.mark.parametrize(
    "arguments",
    [
        *(("-n",), ("-x", "relayhost"), ("-M",), ("-F",), ("-P",), ("-e", "a=b"), ("-X", "a")),
        *(("-#", "a"), ("-M", "a/unix=a unix - - - - - b"), ("-MX", "a/unix")),
        *(("-F", "a/unix/chroot=y"), ("-P", "a/unix/b=c"), ("-PX", "a/unix/b")),
    ],
)
@pytest.mark.parametrize("state", ["directory", "rubbish", "loop", "absent", "dangling"])
def test_a_file_that_is_none(
    state: str, arguments: tuple[str, ...], etc: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    for path in (etc / "main.cf", etc / "master.cf"):
        path.unlink()
        if state == "directory":
            path.mkdir()
        elif state == "rubbish":
            path.write_bytes(RUBBISH)
        elif state == "loop":
            path.symlink_to(path)
        elif state == "dangling":
            path.symlink_to("/nonexistent/main.cf")
    before = files(etc)
    status = conf(etc, *arguments)
    output = capfdbinary.readouterr()
    # Rubbish has lines, and an edit of main.cf need not understand those that it leaves alone.
    if status == 0:
        assert state == "rubbish"
        assert arguments[0] in ("-e", "-X", "-#", "-M", "-MX")
    else:
        assert status == 1
        assert b": fatal: " in output.err
        assert files(etc) == before
    assert not list(etc.glob("*.tmp"))
    assert all(32 <= byte < 127 or byte == 10 for byte in output.err)


def test_what_cannot_be_written_or_read(etc: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs another account")
    for path in (tmp_path, etc):
        path.chmod(0o755)
    (etc / "master.cf").chmod(0)
    before = files(etc)
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # it ends with the process
        edits = ("-e|foo=2", "-M|smtp/unix=smtp unix - - - - - x", "-X|foo")
        os._exit(10 + sum(conf(etc, *edit.split("|")) for edit in edits) + conf(etc, "-M"))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 14
    assert files(etc) == before


@pytest.mark.parametrize("text", ["a = $a\nrelayhost = $a\n", "relayhost = ${x:${relayhost}}\n"])
def test_a_loop_is_named(text: str, etc: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (etc / "main.cf").write_text(text)
    assert conf(etc, "-nx") == 1
    assert b"unreasonable macro call nesting" in capfdbinary.readouterr().err
