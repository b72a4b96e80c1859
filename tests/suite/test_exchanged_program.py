"""test_exchanged_program - a program that is exchanged while its service runs

DESCRIPTION
    Postfix's master executes what it finds at the time. So until the next
    reload processes of both programs wait on one socket: those of Postfix one
    at a time, behind the accept lock in pid/, ours beside them. And what is
    found may be no program at all.
"""

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.suite import peers
from tests.suite.instance import RENEWAL_TIMEOUT, Instance
from tests.suite.interchange import daemon_directory, is_ours, put, put_ours
from tests.suite.processes import Process
from tests.suite.qmqp import submit
from tests.suite.reference import Postfix
from tests.suite.waiting import wait_for

MESSAGE = b"Subject: one\n\nbody\n"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Postfix's programs, in a folder of the test's own."""
    return daemon_directory(tmp_path, ())


@pytest.fixture
def postfix(programs: Path) -> Iterator[Postfix]:
    """A running Postfix that executes these programs."""
    with Postfix({"daemon_directory": str(programs)}) as instance:
        instance.start()
        yield instance


def both_cleanups(postfix: Instance, programs: Path) -> tuple[Process, Process]:
    """Exchange cleanup; return an idle process of Postfix's and one of ours."""
    path = str(postfix.spool / "public/cleanup")
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        first.connect(path)
        assert first.recv(100)
        put_ours(programs, "cleanup")
        second.connect(path)
        assert second.recv(100)
    kinds = {is_ours(each): each for each in postfix.children("cleanup")}
    assert set(kinds) == {False, True}
    return kinds[False], kinds[True]


def gone(process: Process) -> bool:
    return not process.alive()


def test_processes_of_both_programs_share_a_socket(postfix: Postfix, programs: Path) -> None:
    theirs, ours = both_cleanups(postfix, programs)
    lock = postfix.spool / "pid/unix.cleanup"
    inode = lock.stat().st_ino
    with ThreadPoolExecutor(5) as clients:
        answers = list(clients.map(lambda _: submit(postfix.port, MESSAGE), range(60)))
    assert {answer.verdict for answer in answers} == {"K"}
    assert {answer.queue_id for answer in answers} == set(postfix.queue_files())
    assert len(postfix.files()) == 60
    assert theirs.alive()
    assert ours.alive()
    # Whichever is left serves alone: none waits for a lock that the other would have to give up.
    for leaving in (theirs, ours):
        leaving.kill(signal.SIGKILL)
        wait_for(partial(gone, leaving), RENEWAL_TIMEOUT, "its end")
        assert submit(postfix.port, MESSAGE).verdict == "K"
    assert lock.stat().st_ino == inode


def test_the_way_there_and_back_is_a_reload(postfix: Postfix, programs: Path) -> None:
    for name in ("qmqpd", "cleanup"):
        for ours in (True, False):
            if ours:
                put_ours(programs, name)
            else:
                put(peers.daemons() / name, programs / name)
            postfix.renew()
            assert submit(postfix.port, MESSAGE).verdict == "K"
            assert [is_ours(each) for each in postfix.children(name)] == [ours]


def test_one_service_alone_can_name_a_program_of_ours(postfix: Postfix) -> None:
    """By its way from daemon_directory, as Postfix's master takes what stands in master.cf."""
    way = os.path.relpath(peers.native_daemons() / "qmqpd", "/usr/lib/postfix/sbin")
    postfix.configure({"daemon_directory": "/usr/lib/postfix/sbin"})
    services = postfix.config_dir / "master.cf"
    services.write_text(services.read_text().replace(" qmqpd\n", f" {way}\n"))
    postfix.renew()
    assert submit(postfix.port, MESSAGE).verdict == "K"
    assert [is_ours(each) for each in postfix.children("qmqpd")] == [True]
    assert [is_ours(each) for each in postfix.children("cleanup")] == [False]


def test_a_program_whose_modules_are_gone_says_so_and_is_throttled(
    postfix: Postfix, programs: Path
) -> None:
    put_ours(programs, "qmqpd")
    text = (programs / "qmqpd").read_text()
    folders = next(line for line in text.splitlines() if line.startswith("sys.path +="))
    (programs / "qmqpd").write_text(text.replace(folders, "sys.path += ['/nowhere']"))
    postfix.renew()
    with socket.create_connection(("127.0.0.1", postfix.port)):
        postfix.wait_for_log(r"process \S+/qmqpd pid [0-9]+ exit status 1$")
        postfix.wait_for_log(r"/qmqpd: bad command startup -- throttling$")


def test_a_program_that_is_missing_is_named_by_master(postfix: Postfix, programs: Path) -> None:
    (programs / "qmqpd").unlink()
    postfix.renew()
    with socket.create_connection(("127.0.0.1", postfix.port)):
        postfix.wait_for_log(r"fatal: .*/qmqpd: No such file or directory$")
        postfix.wait_for_log(r"/qmqpd: bad command startup -- throttling$")


@pytest.mark.parametrize(
    ("name", "setting", "complaint"),
    [
        ("qmqpd", "qmqpd_timeout = 0", "invalid qmqpd_timeout: 0"),
        ("cleanup", "hopcount_limit = 0", "invalid hopcount_limit"),
    ],
)
def test_settings_that_cannot_be_used_are_said_and_mail_waits(
    postfix: Postfix, programs: Path, name: str, setting: str, complaint: str
) -> None:
    put_ours(programs, name)
    with (postfix.config_dir / "main.cf").open("a") as main_cf:
        main_cf.write(f"{setting}\n")
    postfix.renew()
    with socket.create_connection(("127.0.0.1", postfix.port)):
        postfix.wait_for_log(rf"postfix/{name}\[[0-9]+\]: fatal: \S+main\.cf, line .*{complaint}")
        postfix.wait_for_log(rf"/{name}: bad command startup -- throttling$")
    assert postfix.files() == []
