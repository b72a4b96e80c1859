"""test_activation - sockets that the service manager opened: clients may come before we do"""

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator

import pytest

from master.activation import assign, passed
from master.endpoints import Endpoint
from master.services import Transport
from tests.suite import peers
from tests.suite.instance import Postroom, free_port
from tests.suite.qmqp import Connection, packet, submit

FOR_US = 'LISTEN_PID=$$ exec "$@"'
FOR_ANOTHER = 'LISTEN_PID=1 exec "$@"'


@contextlib.contextmanager
def started(
    instance: Postroom, script: str, *sockets: socket.socket
) -> Iterator[subprocess.Popen[bytes]]:
    """Run start-fg with these sockets as descriptors 3 and up, as systemd does."""
    numbers = range(3, 3 + len(sockets))

    def place() -> None:
        copies = [os.dup(one.fileno()) for one in sockets]
        copies = [os.dup(one) if one in numbers else one for one in copies]
        for number, copy in zip(numbers, copies, strict=True):
            os.dup2(copy, number)

    command = [str(peers.postroom()), "-c", str(instance.config_dir), "start-fg"]
    with subprocess.Popen(
        ["/bin/sh", "-c", script, "sh", *command],
        env={**os.environ, "LISTEN_FDS": str(len(sockets))},
        stdin=subprocess.DEVNULL,
        preexec_fn=place,
        pass_fds=numbers,
    ) as server:
        yield server
        instance.stop()
        assert server.wait(10) == 0


def listener(port: int) -> socket.socket:
    found = socket.create_server(("127.0.0.1", port))
    found.listen(10)
    return found


def test_a_client_that_came_before_us_is_served() -> None:
    with (
        Postroom() as instance,
        listener(instance.port) as early,
        listener(free_port()) as stray,
        Connection(instance.port) as client,
    ):
        client.send(packet(b"Subject: x\n\nearly\n", b"s@from.test", b"r@to.test"))
        with started(instance, FOR_US, early, stray):
            assert client.answer().verdict == "K"
            assert submit(instance.port).verdict == "K"
            host, port = stray.getsockname()
            instance.wait_for_log(
                f"warning: socket {host}:{port} of the service manager belongs to no service"
            )
            assert instance.reload().returncode == 0
            assert submit(instance.port).verdict == "K"


def test_sockets_for_another_process_are_none_of_ours() -> None:
    with (
        Postroom() as instance,
        listener(free_port()) as other,
        started(instance, FOR_ANOTHER, other),
    ):
        instance.wait_for_log("daemon started")
        assert submit(instance.port).verdict == "K"
        assert not any("service manager" in line for line in instance.log_lines())


@pytest.mark.parametrize("environment", [{}, {"LISTEN_FDS": "1"}, {"LISTEN_PID": str(os.getpid())}])
def test_without_both_variables_nothing_is_passed(environment: dict[str, str]) -> None:
    assert passed(environment) == []


@pytest.mark.parametrize("count", ["", "-1", "x", "1.5"])
def test_a_count_that_is_none_passes_nothing(count: str) -> None:
    assert passed({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count}) == []


def test_each_socket_goes_where_it_belongs(tmp_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkdir("public")
    port = socket.create_server(("127.0.0.1", 0))
    local = socket.socket(socket.AF_UNIX)
    local.bind(os.path.abspath("public/cleanup"))
    datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    datagram.bind(os.path.abspath("public/other"))
    endpoints = [
        Endpoint(Transport.INET, "127.0.0.1", port.getsockname()[1]),
        Endpoint(Transport.UNIX, "public/cleanup"),
        Endpoint(Transport.UNIX, "public/other"),  # of the other kind
        Endpoint(Transport.FIFO, "public/fifo"),
    ]
    numbers = [port.fileno(), local.fileno()]
    taken, complaints = assign([port, local, datagram], endpoints)
    assert taken == dict(zip(endpoints, numbers, strict=False))
    (complaint,) = complaints
    assert "public/other" in complaint
    assert datagram.fileno() == -1
    for descriptor in taken.values():
        os.close(descriptor)
