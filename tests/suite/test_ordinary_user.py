"""test_ordinary_user - everything works without root, in a folder of one's own"""

import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.suite import peers
from tests.suite.instance import Postroom, run
from tests.suite.load import numbered, stored_numbers
from tests.suite.processes import PROC

NOBODY = pwd.getpwnam("nobody")
NO_ACCOUNT = 12345  # a uid that no account has, as containers may be started with


class Ordinary(Postroom):
    """An instance that is made, run and used by a user without privileges."""

    def create(self, settings: Mapping[str, str]) -> None:
        own(self.top)
        super().create(settings)

    def tool(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        return as_user([str(peers.postroom()), *arguments], text)


@pytest.fixture
def ordinary() -> Iterator[Ordinary]:
    with Ordinary() as instance:
        yield instance


def test_an_ordinary_user_makes_runs_and_uses_an_instance(ordinary: Ordinary) -> None:
    assert ordinary.command("status").returncode == 1
    ordinary.start()
    assert ordinary.command("status").returncode == 0
    done = ordinary.inject(numbered(5), "r@to.test")
    assert done.returncode == 0, done
    assert set(stored_numbers(ordinary)) == {5}
    (path,) = ordinary.queue_files().values()
    assert path.stat().st_uid == user()
    assert all(owners(pid.pid) == {user()} for pid in ordinary.note_processes())
    ordinary.stop()
    assert ordinary.command("status").returncode == 1


def test_an_ordinary_user_reloads(ordinary: Ordinary) -> None:
    ordinary.start()
    ordinary.configure({"qmqpd_client_port_logging": "yes"})
    assert ordinary.reload().returncode == 0
    position = ordinary.log_position()
    assert ordinary.inject(numbered(1), "r@to.test").returncode == 0
    assert re.search(r"\]:\d+$", ordinary.wait_for_log("disconnect from ", position))


def test_a_strangers_control_socket_is_out_of_reach(ordinary: Ordinary) -> None:
    ordinary.start()
    sockets = [path for path in ordinary.spool.rglob("*") if stat.S_ISSOCK(path.lstat().st_mode)]
    control = [path for path in sockets if path.parent.name == "pid"]
    assert control, sockets
    assert all(stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0 for path in control)


def test_a_user_without_an_account_is_served_or_told_why(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        peers.missing("root, to become a user without an account")
    os.chown(tmp_path, NO_ACCOUNT, NO_ACCOUNT)
    ids = [f"--reuid={NO_ACCOUNT}", f"--regid={NO_ACCOUNT}", "--clear-groups"]
    command = [*setpriv(*ids), str(peers.postroom()), "init", str(tmp_path / "instance")]
    done = run(command)
    assert done.returncode == 0 or len(done.stderr.splitlines()) == 1, done.stderr


def own(path: Path) -> None:
    """Give a folder to the ordinary user."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)


def user() -> int:
    """Return the id to run with: our own, unless we are root."""
    return os.geteuid() or NOBODY.pw_uid


def owners(pid: int) -> set[int]:
    """Return the real, effective and saved user ids of a process; none once it is gone."""
    try:
        text = (PROC / str(pid) / "status").read_text()
    except OSError:
        return {user()}
    found = re.search(r"(?m)^Uid:\s*(.*)$", text)
    return set(map(int, found[1].split())) if found else set()


def as_user(command: list[str], text: str | None) -> subprocess.CompletedProcess[str]:
    """Run a command as the ordinary user."""
    if os.geteuid() != 0:
        return run(command, text)
    if reachable():
        return run(command, text, user=NOBODY.pw_uid, group=NOBODY.pw_gid)
    ids = [f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups"]
    return run([*setpriv(*ids), *command], text)


def reachable() -> bool:
    """Tell whether the ordinary user may execute this Python at all."""
    try:
        python = [sys.executable, "-c", ""]
        return run(python, user=NOBODY.pw_uid, group=NOBODY.pw_gid).returncode == 0
    except PermissionError:
        return False


def setpriv(*options: str) -> list[str]:
    """Return a prefix that gives up root but for reading: this Python may lie in a closed folder.

    Every other permission is checked as for anybody; what the user may not
    write or own stays out of reach.
    """
    program = shutil.which("setpriv")
    if program is None:
        peers.missing("setpriv (Debian package util-linux)")
    lent = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return [program, *options, *lent]
