"""flush: what the queue manager and pickup hear."""

import os
import socket
from collections.abc import Iterator

import pytest

from tests.commands.commanded import Commanded


@pytest.fixture
def system() -> Iterator[Commanded]:
    one = Commanded()
    try:
        assert one.run("start").returncode == 0
        yield one
    finally:
        one.__exit__()


@pytest.fixture
def listeners(system: Commanded) -> Iterator[dict[str, socket.socket]]:
    """Sockets in the places of both services."""
    found = {name: socket.socket(socket.AF_UNIX) for name in ("qmgr", "pickup")}
    for name, listener in found.items():
        listener.bind(str(system.top / "spool/public" / name))
        listener.listen()
        listener.settimeout(5)
    yield found
    for listener in found.values():
        listener.close()


def heard(listener: socket.socket) -> bytes:
    """Return what one client sends."""
    connection, _ = listener.accept()
    with connection:
        return connection.recv(100)


def test_both_services_are_told(system: Commanded, listeners: dict[str, socket.socket]) -> None:
    done = system.run("flush")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert heard(listeners["qmgr"]) == b"FADI\0"
    assert heard(listeners["pickup"]) == b"W\0"


def test_a_fifo_gets_letters_only(system: Commanded) -> None:
    path = system.top / "spool/public/qmgr"
    os.mkfifo(path)
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        assert system.run("flush").returncode == 0
        assert reader.read(100) == b"FADI"


def test_without_a_queue_manager_nothing_can_be_flushed(system: Commanded) -> None:
    done = system.run("flush")
    expected = "postroom: fatal: cannot flush the mail queue: public/qmgr: No such file"
    assert done.returncode == 1
    assert done.stderr.startswith(expected)
    assert "fatal: cannot flush the mail queue" in system.log_text()
