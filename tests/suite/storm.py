"""storm - processes killed at random under load, and the account of what that cost

SYNOPSIS
    python -P -m tests.suite.storm [--kills N]

DESCRIPTION
    Clients submit numbered messages while descendants of master, any of them,
    are killed at a steady pace, or told to end. Afterwards the queue must
    hold each message that was acknowledged once, none that was refused, and
    as good as none whose client was told to try again.

    The command plays the storms at full length: an instance of qmqpd and
    cleanup, and, as root, a relay host with all of Debian's services, whose
    queue manager takes up mail at once; each with 5 kills a second for 60 s
    and 50 a second for 20 s. It prints the figures and exits with 1 if one is
    worse than it may be. Takes six minutes; with --kills the storms are
    repeated until so many processes were killed, 400 a minute, and judged
    together as well.
"""

import argparse
import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from tests.suite.instance import Instance, Postroom
from tests.suite.load import Load, stored_number
from tests.suite.processes import Process
from tests.suite.relay import Relay
from tests.suite.waiting import holds_within

REFUSED_BUT_STORED = 2.0  # of 100 kills
GAP_LIMIT = 1.0  # seconds without any success
RECOVERY_LIMIT = 2.0  # seconds from the last kill to the next success
LEFTOVER_LIMIT = 60.0  # seconds for unfinished files to disappear
LEAK_LIMIT = 8  # descriptors that a process may open for good while it works
LEAK_SECONDS = 5.0  # for what belongs to clients to be closed
SIGNALS = (signal.SIGKILL, signal.SIGTERM)  # who is told to end may tidy up first
CLIENTS = 4
RECIPIENT = "r@smtp.test"
NATIVE = ("qmqpd", "cleanup")  # programs of ours that go by this name in process listings
MESSAGES = 1_000_000  # more than any storm sees

# Nothing leaves the queue. The queue manager's tokens are no matter here: without them each
# message takes a second by design.
NOTHING_LEAVES: Mapping[str, str] = {
    "defer_transports": "smtp, relay, discard",
    "in_flow_delay": "0s",
}


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, and for how long."""

    kills: float  # a second
    seconds: float


STEADY, FIERCE = Pace(5, 60), Pace(50, 20)


@dataclass(frozen=True, slots=True)
class Toll:
    """What a storm cost."""

    kills: int
    acknowledged: int
    lost: int  # acknowledged and not in the queue
    twice: int  # in the queue more than once
    refused_but_stored: int  # the client was told D
    retried_but_stored: int  # the client was told Z
    unanswered_but_stored: int  # the client was told nothing, as when its own server was killed
    longest_gap: float  # seconds
    recovery: float  # seconds
    unfinished: int  # files that nobody is writing any more
    leaked: int  # descriptors: the most that one process has more than its like had before

    def __add__(self, other: "Toll") -> "Toll":
        """Return what both cost together: sums of what is counted, the longest of the times."""
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in names(Toll)}
        return Toll(**{name: max(p) if name in WORST else sum(p) for name, p in pairs.items()})

    def complaints(self, *, steady: bool) -> list[str]:
        """Return what is worse than it may be; steady: clients may notice no pause at all."""
        limits: dict[str, float] = {
            "lost": 0,
            "twice": 0,
            "refused_but_stored": 0,
            "retried_but_stored": int(self.kills * REFUSED_BUT_STORED / 100),
            "unfinished": 0,
            "leaked": LEAK_LIMIT,
            "recovery": RECOVERY_LIMIT,
        }
        if steady:
            limits["longest_gap"] = GAP_LIMIT
        return [
            f"{name}: {getattr(self, name)}, and may be {limit}"
            for name, limit in limits.items()
            if getattr(self, name) > limit
        ]

    def __str__(self) -> str:
        values = {name: getattr(self, name) for name in names(Toll)}
        return ", ".join(
            f"{name.replace('_', ' ')} {value:.2f} s"
            if isinstance(value, float)
            else f"{name.replace('_', ' ')} {value}"
            for name, value in values.items()
        )


WORST = {"longest_gap", "recovery", "leaked"}  # no sum would mean anything


def names(kind: type[Toll]) -> list[str]:
    """Return the names of what is accounted for."""
    return [field.name for field in fields(kind)]


def rage(
    instance: Instance,
    pace: Pace,
    patience: float = LEFTOVER_LIMIT,
    signals: Sequence[signal.Signals] = SIGNALS,
) -> Toll:
    """Let a storm pass over a running instance, stop it, and count.

    patience: seconds for unfinished files to disappear.
    """
    usual = descriptors(instance)
    with Load(instance.port, threads=CLIENTS, limit=MESSAGES, recipient=RECIPIENT) as load:
        await_success(load)
        kills = kill_at(pace, lambda: kill_one(instance, signals))
        last = time.monotonic()
        await_success(load, CLIENTS)
    recovery = min(sent.at for sent in load.sent if sent.verdict == "K" and sent.at > last) - last
    holds_within(lambda: not instance.unfinished_files(), patience)
    left = len(instance.unfinished_files())
    holds_within(lambda: leaked(instance, usual) <= LEAK_LIMIT, LEAK_SECONDS)
    leak = leaked(instance, usual)
    instance.stop()
    numbers = map(stored_number, instance.files())
    stored = Counter(number for number in numbers if number is not None)
    verdicts = {sent.number: sent.verdict for sent in load.sent}
    told = Counter(verdicts[number] for number in stored)
    return Toll(
        kills=kills,
        acknowledged=len(load.acknowledged()),
        lost=len(load.acknowledged() - set(stored)),
        twice=sum(count > 1 for count in stored.values()),
        refused_but_stored=told["D"],
        retried_but_stored=told["Z"],
        unanswered_but_stored=told[""],
        longest_gap=load.longest_gap(),
        recovery=recovery,
        unfinished=left,
        leaked=leak,
    )


def kill_at(pace: Pace, kill: Callable[[], int]) -> int:
    """Call kill at this pace, late calls are made up for; return the sum of its answers."""
    begin = time.monotonic()
    killed = 0
    for number in range(int(pace.kills * pace.seconds)):
        # The pace is the fault itself, not a wait for anything.
        time.sleep(max(0.0, begin + number / pace.kills - time.monotonic()))
        killed += kill()
    return killed


def kill_one(instance: Instance, signals: Sequence[signal.Signals]) -> int:
    """Kill a descendant of master, any of them, by any of the signals; return how many."""
    found = instance.children()
    if not found:
        return 0
    random.choice(found).kill(random.choice(signals))
    return 1


def await_success(load: Load, count: int = 1) -> None:
    """Wait for so many more successes."""
    before = len(load.acknowledged())
    assert holds_within(lambda: len(load.acknowledged()) >= before + count, 30), "no success"


def descriptors(instance: Instance) -> Counter[str]:
    """Return how many descriptors the one with the most of them has, by program of ours."""
    found: Counter[str] = Counter()
    master = instance.master()
    for each in [master] if master else []:
        found["master"] = opened(each)
    for program in NATIVE:
        found[program] = max(map(opened, instance.children(program)), default=0)
    return found


def opened(process: Process) -> int:
    """Return how many descriptors a process has, none if it is gone."""
    try:
        return len(os.listdir(f"/proc/{process.pid}/fd"))
    except OSError:
        return 0


def leaked(instance: Instance, usual: Counter[str]) -> int:
    """Return the most descriptors that a process has above what is usual."""
    return max(count - usual[program] for program, count in descriptors(instance).items())


def storms() -> Iterator[tuple[str, Toll, bool]]:
    """Play each storm; yield what it was, what it cost, and whether it was a steady one."""
    kinds: dict[str, Callable[[], Instance]] = {"qmqpd and cleanup": Postroom}
    if os.geteuid() == 0:
        kinds["relay host"] = lambda: Relay(NOTHING_LEAVES)
    for name, make in kinds.items():
        for pace in (STEADY, FIERCE):
            with contextlib.redirect_stdout(sys.stderr), make() as instance:
                toll = rage(instance.start(), pace)
            text = f"{name}, {pace.kills:g} kills a second for {pace.seconds:g} s"
            yield text, toll, pace is STEADY


def main() -> int:
    """Play all storms, print what they cost, judge."""
    parser = argparse.ArgumentParser(prog="storm")
    parser.add_argument("--kills", type=int, default=0, help="repeat until so many were killed")
    wanted = parser.parse_args().kills
    total = None
    complaints = []
    while total is None or total.kills < wanted:
        for text, toll, steady in storms():
            print(text, toll, sep=": ", flush=True)
            complaints += toll.complaints(steady=steady)
            total = total + toll if total else toll
        print(f"in all: {total}", flush=True)
    complaints += total.complaints(steady=False)
    print(*complaints, sep="\n")
    return int(bool(complaints))


if __name__ == "__main__":
    sys.exit(main())
