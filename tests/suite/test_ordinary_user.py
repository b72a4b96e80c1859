"""test_ordinary_user - everything works without root, in a folder of one's own"""

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from tests.suite import peers
from tests.suite.instance import Postroom, run
from tests.suite.load import numbered, stored_numbers
from tests.suite.processes import PROC

USER = 12345  # no account has it: an instance must not need one


class Ordinary(Postroom):
    """An instance that is made, run and used by a user without privileges."""

    def create(self, settings: Mapping[str, str]) -> None:
        os.chown(self.top, user(), user())
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


def user() -> int:
    """Return the id to run with: our own, unless we are root."""
    return os.geteuid() or USER


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
        return run(command, text, user=USER)
    return run([*lend_reading(), *command], text)


def reachable() -> bool:
    """Tell whether the ordinary user may execute this Python at all."""
    try:
        return run([sys.executable, "-c", ""], user=USER).returncode == 0
    except PermissionError:
        return False


def lend_reading() -> list[str]:
    """Return a prefix that gives up root but for reading: this Python lies in a closed folder.

    Every other permission is checked as for anybody; what the user may not
    write or own stays out of reach.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        peers.missing(f"a Python that an ordinary user may execute (or setpriv): {sys.executable}")
    ids = [f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    return [setpriv, *ids, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
