"""test_start_cost - what it costs to execute a daemon of ours, until it has its first client

DESCRIPTION
    Postfix's master executes a program for each process, so each costs an
    interpreter and its imports. The bar is the CPU time of the process up to
    the first accept, as the kernel counts it.
"""

import contextlib
import socket
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.common.executed import Executed, Host

pytestmark = pytest.mark.alone

BAR = 60.0  # milliseconds
STARTS = 9


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


def median(start: Callable[[], float]) -> float:
    """Return the usual cost; the first start compiles what was never compiled."""
    start()
    costs = [start() for _ in range(STARTS)]
    print("milliseconds:", " ".join(f"{cost:.1f}" for cost in sorted(costs)))
    return statistics.median(costs)


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

        assert median(start) <= BAR


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

        assert median(start) <= BAR
