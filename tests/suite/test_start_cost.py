"""test_start_cost - what it costs to execute a daemon of ours, until it has its first client

DESCRIPTION
    Postfix's master executes a program for each process, so each costs an
    interpreter and its imports. What counts is the CPU time of the process up
    to the first accept, as the kernel counts it, beside that of an interpreter
    which imports some modules of Python's own: both change with the machine.
"""

import contextlib
import os
import socket
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.common.executed import Executed, Host

pytestmark = pytest.mark.alone

BAR = 2.0  # times the cost of the reference
STARTS = 15
REFERENCE = "import argparse, ctypes, json, logging, re, selectors, socket, subprocess, typing"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A system instance: its programs are looked over at each start."""
    with Host(tmp_path / "host", queue="var/spool") as found:
        yield found


def cpu(process: Executed) -> float:
    """Return the milliseconds that a process has had a processor so far, all threads included."""
    spent = 0
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that looked a name up
            spent += int((task / "schedstat").read_text().split()[0])
    return spent / 1e6


def reference() -> float:
    """Return the milliseconds that the reference costs."""
    arguments = [sys.executable, "-IS", "-c", REFERENCE]
    pid = os.posix_spawn(sys.executable, arguments, os.environ)
    _, status, usage = os.wait4(pid, 0)
    assert status == 0
    return (usage.ru_utime + usage.ru_stime) * 1000


def ratio(start: Callable[[], float]) -> float:
    """Return the usual cost, in that of the reference."""
    start()  # compiles what was never compiled
    both = [(start(), reference()) for _ in range(STARTS)]
    ours = statistics.median(cost for cost, _ in both)
    theirs = statistics.median(cost for _, cost in both)
    print(f"{ours:.1f} ms, reference {theirs:.1f} ms: {ours / theirs:.2f}")
    return ours / theirs


def test_cleanup(host: Host) -> None:
    with host.unix_listener() as listener:

        def start() -> float:
            with (
                socket.socket(socket.AF_UNIX) as client,
                host.run("cleanup", "-z", "-t", "unix", "-u", listeners=[listener]) as process,
            ):
                client.connect(listener.getsockname())
                assert process.report()
                return cpu(process)

        assert ratio(start) <= BAR


def test_qmqpd(host: Host) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def start() -> float:
            host.forget_log()
            with (
                host.run("qmqpd", "-t", "inet", "-u", listeners=[listener]) as process,
                socket.create_connection(listener.getsockname()),
            ):
                host.wait_for_log("connect from")
                return cpu(process)

        assert ratio(start) <= BAR
