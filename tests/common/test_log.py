"""Promises of common.log.

SEE ALSO
    spec/logging.md, section 1
"""

import fcntl
import os
import re
import select
import socket
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from common import log as log_module
from common import sinks as sinks_module
from common.errors import ConfigError
from common.log import BACKLOG_LIMIT, INFO, LINE_LIMIT, WARNING, Log, log_end, printable
from common.outage import Losses, Outage
from common.params import FACILITIES, SuiteParams
from common.sinks import (
    FACILITY_CODES,
    FileSink,
    SyslogSink,
    check_openable,
    open_log_file,
    open_sink,
    refers_to_socket,
    timestamp,
)
from tests.common.forked import outcome
from tests.common.journal import Journal
from tests.common.memory import shared
from tests.common.settings import load
from tests.common.zone import local_zone

ARRIVAL = 1795177301  # Fri, 20 Nov 2026 12:21:41 UTC
PATIENCE = 0.05  # seconds; what a test can wait for


@dataclass
class Clock:
    """Time as the log sees it; the test moves it."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return ARRIVAL + self.now - 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    found = Clock()
    fake = SimpleNamespace(monotonic=found.monotonic, time=found.time, localtime=time.localtime)
    monkeypatch.setattr(log_module, "time", fake)
    monkeypatch.setattr(sinks_module, "time", fake)
    with local_zone("UTC0"):
        yield found


class Pipe:
    """A pipe of one page; the writing end does not block."""

    def __init__(self) -> None:
        self.reader, writer = os.pipe()
        os.set_blocking(writer, False)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        self.sink = FileSink(writer)

    def read(self) -> bytes:
        """Return what is in the pipe now."""
        found = b""
        while select.select([self.reader], [], [], 0)[0]:
            data = os.read(self.reader, 65536)
            if not data:
                break
            found += data
        return found

    def fill(self) -> int:
        """Fill it up; return the count of bytes."""
        return os.write(self.sink.descriptor, b"x" * 100_000)

    def close_writer(self) -> None:
        if self.sink.descriptor >= 0:
            os.close(self.sink.descriptor)
        self.sink.descriptor = -1

    def close(self) -> None:
        self.close_writer()
        os.close(self.reader)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    found = Pipe()
    yield found
    found.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder: a socket's whole path could be too long."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def syslogd(folder: None) -> Iterator[socket.socket]:
    """What stands in for the system's logger."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind("log")
        bound.settimeout(10)
        yield bound


def pid() -> int:
    return os.getpid()


# The line.


def test_a_line_in_a_file_has_time_host_tag_and_pid(clock: Clock, pipe: Pipe) -> None:
    log = Log("postfix/qmqpd", pipe.sink, host="mx.example.test")
    log.info("connect from localhost[127.0.0.1]")
    clock.now += 86400 * 12 + 1
    log.info("disconnect from localhost[127.0.0.1]")
    assert pipe.read().decode() == (
        f"Nov 20 12:21:41 mx postfix/qmqpd[{pid()}]: connect from localhost[127.0.0.1]\n"
        f"Dec  2 12:21:42 mx postfix/qmqpd[{pid()}]: disconnect from localhost[127.0.0.1]\n"
    )


def test_a_line_to_syslog_is_one_datagram_with_priority_and_time(
    clock: Clock, syslogd: socket.socket
) -> None:
    log = Log("postfix/qmqpd", SyslogSink("mail", syslogd.getsockname()), host="mx")
    log.info("connect from localhost[127.0.0.1]")
    log.warning("x")
    expected = f"<22>Nov 20 12:21:41 postfix/qmqpd[{pid()}]: connect from localhost[127.0.0.1]"
    assert syslogd.recv(10_000).decode() == expected
    assert syslogd.recv(10_000).decode() == (
        f"<20>Nov 20 12:21:41 postfix/qmqpd[{pid()}]: warning: x"
    )


@pytest.mark.parametrize(
    ("method", "word", "severity"),
    [
        ("info", "", 6),
        ("warning", "warning: ", 4),
        ("error", "error: ", 3),
        ("fatal", "fatal: ", 2),
    ],
)
def test_each_severity_has_its_word_and_number(
    syslogd: socket.socket, method: str, word: str, severity: int
) -> None:
    getattr(Log("t", SyslogSink("kern", syslogd.getsockname())), method)("text")
    line = syslogd.recv(10_000).decode()
    assert line.startswith(f"<{severity}>")
    assert line.endswith(f" t[{pid()}]: {word}text")


@pytest.mark.parametrize(
    ("facility", "code"), [("mail", 2), ("daemon", 3), ("auth", 4), ("local0", 16), ("local7", 23)]
)
def test_the_facility_is_in_the_priority(syslogd: socket.socket, facility: str, code: int) -> None:
    Log("t", SyslogSink(facility, syslogd.getsockname())).info("text")
    assert syslogd.recv(10_000).startswith(b"<%d>" % (code * 8 + 6))


def test_every_facility_that_can_be_configured_has_a_code() -> None:
    assert set(FACILITY_CODES) == set(FACILITIES)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\nb", "a?b"),
        ("a\r\n\tb", "a???b"),
        ("\0\x1b[31m\x7f", "??[31m?"),
        ("\x80\x9f", "??"),
        ("café \u20ac", "café \u20ac"),
        ("\udce9", "?"),
        ("{0} %s \\n", "{0} %s \\n"),
    ],
)
def test_a_text_is_one_line_whatever_is_in_it(pipe: Pipe, text: str, shown: str) -> None:
    Log("t", pipe.sink).info(text)
    lines = pipe.read().split(b"\n")
    assert len(lines) == 2
    assert lines[0].endswith(f"t[{pid()}]: {shown}".encode())


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9", "caf?"),
        (b"\xff\xfe", "??"),
        (b"a\nb", "a\nb"),
        (b"", ""),
    ],
)
def test_bytes_from_the_network_become_text(data: bytes, text: str) -> None:
    assert printable(data) == text


def test_a_text_without_end_is_cut(syslogd: socket.socket) -> None:
    Log("t", SyslogSink("mail", syslogd.getsockname())).info("x" * 1_000_000)
    line = syslogd.recv(100_000)
    assert line.rstrip(b"x").endswith(b"]: ")
    assert LINE_LIMIT - 100 < len(line) < LINE_LIMIT + 100


def test_the_host_is_its_first_label_or_this_machine(pipe: Pipe) -> None:
    for host, shown in (("mx.example.test", "mx"), ("mx", "mx"), ("", "localhost")):
        Log("t", pipe.sink, host=host).info("text")
        assert f" {shown} t[" in pipe.read().decode()


def test_the_time_stamp_pads_the_day_with_a_blank(clock: Clock) -> None:
    assert timestamp(ARRIVAL) == "Nov 20 12:21:41"
    assert timestamp(1793536205) == "Nov  1 12:30:05"


def test_a_forked_process_logs_with_its_own_pid(pipe: Pipe) -> None:
    log = Log("t", pipe.sink)
    log.info("parent")

    def forked() -> bytes:
        log.renew()
        log.info("child")
        return b"%d" % os.getpid()

    child = int(outcome(forked))
    parent_line, child_line = pipe.read().decode().splitlines()
    assert f"t[{pid()}]: parent" in parent_line
    assert f"t[{child}]: child" in child_line


# Files.


def test_a_log_file_is_private_and_only_ever_grows(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    logs = [Log(f"t{number}", FileSink(open_log_file(str(path)))) for number in range(2)]
    for number in range(10):
        logs[number % 2].info(f"line {number}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = path.read_text().splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == [str(number) for number in range(10)]
    for log in logs:
        os.close(log.sink.fileno())


def test_the_configuration_chooses_the_sink(tmp_path: Path) -> None:
    assert isinstance(open_sink(load(SuiteParams)), SyslogSink)
    path = str(tmp_path / "log")
    named = load(SuiteParams, maillog_file=path, maillog_file_prefixes=str(tmp_path))
    sink = open_sink(named)
    assert isinstance(sink, FileSink)
    assert os.path.samestat(os.fstat(sink.fileno()), os.stat(path))
    os.close(sink.fileno())
    with open("/dev/null", "ab") as inherited:
        given = FileSink(inherited.fileno())
        assert open_sink(named, inherited=given) is given


def test_a_log_file_is_checked_without_being_made(tmp_path: Path) -> None:
    path = tmp_path / "log"
    named = load(SuiteParams, maillog_file=str(path), maillog_file_prefixes="/")
    check_openable(named)
    assert not path.exists()
    path.write_text("line\n")
    check_openable(named)
    assert path.read_text() == "line\n"
    check_openable(load(SuiteParams))
    check_openable(load(SuiteParams, maillog_file="/dev/stdout"))


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("", "Is a directory"),
        ("no/log", "No such file or directory"),
        ("file/log", "Not a directory"),
        ("fifo", "No such device or address"),
    ],
)
def test_a_log_file_that_cannot_be_opened_is_found_out(
    tmp_path: Path, place: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    path = tmp_path / place
    with pytest.raises(ConfigError) as found:
        check_openable(load(SuiteParams, maillog_file=str(path), maillog_file_prefixes="/"))
    assert str(found.value) == f"parameter maillog_file: open {path}: {reason}"


@pytest.mark.parametrize("is_socket", [False, True])
def test_a_sink_may_be_made_before_its_descriptor_is_there(is_socket: bool) -> None:
    # As master does: the number is the one that its child will have.
    if is_socket:
        reader, writer = (one.detach() for one in socket.socketpair())
    else:
        reader, writer = os.pipe()
    place = fcntl.fcntl(0, fcntl.F_DUPFD, 200)
    os.close(place)
    sink = FileSink(place, is_socket=is_socket)
    try:
        assert refers_to_socket(writer) == is_socket
        os.dup2(writer, place)
        Log("t", sink).info("text")
        assert os.read(reader, 1000).endswith(b"]: text\n")
    finally:
        for descriptor in {reader, writer, place}:
            os.close(descriptor)


def test_a_log_file_elsewhere_is_refused() -> None:
    with pytest.raises(ConfigError, match="maillog_file: /etc/log begins with nothing of"):
        open_sink(load(SuiteParams, maillog_file="/etc/log"))


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/no/such/folder/log", "No such file or directory"), ("/", "Is a directory")],
)
def test_a_log_file_that_cannot_be_opened_is_an_error_of_the_operator(
    path: str, reason: str
) -> None:
    with pytest.raises(ConfigError, match=f"open {path}: {reason}"):
        open_log_file(path)


def test_standard_output_as_a_pipe_is_opened_a_second_time(pipe: Pipe) -> None:
    os.set_blocking(pipe.sink.descriptor, True)

    def forked() -> bytes:
        os.dup2(pipe.sink.descriptor, 1)
        found = open_log_file("/dev/stdout")
        Log("t", FileSink(found)).info("text")
        return b"%d %d" % (os.get_blocking(found), os.get_blocking(1))

    assert outcome(forked) == b"0 1"
    assert pipe.read().endswith(b"]: text\n")


def test_standard_output_as_a_file_goes_on_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("before\n")

    def forked() -> bytes:
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), 1)
        Log("t", FileSink(open_log_file("/dev/stdout"))).info("text")
        return b"done"

    assert outcome(forked) == b"done"
    assert re.fullmatch("before\n.* text\n", path.read_text())


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_a_reader_of_standard_output_that_stalls_stops_nobody(kind: str) -> None:
    if kind == "pipe":
        reader, writer = os.pipe()
    else:
        reader, writer = (one.detach() for one in socket.socketpair())
    try:

        def forked() -> bytes:
            os.dup2(writer, 1)
            log = Log("t", FileSink(open_log_file("/dev/stdout")), patience=PATIENCE)
            for _ in range(2000):
                log.info("x" * 1000)
            return b"%d" % (log.dropped > 0)

        assert outcome(forked, seconds=2) == b"1"
    finally:
        os.close(reader)
        os.close(writer)


# A logger in trouble.


def test_a_line_waits_for_a_full_pipe_no_longer_than_the_patience(pipe: Pipe) -> None:
    log = Log("t", pipe.sink, patience=PATIENCE)
    pipe.fill()
    begin = time.monotonic()
    log.info("lost")
    assert PATIENCE <= time.monotonic() - begin < PATIENCE + 2
    assert log.dropped == 1


def test_behind_a_line_that_was_lost_none_waits(clock: Clock, pipe: Pipe) -> None:
    log = Log("t", pipe.sink, patience=0.001)
    pipe.fill()
    log.info("lost")
    log.patience = 3600.0  # whoever waits now fails the test's own time limit
    for number in range(100):
        log.info(f"lost {number}")
    assert log.dropped == 101


def test_a_logger_that_stays_away_is_not_waited_for_again(clock: Clock, pipe: Pipe) -> None:
    log = Log("t", pipe.sink, patience=0.001)
    pipe.fill()
    log.info("lost")
    log.patience = 3600.0
    for _ in range(10):
        clock.now += 1.0
        log.info("lost")
    assert log.dropped == 11


def test_processes_of_one_master_wait_once_for_all_of_them(clock: Clock, pipe: Pipe) -> None:
    outage = Outage()
    first, second = (Log("t", pipe.sink, patience=patience) for patience in (0.001, 3600.0))
    for log in (first, second):
        log.share(outage, Losses(shared(Losses.SIZE)))
    pipe.fill()
    first.info("lost")
    second.info("lost")
    assert (first.dropped, second.dropped) == (1, 1)
    pipe.read()
    clock.now += 1.0
    second.info("heard")
    first.info("heard at once")  # though its own second is not over
    texts = [line.partition("]: ")[2] for line in pipe.read().decode().splitlines()]
    lost = "warning: log was unavailable: 1 lines lost"
    assert texts == ["heard", lost, "heard at once", lost]


def test_what_breaks_for_one_process_does_not_concern_the_others(clock: Clock, pipe: Pipe) -> None:
    """As a new /dev/log is out of reach from a jail."""

    class Unreachable(FileSink):
        def write(self, severity: int, line: bytes) -> None:
            raise FileNotFoundError

    outage = Outage()
    jailed, free = Log("t", Unreachable(0, is_socket=False)), Log("t", pipe.sink)
    for log in (jailed, free):
        log.share(outage, Losses(shared(Losses.SIZE)))
    jailed.info("lost")
    free.info("heard")
    assert pipe.read().endswith(b"]: heard\n")


def test_what_a_process_could_not_report_its_master_reports(clock: Clock, pipe: Pipe) -> None:
    losses = Losses(shared(Losses.SIZE))
    pipe.fill()

    def forked() -> bytes:
        log = Log("t", pipe.sink, patience=0.001)
        log.share(Outage(), losses)
        log.renew()
        for _ in range(7):
            log.info("lost")
        return b"done"

    assert outcome(forked) == b"done"
    master = Log("master", pipe.sink, patience=0)
    master.inherit(losses)
    assert not master.flush()
    pipe.read()
    assert master.flush()
    assert pipe.read().endswith(b"]: warning: log was unavailable: 7 lines lost\n")
    assert master.dropped == 0


def test_what_a_process_kept_until_it_was_killed_counts_as_lost(clock: Clock, pipe: Pipe) -> None:
    losses = Losses(shared(Losses.SIZE))
    pipe.fill()

    def forked() -> bytes:
        log = Log("t", pipe.sink, patience=0)
        log.info("kept before the memory was shared")
        log.share(Outage(), losses)
        assert losses.kept[0] == 1
        for _ in range(3):
            log.info("kept")
        pipe.read()
        log.flush()
        assert losses.kept[0] == 0
        heard = pipe.read()
        pipe.fill()
        for _ in range(2):
            log.info("kept")
        return heard  # and killed, as far as the log knows

    assert len(outcome(forked).splitlines()) == 4
    master = Log("master", pipe.sink, patience=0)
    master.inherit(losses)
    assert master.dropped == 2


def test_a_line_that_was_lost_before_the_memory_was_shared_counts(clock: Clock, pipe: Pipe) -> None:
    losses = Losses(shared(Losses.SIZE))
    pipe.fill()
    log = Log("t", pipe.sink, patience=0.001)
    log.info("lost")
    log.share(Outage(), losses)
    log.info("lost as well")
    assert losses.lost[0] == log.dropped == 2


def test_who_has_nothing_to_say_reports_its_losses_all_the_same(clock: Clock, pipe: Pipe) -> None:
    log = Log("t", pipe.sink, patience=0.001)
    assert log.retry() == float("inf")  # nothing was lost
    pipe.fill()
    log.info("lost")
    log.info("lost")
    assert log.retry() == clock.now + 1.0
    clock.now += 1.0
    assert log.retry() == clock.now + 1.0  # in vain
    pipe.read()
    clock.now += 0.5
    assert log.retry() == clock.now + 0.5
    assert pipe.read() == b""  # not tried so soon
    clock.now += 0.5
    assert log.retry() == float("inf")
    assert pipe.read().endswith(b"]: warning: log was unavailable: 2 lines lost\n")
    clock.now += 1.0
    assert log.retry() == float("inf")
    assert pipe.read() == b""  # once is enough
    log.info("heard")
    assert pipe.read().endswith(b"]: heard\n")


def test_what_was_kept_is_sent_without_another_line(clock: Clock, pipe: Pipe) -> None:
    copied = Log("t", Journal().kept)
    copied.copy = Log("t", pipe.sink, patience=0)
    pipe.fill()
    copied.info("kept")
    assert copied.retry() == clock.now + 1.0
    pipe.read()
    clock.now += 1.0
    assert copied.retry() == float("inf")
    assert pipe.read().endswith(b"]: kept\n")


class Narrow(FileSink):
    """A sink that takes so many lines, and then none until it has room again."""

    def __init__(self, descriptor: int, clock: Clock) -> None:
        super().__init__(descriptor)
        self.room = 0
        self.clock = clock
        self.refused = 0

    def write(self, severity: int, line: bytes) -> None:
        if not self.room:
            self.refused += 1
            self.clock.now += 0.01  # for whoever waits
            raise BlockingIOError
        self.room -= 1
        super().write(severity, line)


def test_a_report_for_which_there_is_no_room_ends_nothing(clock: Clock, pipe: Pipe) -> None:
    """The sink has just taken a line: it works, and others have lines for it."""
    outage = Outage()
    sink = Narrow(pipe.sink.descriptor, clock)
    logs = [Log("t", sink, patience=0.001) for _ in range(2)]
    for log in logs:
        log.share(outage, Losses(shared(Losses.SIZE)))
    logs[0].info("lost")
    clock.now += 1.0
    sink.room = 1
    logs[0].info("heard")  # and no room for the report
    sink.room = 1
    logs[1].info("heard from another")
    assert logs[1].dropped == 0
    sink.room = 2
    logs[0].info("heard")
    texts = [line.partition("]: ")[2] for line in pipe.read().decode().splitlines()]
    lost = "warning: log was unavailable: 1 lines lost"
    assert texts == ["heard", "heard from another", "heard", lost]


def test_in_an_outage_there_is_one_try_a_second_by_all_processes(clock: Clock, pipe: Pipe) -> None:
    outage = Outage()
    sink = Narrow(pipe.sink.descriptor, clock)
    logs = [Log("t", sink, patience=0.001) for _ in range(5)]
    for log in logs:
        log.share(outage, Losses(shared(Losses.SIZE)))
        log.dropped = 1
    logs[0].info("lost")
    for _ in range(3):
        clock.now = outage.moments[0]
        sink.refused = 0
        for log in logs:
            log.info("lost")
            log.retry()
            log.finish()
        assert sink.refused == 1


def test_when_one_was_heard_no_other_waits_for_its_own_second_to_end(
    clock: Clock, pipe: Pipe
) -> None:
    outage = Outage()
    logs = [Log("t", pipe.sink, patience=0.001) for _ in range(2)]
    for log in logs:
        log.share(outage, Losses(shared(Losses.SIZE)))
    pipe.fill()
    logs[0].info("lost")
    clock.now += 0.5
    outage.moments[0] = 0.0  # so late that the other has seen the sink work meanwhile
    pipe.read()
    logs[0].info("heard")
    assert b"]: heard\n" in pipe.read()


@pytest.mark.parametrize("room", [True, False])
def test_a_process_that_ends_soon_after_a_loss_shuts_the_log_for_nobody(
    pipe: Pipe, room: bool
) -> None:
    outage, losses = Outage(), Losses(shared(Losses.SIZE))
    log = Log("t", pipe.sink, patience=0.001)
    log.share(outage, losses)
    pipe.fill()
    log.info("lost")
    outage.moments[0] = 0.0  # another process has been heard
    if room:
        pipe.read()
    log.finish()
    assert (losses.lost[0], outage.moments[0]) == (0 if room else 1, 0.0)


def test_a_process_that_ends_tries_a_broken_sink_once_and_not_until_its_time_is_over(
    pipe: Pipe,
) -> None:
    tries = waits = 0

    class Full(FileSink):
        """A file on a disk that is."""

        def write(self, severity: int, line: bytes) -> None:
            nonlocal tries
            tries += 1
            raise OSError(28, "No space left on device")

        def fileno(self) -> int:
            nonlocal waits
            waits += 1
            return super().fileno()

    outage = Outage()
    log = Log("t", Full(pipe.sink.descriptor))
    log.share(outage, Losses(shared(Losses.SIZE)))
    log.info("lost")
    log.finish()
    assert (tries, waits, outage.moments[0]) == (2, 0, 0.0)


def test_the_count_of_lost_lines_is_logged_when_the_logger_is_back(
    clock: Clock, pipe: Pipe
) -> None:
    log = Log("t", pipe.sink, patience=0.001)
    pipe.fill()
    for number in range(5):
        log.info(f"lost {number}")
    pipe.read()
    log.info("lost: the logger is not tried again so soon")
    assert pipe.read() == b""
    clock.now += 1.0
    log.info("heard")
    log.info("heard again")
    texts = [line.partition("]: ")[2] for line in pipe.read().decode().splitlines()]
    assert texts == ["heard", "warning: log was unavailable: 6 lines lost", "heard again"]
    assert log.dropped == 0


def test_a_logger_that_is_gone_is_tried_again_each_second(clock: Clock, pipe: Pipe) -> None:
    writes = []

    class Gone:
        wants_time = False

        def write(self, severity: int, line: bytes) -> None:
            writes.append(clock.now)
            raise ConnectionRefusedError

        def fileno(self) -> int:
            return -1

        def close(self) -> None:
            pass

    log = Log("t", Gone(), patience=3600.0)
    for _ in range(35):
        log.info("x")
        clock.now += 0.1
    assert writes == pytest.approx([1000.0, 1001.0, 1002.0, 1003.0], abs=0.11)
    assert log.dropped == 35


def test_a_fifo_without_reader_costs_lines_and_no_time(clock: Clock, tmp_path: Path) -> None:
    path = str(tmp_path / "fifo")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log = Log("t", FileSink(open_log_file(path)), patience=3600.0)
    log.info("one")
    assert os.read(reader, 1000).endswith(b"]: one\n")
    os.close(reader)
    log.info("two")
    assert log.dropped == 1
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    clock.now += 1
    log.info("three")
    texts = [line.partition(b"]: ")[2] for line in os.read(reader, 1000).splitlines()]
    assert texts == [b"three", b"warning: log was unavailable: 1 lines lost"]
    os.close(reader)
    os.close(log.sink.fileno())


def test_a_missing_syslogd_costs_lines_and_no_time(clock: Clock, folder: None) -> None:
    log = Log("t", SyslogSink("mail", "log"), patience=3600.0)
    log.info("one")
    log.info("two")
    assert log.dropped == 2
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslogd:
        syslogd.bind("log")
        clock.now += 1
        log.info("three")
        assert syslogd.recv(1000).endswith(b"]: three")
        assert syslogd.recv(1000).endswith(b"]: warning: log was unavailable: 2 lines lost")


def test_a_syslogd_that_was_restarted_gets_the_next_line(clock: Clock, folder: None) -> None:
    log = Log("t", SyslogSink("mail", "log"))
    for number in range(3):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslogd:
            syslogd.bind("log")
            syslogd.settimeout(1)
            log.info(f"line {number}")
            assert log.dropped == 0
            assert syslogd.recv(1000).endswith(f"]: line {number}".encode())
        Path("log").unlink()


def test_a_full_syslogd_is_waited_for_within_the_patience(syslogd: socket.socket) -> None:
    log = Log("t", SyslogSink("mail", syslogd.getsockname()), patience=PATIENCE)
    begin = time.monotonic()
    for number in range(20_000):
        log.info(f"line {number}")
        if log.dropped:
            break
    assert log.dropped == 1
    assert time.monotonic() - begin < 10
    assert syslogd.recv(1000).endswith(b"]: line 0")


def test_a_line_reaches_a_pipe_whole_or_not_at_all(clock: Clock, pipe: Pipe) -> None:
    # A write above PIPE_BUF (4096 bytes) may be cut by the kernel.
    fcntl.fcntl(pipe.sink.descriptor, fcntl.F_SETPIPE_SZ, 4 * 4096)
    log = Log("t", pipe.sink, patience=0.001)
    log.info("x" * 200)
    for _ in range(20):
        log.info("x" * LINE_LIMIT)
    *lines, rest = pipe.read().split(b"\n")
    assert rest == b""
    texts = [line.partition(b"]: ")[2] for line in lines]
    assert len(texts) >= 2
    assert {bytes(set(text)) for text in texts} == {b"x"}  # no line goes on with another


# A healthy logger.


def numbered(log: Log, count: int) -> list[str]:
    """Log so many numbered lines; return their texts."""
    for number in range(count):
        log.info(f"number {number}")
    return [f"number {number}" for number in range(count)]


def test_a_pipe_that_is_read_loses_nothing(pipe: Pipe) -> None:
    found: list[str] = []

    def read() -> None:
        with open(pipe.reader, closefd=False) as lines:
            found.extend(line.strip().partition("]: ")[2] for line in lines)

    thread = threading.Thread(target=read)
    thread.start()
    log = Log("t", pipe.sink)
    sent = numbered(log, 10_000)
    pipe.close_writer()
    thread.join(10)
    assert found == sent
    assert log.dropped == 0


def test_a_syslogd_that_reads_loses_nothing(syslogd: socket.socket) -> None:
    found: list[str] = []

    def read() -> None:
        while len(found) < 10_000:
            found.append(syslogd.recv(1000).decode().partition("]: ")[2])

    thread = threading.Thread(target=read)
    thread.start()
    log = Log("t", SyslogSink("mail", syslogd.getsockname()))
    sent = numbered(log, 10_000)
    thread.join(10)
    assert found == sent
    assert log.dropped == 0


# A process without patience.


def test_a_process_without_patience_keeps_its_lines_and_never_waits(
    clock: Clock, pipe: Pipe
) -> None:
    log = Log("t", pipe.sink, patience=0)
    filled = pipe.fill()
    for number in range(50):
        log.info(f"line {number}")
    assert not log.flush()
    assert len(pipe.read()) == filled
    assert log.flush()
    log.info("the last one")
    texts = [line.partition("]: ")[2] for line in pipe.read().decode().splitlines()]
    assert texts == [*(f"line {number}" for number in range(50)), "the last one"]
    assert log.dropped == 0


def test_kept_lines_come_before_newer_ones(clock: Clock, pipe: Pipe) -> None:
    log = Log("t", pipe.sink, patience=0)
    pipe.fill()
    log.info("one")
    pipe.read()
    clock.now += 10
    log.info("two")
    texts = [line.partition("]: ")[2] for line in pipe.read().decode().splitlines()]
    assert texts == ["one", "two"]


def test_what_is_kept_is_bounded_and_the_rest_counted(clock: Clock, pipe: Pipe) -> None:
    log = Log("t", pipe.sink, patience=0)
    pipe.fill()
    for number in range(BACKLOG_LIMIT + 7):
        log.info(f"line {number}")
    assert log.dropped == 7
    texts: list[str] = []
    pipe.read()
    while not log.flush():
        texts += [line.partition("]: ")[2] for line in pipe.read().decode().splitlines()]
    texts += [line.partition("]: ")[2] for line in pipe.read().decode().splitlines()]
    report = "warning: log was unavailable: 7 lines lost"
    assert [text for text in texts if text != report] == [
        f"line {number}" for number in range(BACKLOG_LIMIT)
    ]
    assert texts.count(report) == 1


def test_a_forked_process_does_not_log_its_parent_s_lines(clock: Clock, pipe: Pipe) -> None:
    log = Log("t", pipe.sink, patience=0)
    pipe.fill()
    log.info("the parent's")
    log.renew()
    pipe.read()
    clock.now += 1
    log.info("mine")
    assert [line.partition(b"]: ")[2] for line in pipe.read().splitlines()] == [b"mine"]


# Lines of other programs.


def test_a_line_of_another_program_is_written_as_it_is(pipe: Pipe) -> None:
    log = Log("postfix/postlogd", pipe.sink, host="mx.test")
    log.relay(INFO, "Nov  2 12:47:22 other ", "postfix/smtpd[1]: caf\xe9")
    assert pipe.read() == "Nov  2 12:47:22 other postfix/smtpd[1]: caf\xe9\n".encode()
    log.relay(INFO, "Nov  2 12:47:22 other ", "x" * 2 * LINE_LIMIT)
    assert len(pipe.read()) == LINE_LIMIT + 1


def test_syslog_and_collectors_put_their_own_head_before_it(pipe: Pipe) -> None:
    kept = Journal()
    log = Log("postfix/postlogd", pipe.sink, host="mx.test")
    log.copy = kept
    log.relay(WARNING, "Nov  2 12:47:22 other ", "postfix/smtpd[1]: warning: odd")
    assert kept.kept.lines == [(WARNING, "postfix/smtpd[1]: warning: odd")]


def test_a_line_that_cannot_be_written_is_counted_with_ours(clock: Clock, pipe: Pipe) -> None:
    log = Log("postfix/postlogd", pipe.sink, host="mx.test", patience=PATIENCE)
    pipe.fill()
    log.relay(INFO, "", "lost")
    log.info("lost too")
    pipe.read()
    clock.now += 2
    log.relay(INFO, "", "back")
    first, second = pipe.read().decode().splitlines()
    assert first == "back"
    assert second.endswith("log was unavailable: 2 lines lost")


class Kept:
    """A sink that keeps what is logged."""

    wants_time = False

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, severity: int, line: bytes) -> None:
        self.lines.append(line.decode())

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        pass


def test_a_mistake_of_the_operator_is_logged_as_it_is() -> None:
    sink = Kept()
    log_end(Log("t", sink), ConfigError("main.cf, line 1: no"), verbose=True)
    assert sink.lines[0].endswith("]: fatal: main.cf, line 1: no")


@pytest.mark.parametrize(("verbose", "places"), [(False, 1), (True, 2)])
def test_a_bug_is_logged_in_one_line_with_its_place(verbose: bool, places: int) -> None:
    def stumble() -> None:
        raise ValueError("one\ntwo")

    sink = Kept()
    try:
        stumble()
    except ValueError as error:
        log_end(Log("t", sink), error, verbose=verbose)
    assert "fatal: ValueError: one?two at " in sink.lines[0]
    assert sink.lines[0].count("common/test_log.py line ") == places
