"""test_relay_processes - daemons of a relay host find what they would under Postfix's master

DESCRIPTION
    The same host is run by both masters, one after the other, and every
    service is used. What /proc shows of each process must be the same but for
    pids, inodes, and the folder and ports of the instance.
"""

import contextlib
import os
import re
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.suite import processes
from tests.suite.instance import ask_for_reload
from tests.suite.processes import PROC, Process
from tests.suite.relay import PostfixRelay, Relay
from tests.suite.waiting import wait_for

# What these have of master's: a listener, or two, and the log file.
LAST = {"qmqpd": 7, "cleanup": 8, "postlogd": 7}
LOG_SERVICE = "postlog"  # takes datagrams, and has a process from the first line on
# The C library of the parent leaves its mark there; programs set these signals when they need them.
LIBC_SIGNALS = 0x1_8000_0000
RELOADS = 100
STATUS = ("Umask", "SigBlk", "SigIgn", "Uid", "Gid", "Groups")


@dataclass(frozen=True)
class Facts:
    """What one process shows."""

    command: str
    environment: tuple[str, ...]
    descriptors: tuple[str, ...]  # 0 to 6, kind and flags
    status: tuple[str, ...]
    limits: str
    root: str
    folder: str
    session: bool  # master's session, and its process group


def facts(process: Process, relay: Relay) -> Facts:
    """Return what can be seen from outside; the instance's own folder and ports are taken out."""
    place = PROC / str(process.pid)
    master = relay.master()
    assert master is not None

    def plain(text: str) -> str:
        text = text.replace(str(relay.top), "TOP")
        for number, port in enumerate((relay.port, relay.smtp_port)):
            text = text.replace(str(port), f"PORT{number}")
        return text

    status = dict(
        line.split(":\t", 1)
        for line in (place / "status").read_text().splitlines()
        if ":\t" in line
    )
    status["SigIgn"] = f"{int(status['SigIgn'], 16) & ~LIBC_SIGNALS:x}"
    environment = (place / "environ").read_text().rstrip("\0").split("\0")
    fields = (place / "stat").read_text().rpartition(")")[2].split()
    return Facts(
        command=plain(process.command()),
        environment=tuple(sorted(plain(one) for one in environment if "GENERATION" not in one)),
        descriptors=tuple(descriptor(place, number) for number in range(7)),
        status=tuple(f"{name} {status[name].strip()}" for name in STATUS),
        limits=(place / "limits").read_text(),
        root=plain(os.readlink(place / "root")),
        folder=plain(os.readlink(place / "cwd")),
        session=fields[2:4] == [str(master.pid)] * 2,
    )


def descriptor(place: Path, number: int) -> str:
    """Return kind and flags of an open descriptor."""
    try:
        kind = stat.S_IFMT(os.stat(place / f"fd/{number}").st_mode)
        name = re.sub(r"\[\d+\]", "", os.readlink(place / f"fd/{number}"))
        flags = re.search(r"flags:\t(\d+)", (place / f"fdinfo/{number}").read_text())
    except FileNotFoundError:
        return "closed"
    assert flags
    return f"{kind:o} {name if name.startswith('/dev') else ''} {flags[1]}"


def use_everything(relay: Relay, stack: contextlib.ExitStack) -> None:
    """Connect to every service, and stay."""
    for port in (relay.smtp_port, relay.port):
        stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
    for name in ("public", "private"):
        for path in (relay.spool / name).iterdir():
            if path.name != LOG_SERVICE:
                client = stack.enter_context(socket.socket(socket.AF_UNIX))
                client.connect(str(path))


def look(relay: Relay) -> dict[str, Facts]:
    """Return what the processes of a host show once all its services are used, by command."""
    with relay.start(), contextlib.ExitStack() as stack:
        use_everything(relay, stack)
        return wait_for(lambda: everything(relay), 20, "a process of each service")


def everything(relay: Relay) -> dict[str, Facts]:
    """Return the facts of the processes by command, nothing until each service has one at work."""
    found = {}
    for child in relay.children():
        try:
            one = facts(child, relay)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it leaves
        # Until it has dropped its privileges, it is not what it is going to be.
        if "-u" not in one.command.split() or one.status[3].split()[1] != "0":
            found[one.command] = one
    return found if len(found) == len(services(relay)) else {}


def services(relay: Relay) -> list[str]:
    """Return the lines of master.cf that are services."""
    text = (relay.config_dir / "master.cf").read_text()
    return [line for line in text.splitlines() if re.match(r"[^\s#]", line)]


@pytest.mark.timeout(180)
def test_every_daemon_finds_the_same_under_both_masters() -> None:
    reference, ours = look(PostfixRelay()), look(Relay())
    assert len(reference) >= 30, sorted(reference)
    assert sorted(ours) == sorted(reference)
    executed = {command for command in reference if command.split()[0] not in LAST}
    assert len(executed) >= 30
    for command in executed:
        assert ours[command] == reference[command]


@pytest.mark.timeout(180)
def test_no_descriptor_of_master_is_left_in_any_daemon_however_often_it_was_reloaded() -> None:
    with Relay().start() as relay, contextlib.ExitStack() as stack:
        for _ in range(RELOADS):
            ask_for_reload(relay.config_dir)
        use_everything(relay, stack)
        wait_for(lambda: everything(relay), 20, "a process of each service")
        master = relay.master()
        assert master is not None
        own = set(opened(master).values())
        assert len(own) > 30  # its listeners at least
        for child in relay.children():
            last = LAST.get(child.command().split()[0], 6)
            found = {number: what for number, what in opened(child).items() if number > last}
            assert own.isdisjoint(found.values()), (child.command(), found)
        relay.stop()
        assert processes.inhabitants(relay.top) == []


def opened(process: Process) -> dict[int, str]:
    """Return what a process has open: sockets, pipes and the log, each by a name of its own."""
    folder, found = PROC / str(process.pid) / "fd", {}
    for name in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):
            found[int(name)] = os.readlink(folder / name)
    shared = ("/dev/", "anon_inode:")
    return {number: what for number, what in found.items() if not what.startswith(shared)}
