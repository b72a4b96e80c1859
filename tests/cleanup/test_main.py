"""Promises of cleanup's daemon: one connection, one message, one file or none.

SEE ALSO
    spec/cleanup-protocol.md, sections 2 and 4.3
"""

import contextlib
import errno
import gc
import os
import select
import signal
import socket
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleanup import __main__ as daemon
from cleanup import line, trigger
from cleanup.__main__ import PARAMS, Cleanup, prepare, serve
from cleanup.message import Message
from cleanup.milter_desk import Rules
from cleanup.session import Session
from cleanup.writer import QueueFile
from common import attribute, frame
from common.child import AVAILABLE, LISTEN_FD, TAKEN, Child
from common.client import Client
from common.handover import Handover
from common.params import CleanupParams
from common.program import Program
from common.status import Status
from common.worker import Serve
from tests.cleanup.stream import (
    ARRIVAL,
    CLOSING,
    CONTENT,
    END,
    ENVELOPE,
    EXTRACTED,
    RECEIVED,
    SENDER,
    TIME,
    lines,
    message,
    options,
    parse,
    rec,
)
from tests.common.forked import Forked
from tests.common.journal import Journal
from tests.common.settings import load
from tests.suite.milter import Scripted

HOLD, DISCARD = 4, 8


@pytest.fixture(autouse=True)
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("incoming", "hold", "defer", "bounce", "trace", "public"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trigger, "LAST_WARNING", bytearray(8))
    return tmp_path


@dataclass
class Result:
    """What a client heard, what was logged, and what lies in the queue."""

    heard: bytes
    lines: list[str]
    files: dict[Path, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found = [path for path in Path().rglob("*") if path.is_file()]
        self.files = {path: path.read_bytes() for path in found}

    @property
    def queue_id(self) -> str:
        """The queue id of the greeting."""
        greeting = attribute.decode(self.heard)
        assert greeting is not None
        return attribute.values(greeting[0], b"protocol", b"queue_id")[1].decode()

    @property
    def status(self) -> int | None:
        """The verdict, None if the client heard none."""
        greeting = attribute.decode(self.heard)
        assert greeting is not None
        verdict = attribute.decode(self.heard[greeting[1] :])
        if verdict is None:
            return None
        assert greeting[1] + verdict[1] == len(self.heard)
        return int(attribute.values(verdict[0], b"status", b"reason")[0])


@dataclass
class FrameResult(Result):
    """The same of a client that sent a frame."""

    @property
    def queue_id(self) -> str:
        """The queue id of the answer."""
        found = frame.decode_verdict(self.heard)
        assert found is not None
        return found[0][1]

    @property
    def status(self) -> int | None:
        """The verdict, None if the client heard none."""
        found = frame.decode_verdict(self.heard)
        if found is None:
            assert self.heard == b""
            return None
        assert found[1] == len(self.heard)
        return found[0][0]


def rules(**config: str) -> Rules:
    """Return what the daemon is prepared with."""
    return prepare(load(CleanupParams, **config))


def converse(data: bytes, config: Mapping[str, str] | None = None) -> Result:
    """Let the daemon serve one client that sends records and then listens."""
    journal = Journal()
    cleanup = Cleanup(rules(**(config or {})), journal)
    return Result(exchange(cleanup, cleanup.serve, data), journal.lines())


def converse_natively(data: bytes, config: Mapping[str, str] | None = None) -> FrameResult:
    """Let the daemon serve one client that sends a frame and then listens."""
    journal = Journal()
    cleanup = Cleanup(rules(**(config or {})), journal)
    return FrameResult(exchange(cleanup, cleanup.serve_native, data), journal.lines())


def exchange(cleanup: Cleanup, serve: Serve, data: bytes) -> bytes:
    """Return what a client hears that sends this."""
    ours, theirs = socket.socketpair()

    def client() -> None:
        with contextlib.suppress(OSError):  # the daemon may leave first
            ours.sendall(data)
            ours.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=client)
    with ours, theirs:
        thread.start()
        serve(theirs)
        theirs.close()
        thread.join(10)
        heard = b""
        with contextlib.suppress(ConnectionResetError):  # behind what was said
            while part := ours.recv(65536):
                heard += part
    assert cleanup.file is None
    return heard


def whole(result: Result, folder: str = "incoming") -> list[tuple[str, bytes]]:
    """Check that there is one file, whole; return its records."""
    ((path, data),) = result.files.items()
    assert str(path) == f"{folder}/{result.queue_id}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    records = parse(data)
    assert (records[0][0], records[-1]) == ("C", ("E", b""))
    numbers = [int(number) for number in records[0][1].split()]
    assert data[numbers[1] - 2 : numbers[1]] == rec(b"M")
    assert data[numbers[1] + numbers[0] :].startswith(rec(b"X"))
    return records


# A message.


def test_a_message_becomes_a_file_and_then_a_status() -> None:
    result = converse(options() + message())
    assert result.status == 0
    assert ("N", b"Subject: x") in whole(result)
    assert result.lines[0].startswith(f"{result.queue_id}: message-id=<")


@pytest.mark.parametrize("milters", [0, 1])
def test_memory_of_a_message_does_not_wait_for_the_collector(milters: int) -> None:
    with Scripted() as milter:
        gc.collect()
        gc.disable()
        try:
            before = messages()
            config = {"non_smtpd_milters": milter.service} if milters else {}
            assert converse(options() + message(), config).status == 0
            assert messages() == before
        finally:
            gc.enable()


def messages() -> int:
    """Return how many are in memory."""
    return sum(isinstance(one, Message) for one in gc.get_objects())


def test_the_queue_manager_is_woken_once_the_file_is_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[list[int]] = []

    def pull(self: trigger.Trigger, now: int) -> None:
        assert self._path == "public/qmgr"
        seen.append([stat.S_IMODE(path.stat().st_mode) for path in Path("incoming").iterdir()])

    monkeypatch.setattr(trigger.Trigger, "pull", pull)
    converse(options() + message())
    assert seen == [[0o700]]
    converse(options() + message(envelope=TIME + SENDER + CONTENT))
    assert len(seen) == 1  # there is nothing to tell


def test_a_file_counts_before_anybody_can_know_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else master would remove a message that was accepted, if the process were killed then."""
    noted: list[list[str]] = []

    class Watched(Session):
        def verdict(self) -> bytes:
            noted.append(cleanup.claim.paths())
            return super().verdict()

    monkeypatch.setattr(daemon, "Session", Watched)
    cleanup = Cleanup(rules(), Journal())
    exchange(cleanup, cleanup.serve, options() + message())
    exchange(cleanup, cleanup.serve, options() + message(envelope=TIME + SENDER + CONTENT))
    assert noted == [[], []]


def test_a_missing_queue_manager_does_not_disturb() -> None:
    result = converse(options() + message())
    assert result.status == 0
    assert result.lines[-1] == "warning: cannot wake public/qmgr: No such file or directory"


def test_a_message_to_be_held_lies_in_hold() -> None:
    for data in (options(114 | HOLD) + message(), options() + rec(b"f", b"4") + message()):
        result = converse(data)
        assert result.status == 0
        whole(result, "hold")
        next(iter(result.files)).unlink()


def test_a_message_to_be_discarded_leaves_nothing() -> None:
    result = converse(options(114 | DISCARD) + message())
    assert (result.status, result.files) == (0, {})


@pytest.mark.parametrize(
    ("data", "config", "status"),
    [
        (message(envelope=TIME + SENDER + CONTENT), {}, Status.NO_RECIPIENTS),
        (message(envelope=SENDER + CONTENT), {}, Status.BAD),
        (message(b"Received: x\n" * 60), {}, Status.TOO_MANY_HOPS),
        (message(b"\n" + b"x\n" * 9000), {"message_size_limit": "5000"}, Status.TOO_LARGE),
    ],
)
def test_a_refused_message_is_read_to_its_end_and_leaves_nothing(
    data: bytes, config: dict[str, str], status: int
) -> None:
    result = converse(options() + data + lines(b"more\n" * 50_000), config)
    assert (result.status, result.files) == (status, {})


def test_a_message_that_is_too_large_is_logged_as_recorded() -> None:
    result = converse(options() + message(b"\n" + b"x\n" * 9000), {"message_size_limit": "5000"})
    assert result.lines == [
        f"{result.queue_id}: message-id=<{message_id(result)}>",
        f"warning: {result.queue_id}: queue file size limit exceeded",
        "warning: mail_stream_cleanup: close error",
    ]


def message_id(result: Result) -> str:
    return result.lines[0].partition("message-id=<")[2].rstrip(">")


def test_long_queue_ids_are_announced_and_used() -> None:
    result = converse(options() + message(), {"enable_long_queue_ids": "yes"})
    assert len(result.queue_id) >= 12
    whole(result)


# Clients that leave.


def test_a_client_that_vanishes_at_any_byte_leaves_no_file() -> None:
    data = options() + message()
    for size in range(len(data)):
        result = converse(data[:size])
        assert (result.status, result.files) == (None, {})


def test_a_client_that_leaves_before_its_answer_leaves_no_file() -> None:
    """It cannot have told anybody that the message is accepted."""
    journal = Journal()
    cleanup = Cleanup(rules(), journal)
    for data in (b"", options(), options() + message()):
        ours, theirs = socket.socketpair()
        ours.sendall(data)
        ours.close()
        with theirs:
            cleanup.serve(theirs)
        assert cleanup.file is None
    assert list(Path("incoming").iterdir()) == []


def test_a_client_that_falls_silent_is_left_in_time() -> None:
    ours, theirs = socket.socketpair()
    journal = Journal()
    with ours, theirs:
        ours.sendall(options() + message()[:20])
        Cleanup(rules(ipc_timeout="1s"), journal).serve(theirs)
    assert list(Path("incoming").iterdir()) == []
    assert "while reading from the cleanup client" in journal.lines()[-1]


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"flagz\x001\0\0",
        b"x" * 200_000,
        options() + b"N\xff\xff\xff\xff\xff",
        options() + ENVELOPE + RECEIVED + b"N\xff\xff\xff\xff\xff",
    ],
)
def test_a_client_that_talks_nonsense_is_left_without_a_verdict(data: bytes) -> None:
    result = converse(data)
    assert (result.status, result.files) == (None, {})
    assert "while reading from the cleanup client" in result.lines[-1]


# A message that comes as a frame.

HANDOVER = Handover(
    options=114,
    arrival=ARRIVAL * 1_000_000,
    client=Client(socket.AF_INET, "192.0.2.7", 4711, "client.test"),
    port_logging=False,
    by=b"mx.example.test (Postfix) with QMQP",
    content_filter=b"",
    sender=b"s@from.test",
    delimiters=b"",
    recipients=[b"r@to.test"],
)


def framed(content: bytes = b"Subject: x\n\nb\n", **facts: Any) -> bytes:
    """Return a frame with this content, and other facts than usual."""
    return frame.encode(HANDOVER._replace(**facts), len(content)) + content


def test_a_frame_becomes_a_file_and_then_an_answer() -> None:
    result = converse_natively(framed())
    assert result.status == 0
    records = whole(result)
    assert ("N", b"Subject: x") in records
    assert (
        "N",
        f"\tby mx.example.test (Postfix) with QMQP id {result.queue_id}".encode(),
    ) in records
    assert result.lines[0].startswith(f"{result.queue_id}: message-id=<")


def test_a_large_frame_becomes_a_file_too() -> None:
    body = b"".join(b"line %d\n" % number for number in range(50_000))
    result = converse_natively(framed(b"Subject: x\n\n" + body))
    assert result.status == 0
    texts = [text for kind, text in whole(result) if kind == "N"]
    assert texts[-50_000:] == body.split(b"\n")[:-1]


def test_a_frame_to_be_held_or_discarded_is() -> None:
    result = converse_natively(framed(options=114 | HOLD))
    assert result.status == 0
    whole(result, "hold")
    next(iter(result.files)).unlink()
    result = converse_natively(framed(options=114 | DISCARD))
    assert (result.status, result.files) == (0, {})


@pytest.mark.parametrize(
    ("data", "config", "status"),
    [
        (framed(recipients=[]), {}, Status.NO_RECIPIENTS),
        (framed(b"Received: x\n" * 60 + b"\n" + b"x\n" * 90_000), {}, Status.TOO_MANY_HOPS),
        (framed(b"\n" + b"x\n" * 90_000), {"message_size_limit": "5000"}, Status.TOO_LARGE),
    ],
)
def test_a_refused_frame_is_read_to_its_end_and_leaves_nothing(
    data: bytes, config: dict[str, str], status: int
) -> None:
    result = converse_natively(data, config)
    assert (result.status, result.files) == (status, {})


def test_a_client_that_vanishes_at_any_byte_of_a_frame_leaves_no_file() -> None:
    data = framed()
    for size in range(len(data)):
        result = converse_natively(data[:size])
        assert (result.status, result.files) == (None, {})


def test_a_client_that_leaves_before_the_answer_to_its_frame_leaves_no_file() -> None:
    ours, theirs = socket.socketpair()
    ours.sendall(framed())
    ours.close()
    journal = Journal()
    with theirs:
        Cleanup(rules(), journal).serve_native(theirs)
    assert list(Path("incoming").iterdir()) == []
    assert journal.lines()[-1].endswith(": Broken pipe while writing to the cleanup client")


def test_a_client_that_falls_silent_in_a_frame_is_left_in_time() -> None:
    ours, theirs = socket.socketpair()
    journal = Journal()
    with ours, theirs:
        ours.sendall(framed()[:-1])
        Cleanup(rules(ipc_timeout="1s"), journal).serve_native(theirs)
    assert list(Path("incoming").iterdir()) == []
    assert "while reading from the cleanup client" in journal.lines()[-1]


@pytest.mark.parametrize(
    "data",
    [
        b"PoR1" + framed()[4:],
        options() + message(),
        framed(arrival=2**64 - 1),
        framed(by=b"mx\nX: y"),
        frame.HEAD.pack(frame.MAGIC, *[2**16 - 1] * 5, *[2**32 - 1] * 9) + b"x" * 100_000,
    ],
)
def test_a_client_that_sends_no_frame_is_left_without_an_answer(data: bytes) -> None:
    result = converse_natively(data)
    assert (result.status, result.files) == (None, {})
    assert "while reading from the cleanup client" in result.lines[-1]


@pytest.mark.parametrize("call", ["writev", "pwrite", "fchmod", "fsync"])
@pytest.mark.parametrize("body", [b"b\n", b"x\n" * 50_000])
def test_a_disk_that_fails_is_told_with_the_answer(
    monkeypatch: pytest.MonkeyPatch, call: str, body: bytes
) -> None:
    def fail(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        result = converse_natively(framed(b"\n" + body))
    if call == "pwrite" and body == b"b\n":
        assert result.status == 0  # a small file is written at once
        return
    assert (result.status, result.files) == (Status.WRITE_FAILED, {})
    assert any("No space left on device" in line for line in result.lines)


def test_a_queue_that_takes_no_file_is_told_with_the_answer() -> None:
    Path("incoming").rmdir()
    result = converse_natively(framed(b"\n" + b"x\n" * 50_000))
    assert (result.queue_id, result.status) == ("NOQUEUE", Status.WRITE_FAILED)


# A queue in trouble.


def test_a_full_disk_is_told_with_a_greeting_and_a_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = os.open

    def full(path: str, flags: int, *rest: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, "No space left on device")
        return plain(path, flags, *rest)

    monkeypatch.setattr(os, "open", full)
    result = converse(options() + message(b"\n" + b"x\n" * 9000))
    assert (result.queue_id, result.status, result.files) == ("NOQUEUE", Status.WRITE_FAILED, {})
    assert result.lines[0].startswith("warning: mail_queue_enter: create file incoming/")
    assert result.lines[0].endswith(": No space left on device")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["writev", "pwrite", "fchmod", "fsync"])
def test_a_disk_that_fails_later_is_told_with_a_status(
    monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    def fail(*arguments: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        result = converse(options() + message(b"\n" + b"x\n" * 50_000))
    assert (result.status, result.files) == (Status.WRITE_FAILED, {})
    assert any(os.strerror(number) in line for line in result.lines)


def test_a_message_that_takes_too_much_memory_costs_itself_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def exhaust(session: Session, data: bytes) -> bytes:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Session, "receive_data", exhaust)
        result = converse(options() + message())
    assert (result.status, result.files) == (None, {})
    assert result.lines[-1].endswith("out of memory while reading from the cleanup client")


def test_a_missing_hold_queue_is_told_with_a_status() -> None:
    Path("hold").rmdir()
    result = converse(options(114 | HOLD) + message())
    assert (result.status, result.files) == (Status.WRITE_FAILED, {})


# Flow control.


@pytest.mark.parametrize(("tokens", "naps"), [(b"", [1.0]), (b"x", []), (b"xx", [])])
def test_without_a_token_of_the_flow_control_there_is_one_pause(
    monkeypatch: pytest.MonkeyPatch, tokens: bytes, naps: list[float]
) -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    os.write(writer, tokens)
    slept: list[float] = []
    fake = SimpleNamespace(sleep=slept.append, time=lambda: 1795177301.0)
    monkeypatch.setattr(daemon, "time", fake)
    monkeypatch.setattr(daemon, "FLOW_READ_FD", reader)
    result = converse(options() + message(), {"in_flow_delay": "1s"})
    assert (result.status, slept) == (0, naps)
    assert select_bytes(reader) == max(0, len(tokens) - 1)
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(("flags", "left"), [(0, 1), (HOLD, 2)])
def test_a_message_to_be_held_gives_its_token_back(
    monkeypatch: pytest.MonkeyPatch, flags: int, left: int
) -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    os.write(writer, b"xx")
    monkeypatch.setattr(daemon, "FLOW_READ_FD", reader)
    monkeypatch.setattr(daemon, "FLOW_WRITE_FD", writer)
    assert converse(options(flags) + message(), {"in_flow_delay": "1s"}).status == 0
    assert select_bytes(reader) == left
    os.close(reader)
    os.close(writer)


def select_bytes(reader: int) -> int:
    """Return how many tokens are left."""
    try:
        return len(os.read(reader, 100))
    except BlockingIOError:
        return 0


def test_flow_control_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "FLOW_READ_FD", -1)  # whoever reads it fails
    assert converse(options() + message(), {"in_flow_delay": "0"}).status == 0


# A process of its own.


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as found:
        found.bind("public/cleanup")
        found.listen()
        yield found


def running(*listeners: socket.socket, **config: str) -> Forked:
    """Start the daemon; a second listener is the one for frames."""

    def run(child: Child) -> None:
        child.main_cf = child.main_cf.override(
            {"in_flow_delay": "0", "myhostname": "mx.example.test", **config}, "test"
        )
        params = child.main_cf.load(PARAMS)
        child.prepared, child.shelter = Program.of(daemon).made_ready(params)
        child.unprivileged = False  # the test's folder belongs to the test's user
        child.native_listener = LISTEN_FD + 1 if len(listeners) > 1 else None
        serve(child)

    return Forked(run, listeners)


def submit(data: bytes, path: str = "public/cleanup") -> bytes:
    """Send this to the daemon; return all it says."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(path)
        client.sendall(data)
        heard = b""
        while part := client.recv(65536):
            heard += part
        return heard


def test_the_daemon_serves_one_message_a_connection_and_reports_each(
    listener: socket.socket,
) -> None:
    with running(listener, max_use="3") as process:
        for _ in range(3):
            assert submit(options() + message()).endswith(b"status\x000\0reason\0\0\0")
        assert process.wait() == 0
        assert process.states() == [TAKEN, AVAILABLE] * 3
    assert len(list(Path("incoming").iterdir())) == 3


def test_the_daemon_takes_records_and_frames_each_on_its_own_socket(
    listener: socket.socket,
) -> None:
    Path("private").mkdir()
    with socket.socket(socket.AF_UNIX) as native:
        native.bind("private/cleanup.native")
        native.listen()
        with running(listener, native, max_use="4") as process:
            for _ in range(2):
                assert submit(options() + message()).endswith(b"status\x000\0reason\0\0\0")
                found = frame.decode_verdict(submit(framed(), "private/cleanup.native"))
                assert found is not None
                assert (found[0][0], found[0][2]) == (0, b"")
            assert process.wait() == 0
            assert process.states() == [TAKEN, AVAILABLE] * 4
    assert len(list(Path("incoming").iterdir())) == 4


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the daemon wait long enough for any next frame."""
    monkeypatch.setattr(line, "NEXT_SECONDS", 10.0)


class Answer(NamedTuple):
    """What a client hears of a frame."""

    status: int
    queue_id: str
    credit: int


def answers(client: socket.socket, count: int) -> list[Answer]:
    """Return as many answers as a client hears."""
    heard, found = b"", list[Answer]()
    while len(found) < count:
        if (one := frame.decode_verdict(heard)) is None:
            part = client.recv(65536)
            assert part
            heard += part
        else:
            (status, queue_id, _, credit), size = one
            found.append(Answer(status, queue_id, credit))
            heard = heard[size:]
    assert heard == b""
    return found


@pytest.mark.usefixtures("patient")
def test_a_client_may_send_one_frame_after_the_other() -> None:
    ours, theirs = socket.socketpair()
    large = framed(b"Subject: x\n\n" + b"x\n" * 90_000)
    heard = []

    def client() -> None:
        for data in (framed(), large, framed(recipients=[]), framed()):
            ours.sendall(data)
            heard.extend(answers(ours, 1))
        ours.close()

    thread = threading.Thread(target=client)
    with ours, theirs:
        ours.settimeout(10)
        thread.start()
        Cleanup(rules(), Journal()).serve_native(theirs)
        thread.join(10)
    assert [one.status for one in heard] == [0, 0, Status.NO_RECIPIENTS, 0]
    stored = {one.queue_id for one in heard if one.status == 0}
    assert {path.name for path in Path("incoming").iterdir()} == stored
    assert len(stored) == 3


def send_in_pieces(client: socket.socket, data: bytes, size: int) -> None:
    for start in range(0, len(data), size):
        client.sendall(data[start : start + size])


@contextlib.contextmanager
def serving(rules: Rules, journal: Journal | None = None) -> Iterator[socket.socket]:
    """Serve a client that sends frames; yield its end."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs:
            Cleanup(rules, journal or Journal()).serve_native(theirs)

    with ours, ThreadPoolExecutor(1) as pool:
        ours.settimeout(10)
        served = pool.submit(serve)
        yield ours
        ours.close()
        served.result(10)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("size", [50, 4999, 40_000, 10**9])
def test_a_client_may_send_many_frames_before_it_hears_of_the_first(size: int) -> None:
    small, none = framed(), framed(recipients=[])
    large = framed(b"Subject: x\n\n" + b"x\n" * 50_000)
    data = b"".join([small, large, none, small, small, large] + [small] * 10)
    with serving(rules()) as client, ThreadPoolExecutor(1) as pool:
        sent = pool.submit(send_in_pieces, client, data, size)
        heard = answers(client, 16)
        sent.result(10)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert [one.status for one in heard] == [0, 0, Status.NO_RECIPIENTS] + [0] * 13
    sizes = {path.name: path.stat().st_size for path in Path("incoming").iterdir()}
    assert set(sizes) == {one.queue_id for one in heard if one.status == 0}
    large_ones = [
        number for number, one in enumerate(heard) if sizes.get(one.queue_id, 0) > 100_000
    ]
    assert large_ones == [1, 5]


@pytest.mark.usefixtures("patient")
def test_who_is_not_waited_for_may_send_many_frames_and_others_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits = iter([0, 0, 5, 6, 6, 6, 6, 9])  # as a frame begins and as it ends
    monkeypatch.setattr(daemon, "waited", lambda: next(waits))
    with serving(rules()) as client:
        for expected in (line.PIPELINE, 1, line.PIPELINE, 1):
            client.sendall(framed())
            assert answers(client, 1)[0].credit == expected


def test_waiting_is_noticed() -> None:
    before = line.waited()
    select.select([], [], [], 0.001)
    assert line.waited() > before


@pytest.mark.parametrize(
    ("parameter", "credit"), [("", 16), ("header_checks", 1), ("sender_canonical_maps", 1)]
)
def test_where_tables_are_open_one_frame_follows_the_other(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch, parameter: str, credit: int
) -> None:
    # A message that is not read yet can go to a process that opens them anew.
    monkeypatch.setattr(daemon, "waited", lambda: 0)
    Path("private").mkdir()
    with socket.socket(socket.AF_UNIX) as native:
        native.bind("private/cleanup.native")
        native.listen()
        with running(listener, native, **({parameter: "static:x"} if parameter else {})):
            found = frame.decode_verdict(submit(framed(), "private/cleanup.native"))
            assert found is not None
            assert found[0][3] == credit


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("limit", "max_use"), [(5, "100"), (100, "5"), (100, "1")])
def test_no_credit_leads_beyond_the_last_frame(
    monkeypatch: pytest.MonkeyPatch, limit: int, max_use: str
) -> None:
    monkeypatch.setattr(line, "MESSAGES_LIMIT", limit)
    monkeypatch.setattr(daemon, "waited", lambda: 0)
    with serving(rules(max_use=max_use)) as client:
        for left in reversed(range(min(limit, int(max_use)))):
            client.sendall(framed())
            assert answers(client, 1)[0].credit == left
        assert client.recv(1) == b""


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("max_use", "count"), [("16", 18), ("100", 112), ("1000", 112)])
def test_a_worker_that_leaves_needs_no_second_connection_for_its_last_clients(
    max_use: str, count: int
) -> None:
    with serving(rules(max_use=max_use)) as client:
        for _ in range(count):
            client.sendall(framed())
            assert answers(client, 1)[0].status == 0
        assert client.recv(1) == b""


def test_what_comes_as_the_daemon_turns_away_is_served_and_no_more_can_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    received = line.received
    waits = iter([True])

    def too_late(connection: socket.SocketType, *arguments: int) -> bytes:
        if next(waits, False):
            client.sendall(framed() + framed() + framed()[:-1])
            return b""
        return received(connection, *arguments)

    monkeypatch.setattr(line, "received", too_late)
    with serving(rules()) as client:
        client.sendall(framed())
        heard = answers(client, 3)
        assert client.recv(1) == b""  # what is cut off is no reason to reset the connection
        with pytest.raises(BrokenPipeError):
            client.sendall(framed())
    assert [one.status for one in heard] == [0, 0, 0]
    assert {path.name for path in Path("incoming").iterdir()} == {one.queue_id for one in heard}


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("shut_only", [False, True])
def test_of_who_is_gone_before_an_answer_nothing_is_stored(
    monkeypatch: pytest.MonkeyPatch, shut_only: bool
) -> None:
    commit = QueueFile.commit
    committed: list[str] = []
    gone = threading.Event()

    def leave(self: QueueFile, size_record: bytes) -> None:
        if committed:
            client.shutdown(socket.SHUT_RD) if shut_only else client.close()
            gone.set()
        committed.append(self.queue_id)
        commit(self, size_record)

    monkeypatch.setattr(QueueFile, "commit", leave)
    with serving(rules()) as client:
        client.sendall(framed() * 5)
        assert gone.wait(10)
    assert [path.name for path in Path("incoming").iterdir()] == committed[:1]
    assert len(committed) == 2  # the others were not begun


@pytest.mark.parametrize("behind", [b"x", b"PoR1", framed()[:100], framed(by=b"mx\nX: y")])
def test_a_frame_in_front_of_what_is_none_is_answered(behind: bytes) -> None:
    result = converse_natively(framed() + behind)
    assert (result.status, len(result.files)) == (0, 1)


def test_a_client_without_another_frame_is_left_soon_and_without_a_word() -> None:
    ours, theirs = socket.socketpair()
    journal = Journal()
    with ours, theirs:
        ours.sendall(framed())
        Cleanup(rules(), journal).serve_native(theirs)
        theirs.close()
        assert answers(ours, 1)[0][0] == 0
        assert ours.recv(1) == b""
    assert [line for line in journal.lines() if "client" in line] == []


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("limit", "max_use"), [(3, "100"), (100, "3"), (100, "1")])
def test_a_client_is_left_after_so_many_frames(
    monkeypatch: pytest.MonkeyPatch, limit: int, max_use: str
) -> None:
    monkeypatch.setattr(line, "MESSAGES_LIMIT", limit)
    count = min(limit, int(max_use))
    ours, theirs = socket.socketpair()
    with ours, theirs, ThreadPoolExecutor(1) as pool:
        ours.settimeout(10)
        served = pool.submit(Cleanup(rules(max_use=max_use), Journal()).serve_native, theirs)
        for _ in range(count):
            ours.sendall(framed())
            assert answers(ours, 1)[0][0] == 0
        served.result(10)
    assert len(list(Path("incoming").iterdir())) == count


@pytest.mark.usefixtures("patient")
def test_a_second_frame_that_is_cut_short_leaves_no_file() -> None:
    ours, theirs = socket.socketpair()
    journal = Journal()
    with ours, theirs, ThreadPoolExecutor(1) as pool:
        ours.settimeout(10)
        served = pool.submit(Cleanup(rules(), journal).serve_native, theirs)
        ours.sendall(framed())
        ((_, first, _),) = answers(ours, 1)
        ours.sendall(framed()[:-1])
        ours.close()
        served.result(10)
    assert [path.name for path in Path("incoming").iterdir()] == [first]


@pytest.mark.usefixtures("patient")
def test_nothing_is_taken_behind_what_is_no_frame() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, ThreadPoolExecutor(1) as pool:
        ours.settimeout(10)
        served = pool.submit(Cleanup(rules(), Journal()).serve_native, theirs)
        ours.sendall(framed())
        ((_, first, _),) = answers(ours, 1)
        ours.sendall(b"PoR1" + b"x" * (32 * 1024 - 4) + framed())
        served.result(10)
    assert [path.name for path in Path("incoming").iterdir()] == [first]


@pytest.mark.usefixtures("patient")
def test_each_frame_has_the_watchdog_s_whole_time(monkeypatch: pytest.MonkeyPatch) -> None:
    alarms: list[int] = []
    monkeypatch.setattr(signal, "alarm", alarms.append)
    ours, theirs = socket.socketpair()
    with ours, theirs, ThreadPoolExecutor(1) as pool:
        ours.settimeout(10)
        served = pool.submit(Cleanup(rules(daemon_timeout="7s"), Journal()).serve_native, theirs)
        for _ in range(3):
            ours.sendall(framed())
            answers(ours, 1)
        ours.close()
        served.result(10)
    assert alarms == [7, 7]  # the first is set for the connection


def test_a_terminated_daemon_takes_its_unfinished_file_along(listener: socket.socket) -> None:
    with running(listener) as process, socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect("public/cleanup")
        client.sendall(options() + message()[:40])
        assert client.recv(1000).startswith(b"protocol\0cleanup_protocol\0")
        assert len(list(Path("incoming").iterdir())) == 1
        process.signal(signal.SIGTERM)
        assert process.wait() != 0
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1000) == b""
    assert list(Path("incoming").iterdir()) == []


def test_a_killed_daemon_leaves_only_what_no_reader_touches(listener: socket.socket) -> None:
    with running(listener) as process, socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect("public/cleanup")
        client.sendall(options() + message()[:40])
        client.recv(1000)
        process.signal(signal.SIGKILL)
        process.wait()
    assert [stat.S_IMODE(path.stat().st_mode) for path in Path("incoming").iterdir()] == [0o600]


def test_a_bad_setting_is_an_error_before_anybody_is_served(listener: socket.socket) -> None:
    with running(listener, hopcount_limit="many") as process:
        assert process.wait() != 0
        assert "bad numerical configuration: hopcount_limit = many" in process.log()[-1]


# Anything at all.

pieces = st.sampled_from(
    [
        *(TIME, SENDER, rec(b"R", b"r@x"), CONTENT, RECEIVED, EXTRACTED, END, CLOSING, ENVELOPE),
        *(rec(b"N", b""), rec(b"L", b"y"), rec(b"A", b"a=1"), rec(b"f", b"4"), rec(b"f", b"8")),
        *(rec(b"q"), rec(b"p", b"0"), b"N\xff\xff\xff\xff", b"N\x05ab", b"\0", message()),
    ]
)
starts = st.sampled_from([options(), options(114 | HOLD), options(114 | DISCARD), b"", b"x"])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(starts, st.lists(pieces, max_size=10).map(b"".join))
def test_whatever_a_client_sends_there_is_a_whole_file_or_none(start: bytes, data: bytes) -> None:
    result = converse(start + data)
    assert len(result.files) <= 1
    if result.files:
        assert result.status == 0
        whole(result, str(next(iter(result.files)).parent))
    for path in result.files:
        path.unlink()


def test_the_fault_tests_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that forgets to discard is found out."""

    def forget(cleanup: Cleanup) -> None:
        cleanup.file = None

    monkeypatch.setattr(Cleanup, "_discard_file", forget)
    checks: list[Callable[[], None]] = [
        test_a_client_that_vanishes_at_any_byte_leaves_no_file,
        test_a_client_that_vanishes_at_any_byte_of_a_frame_leaves_no_file,
        test_a_missing_hold_queue_is_told_with_a_status,
    ]
    for check in checks:
        with pytest.raises(AssertionError):
            check()
        for path in Path("incoming").iterdir():
            path.unlink()
        Path("hold").mkdir(exist_ok=True)
