"""test_contract - what scripts and operators may rely on

DESCRIPTION
    Exit codes, files and processes of init, start, status, reload, stop and
    abort; what happens without cleanup; that a refused submission leaves
    nothing behind.
"""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.suite import peers, processes
from tests.suite.instance import Postroom
from tests.suite.qmqp import Answer, Connection, Outcome, exchange, netstring, packet, submit
from tests.suite.waiting import wait_for

PID_FILE = re.compile(r" *\d+\n")
PID_FILE_SIZE = 33  # the pid in 32 columns, and a newline
ABORT_PATIENCE = 5.0  # seconds for the processes of an aborted instance to end
FILE_PATIENCE = 2.0  # seconds for cleanup to drop the file of a client that went away


@pytest.fixture
def stopped() -> Iterator[Postroom]:
    """An instance that was made and not started."""
    with Postroom() as instance:
        yield instance


def test_init_makes_configuration_queue_and_log_folders(stopped: Postroom) -> None:
    for name in ("etc/main.cf", "etc/master.cf"):
        assert (stopped.top / name).is_file()
    for name in ("spool", "data", "log"):
        assert (stopped.top / name).is_dir()
    text = (stopped.config_dir / "main.cf").read_text()
    for name, value in (
        ("queue_directory", stopped.spool),
        ("data_directory", stopped.top / "data"),
        ("maillog_file", stopped.log_path),
        ("in_flow_delay", 0),
    ):
        assert re.search(rf"(?m)^{name}\s*=\s*{value}$", text), name


def test_init_by_root_leaves_the_queue_to_postfixs_own_account(stopped: Postroom) -> None:
    if os.geteuid() != 0:
        pytest.skip("made by an ordinary user, an instance is that user's")
    peers.program("postfix")  # the package brings the accounts
    text = (stopped.config_dir / "main.cf").read_text()
    assert re.search(r"(?m)^mail_owner\s*=\s*postfix$", text)
    assert re.search(r"(?m)^setgid_group\s*=\s*postdrop$", text)


def test_start_returns_when_the_service_accepts(stopped: Postroom) -> None:
    stopped.start()
    assert submit(stopped.port).verdict == "K"


def test_the_pid_file_names_master_in_thirty_two_columns(postroom: Postroom) -> None:
    text = (postroom.spool / "pid/master.pid").read_text()
    assert PID_FILE.fullmatch(text)
    assert len(text) == PID_FILE_SIZE
    assert postroom.master() is not None


def test_a_second_start_is_refused_and_harms_nothing(postroom: Postroom) -> None:
    master = postroom.master()
    done = postroom.command("start")
    assert done.returncode == 1
    assert_says_why(done)
    assert postroom.master() == master
    assert submit(postroom.port).verdict == "K"


def test_start_says_why_if_the_port_is_taken(stopped: Postroom) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", stopped.port))
        taken.listen()
        done = stopped.command("start")
        assert done.returncode == 1
        assert str(stopped.port) in done.stdout + done.stderr
        assert stopped.master() is None


def test_status_tells_a_running_instance_from_a_stopped_one(stopped: Postroom) -> None:
    assert stopped.command("status").returncode == 1
    stopped.start()
    assert stopped.command("status").returncode == 0
    stopped.stop()
    assert stopped.command("status").returncode == 1


def test_status_can_be_read_by_machines(stopped: Postroom) -> None:
    down = stopped.command("status", "--json")
    assert down.returncode == 1
    assert isinstance(json.loads(down.stdout), dict)
    master = stopped.start().master()
    up = stopped.command("status", "--json")
    assert up.returncode == 0
    assert master is not None
    assert str(master.pid) in up.stdout
    assert isinstance(json.loads(up.stdout), dict)


@pytest.mark.parametrize("action", ["stop", "abort", "reload"])
def test_what_needs_a_running_instance_says_so_without_one(action: str, stopped: Postroom) -> None:
    done = stopped.command(action)
    assert done.returncode == 1
    assert_says_why(done)


def test_a_good_configuration_passes_the_check(stopped: Postroom) -> None:
    assert stopped.command("check").returncode == 0


def test_stop_leaves_no_process_and_no_listener(postroom: Postroom) -> None:
    with Connection(postroom.port) as idle:
        idle.send(b"99:")
        assert submit(postroom.port).verdict == "K"
        postroom.stop()
        assert processes.inhabitants(postroom.top) == []
    with pytest.raises(ConnectionRefusedError):
        Connection(postroom.port)


def test_abort_ends_everything_soon(postroom: Postroom) -> None:
    assert submit(postroom.port).verdict == "K"
    known = postroom.note_processes()
    assert postroom.command("abort").returncode == 0
    wait_for(lambda: not any(each.alive() for each in known), ABORT_PATIENCE, "the end of all")


def test_a_stopped_instance_starts_again_on_the_same_queue(postroom: Postroom) -> None:
    first = submit(postroom.port).queue_id
    postroom.stop()
    postroom.start()
    second = submit(postroom.port).queue_id
    assert set(postroom.queue_files()) == {first, second}


def test_a_stale_pid_file_is_neither_believed_nor_acted_upon(postroom: Postroom) -> None:
    postroom.stop()
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as stranger:
        (postroom.spool / "pid/master.pid").write_text(f"{stranger.pid:>32}\n")
        assert postroom.command("status").returncode == 1
        assert postroom.command("stop").returncode == 1
        postroom.start()
        assert stranger.poll() is None
        assert submit(postroom.port).verdict == "K"
        postroom.stop()
        assert stranger.poll() is None


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_signals_do_what_the_commands_do(number: signal.Signals, postroom: Postroom) -> None:
    postroom.configure({"qmqpd_client_port_logging": "yes"})
    known = postroom.note_processes()
    master = postroom.master()
    assert master is not None
    master.kill(number)
    if number is signal.SIGTERM:
        wait_for(lambda: not any(each.alive() for each in known), 15, "the end of all")
        return
    wait_for(lambda: shows_port(postroom), 10, "the new value in the log")
    assert master.alive()


def shows_port(instance: Postroom) -> bool:
    """Tell whether a connection made now is logged with its port."""
    position = instance.log_position()
    assert submit(instance.port).verdict == "K"
    line = instance.wait_for_log("disconnect from ", position)
    return re.search(r"\]:\d+$", line) is not None


def test_process_titles_begin_as_postfix_would_have_started_them(postroom: Postroom) -> None:
    assert submit(postroom.port).verdict == "K"
    titles = [child.command() for child in postroom.children()]
    service = rf"(127\.0\.0\.1:)?{postroom.port}"
    assert any(re.match(rf"qmqpd -n {service} -t inet -u\b", title) for title in titles), titles
    assert any(re.match(r"cleanup -z -t unix -u\b", title) for title in titles), titles


def test_workers_have_given_up_root(postroom: Postroom) -> None:
    if os.geteuid() != 0:
        pytest.skip("not started by root: there is nothing to give up")
    assert submit(postroom.port).verdict == "K"
    workers = postroom.children("qmqpd") + postroom.children("cleanup")
    assert workers
    assert all(owner(worker) != 0 for worker in workers)
    assert {path.stat().st_uid for path in postroom.files()}.isdisjoint({0})


def owner(process: processes.Process) -> int:
    """Return the user id that a process runs with."""
    return (processes.PROC / str(process.pid)).stat().st_uid


# Without cleanup.


@pytest.mark.parametrize("way", ["service", "socket"])
def test_without_cleanup_the_client_is_asked_to_try_later(way: str, stopped: Postroom) -> None:
    if way == "service":
        stopped.remove_service("cleanup")
    stopped.start()
    if way == "socket":
        for name in ("public/cleanup", "private/cleanup.native"):
            (stopped.spool / name).unlink(missing_ok=True)
    answer = submit(stopped.port)
    assert answer.verdict == "Z", answer
    assert answer.seconds < 2
    assert stopped.files() == []


def test_a_cleanup_that_never_greets_delays_nobody_but_its_clients() -> None:
    with Postroom({"qmqpd_cleanup_timeout": "1s"}) as instance:
        instance.remove_service("cleanup")
        instance.start()
        with mute_cleanup(instance.spool / "public/cleanup"):
            answers: list[Answer] = []
            waiting = [
                threading.Thread(target=lambda: answers.append(submit(instance.port)))
                for _ in range(8)
            ]
            for thread in waiting:
                thread.start()
            others = []
            while any(thread.is_alive() for thread in waiting):
                others.append(exchange(instance.port, b"x"))
            for thread in waiting:
                thread.join()
    assert [answer.verdict for answer in answers] == ["Z"] * 8
    assert all(0.9 <= answer.seconds <= 3 for answer in answers), answers
    assert others
    assert {answer.verdict for answer in others} == {"D"}
    assert max(answer.seconds for answer in others) < 0.5


def mute_cleanup(path: Path) -> socket.socket:
    """Return a listener in place of cleanup that never says a word."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO)
    listener.listen(100)
    return listener


# Nothing is left behind.


def test_an_incomplete_submission_leaves_no_file(postroom: Postroom) -> None:
    whole = packet(b"Subject: cut\n\nbody\n")
    for length in range(len(whole)):
        with Connection(postroom.port) as connection:
            connection.send(whole[:length])
            connection.half_close()
            assert connection.answer().verdict in ("", "D"), whole[:length]
    check_nothing_is_left(postroom)


def test_a_client_that_aborts_leaves_no_file(postroom: Postroom) -> None:
    whole = packet(b"Subject: cut\n\nbody\n" * 5000)
    for length in (1, 9, 5000, len(whole) // 2, len(whole) - 1):
        position = postroom.log_position()
        with Connection(postroom.port) as connection:
            connection.send(whole[:length])
            postroom.wait_for_log(" connect from ", position)
            connection.reset()
        postroom.wait_for_log("disconnect from ", position)
    check_nothing_is_left(postroom)


@pytest.mark.parametrize(
    ("settings", "data"),
    [
        ({}, b"x"),
        ({}, b"30:"),
        ({}, netstring(netstring(b"Subject: nobody\n\n") + netstring(b"s@from.test"))),
        ({}, b"31:" + b"5:abcde," * 2 + b"5:abcde;" + b","),
        ({"message_size_limit": "1000"}, packet(b"Subject: big\n\n" + b"body\n" * 300)),
        ({"message_size_limit": "1000"}, packet(b"Subject: big\n\n" + b"body\n" * 150)),
        ({"hopcount_limit": "3"}, packet(b"Received: by x\n" * 5 + b"\nbody\n")),
        ({"qmqpd_authorized_clients": ""}, packet(b"Subject: refused\n\n")),
    ],
)
def test_a_refused_submission_leaves_no_file(settings: dict[str, str], data: bytes) -> None:
    with Postroom(settings) as instance:
        instance.start()
        with Connection(instance.port) as connection:
            connection.send(data)
            connection.half_close()
            answer = connection.answer()
        assert answer.verdict in ("D", ""), answer
        assert answer.outcome in (Outcome.EOF, Outcome.RESET)
        wait_for(lambda: not instance.files(), FILE_PATIENCE, "the file to be dropped")


def check_nothing_is_left(instance: Postroom) -> None:
    """No file in any queue, whole or not; a good message still finds its way."""
    wait_for(lambda: not instance.files(), FILE_PATIENCE, "the file to be dropped")
    assert submit(instance.port).verdict == "K"
    assert len(instance.queue_files()) == 1


def assert_says_why(done: subprocess.CompletedProcess[str]) -> None:
    """One line of reason, on the standard error output."""
    assert len(done.stderr.splitlines()) == 1, done


def test_a_verbose_service_tells_more_of_each_client(postroom: Postroom) -> None:
    services = postroom.config_dir / "master.cf"
    submit(postroom.port)
    assert not [line for line in postroom.log_lines() if "s@from.test" in line]
    text = services.read_text()
    services.write_text(text.replace(" qmqpd\n", " qmqpd -v\n"))
    assert services.read_text() != text
    assert postroom.reload().returncode == 0
    submit(postroom.port)
    postroom.wait_for_log(r"qmqpd\[[0-9]+\]: .*s@from\.test")
