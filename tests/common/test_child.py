"""Promises of common.child.

SEE ALSO
    spec/master-protocol.md, sections 1, 3 and 5
"""

import os
import select
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import child
from common.child import AVAILABLE, TAKEN, Identity, group_id
from common.errors import ConfigError
from tests.common import forked
from tests.common.forked import Forked
from tests.common.journal import Journal


@pytest.fixture
def master(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Master's end of the status channel."""
    ours, theirs = socket.socketpair()
    with ours:
        monkeypatch.setattr(child, "STATUS_FD", theirs.detach())  # it belongs to the child
        yield ours


@pytest.mark.parametrize(
    ("availability", "wire"),
    [
        (TAKEN, "12300000 04000000 00000000"),
        (AVAILABLE, "12300000 04000000 01000000"),
    ],
)
def test_a_report_is_pid_generation_and_availability(
    master: socket.socket, monkeypatch: pytest.MonkeyPatch, availability: int, wire: str
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 12306)
    one = forked.child(Journal())
    assert one.report(availability)
    assert master.recv(100) == bytes.fromhex(wire)


def test_a_report_is_in_the_machine_s_own_byte_order(master: socket.socket) -> None:
    one = forked.child(Journal())
    one.report(AVAILABLE)
    one.report(TAKEN)
    expected = struct.pack("=iIi", os.getpid(), 4, 1) + struct.pack("=iIi", os.getpid(), 4, 0)
    assert master.recv(100) == expected


def test_a_report_to_a_master_that_is_gone_says_so(master: socket.socket) -> None:
    one = forked.child(Journal())
    master.close()
    assert not one.report(AVAILABLE)


def test_a_report_to_a_master_that_does_not_read_waits_for_nobody(
    master: socket.socket,
) -> None:
    one = forked.child(Journal())
    assert all(one.report(TAKEN) for _ in range(10_000))
    received = 0
    while select.select([master], [], [], 0)[0]:
        received += len(master.recv(1 << 20))
    assert received % 12 == 0
    assert 0 < received < 12 * 10_000  # the rest is lost: it did not fit


@pytest.mark.parametrize("reported", [False, True])
def test_a_channel_that_is_given_up_is_at_its_end_for_master(
    master: socket.socket, reported: bool
) -> None:
    one = forked.child(Journal())
    if reported:
        one.report(TAKEN)
        master.recv(12)
    one.close_status()
    assert master.recv(12) == b""


def test_listeners_follow_the_status_channel() -> None:
    assert list(forked.child(Journal(), listener_count=3).listeners) == [6, 7, 8]
    assert list(forked.child(Journal(), listener_count=0).listeners) == []


def test_an_account_is_known_by_name_or_the_operator_must_act() -> None:
    root = Identity.of("root")
    assert (root.uid, root.gid) == (0, 0)
    assert group_id("root") == 0
    for name in ("no-such-one", "²", "9" * 5000):
        with pytest.raises(ConfigError, match=f"mail_owner: unknown user name value: {name}"):
            Identity.of(name)
    with pytest.raises(ConfigError, match="setgid_group: unknown group name: no-such-one"):
        group_id("no-such-one")


def test_an_ordinary_user_has_no_privileges_to_drop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    forked.child(Journal()).drop_privileges("no-such-one", "/no/such/jail")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")
def test_privileges_are_gone_for_good() -> None:
    def run(one: child.Child) -> None:
        one.drop_privileges("nobody", "/")
        nobody = Identity.of("nobody")
        assert os.getresuid() == (nobody.uid,) * 3
        assert os.getresgid() == (nobody.gid,) * 3
        assert 0 not in os.getgroups()
        with pytest.raises(PermissionError):
            os.setuid(0)

    with Forked(run) as process:
        assert process.wait() == 0, process.log()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can go to jail")
def test_the_jail_is_closed_before_privileges_are_gone(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    tmp_path.chmod(0o755)

    def run(one: child.Child) -> None:
        one.chroot = True
        one.drop_privileges("nobody", str(tmp_path))
        assert (os.getcwd(), os.listdir("/")) == ("/", ["inside"])
        assert os.getuid() != 0

    with Forked(run) as process:
        assert process.wait() == 0, process.log()
