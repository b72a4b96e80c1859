"""Promises of the rehearsal, each tried in an interpreter of its own or beside open files."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from common.params import QmqpdParams
from qmqpd import __main__ as daemon
from qmqpd import connection as connection_module
from qmqpd import rehearsal
from qmqpd.connection import Connection
from qmqpd.session import Limits, Submission, whole_packet
from tests.common.settings import load, main_cf

ROOT = Path(__file__).resolve().parents[2]

# How many instructions of what each message takes have been specialized.
WARM = """\
import dis, sys
sys.path[:0] = {path!r}
from qmqpd import __main__ as daemon
from common.cleanup_link import Link
from common.cleanup_links import Links
from qmqpd.connection import Connection
from qmqpd.session import Limits, Submission, whole_packet
from qmqpd.handover import Parcel
from qmqpd.names import Resolver
from qmqpd.parking import Parking
from qmqpd.session import whole_packet
from qmqpd.worker import Worker
from tests.common.settings import load, main_cf

def warm(function):
    pairs = zip(*(dis.get_instructions(function, adaptive=one) for one in (False, True)))
    return sum(plain.opname != adapted.opname for plain, adapted in pairs)

def warmth():
    hot = Connection.advance, Connection._begin, Connection._send_reply, Parcel.frame, whole_packet
    loop = Worker.turn, Worker.take, Parking.put, Links.send, Link.receive, Resolver.name_of
    return [warm(one) > 2 for one in (*hot, *loop)]

before = warmth()
daemon.rehearse(daemon.prepare(load(daemon.PARAMS)), main_cf())
print(any(before), all(warmth()))
"""


def test_what_each_client_takes_is_warm_afterwards() -> None:
    text = WARM.format(path=[str(ROOT), *sys.path])
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"


def belongings() -> object:
    """Return what this process has open, its threads, and what it does about signals and time."""
    files, threads = os.listdir("/proc/self/fd"), os.listdir("/proc/self/task")
    handlers = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGALRM)]
    return files, threads, handlers, signal.getitimer(signal.ITIMER_REAL)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"qmqpd_error_delay": "5s"},
        {"qmqpd_error_delay": "0s", "soft_bounce": "yes"},
        {"qmqpd_authorized_clients": "static:all", "message_size_limit": "100"},
        {"debug_peer_list": "192.0.2.1", "debug_peer_level": "2"},
        {"native_submission": "no", "max_use": "1", "qmqpd_client_connection_limit": "1"},
        {"qmqpd_worker_connection_limit": "1", "qmqpd_timeout": "1s", "daemon_timeout": "1s"},
    ],
)
def test_whatever_the_parameters_each_client_hears_and_nothing_of_it_stays(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = []

    def announce(self: Connection, queue_id: str) -> None:
        heard.append(queue_id)

    monkeypatch.setattr(Connection, "_announce", announce)
    prepared = daemon.prepare(load(QmqpdParams, **settings))
    rehearsal.rehearse(prepared.rules, main_cf(**settings))  # what is opened once, and kept
    before = belongings()
    rehearsal.rehearse(prepared.rules, main_cf(**settings))
    assert belongings() == before
    assert len(heard) == 2 * rehearsal.TIMES


@pytest.mark.parametrize(
    "trouble", [OSError(errno.EMFILE, os.strerror(errno.EMFILE)), MemoryError()]
)
def test_where_there_is_no_room_for_it_nothing_happens(
    trouble: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = daemon.prepare(load(QmqpdParams))
    rehearsal.rehearse(prepared.rules, main_cf())
    before = os.listdir("/proc/self/fd")

    def refuse() -> None:
        raise trouble

    monkeypatch.setattr("socket.socketpair", refuse)
    rehearsal.rehearse(prepared.rules, main_cf())
    assert os.listdir("/proc/self/fd") == before


def test_the_packet_is_an_ordinary_one(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []

    def note(data: bytes, limits: Limits) -> Submission | None:
        found.append(whole_packet(data, limits))
        return found[-1]

    monkeypatch.setattr(connection_module, "whole_packet", note)
    rehearsal.rehearse(daemon.prepare(load(QmqpdParams)).rules, main_cf())
    assert len(found) == rehearsal.TIMES
    assert all(found)


def test_the_watchdog_of_a_rehearsal_ends_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    fired = []
    usual = signal.signal(signal.SIGALRM, lambda number, frame: fired.append(number))

    def fire(which: int, seconds: float) -> None:
        os.kill(os.getpid(), signal.SIGALRM)

    monkeypatch.setattr("signal.setitimer", fire)
    try:
        rehearsal.rehearse(daemon.prepare(load(QmqpdParams)).rules, main_cf())
        assert not fired
        fire(0, 0)
        assert fired  # it means again what it meant before
    finally:
        signal.signal(signal.SIGALRM, usual)
