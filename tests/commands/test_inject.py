"""The QMQP client: where it goes, what it sends, how it ends."""

import contextlib
import io
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commands import inject
from commands.inject import Server, encode_packet, own_server, parse_server

MESSAGE = b"Subject: x\n\nbody\n"
PACKET = encode_packet(MESSAGE, "s@x", ["r@y", "q@y"])
OK = b"21:Kok: queued as ABC123,"

Behaviour = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(listener: socket.socket, behaviour: Behaviour) -> Iterator[None]:
    """Serve one connection in a thread."""

    def serve() -> None:
        with listener, listener.accept()[0] as connection:
            behaviour(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield
    thread.join(10)
    assert not thread.is_alive()


def answering(reply: bytes) -> Behaviour:
    """Return a server that reads one packet and answers."""

    def behave(connection: socket.socket) -> None:
        received = b""
        while len(received) < len(PACKET):
            received += connection.recv(65536)
        assert received == PACKET
        connection.sendall(reply)

    return behave


def run(monkeypatch: pytest.MonkeyPatch, server: str, message: bytes = MESSAGE) -> int:
    """Submit a message; return the exit status."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(message)))
    return inject.main(Path("/none"), 0, ["--server", server, "-f", "s@x", "r@y", "q@y"])


def tcp() -> tuple[socket.socket, str]:
    """Return a listener on the loopback and its name."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("reply", "status", "shown"),
    [
        (OK, 0, "Kok: queued as ABC123\n"),
        (b"8:Dno way!,", 100, "Dno way!\n"),
        (b"6:Zlater,", 111, "Zlater\n"),
        (b"9:D\x1b[2J\xff\nen,", 100, "D?[2J\ufffd?en\n"),
    ],
)
def test_the_reply_decides_the_exit_status(
    reply: bytes,
    status: int,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    listener, name = tcp()
    with serving(listener, answering(reply)):
        assert run(monkeypatch, name) == status
    assert capsys.readouterr() == (shown, "")


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (b"", "closed without a reply"),
        (OK[:-1], "closed without a reply"),
        (b"+OK\r\n", "the reply is no netstring of reasonable length"),
        (b"999999999:", "the reply is no netstring of reasonable length"),
        (b"3:K:\n;", "the reply is no netstring of reasonable length"),
        (b"0:,", "the reply begins with none of K, Z and D: "),
        (b"5:X\x1bxyz,", "the reply begins with none of K, Z and D: X?xyz"),
    ],
)
def test_anything_but_a_reply_means_try_again(
    reply: bytes,
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    listener, name = tcp()
    with serving(listener, answering(reply)):
        assert run(monkeypatch, name) == 111
    assert capsys.readouterr() == ("", f"postroom inject: fatal: {name}: {complaint}\n")


def test_an_early_reply_counts_though_sending_breaks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.sendall(b"6:Dlarge,")
        connection.recv(1)  # what stays unread makes the kernel reset the connection

    listener, name = tcp()
    with serving(listener, refuse):
        assert run(monkeypatch, name, b"x" * 20_000_000) == 100
    assert capsys.readouterr().out == "Dlarge\n"


def test_a_reset_without_a_reply_means_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def reset(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    listener, name = tcp()
    with serving(listener, reset):
        assert run(monkeypatch, name) == 111


def test_a_silent_server_is_given_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(inject, "TALK_SECONDS", 0.1)
    listener, name = tcp()
    with serving(listener, drain):
        assert run(monkeypatch, name) == 111
    assert capsys.readouterr().err == f"postroom inject: fatal: {name}: timed out\n"


def drain(connection: socket.socket) -> None:
    """Read until the peer closes."""
    while connection.recv(65536):
        pass


def test_a_local_socket_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()
    with serving(listener, answering(OK)):
        assert run(monkeypatch, str(tmp_path / "s")) == 0


def test_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with serving(listener, answering(OK)):
        assert run(monkeypatch, f"[::1]:{listener.getsockname()[1]}") == 0


@pytest.mark.parametrize(
    ("server", "complaint"),
    [
        ("/nonexistent/socket", "No such file or directory"),
        ("127.0.0.1:1", "Connection refused"),
        ("a..b", "a..b:628: no name that a host can have"),
    ],
)
def test_no_connection_means_try_again(
    server: str,
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, server) == 111
    assert complaint in capsys.readouterr().err


def test_wrong_usage_means_try_again(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        inject.main(Path("/none"), 0, ["-f", "s@x"])
    assert end.value.code == 111
    assert "RECIPIENT" in capsys.readouterr().err


def test_a_packet_is_message_sender_and_recipients() -> None:
    assert encode_packet(b"hi\n", "", ["r@y", "\udcff@y"]) == b"21:3:hi\n,0:,3:r@y,3:\xff@y,,"


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("host", Server("host", "628")),
        ("host:10628", Server("host", "10628")),
        (":10628", Server("127.0.0.1", "10628")),
        ("[::1]:10628", Server("::1", "10628")),
        ("[::1]", Server("::1", "628")),
        ("::1", Server("::1", "628")),
        ("/run/qmqp", Server("/run/qmqp")),
    ],
)
def test_a_server_is_written_in_many_ways(text: str, server: Server) -> None:
    assert parse_server(text) == server


@pytest.mark.parametrize("server", ["host:1", "[::1]:1", "/run/qmqp"])
def test_a_server_is_shown_as_it_was_written(server: str) -> None:
    assert str(parse_server(server)) == server


@pytest.mark.parametrize(
    ("master_cf", "main_cf", "server"),
    [
        ("127.0.0.1:10628 inet n - n - - qmqpd", "", Server("127.0.0.1", "10628")),
        ("[::1]:628 inet n - n - - qmqpd -v", "", Server("::1", "628")),
        ("#1 inet n - n - - qmqpd\n2 inet n - n\n - - qmqpd", "", Server("127.0.0.1", "2")),
        (
            "628 inet n - n - - qmqpd",
            "inet_interfaces = 127.0.0.2, ::1",
            Server("127.0.0.2", "628"),
        ),
        ("628 inet n - n - - qmqpd", "inet_interfaces = loopback-only", Server("127.0.0.1", "628")),
        ("25 inet n - n - - smtpd", "", Server("127.0.0.1", "628")),
    ],
)
def test_the_instance_tells_where_its_server_is(
    master_cf: str, main_cf: str, server: Server, tmp_path: Path
) -> None:
    (tmp_path / "master.cf").write_text(master_cf + "\n")
    (tmp_path / "main.cf").write_text(main_cf + "\n")
    assert own_server(tmp_path) == server


def test_without_an_instance_it_is_the_customary_port(tmp_path: Path) -> None:
    assert own_server(tmp_path) == Server("127.0.0.1", "628")
