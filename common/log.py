"""log - one line an event, to syslog, a file or standard output

DESCRIPTION
    A line is "postfix/PROGRAM[PID]: TEXT", as log tools for Postfix expect.
    To syslog it goes as one datagram; to a file or pipe, where time and host
    are put in front, as one write on a descriptor in append mode.

    A logger never stops a daemon. A line waits for a full socket or pipe at
    most `patience` seconds; then the sink counts as dead, for all processes of
    a master: lines are dropped and counted, the sink is tried again each
    second, without waiting, and works for all when it has taken a line.
    master has no patience at all, nor has anybody with a collector on the
    network: a bounded backlog is kept instead.

    What was kept is sent, and what was lost is reported, with the next line
    or by retry(), which a daemon without anything to say calls when it is
    time; of a process that has left master reports it.

SEE ALSO
    spec/logging.md
"""

import math
import os
import re
import select
import time
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from common.errors import ConfigError
from common.outage import Losses, Outage
from common.params import SuiteParams
from common.sinks import FACILITY_CODES, Sink, open_sink, timestamp

INFO, WARNING, ERROR, CRITICAL = 6, 4, 3, 2  # syslog severities
SEVERITY_WORDS = {INFO: "", WARNING: "warning: ", ERROR: "error: ", CRITICAL: "fatal: "}

# Bytes of a line without its newline: a pipe takes so much whole or not at all.
LINE_LIMIT = select.PIPE_BUF - 1
RETRY_SECONDS = 1.0
WORKER_PATIENCE = 0.5
FINISH_SECONDS = 0.2  # enough for a connection round the world
BACKLOG_LIMIT = 1_000  # lines that a log without patience keeps

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def printable(data: bytes) -> str:
    """Return bytes from the network as log text; what is not UTF-8 becomes question marks."""
    if data.isascii():
        return data.decode("ascii")
    return data.decode("utf-8", "replace").replace("\ufffd", "?")


def open_log(
    params: SuiteParams,
    program: str,
    *,
    inherited: Sink | None = None,
    patience: float = WORKER_PATIENCE,
) -> "Log":
    """Return the log of a program as the configuration wants it, network collector included.

    Raises:
        ConfigError: the log file or the collector is wrong.
    """
    tag = f"{params.syslog_name}/{program}"
    log = Log(tag, open_sink(params, inherited), host=params.myhostname, patience=patience)
    if params.syslog_network_target:
        # Whoever does without need not import it: that would take a tenth of a program's start.
        from common.rfc5424 import NetworkSink, Target

        target = Target.parse(params.syslog_network_target)
        facility = FACILITY_CODES[params.syslog_facility]
        sink = NetworkSink(target, facility, params.myhostname)
        sink.prepare()
        log.copy = Log(tag, sink, patience=0.0)  # nobody waits for the network
    return log


class Unsent(NamedTuple):
    """Lines that a log still has, with their severities, and the number of those it lost."""

    lines: tuple[tuple[int, bytes], ...] = ()
    lost: int = 0


class Log:
    """A process's log. Each text is one line; control characters become question marks."""

    def __init__(
        self, tag: str, sink: Sink, *, host: str = "", patience: float = WORKER_PATIENCE
    ) -> None:
        self.tag = tag
        self.sink = sink
        self.host = host.partition(".")[0] or "localhost"
        self.patience = patience
        self.copy: Log | None = None  # a second log that gets the same lines
        # Numbers of lines: lost and not yet reported, in the backlog.
        self._lost, self._kept = (memoryview(bytearray(8)).cast("Q") for _ in range(2))
        self._backlog: deque[tuple[int, bytes]] = deque()
        # Monotonic moments until which it is in vain to try: the sink is full, as all processes
        # find it, or broken, as this one does.
        self._full_until = memoryview(bytearray(8)).cast("d")
        self._dead_until = 0.0
        self._retry_at = 0.0
        self._second = -1
        self._head = b""
        self.renew()

    def share(self, outage: Outage, losses: Losses) -> None:
        """Know together with others whether the logger takes lines, let master see the losses."""
        for number, log in enumerate(filter(None, (self, self.copy))):
            log._full_until = outage.moments[number : number + 1]
            lost, log._lost = log.dropped, losses.lost[number : number + 1]
            log.dropped = lost
            log._kept = losses.kept[number : number + 1]
            log._count_kept()

    def inherit(self, losses: Losses) -> None:
        """Take over what a process that has ended could not report, or took along."""
        for number, log in enumerate(filter(None, (self, self.copy))):
            log.dropped += losses.lost[number] + losses.kept[number]

    @property
    def dropped(self) -> int:
        """How many lines were lost, and that was not reported yet."""
        return self._lost[0]

    @dropped.setter
    def dropped(self, count: int) -> None:
        self._lost[0] = count

    def renew(self) -> None:
        """Take the pid of this process, as after a fork; what the parent still kept is its own."""
        self.name(self.tag)
        self._backlog.clear()
        self._count_kept()
        self.dropped = 0
        if self.copy:
            self.copy.renew()

    def name(self, tag: str) -> None:
        """Log under this tag from now on."""
        self.tag = tag
        self._label = f"{tag}[{os.getpid()}]: "
        self._second = -1

    def unsent(self) -> "Unsent":
        """Return what could not be written yet, for another log to take over."""
        return Unsent(tuple(self._backlog), self.dropped)

    def take_over(self, unsent: "Unsent") -> None:
        """Write these lines before any other, and report those that were lost."""
        self._backlog.extendleft(reversed(unsent.lines))
        self._count_kept()
        self.dropped += unsent.lost

    def info(self, text: str) -> None:
        """Log an ordinary event."""
        self._log(INFO, text)

    def warning(self, text: str) -> None:
        """Log something that an operator should look at."""
        self._log(WARNING, text)

    def error(self, text: str) -> None:
        """Log a failure that the program survives."""
        self._log(ERROR, text)

    def fatal(self, text: str) -> None:
        """Log the reason why the process is about to end."""
        self._log(CRITICAL, text)

    def relay(self, severity: int, head: str, text: str) -> None:
        """Log a line of another program: time and host in front, tag and text."""
        if self.copy:
            self.copy.relay(severity, head, text)
        line = head + text if self.sink.wants_time else text
        self._send(severity, line.encode("utf-8", "replace")[:LINE_LIMIT])

    def finish(self) -> None:
        """Send what was kept, as the process is about to end; wait for that only briefly."""
        end = time.monotonic() + FINISH_SECONDS
        for log in filter(None, (self, self.copy)):
            log._dead_until = 0.0  # the last chance: whoever reads there may be back
            while not log._flush() and not log._is_shut():
                if (left := end - time.monotonic()) <= 0 or not log._writable(left):
                    if not log.patience:
                        # No line of anybody finds that out; and all who end would wait as well.
                        log._full_until[0] = time.monotonic() + RETRY_SECONDS
                    break

    def flush(self) -> bool:
        """Send what was kept, report what was lost; tell whether nothing is left."""
        done = self._flush()
        return (self.copy is None or self.copy.flush()) and done

    def retry(self) -> float:
        """Flush if it is time for that; return the monotonic moment to call again, or infinity."""
        moment = self._retry() if self._backlog or self._lost[0] else math.inf
        return min(moment, self.copy.retry()) if self.copy else moment

    def _retry(self) -> float:
        now = time.monotonic()
        if now >= max(self._retry_at, self._shut_until()):
            if self._flush():
                return math.inf
            self._retry_at = now + RETRY_SECONDS
        return max(self._retry_at, self._shut_until())

    def _flush(self) -> bool:
        while self._backlog:
            severity, line = self._backlog[0]
            if not self._deliver(severity, line, 0.0):
                return False
            self._backlog.popleft()
            self._count_kept()
        return not self._lost[0] or (not self._is_shut() and self._report_losses())

    def _log(self, severity: int, text: str) -> None:
        if self.copy:
            self.copy._log(severity, text)
        text = SEVERITY_WORDS[severity] + text
        if not text.isprintable():
            text = CONTROL.sub("?", text)
        head = self._head if int(time.time()) == self._second else self._new_head()
        self._send(severity, (head + text.encode("utf-8", "replace"))[:LINE_LIMIT])

    def _send(self, severity: int, line: bytes) -> None:
        """Write a line, or keep or count it."""
        if not (self._backlog or self._lost[0] or self._full_until[0] or self._dead_until):
            try:
                self.sink.write(severity, line)
            except BlockingIOError:
                pass  # not at once, at least
            except OSError:
                self._dead_until = time.monotonic() + RETRY_SECONDS
                self._keep(severity, line)
                return
            else:
                return
        if (self._backlog and not self._flush()) or self._is_shut():
            self._keep(severity, line)
            return
        # Somebody has waited already: from then on there is a try a second, and no wait.
        wait = 0.0 if self._shut_until() else self.patience
        if self._deliver(severity, line, wait):
            self._report_losses()
        else:
            self._keep(severity, line)

    def _shut_until(self) -> float:
        """Return until when it would be in vain to try, 0 if the sink works."""
        return max(self._full_until[0], self._dead_until)

    def _is_shut(self) -> bool:
        """Tell whether it would be in vain to try now."""
        shut_until = self._shut_until()
        return bool(shut_until) and time.monotonic() < shut_until

    def _keep(self, severity: int, line: bytes) -> None:
        """Put the line aside if this process keeps a backlog, else count it as lost."""
        if not self.patience and len(self._backlog) < BACKLOG_LIMIT:
            self._backlog.append((severity, line))
            self._count_kept()
        else:
            self.dropped += 1

    def _count_kept(self) -> None:
        """Let master know how many lines would go with this process."""
        self._kept[0] = len(self._backlog)

    def _report_losses(self) -> bool:
        """Log how many lines were lost, if that is possible at once; tell whether none is left.

        Others may have the room that there is: that alone does not make the sink a dead one.
        """
        if not (count := self.dropped):
            return True
        report = f"warning: log was unavailable: {count} lines lost"
        if not self._deliver(WARNING, self._new_head() + report.encode(), 0.0):
            return False
        self.dropped -= count
        return True

    def _deliver(self, severity: int, line: bytes, wait: float) -> bool:
        """Write a line, waiting no longer than that; tell whether the sink took it."""
        deadline = 0.0
        while True:
            try:
                self.sink.write(severity, line)
            except BlockingIOError:
                now = time.monotonic()
                deadline = deadline or now + wait
                if now >= deadline or not self._writable(deadline - now):
                    # It is dead to whoever has waited, and stays so for the next who tries.
                    if wait or self._full_until[0]:
                        self._full_until[0] = time.monotonic() + RETRY_SECONDS
                    return False
            except OSError:
                self._dead_until = time.monotonic() + RETRY_SECONDS
                return False
            else:
                self._full_until[0] = self._dead_until = 0.0
                return True

    def _new_head(self) -> bytes:
        """Return what stands before the text in this second, and keep it."""
        self._second = int(time.time())
        stamp = f"{timestamp(self._second)} {self.host} " if self.sink.wants_time else ""
        self._head = f"{stamp}{self._label}".encode()
        return self._head

    def _writable(self, seconds: float) -> bool:
        """Wait until the sink may take a line again."""
        poll = select.poll()
        poll.register(self.sink.fileno(), select.POLLOUT)
        return bool(poll.poll(seconds * 1000))


def log_end(log: Log, error: BaseException, *, verbose: bool) -> None:
    """Log why the process ends: the operator's mistake as it is, a bug with its place."""
    if isinstance(error, ConfigError):
        log.fatal(str(error))
        return
    shown = list(places(error))[0 if verbose else -1 :]
    log.fatal(f"{type(error).__name__}: {error} at {' > '.join(shown)}")


def places(error: BaseException) -> Iterator[str]:
    """Yield where an exception passed through, as "FOLDER/FILE line N"; needs no import."""
    trace = error.__traceback__
    while trace:
        parts = trace.tb_frame.f_code.co_filename.split("/")[-2:]
        yield f"{'/'.join(parts)} line {trace.tb_lineno}"
        trace = trace.tb_next
