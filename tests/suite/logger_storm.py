"""logger_storm - loggers stopped and killed under load: what that costs, and what is known of it

SYNOPSIS
    python -P -m tests.suite.logger_storm

DESCRIPTION
    Each way of logging that needs another process has its logger stopped for
    some seconds, and killed, while clients submit mail. Windows with and
    without take turns; the rates of a pair are compared. Lines that were lost
    are reported afterwards, although nobody has anything to say then.

    The command does that ten times each, for fifteen minutes, prints the
    figures, and exits with 1 if one is worse than it may be. Needs root.
"""

import abc
import contextlib
import os
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.log import RETRY_SECONDS
from tests.suite.instance import Instance, Postroom, free_port, in_memory
from tests.suite.load import Load
from tests.suite.logger import LOST, MESSAGE, Logger
from tests.suite.relay import Relay
from tests.suite.surroundings import Surroundings
from tests.suite.waiting import holds_within

LEAST_RATIO = 0.85
WINDOW = 6.0  # seconds
PAIRS = 10
WARM_UP = 0.5
CLIENTS = 4
LINES = 4  # of one message: connect, client, message-id, disconnect
# For the last report. It is due after a second of a working logger, and another one where that
# had no room for it.
REPORT_SECONDS = 10 * RETRY_SECONDS


class Stand(abc.ABC):
    """An instance and its logger."""

    lines = LINES

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.acknowledged = 0

    @abc.abstractmethod
    def stop(self) -> None:
        """Let the logger stand still."""

    @abc.abstractmethod
    def resume(self) -> None:
        """Let it go on."""

    @abc.abstractmethod
    def kill(self) -> None:
        """Kill it; somebody restarts it in the middle of the window."""

    @abc.abstractmethod
    def restart(self) -> None:
        """Start it again, if that is not done by itself."""

    @abc.abstractmethod
    def account(self) -> tuple[int, int]:
        """Return the lines about messages that were heard, and those reported as lost."""

    @abc.abstractmethod
    def tidy(self) -> None:
        """Empty the queue, where nobody else does."""

    def rate(self, seconds: float) -> float:
        """Return the messages a second of one window without any fault."""
        with self._load() as load:
            time.sleep(seconds)  # the length of the measurement
        return self._rate(load, seconds)

    def rate_stopped(self, seconds: float) -> float:
        """Return the same while the logger stands still."""
        with self._load() as load:
            self.stop()
            time.sleep(seconds)
            self.resume()
        return self._rate(load, seconds)

    def rate_killed(self, seconds: float) -> float:
        """Return the same while the logger is dead for half of the time."""
        with self._load() as load:
            self.kill()
            time.sleep(seconds / 2)
            self.restart()
            time.sleep(seconds / 2)
        return self._rate(load, seconds)

    def _load(self) -> Load:
        return Load(
            self.instance.port, threads=CLIENTS, limit=1_000_000, recipient="r@discard.test"
        )

    def _rate(self, load: Load, seconds: float) -> float:
        assert load.failed() == []
        self.acknowledged += len(load.acknowledged())
        self.tidy()
        return len(load.acknowledged()) / seconds


class SeparateLogger(Stand):
    """A logger that is no part of the instance."""

    def __init__(self, instance: Instance, logger: Logger) -> None:
        super().__init__(instance)
        self.logger = logger

    def stop(self) -> None:
        self.logger.stop()

    def resume(self) -> None:
        self.logger.resume()

    def kill(self) -> None:
        self.logger.kill()

    def restart(self) -> None:
        self.logger.start()

    def tidy(self) -> None:
        for path in self.instance.queue_files().values():
            path.unlink()

    def account(self) -> tuple[int, int]:
        return self.logger.heard(), self.logger.reported()


class OwnLogger(Stand):
    """Our postlogd, which the programs of Postfix log through."""

    lines = LINES - 1  # the queue manager has messages of its own, which cleanup logs as well

    def stop(self) -> None:
        self._stopped = self.instance.children("postlogd")
        for process in self._stopped:
            process.kill(signal.SIGSTOP)

    def resume(self) -> None:
        for process in self._stopped:
            process.kill(signal.SIGCONT)

    def kill(self) -> None:
        for process in self.instance.children("postlogd"):
            process.kill()

    def restart(self) -> None:
        """Master does that."""

    def tidy(self) -> None:
        """The queue manager does that."""

    def account(self) -> tuple[int, int]:
        lines = [line.encode() for line in self.instance.log_lines()]
        heard = sum(1 for line in lines if b"/qmqpd[" in line and MESSAGE.search(line))
        return heard, sum(int(match[1]) for line in lines if (match := LOST.search(line)))


@contextlib.contextmanager
def syslog() -> Iterator[Stand]:
    """Log to /dev/log."""
    with in_memory(), Postroom({"maillog_file": ""}) as instance:
        surroundings = Surroundings(instance.top, syslog=False)
        instance.within = surroundings.prefix
        heard = instance.top / "heard"
        with (
            contextlib.closing(surroundings),
            Logger("unix", str(surroundings.log_path), heard) as logger,
        ):
            yield SeparateLogger(instance.start(), logger)
            instance.stop()


@contextlib.contextmanager
def collector() -> Iterator[Stand]:
    """Log over the network as well."""
    port = free_port()
    with (
        in_memory(),
        Postroom({"syslog_network_target": f"tcp:127.0.0.1:{port}"}) as instance,
        Logger("tcp", str(port), instance.top / "heard") as logger,
    ):
        yield SeparateLogger(instance.start(), logger)
        instance.stop()


@contextlib.contextmanager
def log_service() -> Iterator[Stand]:
    """Let the programs of Postfix log by way of postlogd."""
    with in_memory(), Relay({"in_flow_delay": "0s"}) as relay:
        yield OwnLogger(relay.start())


WAYS = {"syslog": syslog, "collector": collector, "log service": log_service}
FAULTS = {"stopped": Stand.rate_stopped, "killed": Stand.rate_killed}


@dataclass(frozen=True, slots=True)
class Result:
    """What a fault cost one way of logging."""

    ratios: tuple[float, ...]
    said: int  # lines about messages
    heard: int
    reported: int  # as lost
    tolerated: int  # lines of which nobody knows anything

    @property
    def ratio(self) -> float:
        """The median."""
        return statistics.median(self.ratios)

    @property
    def unaccounted(self) -> int:
        """Lines that were neither heard nor reported as lost: the logger took them along."""
        return self.said - self.heard - self.reported

    @property
    def fine(self) -> bool:
        """Whether mail went on, and each line is known as heard or lost, once."""
        return self.ratio >= LEAST_RATIO and 0 <= self.unaccounted <= self.tolerated


def play(
    way: str, fault: str, pairs: int = PAIRS, tries: int = 1, window: float = WINDOW
) -> Result:
    """Play pairs of windows; more of them while the median is too low and there are tries left.

    window: seconds with the fault; what it costs comes once, so less would be asked for by more.
    Without it half of the time tells as much.
    """
    with WAYS[way]() as stand:
        stand.rate(WARM_UP)
        ratios: list[float] = []
        for _ in range(tries):
            for _ in range(pairs):
                normal = stand.rate(window / 2)
                ratios.append(FAULTS[fault](stand, window) / normal)
            if statistics.median(ratios) >= LEAST_RATIO:
                break
        said = stand.lines * stand.acknowledged
        tolerated = 0 if fault == "stopped" else taken_along(way, len(ratios), said)
        # No client comes any more, and nobody is told to leave.
        holds_within(lambda: said - sum(stand.account()) <= tolerated, REPORT_SECONDS)
        return Result(tuple(ratios), said, *stand.account(), tolerated)


def taken_along(way: str, kills: int, said: int) -> int:
    """Return how many lines a logger may have been sent and not read when it was killed."""
    if way == "collector":
        return said // 100  # they are in many buffers
    queue = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
    return kills * (queue + 1 + 2 * (os.cpu_count() or 1))


def main() -> int:
    """Play everything, print, judge."""
    fine = True
    for way in WAYS:
        for fault in FAULTS:
            with contextlib.redirect_stdout(sys.stderr):
                result = play(way, fault)
            fine &= result.fine
            print(
                f"{way} {fault}: {result.ratio:.2f} of the normal rate"
                f" ({', '.join(f'{one:.2f}' for one in sorted(result.ratios))});"
                f" of {result.said} lines {result.heard} were heard, {result.reported} reported as"
                f" lost, {result.unaccounted} went with the logger",
                flush=True,
            )
    return int(not fine)


if __name__ == "__main__":
    sys.exit(main())
