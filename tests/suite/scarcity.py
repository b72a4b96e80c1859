"""scarcity - of room, inodes, descriptors, processes, memory: what happens then, and afterwards

SYNOPSIS
    unshare --net --mount --pid --fork --kill-child --mount-proc \\
        python -P -m tests.suite.scarcity FOLDER

DESCRIPTION
    An instance lives on a small file system of its own, its log as well. One
    thing after the other runs out; clients submit meanwhile, and afterwards
    until one is served. What happened is printed as JSON, an Outcome for each.
"""

import contextlib
import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.suite import mistakes
from tests.suite.faults import Injection
from tests.suite.instance import Postroom
from tests.suite.load import numbered, stored_numbers
from tests.suite.powercut import living_at
from tests.suite.qmqp import submit
from tests.suite.system_host import bring_up, mount
from tests.suite.waiting import holds_within, wait_for

SIZE, INODES = "24m", 2000
RECOVERY = 10.0  # seconds that are waited for a success; how long it took is told
BODIES = (b"body\n", b"a line of a large message\n" * 40_000)
FORKS = "clone,clone3,fork,vfork"
SETTINGS = {"smtpd_peername_lookup": "no", "qmqpd_cleanup_timeout": "2s"}

# What daemons lack as long as there is a file of that name in the instance's folder: descriptors
# for clients, memory for large messages.
LACK = """
import os, resource
from common.child import Child

plain = Child.drop_privileges

def drop_privileges(self, account, jail):
    plain(self, account, jail)
    here = os.path.dirname(self.main_cf.directory)
    if os.path.exists(f"{here}/descriptors") and self.command == "cleanup":
        spare = os.open("/dev/null", os.O_RDONLY)
        os.close(spare)
        resource.setrlimit(resource.RLIMIT_NOFILE, (spare + 1, spare + 1))
    if os.path.exists(f"{here}/memory"):
        with open("/proc/self/statm") as file:
            size = int(file.read().split()[0]) * os.sysconf("SC_PAGESIZE")
        resource.setrlimit(resource.RLIMIT_AS, (size, size))

Child.drop_privileges = drop_privileges
"""


@dataclass(slots=True)
class Outcome:
    """What a shortage did."""

    verdicts: list[str]  # of clients during it
    slowest: float  # seconds
    died: list[str]  # processes of before that are gone
    recovery: float  # seconds from its end to the next success
    unfinished: int  # files
    astray: list[int]  # stored and not acknowledged, or acknowledged and not stored once
    lines: list[str]  # what was logged


class Stage:
    """An instance, and the messages that it is sent."""

    def __init__(self, instance: Postroom) -> None:
        self.instance = instance
        self._numbers = itertools.count()
        self._acknowledged: set[int] = set()

    def play(self, shortage: contextlib.AbstractContextManager[object]) -> Outcome:
        """Submit in a shortage and after it."""
        begun = self.instance.log_position()
        verdicts, times = [], []
        with shortage:
            before = self.instance.children()
            for body in BODIES:
                start = time.monotonic()
                verdicts.append(self.submit(body))
                times.append(time.monotonic() - start)
            gone = [one.command() or "?" for one in before if not one.alive()]
        end = time.monotonic()
        holds_within(lambda: self.submit() == "K", RECOVERY)
        recovery = time.monotonic() - end
        holds_within(lambda: not self.instance.unfinished_files(), 2.0)
        stored = stored_numbers(self.instance)
        astray = [number for number, count in stored.items() if count != 1]
        return Outcome(
            verdicts,
            max(times),
            gone,
            recovery,
            len(self.instance.unfinished_files()),
            sorted({*astray, *(self._acknowledged ^ stored.keys())}),
            self.instance.log_lines(begun),
        )

    def submit(self, body: bytes = BODIES[0]) -> str:
        """Submit one message; return the verdict."""
        number = next(self._numbers)
        try:
            verdict = submit(self.instance.port, numbered(number, body)).verdict
        except OSError:
            return ""
        if verdict == "K":
            self._acknowledged.add(number)
        return verdict


@contextlib.contextmanager
def no_space(folder: Path) -> Iterator[None]:
    """Fill the file system to the last byte."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(65536))
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def no_inodes(folder: Path) -> Iterator[None]:
    """Use all inodes up."""
    fillers = folder / "fillers"
    fillers.mkdir()
    try:
        with contextlib.suppress(OSError):
            for number in itertools.count():
                (fillers / str(number)).touch()
        yield
    finally:
        for filler in fillers.iterdir():
            filler.unlink()
        fillers.rmdir()


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write to a folder."""
    mount("--bind", str(folder), str(folder))
    mount("-o", "remount,bind,ro", str(folder))
    try:
        yield
    finally:
        mount("-o", "remount,bind,rw", str(folder))


@contextlib.contextmanager
def no_forks(instance: Postroom) -> Iterator[None]:
    """Let master start no process, and leave no cleanup."""
    master = instance.master()
    assert master
    with Injection(FORKS, "error=EAGAIN", "1+").into([master]):
        workers = instance.children("cleanup")
        for worker in workers:
            worker.kill()
        wait_for(lambda: not any(one.alive() for one in workers), 5, "the end of all cleanups")
        yield


@contextlib.contextmanager
def lack_of(what: str, instance: Postroom) -> Iterator[None]:
    """Let the processes of before leave, and those that follow lack something."""
    sign = instance.top / what
    sign.touch()
    instance.renew()
    try:
        yield
    finally:
        sign.unlink()
        assert instance.reload().returncode == 0


def main() -> int:
    """Play everything on a host of its own."""
    top = Path(sys.argv[1])
    bring_up("lo")
    mount("-t", "tmpfs", "-o", f"size={SIZE},nr_inodes={INODES},mode=755", "small", str(top))
    with (
        contextlib.redirect_stdout(sys.stderr),
        living_at(top),
        Postroom(SETTINGS) as instance,
    ):
        mistakes.make(instance, LACK)
        stage = Stage(instance.start())
        assert stage.submit() == "K"
        shortages = {
            "space": no_space(top),
            "inodes": no_inodes(top),
            "writing": read_only(instance.spool / "incoming"),
            "forks": no_forks(instance),
            "descriptors": lack_of("descriptors", instance),
            "memory": lack_of("memory", instance),
        }
        outcomes = {name: asdict(stage.play(one)) for name, one in shortages.items()}
        instance.stop()
    print(json.dumps({**outcomes, "log": ""}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
