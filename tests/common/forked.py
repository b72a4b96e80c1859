"""forked - code that needs a process of its own, and master's side of it

DESCRIPTION
    Forked runs a daemon's loop with the descriptors that master gives: 3 and
    4 the flow control, 5 the status channel, 6 and up its listeners. The test
    holds the other ends and reads the log. outcome() runs any function that
    could block for good.

    Whatever happens, the process is gone when the test is.
"""

import fcntl
import os
import select
import signal
import socket
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import NoReturn, Self

import pytest

from common.child import FLOW_READ_FD, STATUS_MESSAGE, Child
from common.log import Log
from common.sinks import FileSink
from tests.common.settings import main_cf

PATIENCE = 10.0  # seconds that a test waits for another process before it fails
FIRST_FREE = 256  # no descriptor of the test's own is that high
CRASHED = 70  # exit status


class Forked:
    """A daemon in a process of its own."""

    def __init__(
        self, run: Callable[[Child], None], listeners: Sequence[socket.socket] = ()
    ) -> None:
        """Fork, and run with a Child that has these listeners."""
        self.status, status = socket.socketpair()
        self.flow_read, self.flow_write = os.pipe2(os.O_NONBLOCK)
        self._log, log = os.pipe()
        self._text = b""
        inherited = [self.flow_read, self.flow_write, status.fileno()]
        inherited += [listener.fileno() for listener in listeners]
        for listener in listeners:
            listener.setblocking(False)
        self.pid = os.fork()
        if self.pid == 0:
            _become(run, inherited, log)
        self._pidfd = os.pidfd_open(self.pid)
        self._exit: int | None = None
        status.close()
        os.close(log)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._exit is None:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            self.wait()
        if error is not None:
            print("log of the forked process:\n" + "\n".join(self.log()))
        self.status.close()
        for descriptor in (self.flow_read, self.flow_write, self._log, self._pidfd):
            os.close(descriptor)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        signal.pidfd_send_signal(self._pidfd, number)

    def running(self) -> bool:
        """Tell whether the process is still there."""
        return self._exit is None and not select.select([self._pidfd], [], [], 0)[0]

    def wait(self, seconds: float = PATIENCE) -> int:
        """Return the exit status, negative for a signal; fail if it does not end."""
        if self._exit is None:
            if not select.select([self._pidfd], [], [], seconds)[0]:
                pytest.fail(f"the process did not end; its log: {self.log()}")
            self._exit = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._exit

    def report(self, seconds: float = PATIENCE) -> tuple[int, int, int] | None:
        """Return the next status message: pid, generation, availability; None at its end."""
        if not select.select([self.status], [], [], seconds)[0]:
            pytest.fail(f"no status message; log: {self.log()}")
        data = self.status.recv(STATUS_MESSAGE.size)
        if not data:
            return None
        pid, generation, availability = STATUS_MESSAGE.unpack(data)
        return pid, generation, availability

    def states(self) -> list[int]:
        """Return what was reported until the channel was closed."""
        return [report[2] for report in iter(self.report, None)]

    def reported(self) -> bool:
        """Tell whether a status message, or the channel's end, is waiting."""
        return bool(select.select([self.status], [], [], 0)[0])

    def log(self) -> list[str]:
        """Return the texts logged so far; all of them once the process has ended."""
        while select.select([self._log], [], [], 0)[0]:
            data = os.read(self._log, 65536)
            if not data:
                break
            self._text += data
        return self._texts()

    def wait_for_log(self, text: str, seconds: float = PATIENCE) -> str:
        """Return the first line, from the beginning, that holds text."""
        deadline = time.monotonic() + seconds
        while True:
            found = next((line for line in self._texts() if text in line), None)
            if found is not None:
                return found
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._log], [], [], left)[0]:
                pytest.fail(f"no line {text!r} among {self._texts()}")
            data = os.read(self._log, 65536)
            if not data:
                pytest.fail(f"the process ended; no line {text!r} among {self._texts()}")
            self._text += data

    def _texts(self) -> list[str]:
        lines = self._text.decode("utf-8", "surrogateescape").split("\n")[:-1]
        return [line.partition("]: ")[2] or line for line in lines]


def _become(run: Callable[[Child], None], inherited: list[int], log: int) -> NoReturn:
    """In the new process: arrange the descriptors as master does, run, end."""
    status = CRASHED
    try:
        for number in (signal.SIGALRM, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        high = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE) for one in [*inherited, log]]
        os.closerange(FLOW_READ_FD, FIRST_FREE)
        for place, descriptor in enumerate(high[:-1], FLOW_READ_FD):
            os.dup2(descriptor, place)
            os.close(descriptor)
        journal = Log("postfix/test", FileSink(high[-1]), host="mx.example.test")
        try:
            run(child(journal, listener_count=len(inherited) - 3))
            status = 0
        except BaseException:
            os.write(high[-1], traceback.format_exc().encode())
    finally:
        os._exit(status)


def child(log: Log, *, listener_count: int = 1) -> Child:
    """Return what a daemon is started with."""
    return Child(
        command="test",
        service="test",
        transport="inet",
        generation=4,
        listener_count=listener_count,
        title="test",
        main_cf=main_cf(),
        log=log,
    )


def lose_line(log: Log) -> None:
    """Let a log lose a line, as when nobody reads there for a moment."""

    class Broken:
        wants_time = False

        def write(self, severity: int, line: bytes) -> None:
            raise ConnectionRefusedError

        def fileno(self) -> int:
            return -1

        def close(self) -> None:
            pass

    sink, log.sink = log.sink, Broken()
    log.info("lost")
    log.sink = sink


def outcome(function: Callable[[], bytes], seconds: float = PATIENCE) -> bytes:
    """Return what function returns in a process of its own, which may not block for good."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            result = function()
        except BaseException:
            result = traceback.format_exc().encode()
        finally:
            os.write(writer, result)
            os._exit(0)
    os.close(writer)
    try:
        return b"".join(_read_all(reader, time.monotonic() + seconds))
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)


def _read_all(reader: int, deadline: float) -> Iterator[bytes]:
    while True:
        if not select.select([reader], [], [], max(0.0, deadline - time.monotonic()))[0]:
            pytest.fail("the process is blocked")
        data = os.read(reader, 65536)
        if not data:
            return
        yield data
