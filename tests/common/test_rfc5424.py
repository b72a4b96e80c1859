"""Promises of common.rfc5424, to a collector on the loopback.

SEE ALSO
    RFC 5424; RFC 6587, section 3.4.1
"""

import contextlib
import datetime
import re
import socket
import time
from collections.abc import Iterator

import pytest

from common.errors import ConfigError
from common.log import FINISH_SECONDS, Log, open_log
from common.params import SuiteParams
from common.rfc5424 import Formatter, NetworkSink, Target
from tests.common.journal import Journal
from tests.common.settings import load
from tests.common.zone import local_zone

MAIL = 2
RECORD = re.compile(
    r"<(?P<priority>\d+)>1 (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (?P<host>[!-~]+)"
    r" (?P<app>[!-~]+) (?P<pid>\d+) - - (?P<text>.*)\Z",
    re.DOTALL,
)


def parsed(record: bytes) -> re.Match[str]:
    match = RECORD.match(record.decode())
    assert match is not None, record
    return match


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(10)
        yield collector


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as collector:
        collector.settimeout(10)
        yield collector


def log_to(collector: socket.socket, patience: float = 1.0) -> Log:
    transport = "tcp" if collector.type == socket.SOCK_STREAM else "udp"
    target = Target(transport, "127.0.0.1", collector.getsockname()[1])
    sink = NetworkSink(target, MAIL, "mx.example.test")
    return Log("postfix/qmqpd", sink, patience=patience)


def records(stream: bytes) -> list[str]:
    """Return the texts of a stream of counted records; the last one may be cut."""
    found = []
    while match := re.match(rb"(\d+) ", stream):
        end = match.end() + int(match[1])
        if end > len(stream):
            break
        found.append(parsed(stream[match.end() : end])["text"])
        stream = stream[end:]
    return found


# Targets.


@pytest.mark.parametrize(
    ("text", "target", "family"),
    [
        ("udp:192.0.2.1:514", ("udp", "192.0.2.1", 514), socket.AF_INET),
        ("tcp:192.0.2.1:1", ("tcp", "192.0.2.1", 1), socket.AF_INET),
        ("tcp:[2001:DB8::1]:65535", ("tcp", "2001:db8::1", 65535), socket.AF_INET6),
    ],
)
def test_a_target_is_transport_address_and_port(
    text: str, target: tuple[str, str, int], family: socket.AddressFamily
) -> None:
    found = Target.parse(text)
    assert (found.transport, found.address, found.port) == target
    assert found.family == family


@pytest.mark.parametrize(
    "text",
    [
        *("", "udp", "udp:192.0.2.1", "udp:192.0.2.1:", "udp:192.0.2.1:0", "udp:192.0.2.1:65536"),
        *("tls:192.0.2.1:514", "UDP:192.0.2.1:514", "udp:log.example.test:514", "udp:1.2.3:514"),
        *("udp:[192.0.2.1]:514", "udp:2001:db8::1:514", "udp:[2001:db8::1]514", "udp:999.0.0.1:1"),
        *("udp:192.0.2.1:514\n", "udp:192.0.2.1:514 x", "udp:192.0.2.1:99999999999"),
    ],
)
def test_a_target_that_is_none_is_an_error_of_the_operator(text: str) -> None:
    with pytest.raises(ConfigError, match="syslog_network_target: bad target"):
        Target.parse(text)


# Records.


def test_a_record_has_every_field_of_the_line(udp: socket.socket) -> None:
    log = log_to(udp)
    log.info("connect from localhost[127.0.0.1]")
    found = parsed(udp.recv(10_000))
    assert found["priority"] == "22"
    assert (found["host"], found["app"]) == ("mx.example.test", "postfix/qmqpd")
    assert f"[{found['pid']}]: " in log._label
    assert found["text"] == "connect from localhost[127.0.0.1]"


@pytest.mark.parametrize(
    ("method", "priority", "text"),
    [
        ("info", "22", "x"),
        ("warning", "20", "warning: x"),
        ("error", "19", "error: x"),
        ("fatal", "18", "fatal: x"),
    ],
)
def test_the_severity_is_in_the_priority(
    udp: socket.socket, method: str, priority: str, text: str
) -> None:
    getattr(log_to(udp), method)("x")
    found = parsed(udp.recv(10_000))
    assert (found["priority"], found["text"]) == (priority, text)


@pytest.mark.parametrize(
    "text",
    ["procid", "msgid", "structured_data", "%s %d", "{0} {x}", "a]: b", "[1]: x", "caf\u00e9"],
)
def test_no_text_is_taken_for_anything_else(udp: socket.socket, text: str) -> None:
    log_to(udp).info(text)
    assert parsed(udp.recv(10_000))["text"] == text


@pytest.mark.parametrize("text", ["a\nb", "\r\x1b\0", "\x85\x9f"])
def test_control_characters_do_not_get_out(text: str) -> None:
    record = Formatter("mx").format("app", 1, text)
    assert record.endswith(re.sub(r"[^ -~]", "?", text).encode())


# The last one is London in a summer that lasts all year.
@pytest.mark.parametrize("name", ["UTC0", "IST-5:30", "NUT11", "GMT0BST,J1/0,J365/23"])
def test_the_time_is_universal_wherever_we_are(name: str) -> None:
    with local_zone(name):
        stamp = Formatter("mx").format("app", 1, "x").split()[1].decode()
        moment = datetime.datetime.fromisoformat(stamp)
        assert moment.utcoffset() == datetime.timedelta()
        assert abs(moment.timestamp() - time.time()) < 60


@pytest.mark.parametrize(
    ("host", "app", "fields"),
    [
        ("mx.example.test", "postfix/qmqpd", ("mx.example.test", "postfix/qmqpd")),
        ("", "", ("-", "-")),
        ("a b", "c d", ("a?b", "c?d")),
        ("é" * 300, "x" * 60, ("?" * 255, "x" * 48)),
    ],
)
def test_fields_are_printable_and_short(host: str, app: str, fields: tuple[str, str]) -> None:
    words = Formatter(host).format(app, 7, "text").decode().split(" ", 6)
    assert (words[2], words[3], words[4]) == (*fields, "7")


@pytest.mark.parametrize("name", ["", "a b", "1 2 - x", "caf\u00e9"])
def test_the_machines_own_name_does_not_get_in(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    words = Formatter("mx").format("app", 7, "some text").decode().split(" ", 7)
    assert [*words[:1], *words[2:]] == ["1", "mx", "app", "7", "-", "-", "some text"]


def test_a_machine_without_a_name_has_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise OSError(36, "File name too long")

    monkeypatch.setattr(socket, "gethostname", fail)
    assert Formatter("mx").format("app", 7, "x").endswith(b"Z mx app 7 - - x")


# Transports.


def test_records_by_tcp_stand_behind_their_length(tcp: socket.socket) -> None:
    log = log_to(tcp)
    texts = [f"line {number} " + "x" * number for number in range(50)]
    for text in texts:
        log.info(text)
    connection, _ = tcp.accept()
    with connection:
        connection.settimeout(10)
        stream = b""
        while len(records(stream)) < len(texts):
            stream += connection.recv(65536)
    assert records(stream) == texts
    assert log.dropped == 0


def test_a_collector_that_is_not_there_costs_lines_and_no_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    log = Log("t", NetworkSink(Target("tcp", "127.0.0.1", port), MAIL, "mx"), patience=5.0)
    begin = time.monotonic()
    for _ in range(100):
        log.info("x")
    assert time.monotonic() - begin < 4
    assert log.dropped == 100


def test_a_record_that_was_taken_in_part_is_not_overtaken(tcp: socket.socket) -> None:
    log = log_to(tcp, patience=0.001)
    log.info("first")
    connection, _ = tcp.accept()
    with connection:
        connection.settimeout(10)
        assert isinstance(log.sink, NetworkSink)
        assert log.sink._socket is not None
        log.sink._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        for number in range(3000):
            log.info(f"line {number} " + "x" * 5000)
            if log.dropped:
                break
        assert log.dropped
        log._dead_until = log._full_until[0] = 0.0
        stream = b""
        while "the last" not in records(stream):
            stream += connection.recv(1 << 20)
            log._dead_until = 0.0
            log.info("the last")
    found = records(stream)
    assert found[0] == "first"
    numbers = [int(text.split()[1]) for text in found if text.startswith("line ")]
    assert numbers == sorted(set(numbers))


def test_a_collector_that_was_restarted_is_found_again(tcp: socket.socket) -> None:
    log = log_to(tcp)
    log.info("one")
    connection, _ = tcp.accept()
    connection.close()  # with something unread: a reset
    while not log.dropped:
        log.info("x")
    log._dead_until = 0.0
    log.info("two")
    connection, _ = tcp.accept()
    with connection:
        connection.settimeout(10)
        stream = b""
        while len(records(stream)) < 2:
            stream += connection.recv(65536)
    assert records(stream)[0] == "two"
    assert "log was unavailable" in records(stream)[1]


# Beside the ordinary log.


def test_a_collector_gets_what_the_log_gets(
    udp: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"udp:127.0.0.1:{udp.getsockname()[1]}"
    log = open_log(load(SuiteParams, syslog_network_target=target), "qmqpd")
    journal = Journal()
    log.sink = journal.kept
    log.warning("a\nb")
    found = parsed(udp.recv(10_000))
    assert (found["app"], found["text"]) == ("postfix/qmqpd", "warning: a?b")
    assert journal.lines() == ["warning: a?b"]


def test_without_a_collector_there_is_no_second_log() -> None:
    assert open_log(load(SuiteParams), "qmqpd").copy is None


def test_a_bad_collector_is_an_error_of_the_operator() -> None:
    with pytest.raises(ConfigError, match="bad target"):
        open_log(load(SuiteParams, syslog_network_target="udp:host:514"), "qmqpd")


def test_a_forked_process_is_known_by_its_own_pid_there_too(udp: socket.socket) -> None:
    log = log_to(udp)
    copied = Log("t", Journal().kept)
    copied.copy = log
    log._label = "postfix/qmqpd[1]: "  # as it was in the parent
    copied.renew()
    copied.info("x")
    assert parsed(udp.recv(10_000))["pid"] != "1"


# Without anybody waiting.


def test_the_connection_is_begun_before_the_first_line(tcp: socket.socket) -> None:
    target = Target("tcp", "127.0.0.1", tcp.getsockname()[1])
    sink = NetworkSink(target, MAIL, "mx")
    sink.prepare()
    connection, _ = tcp.accept()
    with connection:
        sink.write(6, b"t[1]: x")
        assert records(connection.recv(1000)) == ["x"]


def test_nobody_waits_for_a_collector_and_no_line_is_lost_by_that(tcp: socket.socket) -> None:
    tcp.listen(0)
    with contextlib.ExitStack() as stack:
        for _ in range(2):  # from now on whoever connects waits
            other = stack.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(tcp.getsockname())
        target = f"tcp:127.0.0.1:{tcp.getsockname()[1]}"
        log = open_log(load(SuiteParams, syslog_network_target=target), "qmqpd")
        log.sink = Journal().kept
        begin = time.monotonic()
        for number in range(10):
            log.info(f"line {number}")
        assert time.monotonic() - begin < 0.5
        found: list[str] = []
        while len(found) < 10:
            connection, _ = tcp.accept()
            stack.enter_context(connection).settimeout(1)
            log.finish()
            stream = b""
            with contextlib.suppress(TimeoutError):
                while data := connection.recv(65536):
                    stream += data
            found += records(stream)
        assert found == [f"line {number}" for number in range(10)]


def test_a_process_that_ends_waits_for_its_lines_only_briefly(tcp: socket.socket) -> None:
    log = log_to(tcp, patience=0)
    text = "x" * 4000
    while not log._backlog:
        log.info(text)
    begin = time.monotonic()
    log.finish()
    assert FINISH_SECONDS / 2 < time.monotonic() - begin < FINISH_SECONDS + 1


def test_a_collector_that_has_closed_is_found_out_before_a_line_is_lost(tcp: socket.socket) -> None:
    log = log_to(tcp, patience=5)
    log.info("one")
    connection, _ = tcp.accept()
    connection.recv(65536)
    connection.close()
    log.info("two")
    connection, _ = tcp.accept()
    with connection:
        connection.settimeout(10)
        assert records(connection.recv(65536)) == ["two"]
    assert log.dropped == 0
