"""What a service manager hears: of a notifier, and of a whole life."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.params import POSTROOM_VERSION
from master.events import Loop
from master.notify import Notifier
from tests.master.running import Running

READY = {"READY": "1", "STATUS": f"Postroom {POSTROOM_VERSION}, 2 services"}


class Manager:
    """A service manager's socket."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1))
        self.socket.settimeout(10)

    def hear(self) -> dict[str, str]:
        """Return the next message that is no sign of life."""
        while (found := self.hear_any()) == {"WATCHDOG": "1"}:
            pass
        return found

    def hear_any(self) -> dict[str, str]:
        """Return the next message."""
        lines = self.socket.recv(4096).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"{'@' if request.param == 'abstract' else ''}{tmp_path}/notify"


@pytest.fixture
def manager(address: str) -> Iterator[Manager]:
    one = Manager(address)
    yield one
    one.socket.close()


def test_each_word_is_a_datagram(manager: Manager, address: str) -> None:
    notifier = Notifier.of({"NOTIFY_SOCKET": address})
    notifier.ready("well")
    assert manager.hear() == {"READY": "1", "STATUS": "well"}
    notifier.reloading()
    found = manager.hear()
    assert found["RELOADING"] == "1"
    assert int(found["MONOTONIC_USEC"]) > 0
    notifier.stopping()
    assert manager.hear()["STOPPING"] == "1"


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, 0.0),  # somebody else is meant
        ({"WATCHDOG_USEC": "often"}, 0.0),
        ({}, 0.0),
    ],
)
def test_a_watchdog_is_heeded_if_it_is_meant_for_us(
    variables: dict[str, str], seconds: float
) -> None:
    assert Notifier.of(variables).watchdog == seconds


def test_signs_of_life_come_twice_as_often_as_wanted(manager: Manager, address: str) -> None:
    loop, heard = Loop(), []

    def hear() -> None:
        heard.append((manager.hear_any(), time.monotonic()))
        if len(heard) == 3:
            loop.stop()

    loop.watch(manager.socket.fileno(), hear)
    Notifier(address, watchdog=0.2).watch(loop)
    loop.run()
    assert [words for words, _ in heard] == [{"WATCHDOG": "1"}] * 3
    assert heard[2][1] - heard[0][1] >= 0.2


def test_nobody_waits_for_a_manager_that_is_gone_or_silent(tmp_path: Path) -> None:
    Notifier().ready("nobody asked")
    notifier = Notifier(f"{tmp_path}/nowhere")
    notifier.ready("nobody is there")
    deaf = Manager(f"{tmp_path}/deaf")
    notifier = Notifier(f"{tmp_path}/deaf")
    for _ in range(2000):
        notifier.ready("nobody listens")
    deaf.socket.close()


def test_a_life_with_reloads_and_an_upgrade(manager: Manager, address: str) -> None:
    def patch() -> None:
        os.environ.update(
            NOTIFY_SOCKET=address, WATCHDOG_USEC="2000000"
        )  # few: the socket holds ten

    with Running(patch=patch) as running:
        assert manager.hear() == READY
        assert manager.hear_any() == {"WATCHDOG": "1"}
        with running.connect() as visit:
            assert "NOTIFY_SOCKET" not in visit.facts["environment"]
        assert running.ask("reload")["ok"]
        assert "RELOADING" in manager.hear()
        assert manager.hear() == READY
        running.configure(max_use="many")
        assert not running.ask("reload")["ok"]
        assert "RELOADING" in manager.hear()
        assert manager.hear() == READY
        running.configure(max_use="100")
        assert running.ask("upgrade")["ok"]
        assert "RELOADING" in manager.hear()
        assert manager.hear() == READY
        while manager.hear_any() != {"WATCHDOG": "1"}:
            pass
        running.kill(signal.SIGTERM)
        assert "STOPPING" in manager.hear()
        assert running.wait() == 0
