"""Promises of common.worker, kept by a process of its own."""

import errno
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from socket import SocketType
from typing import NoReturn

import pytest

from common import worker as worker_module
from common.child import AVAILABLE, LISTEN_FD, TAKEN, Child
from common.params import ChildParams, Seconds
from common.worker import Serve, serve_each
from tests.common.forked import CRASHED, Forked
from tests.common.settings import changed, load

PARAMS = load(ChildParams)


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.chdir(tmp_path)  # a socket's whole path could be too long
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("service")
        listening.listen()
        yield listening


def worker(
    listeners: list[socket.socket],
    *,
    max_use: int = 100,
    max_idle: float = 100.0,
    daemon_timeout: float = 18_000.0,
    serve: Serve | None = None,
) -> Forked:
    params = changed(
        PARAMS,
        max_use=max_use,
        max_idle=Seconds(max_idle),
        daemon_timeout=Seconds(daemon_timeout),
    )
    return Forked(lambda child: serve_each(child, params, serve or echo), listeners)


def echo(connection: SocketType) -> None:
    connection.sendall(connection.recv(100))


def ask(listening: socket.socket, data: bytes = b"hello") -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(listening.getsockname())
        client.sendall(data)
        return client.recv(100)


def test_each_connection_is_served_between_taken_and_available(listener: socket.socket) -> None:
    with worker([listener]) as process:
        for _ in range(3):
            assert ask(listener) == b"hello"
            assert process.report() == (process.pid, 4, TAKEN)
            assert process.report() == (process.pid, 4, AVAILABLE)
        assert not process.reported()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_a_process_without_room_for_a_client_leaves_and_says_why(
    listener: socket.socket, number: int
) -> None:
    """Were it a crash, a service that had served nobody yet would be throttled."""

    def run(child: Child) -> None:
        def refuse(*arguments: object) -> NoReturn:
            raise OSError(number, os.strerror(number))

        pytest.MonkeyPatch().setattr(worker_module, "accept", refuse)
        serve_each(child, PARAMS, echo)

    with Forked(run, [listener]) as process, socket.socket(socket.AF_UNIX) as client:
        client.connect("service")
        assert process.wait() == 0
        assert process.log() == [f"warning: accept connection: {os.strerror(number)}"]


def test_taken_is_said_before_the_client_is_served(listener: socket.socket) -> None:
    with worker([listener]) as process, socket.socket(socket.AF_UNIX) as client:
        client.connect(listener.getsockname())
        assert process.report() == (process.pid, 4, TAKEN)
        client.sendall(b"x")
        assert process.report() == (process.pid, 4, AVAILABLE)


def test_the_connection_is_closed_before_available_is_said(listener: socket.socket) -> None:
    with worker([listener]) as process, socket.socket(socket.AF_UNIX) as client:
        client.connect(listener.getsockname())
        client.sendall(b"x")
        assert [process.report(), process.report()][1] == (process.pid, 4, AVAILABLE)
        client.setblocking(False)
        assert (client.recv(1), client.recv(1)) == (b"x", b"")


def test_every_listener_is_served(listener: socket.socket) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind("other")
        other.listen()
        with worker([listener, other]):
            assert [ask(other), ask(listener), ask(other)] == [b"hello"] * 3


def test_the_listener_for_our_own_form_is_served_by_its_own_function(
    listener: socket.socket,
) -> None:
    def shout(connection: SocketType) -> None:
        connection.sendall(connection.recv(100).upper())

    def run(child: Child) -> None:
        child.native_listener = native
        serve_each(child, changed(PARAMS, max_use=3), echo, shout)

    with socket.socket(socket.AF_UNIX) as other:
        other.bind("other")
        other.listen()
        native: int | None = LISTEN_FD + 1
        with Forked(run, [listener, other]) as process:
            assert [ask(one) for one in (other, listener, other)] == [b"HELLO", b"hello", b"HELLO"]
            assert process.wait() == 0
        native = None  # as under a master that knows nothing of it
        with Forked(run, [listener, other]):
            assert [ask(one) for one in (other, listener)] == [b"hello"] * 2


def test_a_worker_leaves_after_max_use_connections(listener: socket.socket) -> None:
    with worker([listener], max_use=3) as process:
        for _ in range(3):
            ask(listener)
        assert process.wait() == 0
        assert process.states() == [TAKEN, AVAILABLE] * 3


def test_a_worker_leaves_when_nobody_comes_for_max_idle(listener: socket.socket) -> None:
    with worker([listener], max_idle=0.05) as process:
        assert process.wait() == 0
        assert process.states() == []


def test_a_worker_leaves_when_master_closes_the_status_channel(listener: socket.socket) -> None:
    with worker([listener]) as process:
        ask(listener)
        assert [process.report(), process.report()]
        process.status.close()
        assert process.wait() == 0


def test_a_worker_finishes_its_client_before_it_leaves(listener: socket.socket) -> None:
    with worker([listener]) as process, socket.socket(socket.AF_UNIX) as client:
        client.connect(listener.getsockname())
        process.report()
        process.status.close()
        client.sendall(b"still here?")
        client.settimeout(10)
        assert client.recv(100) == b"still here?"
        assert process.wait() == 0


def test_a_request_that_outlasts_daemon_timeout_ends_its_process(listener: socket.socket) -> None:
    with (
        worker([listener], daemon_timeout=1.0) as process,
        socket.socket(socket.AF_UNIX) as client,
    ):
        client.connect(listener.getsockname())
        assert process.wait() == -signal.SIGALRM


def test_the_time_of_one_request_does_not_count_for_the_next(listener: socket.socket) -> None:
    left: list[int] = []

    def serve(connection: SocketType) -> None:
        echo(connection)
        left.append(signal.alarm(7))  # what was left of the request's own time
        signal.alarm(left[-1])

    def run(child: Child) -> None:
        serve_each(child, changed(PARAMS, max_use=2, daemon_timeout=Seconds(100.0)), serve)
        assert signal.alarm(0) == 0, "the alarm is still set when nobody is served"
        assert min(left) >= 99

    with Forked(run, [listener]) as process:
        ask(listener)
        ask(listener)
        assert process.wait() == 0, process.log()


def test_a_bug_ends_the_process_and_not_quietly(listener: socket.socket) -> None:
    def broken(connection: SocketType) -> None:
        raise RuntimeError(connection.recv(100))

    with worker([listener], serve=broken) as process:
        assert ask(listener) == b""
        assert process.wait() == CRASHED
        assert "RuntimeError: b'hello'" in process.log()[-1]


def test_two_workers_share_a_listener_and_serve_every_client_once(
    listener: socket.socket,
) -> None:
    with worker([listener], max_use=500) as one, worker([listener], max_use=500) as other:
        for number in range(100):
            assert ask(listener, b"%d" % number) == b"%d" % number
        for process in (one, other):
            assert process.running()
            process.status.shutdown(socket.SHUT_WR)
            assert process.wait() == 0
        assert len(one.states()) + len(other.states()) == 200
