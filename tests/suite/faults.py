"""faults - system calls that fail, or are the last ones, in processes that run

SYNOPSIS
    python -P -m tests.suite.faults

DESCRIPTION
    strace makes the n-th call of one kind fail in a running process, or kills
    it there. sweep() does that for each kind of call on a message's way through
    a daemon, and for each n, until the message comes through without a fault:
    so every call has failed once. After each message the account must be
    right, and the next one must be accepted.

    The command does it for both daemons, all errors and two sizes, in some minutes.

SEE ALSO
    strace(1), "Tampering"
"""

import contextlib
import itertools
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from common.cleanup_links import native_path
from tests.suite import peers
from tests.suite.instance import Instance, Postroom
from tests.suite.load import numbered, stored_numbers
from tests.suite.processes import PROC, Process
from tests.suite.qmqp import submit
from tests.suite.waiting import holds_within, wait_for

KILL = "signal=KILL"
CONNECTED = "03"  # a state in /proc/net/unix
ATTACHED, INJECTED, KILLED = "attached", "(INJECTED)", "+++ killed by SIGKILL +++"
CALLS_LIMIT = 200  # of one kind, for one message
PATIENCE = 10.0  # seconds until mail is accepted again

# What daemons call on the way of a message, from its arrival to what follows the answer.
STORAGE = (
    *("openat", "flock", "newfstatat", "rename", "faccessat2", "write", "writev", "pwrite64"),
    *("utimensat", "fchmod", "fsync"),
)
TRAFFIC = ("sendto", "recvfrom", "getsockname", "shutdown")
OPENING = ("accept4", "openat", "socket", "connect")
CALLS: Mapping[str, Sequence[str]] = {
    "cleanup": (*STORAGE, *TRAFFIC, "accept4", "close", "epoll_wait"),
    "qmqpd": (*TRAFFIC, "accept4", "socket", "connect", "write", "close", "epoll_wait"),
}
# How these can fail; a process may be killed at any.
FAULTS: Mapping[str, frozenset[str]] = {
    "error=EIO": frozenset((*STORAGE, *TRAFFIC)),
    "error=ENOSPC": frozenset(STORAGE),
    "error=EINTR": frozenset((*STORAGE, *TRAFFIC, *OPENING, "epoll_wait")),
    "error=EMFILE": frozenset(OPENING),
    "error=ENOMEM": frozenset((*TRAFFIC, *OPENING)),
    KILL: frozenset((*STORAGE, *TRAFFIC, *OPENING, "close", "epoll_wait")),
}
# Whoever passes an error of these over has acknowledged what may be lost.
ESSENTIAL = {"rename", "writev", "pwrite64", "fchmod", "fsync"}
# The verdict does not arrive: cleanup is killed where it says it, or qmqpd cannot read it.
DOUBTFUL = {
    ("cleanup", "sendto", KILL),
    ("qmqpd", "recvfrom", "error=EIO"),
    ("qmqpd", "recvfrom", "error=ENOMEM"),
}
HARMLESS = {"error=EINTR", KILL}
# Settings that let each message take the same way.
SETTINGS = {"smtpd_peername_lookup": "no", "max_use": "100000", "max_idle": "3600s"}
BODIES = {"small": b"body\n", "large": b"a line of a large message\n" * 8000}


@dataclass(slots=True)
class Injection:
    """A fault at the n-th call of a kind, in any of some processes."""

    call: str
    fault: str  # error=EIO, signal=KILL
    when: int | str  # as strace takes it: 3, or 1+ for all from the first on
    output: str = ""
    met_all: bool = True  # the processes that there were, up to the end

    @property
    def fired(self) -> bool:
        """Whether that call came, once it is over."""
        return INJECTED in self.output or KILLED in self.output

    def __str__(self) -> str:
        return f"{self.call} {self.when} {self.fault}"

    @contextlib.contextmanager
    def into(self, processes: Sequence[Process]) -> Iterator[None]:
        """Let it happen meanwhile."""
        pids = [word for one in processes for word in ("-p", str(one.pid))]
        what = (
            "-e",
            f"trace={self.call}",
            "-e",
            f"inject={self.call}:{self.fault}:when={self.when}",
        )
        command = [str(peers.system_program("strace", "strace")), *what, *pids]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr
            for _ in processes:
                line = tracer.stderr.readline()
                assert ATTACHED in line, line
            try:
                yield
            finally:
                tracer.send_signal(signal.SIGINT)
                self.output = tracer.stderr.read()


@dataclass(slots=True)
class Account:
    """What faults did."""

    calls: Counter[str] = field(default_factory=Counter)  # that failed
    verdicts: Counter[str] = field(default_factory=Counter)
    deaths: int = 0
    complaints: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = ", ".join(f"{verdict or 'no answer'} {n}" for verdict, n in self.verdicts.items())
        return f"{self.calls.total()} faults: {told}; {self.deaths} processes died"


class Trial:
    """An instance, and the messages that it is sent."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._numbers = itertools.count()
        self.account = Account()

    def sweep(self, program: str, call: str, fault: str, body: bytes) -> None:
        """Let each call of a kind fail once, on the way of a message through a daemon."""
        for when in range(1, CALLS_LIMIT):
            # A process that was born meanwhile may have taken the message, and had no fault.
            while not self._attempt(program, injection := Injection(call, fault, when), body):
                if injection.met_all:
                    return
        self.account.complaints.append(f"{program} {call}: no end")

    def _attempt(self, program: str, injection: Injection, body: bytes) -> bool:
        """Send a message on which that may happen; tell whether it did."""
        account = self.account
        wait_for(self._is_at_rest, PATIENCE, "the end of the last conversation")
        workers = self._workers(program)
        number = next(self._numbers)
        with injection.into(workers):
            try:
                verdict = submit(self._instance.port, numbered(number, body)).verdict
            except OSError:
                verdict = ""
        injection.met_all = set(self._instance.children(program)) <= set(workers)
        dead = sum(not one.alive() for one in workers)
        # strace may have been told to go before it could say that its process was killed.
        fired = injection.fired or (injection.fault == KILL and dead > 0)
        if not fired:
            assert verdict == "K", injection
        account.calls[injection.call] += fired
        account.verdicts[verdict] += fired
        account.deaths += dead
        self._check(program, injection, number, verdict)
        return fired

    def _check(self, program: str, injection: Injection, number: int, verdict: str) -> None:
        """See that the queue holds what was acknowledged, and that mail goes on."""
        what = f"{program}, {injection}, {verdict or 'no answer'}"
        following = next(self._numbers)
        if not holds_within(lambda: self._accepted(following), PATIENCE):
            self.account.complaints.append(f"{what}: the next message is not accepted")
            return
        count = stored_numbers(self._instance)[number]
        essential = injection.call in ESSENTIAL and injection.fault not in HARMLESS
        if verdict == "K" and essential and injection.fired:
            self.account.complaints.append(f"{what}: the error was passed over")
        if verdict == "K" and count != 1:
            self.account.complaints.append(f"{what}: stored {count} times")
        doubtful = (program, injection.call, injection.fault) in DOUBTFUL
        if verdict in ("Z", "D") and count and not doubtful:
            self.account.complaints.append(f"{what}: stored all the same")
        if not holds_within(lambda: not self._instance.unfinished_files(), PATIENCE):
            self.account.complaints.append(f"{what}: an unfinished file is left")

    def _accepted(self, number: int) -> bool:
        try:
            return submit(self._instance.port, numbered(number)).verdict == "K"
        except OSError:
            return False

    def _is_at_rest(self) -> bool:
        """Tell whether no connection between the daemons waits for one more message."""
        connected = conversations()
        return not any(connected & sockets(one) for one in self._instance.children("cleanup"))

    def _workers(self, program: str) -> list[Process]:
        return wait_for(lambda: self._instance.children(program), PATIENCE, f"a {program}")


def conversations() -> set[str]:
    """Return the inodes of all connections to a cleanup that takes frames, at its end."""
    lines = (PROC / "net/unix").read_text().splitlines()
    found = (line.split() for line in lines if line.endswith(native_path("cleanup")))
    return {inode for *_, state, inode, _ in found if state == CONNECTED}


def sockets(process: Process) -> set[str]:
    """Return the inodes of a process' sockets, none if it is gone."""
    names = []
    for descriptor in (PROC / f"{process.pid}/fd").glob("*"):
        with contextlib.suppress(OSError):
            names.append(str(descriptor.readlink()))
    return {name[len("socket:[") : -1] for name in names if name.startswith("socket:[")}


def play(
    instance: Instance, program: str, fault: str, body: bytes, calls: Sequence[str] = ()
) -> Account:
    """Let every call, or some, fail in one way, in a program of a running instance."""
    trial = Trial(instance)
    for call in calls or CALLS[program]:
        if call in FAULTS[fault]:
            trial.sweep(program, call, fault, body)
    return trial.account


def main() -> int:
    """Do all of it; print and judge."""
    bad = False
    for program, fault, (size, body) in itertools.product(CALLS, FAULTS, BODIES.items()):
        with contextlib.redirect_stdout(sys.stderr), Postroom(SETTINGS) as instance:
            account = play(instance.start(), program, fault, body)
        print(f"{program}, {fault}, {size}: {account}", flush=True)
        print(*account.complaints, sep="\n", end="\n" * bool(account.complaints), flush=True)
        bad |= bool(account.complaints)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
