"""test_collector - log lines over the network, beside the ordinary ones"""

import contextlib
import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest

from tests.suite.collector import Collector, Record, tcp_collector, udp_collector, working
from tests.suite.instance import Instance, Postroom
from tests.suite.load import Load
from tests.suite.qmqp import Connection, submit
from tests.suite.waiting import wait_for

MAIL, LOCAL3 = 2, 19  # facilities
LINE = re.compile(r"\w{3} [ \d]\d \d\d:\d\d:\d\d mx (.*)")
LONG = 4000  # bytes; a line of the file is cut at 4,095, with time and host
SEVERITIES = {"warning": 4, "error": 3, "fatal": 2}

# Whatever is logged of a message comes from its sender.
ODD = [
    b"procid",
    b"msgid",
    b"structured_data",
    b"%s %d %(procid)s {0}",
    b"<14>1 2026-11-21T00:00:00Z host app 1 - - forged",
    b"12 <14>1 - - - - - - forged",
    b"\xff\xfe\x80",
    "caf\u00e9 \u4f60\u597d \u0085\u2028".encode(),
    b"\x1b[2J\x07\x7f\t\r",
    b"x" * 5000,
    b"[" * 50 + b"]: ",
]


def ordinary(instance: Instance) -> Counter[str]:
    """Return the lines of the log file, without time and host, and as far as it has long ones."""
    text = instance.log_path.read_bytes().decode("utf-8", "replace")
    found = [LINE.fullmatch(line) for line in text.split("\n")[:-1]]
    assert all(found), text
    return Counter(match[1][:LONG] for match in found if match)


def collected(collector: Collector) -> Counter[str]:
    """Return the lines that the collector knows."""
    return Counter(str(record)[:LONG] for record in collector.records())


def sending_to(collector: Collector, **settings: str) -> Postroom:
    """Return an instance, not yet started."""
    return Postroom({"syslog_network_target": collector.target, **settings})


Gathering = Callable[[str], AbstractContextManager[Collector]]


@pytest.mark.parametrize("gather", [udp_collector, tcp_collector])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_every_line_arrives_well_formed_beside_the_ordinary_one(
    gather: Gathering, host: str
) -> None:
    with gather(host) as collector, sending_to(collector) as instance:
        instance.start()
        for text in ODD:
            message = b"Message-Id: " + text + b"\n\nb\n"
            assert submit(instance.port, message, text[:2000], text[:2000]).verdict == "K"
        with Connection(instance.port) as client:
            client.send(b"garbage")
            assert client.answer().verdict == "D"
        with Load(instance.port, limit=300) as load:
            load.join()
        assert load.failed() == []
        assert instance.reload().returncode == 0
        assert submit(instance.port).verdict == "K"
        instance.stop()
        count = ordinary(instance).total()
        wait_for(lambda: collected(collector).total() >= count, 10, "all lines")
        assert collected(collector) == ordinary(instance)
        now = time.time()
    programs = {"master", "qmqpd", "cleanup", "postfix-script"}
    assert {record.app for record in collector.records()} == {f"postfix/{one}" for one in programs}
    for record in collector.records():
        assert (record.facility, record.host) == (MAIL, "mx.example.test")
        assert record.severity == SEVERITIES.get(record.text.partition(": ")[0], 6)
        assert now - 60 < record.time.timestamp() <= now
        assert record.time.utcoffset() is not None


def test_names_and_facility_are_those_of_the_configuration() -> None:
    settings = {"syslog_name": "relay/in", "syslog_facility": "local3", "myhostname": "a.b.test"}
    with udp_collector() as collector, sending_to(collector, **settings) as instance:
        instance.start()
        submit(instance.port)
        wait_for(lambda: said(collector, "disconnect from"), 10, "a record")
    record = said(collector, "disconnect from")
    assert record is not None
    assert (record.facility, record.host, record.app) == (LOCAL3, "a.b.test", "relay/in/qmqpd")


def said(collector: Collector, text: str) -> Record | None:
    """Return a record that begins with a text."""
    return next((one for one in collector.records() if one.text.startswith(text)), None)


# Collectors that are away, hang or close.


@contextlib.contextmanager
def away(kind: socket.SocketKind) -> Iterator[int]:
    """Hold a port where nobody listens: the system tells the sender so."""
    with socket.socket(socket.AF_INET, kind) as place:
        place.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_DGRAM:
            place.connect(("127.0.0.1", 9))  # takes from there only
        yield place.getsockname()[1]


@contextlib.contextmanager
def listening(backlog: int) -> Iterator[socket.socket]:
    """Hold a listener that never accepts, nor reads."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        listener.bind(("127.0.0.1", 0))
        listener.listen(backlog)
        yield listener


@contextlib.contextmanager
def hanging() -> Iterator[int]:
    """Be a collector that takes connections and reads nothing."""
    with listening(1000) as listener:
        yield listener.getsockname()[1]


@contextlib.contextmanager
def full() -> Iterator[int]:
    """Be a collector that does not even take connections: whoever tries waits."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(listening(0))
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@contextlib.contextmanager
def closing() -> Iterator[int]:
    """Be a collector that closes each connection at once, some with a reset."""
    with listening(1000) as listener:

        def close() -> None:
            with contextlib.suppress(OSError):  # until it is closed
                while True:
                    client, _ = listener.accept()
                    client.close()

        with working(close, listener):
            yield listener.getsockname()[1]


Failing = Callable[[], AbstractContextManager[int]]
MESSAGES = 500
GAP_LIMIT = 1.0  # seconds without any success


@pytest.mark.parametrize("max_use", ["100", "1000000"])
@pytest.mark.parametrize(
    ("transport", "collector"),
    [
        pytest.param("udp", partial(away, socket.SOCK_DGRAM), id="away, by UDP"),
        pytest.param("tcp", partial(away, socket.SOCK_STREAM), id="away"),
        pytest.param("tcp", hanging, id="reads nothing"),
        pytest.param("tcp", full, id="takes no connections"),
        pytest.param("tcp", closing, id="closes"),
    ],
)
def test_a_collector_that_fails_stops_no_mail_and_no_ordinary_line(
    transport: str, collector: Failing, max_use: str
) -> None:
    with collector() as port:
        settings = {"syslog_network_target": f"{transport}:127.0.0.1:{port}", "max_use": max_use}
        with Postroom(settings) as instance:
            instance.start()
            with Load(instance.port, limit=MESSAGES) as load:
                load.join()
            assert load.failed() == []
            assert load.longest_gap() < GAP_LIMIT
            instance.stop()
            lines = list(ordinary(instance).elements())
    assert sum(" client=localhost" in line for line in lines) == MESSAGES
    assert sum(": disconnect from" in line for line in lines) == MESSAGES


def test_a_collector_that_was_restarted_misses_nothing_from_then_on() -> None:
    with tcp_collector() as collector, sending_to(collector, max_use="1000000") as instance:
        instance.start()
        for _ in range(20):
            submit(instance.port)
        wait_for(lambda: said(collector, "disconnect from"), 10, "a record")
        port = int(collector.target.rpartition(":")[2])
        collector.leave()
        position = instance.log_position()
        assert submit(instance.port).verdict == "K"
        instance.wait_for_log("disconnect from", position)
        with tcp_collector(port=port) as fresh:
            position = instance.log_position()
            for number in range(20):
                assert submit(instance.port, source=f"127.0.2.{number + 1}").verdict == "K"
            instance.stop()
            lines = [line for line in ordinary(instance) if "[127.0.2." in line]
            wait_for(lambda: set(lines) <= set(collected(fresh)), 10, "all lines since")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("syslog_network_target", "udp:collector:514", 'bad target "udp:collector:514"'),
        ("syslog_network_target", "tcp:127.0.0.1", 'bad target "tcp:127.0.0.1"'),
        ("maillog_file", "/nowhere/mail.log", "begins with nothing of maillog_file_prefixes"),
    ],
)
def test_a_mistake_is_found_by_every_command_with_file_and_line(
    name: str, value: str, reason: str
) -> None:
    with Postroom() as instance:
        instance.configure({name: value})
        path = instance.config_dir / "main.cf"
        number = path.read_text().split("\n").index(f"{name} = {value}") + 1
        for word in ("check", "start"):
            done = instance.command(word)
            assert done.returncode == 1, (word, done)
            assert f"{path}, line {number}: parameter {name}: " in done.stderr, (word, done)
            assert reason in done.stderr
        instance.configure({name: ""})
        instance.start()
        instance.configure({name: value})
        done = instance.reload()
        assert done.returncode == 1
        assert f"{path}, line {number}: parameter {name}: " in done.stdout + done.stderr, done
        assert submit(instance.port).verdict == "K"
