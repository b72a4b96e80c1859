"""The control socket: who is heard, and what is not put up with."""

import dataclasses
import json
import os
import socket
import stat
from pathlib import Path

import pytest

from common.log import Log
from master import control
from master.control import Control, Facts, Reply, Request, parse_request, trusted
from master.events import Loop
from master.state import ClientState


class Sink:
    """Keeps what is logged."""

    wants_time = False

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, severity: int, line: bytes) -> None:
        """Keep the line."""
        self.lines.append(line.decode())

    def fileno(self) -> int:
        """Return no descriptor."""
        return -1

    def close(self) -> None:
        pass


TURNS = 4  # a client is accepted in one, heard in the next


class Office:
    """A control socket whose orders are kept until the test answers."""

    def __init__(self, directory: Path) -> None:
        self.loop = Loop()
        self.path = str(directory / "control")
        self.requests: list[str] = []
        self.replies: list[Reply] = []
        self.sink = Sink()
        self.control = Control(self.loop, Log("test", self.sink))
        self.control.open(self.path, self.handle)

    def handle(self, request: Request, reply: Reply) -> None:
        """Keep the request; "now" is answered at once."""
        self.requests.append(request.name)
        self.replies.append(reply)
        if request.name == "now":
            reply({"ok": True})

    def connect(self) -> socket.socket:
        """Return a client."""
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(5)
        client.connect(self.path)
        return client

    def turn(self, seconds: float = 0.02) -> None:
        """Let the loop work for a moment, and have some turns however late it gets them."""
        for _ in range(TURNS):
            self.loop.call_later(seconds / TURNS, self.loop.stop)
            self.loop.run()

    def send(self, data: bytes) -> socket.socket:
        """Connect, send, and let the loop work."""
        client = self.connect()
        client.sendall(data)
        self.turn()
        return client


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def read_all(client: socket.socket) -> bytes:
    """Return everything up to the end."""
    data = b""
    while piece := client.recv(65536):
        data += piece
    return data


def test_only_the_owner_may_enter(office: Office) -> None:
    assert stat.S_IMODE(os.stat(office.path).st_mode) == 0o600


@pytest.mark.parametrize(
    ("uid", "own", "expected"),
    [(0, 0, True), (0, 5, True), (5, 5, True), (5, 0, False), (6, 5, False)],
)
def test_orders_come_from_root_or_the_same_account(uid: int, own: int, expected: bool) -> None:
    assert trusted(uid, own) is expected


def test_a_stranger_is_sent_away(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "trusted", lambda uid, own: False)
    client = office.send(b'{"request": "reload"}\n')
    assert office.requests == []
    assert "refused" in office.sink.lines[0]
    with pytest.raises(ConnectionResetError):
        client.recv(1)  # our request was not even read


def test_a_request_is_answered_once(office: Office) -> None:
    assert json.loads(read_all(office.send(b'{"request": "now"}\n'))) == {"ok": True}
    assert not office.control.clients


def test_an_answer_may_take_its_time(office: Office) -> None:
    client = office.send(b'{"request": "reload"}\n')
    facts: Facts = {"ok": True, "text": "x" * 1_000_000}
    office.replies[0](facts)
    data = b""
    while not data.endswith(b"\n"):
        office.turn(0.005)
        data += client.recv(1 << 20)
    assert json.loads(data) == facts
    assert client.recv(1) == b""


def test_a_request_may_come_in_pieces(office: Office) -> None:
    client = office.send(b'{"requ')
    client.sendall(b'est": "now"}')
    office.turn()
    assert office.requests == []
    client.sendall(b"\n")
    office.turn()
    assert json.loads(read_all(client))["ok"]


@pytest.mark.parametrize(
    "data",
    [b"\n", b"reload\n", b"[]\n", b"{}\n", b'{"request": 1}\n', b'{"request": null}\n', b"\xff\n",
     b"[" * 4000 + b"\n", b"1\n", b'{"request": ["reload"]}\n'],
)  # fmt: skip
def test_garbage_is_refused(office: Office, data: bytes) -> None:
    answer = json.loads(read_all(office.send(data)))
    assert answer == {"ok": False, "error": "not a request"}
    assert office.requests == []


def test_too_long_a_request_is_refused(office: Office) -> None:
    client = office.send(b"x" * (control.REQUEST_LIMIT + 1))
    assert json.loads(client.recv(1000)) == {"ok": False, "error": "request too long"}
    assert office.requests == []


def test_a_silent_client_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "PATIENCE", 0.01)
    office = Office(tmp_path)
    client = office.send(b'{"request"')
    assert client.recv(1) == b""
    assert not office.control.clients


def test_a_client_that_left_misses_its_answer(office: Office) -> None:
    client = office.send(b'{"request": "reload"}\n')
    client.close()
    office.replies[0]({"ok": True})
    office.replies[0]({"ok": True})  # nor does a second answer do harm
    office.turn()
    assert not office.control.clients


def test_there_is_room_for_so_many(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "CLIENT_LIMIT", 3)
    clients = [office.connect() for _ in range(4)]
    office.turn()
    assert len(office.control.clients) == 3
    assert clients[3].recv(1) == b""
    clients[0].close()
    office.turn()
    assert json.loads(read_all(office.send(b'{"request": "now"}\n')))["ok"]


def test_another_program_goes_on_with_each_client_where_this_one_was(office: Office) -> None:
    """One has said half of its request, one waits for an answer, one has got half of it."""
    half = office.send(b'{"request": "no')
    asked = office.send(b'{"request": "reload"}\n')
    served = office.connect()
    states = {one.state.request: one.state for one in office.control.clients}
    assert states[""].received == '{"request": "no'
    assert states["reload"].received == '{"request": "reload"}\n'
    accepted, _ = socket.socket(fileno=os.dup(office.control.fileno())).accept()
    answered = ClientState(os.dup(accepted.fileno()), unsent='"half": true}\n')

    heir = Loop()
    control = Control(heir, Log("test", office.sink))
    descriptor = os.dup(office.control.fileno())
    clients = [
        dataclasses.replace(one, descriptor=os.dup(one.descriptor)) for one in states.values()
    ]
    control.adopt(descriptor, [*clients, answered], office.handle)
    office.loop = heir
    assert office.requests == ["reload", "reload"]
    assert served.recv(100) == b'"half": true}\n'
    half.sendall(b'w"}\n')
    office.turn()
    assert json.loads(half.recv(100))["ok"]
    office.replies[1]({"ok": True})
    assert json.loads(asked.recv(100))["ok"]
    assert json.loads(read_all(office.send(b'{"request": "now"}\n')))["ok"]


def test_requests_have_names() -> None:
    assert parse_request(b'{"request": "stop", "more": 1}\n') == Request("stop")


def test_texts_in_a_request_are_its_arguments() -> None:
    line = b'{"request": "upgrade", "path": "/x", "count": 3}\n'
    assert parse_request(line) == Request("upgrade", {"path": "/x"})
