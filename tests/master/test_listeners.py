"""Listening sockets: opened once, kept, and refused in one line."""

import errno
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from common.child import Identity
from common.errors import ConfigError
from master.configuration import Configuration
from master.endpoints import Names
from master.listeners import Listeners, wanted
from master.plan import Plan
from tests.suite.instance import free_port


@pytest.fixture
def plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """A port and a local socket, in a queue directory that is the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "public").mkdir()
    port = free_port()
    (tmp_path / "main.cf").write_text("native_services = echod\ninet_interfaces = 127.0.0.1\n")
    (tmp_path / "master.cf").write_text(
        f"{port} inet n - - - 2000 echod\necho unix n - - - - echod\n"
    )
    return list(Configuration.load(tmp_path, Names()).plans.values())


@pytest.fixture
def listeners() -> Listeners:
    return Listeners(owner=None)


def connects(plan: Plan) -> bool:
    """Tell whether somebody listens."""
    endpoint = plan.endpoints[0]
    with socket.socket(endpoint.family) as client:
        return client.connect_ex(endpoint.address) == 0


def test_clients_can_connect(listeners: Listeners, plans: list[Plan]) -> None:
    listeners.open(wanted(plans))
    assert all(map(connects, plans))
    for plan in plans:
        (descriptor,) = listeners.descriptors(plan.endpoints)
        assert not os.get_blocking(descriptor)
        assert not os.get_inheritable(descriptor)
    listeners.close()
    assert not any(map(connects, plans))


def test_a_local_socket_is_open_to_all_who_get_there(
    listeners: Listeners, plans: list[Plan]
) -> None:
    Path("public/echo").write_text("left behind")
    previous = os.umask(0o077)
    try:
        listeners.open(wanted(plans))
    finally:
        os.umask(previous)
    found = os.lstat("public/echo")
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o666
    listeners.close()


def test_what_is_open_stays_open(listeners: Listeners, plans: list[Plan]) -> None:
    listeners.open(wanted(plans))
    before = [listeners.descriptors(plan.endpoints) for plan in plans]
    listeners.open(wanted(plans))
    assert [listeners.descriptors(plan.endpoints) for plan in plans] == before
    listeners.keep_only(plans[0].endpoints)
    assert connects(plans[0])
    assert not os.path.exists("public/echo")
    listeners.close()


def test_a_taken_port_is_named_and_nothing_stays_open(
    listeners: Listeners, plans: list[Plan]
) -> None:
    port = plans[0].endpoints[0].port
    other = Listeners(owner=None)
    other.open(wanted(plans[:1]))
    with pytest.raises(ConfigError) as caught:
        listeners.open(wanted([plans[1], plans[0]]))
    assert str(caught.value) == (
        f"{plans[0].service.origin}: service {port}:"
        f" bind 127.0.0.1 port {port}: {os.strerror(errno.EADDRINUSE)}"
    )
    assert not connects(plans[1])
    other.close()


def test_a_port_that_becomes_free_is_waited_for(listeners: Listeners, plans: list[Plan]) -> None:
    other = Listeners(owner=None)
    other.open(wanted(plans[:1]))
    timer = threading.Timer(0.05, other.close)
    timer.start()
    listeners.open(wanted(plans[:1]), patience=5.0)
    timer.join()
    assert connects(plans[0])
    listeners.close()


def test_a_forbidden_place_is_named(listeners: Listeners, plans: list[Plan]) -> None:
    os.rmdir("public")
    with pytest.raises(ConfigError, match="service echo: bind public/echo: No such file"):
        listeners.open(wanted(plans[1:]))


# Local endpoints of other types.


def local(kind: str, tmp_path: Path) -> Plan:
    """Return the plan of a service "other" of that type."""
    (tmp_path / "master.cf").write_text(f"other {kind} n - - - 1 nosuch\n")
    (plan,) = Configuration.load(tmp_path, Names()).plans.values()
    return plan


def test_a_fifo_never_ends_and_never_blocks(
    listeners: Listeners, plans: list[Plan], tmp_path: Path
) -> None:
    plan = local("fifo", tmp_path)
    listeners.open(wanted([plan]))
    (descriptor,) = listeners.descriptors(plan.endpoints)
    with pytest.raises(BlockingIOError):
        os.read(descriptor, 1)
    Path("public/other").write_text("word")
    assert os.read(descriptor, 100) == b"word"
    assert stat.S_IMODE(os.lstat("public/other").st_mode) == 0o622
    assert not os.get_inheritable(descriptor)
    listeners.close()


def test_datagrams_arrive_without_anybody_listening(
    listeners: Listeners, plans: list[Plan], tmp_path: Path
) -> None:
    plan = local("unix-dgram", tmp_path)
    listeners.open(wanted([plan]))
    (descriptor,) = listeners.descriptors(plan.endpoints)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"word", "public/other")
    with socket.socket(fileno=os.dup(descriptor)) as receiver:
        assert receiver.recv(100) == b"word"
        assert receiver.getsockname() == "public/other"  # relative, also for a jailed daemon
    listeners.close()


def test_of_two_types_with_one_path_the_file_of_the_new_one_stays(
    listeners: Listeners, plans: list[Plan], tmp_path: Path
) -> None:
    old, new = local("unix", tmp_path), local("fifo", tmp_path)
    listeners.open(wanted([old]))
    listeners.open(wanted([new]))
    listeners.keep_only(new.endpoints)
    assert stat.S_ISFIFO(os.lstat("public/other").st_mode)
    listeners.close(but=new.endpoints)
    assert listeners.descriptors(new.endpoints)
    listeners.close()


def test_ports_are_tried_before_any_file_is_replaced(
    listeners: Listeners, plans: list[Plan]
) -> None:
    other = Listeners(owner=None)
    other.open(wanted(plans[:1]))
    Path("public/echo").write_text("of somebody else")
    with pytest.raises(ConfigError, match="Address already in use"):
        listeners.open(wanted([plans[1], plans[0]]))
    assert Path("public/echo").read_text() == "of somebody else"
    other.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another")
def test_local_files_are_made_with_no_more_rights_than_their_owner_has(
    plans: list[Plan], tmp_path: Path
) -> None:
    owner = Identity("nobody", 65534, 65534, (65534,))
    listeners = Listeners(owner)
    tmp_path.chmod(0o755)
    os.chown("public", 65534, 65534)
    before = os.getresuid(), os.getresgid(), os.getgroups()
    listeners.open(wanted(plans))
    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before
    found = os.lstat("public/echo")
    assert (found.st_uid, found.st_gid) == (65534, 65534)
    listeners.close()
    os.chown("public", 0, 0)
    with pytest.raises(ConfigError, match="bind public/echo: Permission denied"):
        listeners.open(wanted(plans))
    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before
