"""Promises of common.executable: a daemon of ours as Postfix's master starts it."""

import os
import pty
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import daemons
from common.child import AVAILABLE, TAKEN, Identity
from tests.common.executed import GENERATION, Host
from tests.common.forked import PATIENCE
from tests.suite import peers
from tests.suite.qmqp import submit
from tests.suite.waiting import wait_for

ROOT = Path(daemons.__file__).parents[1]
BY_HAND = "do not run this command by hand"
MESSAGE = b"Subject: one\n\nbody\n"
BOTH = pytest.mark.parametrize("name", ["qmqpd", "cleanup"])


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with Host(tmp_path / "host") as found:
        yield found


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        found.listen()
        yield found


def port(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def fds(pid: int) -> dict[int, str]:
    """Return what a process has open, and how."""
    found = {}
    for path in Path(f"/proc/{pid}/fd").iterdir():
        flags = Path(f"/proc/{pid}/fdinfo/{path.name}").read_text().split("flags:")[1].split()[0]
        found[int(path.name)] = "closed by exec" if int(flags, 8) & os.O_CLOEXEC else "kept"
    return found


# What it does.


def test_qmqpd_serves_reports_and_leaves_when_master_closes_the_channel(
    host: Host, listener: socket.socket
) -> None:
    with host.run("qmqpd", "-t", "inet", "-u", listeners=[listener]) as process:
        assert submit(port(listener), MESSAGE).verdict == "Z"  # there is no cleanup
        assert process.report() == (process.pid, GENERATION, TAKEN)
        assert process.report() == (process.pid, GENERATION, AVAILABLE)
        process.status.close()
        assert process.wait() == 0
    assert host.wait_for_log("connect from").endswith(": connect from localhost[127.0.0.1]")


def test_cleanup_reports_each_message_and_takes_a_token(host: Host) -> None:
    host.configure({"in_flow_delay": "10s"})
    with (
        host.unix_listener() as listener,
        host.run("cleanup", "-z", "-t", "unix", "-u", listeners=[listener]) as process,
    ):
        os.write(process.flow_write, b"\0\0")
        for _ in range(2):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(PATIENCE / 2)
                client.connect(listener.getsockname())
                assert client.recv(100).startswith(b"protocol\0cleanup_protocol\0queue_id\0")
                assert process.report() == (process.pid, GENERATION, TAKEN)
            assert process.report() == (process.pid, GENERATION, AVAILABLE)
        with pytest.raises(BlockingIOError):
            os.read(process.flow_read, 1)


@BOTH
@pytest.mark.parametrize(
    ("words", "uses"),
    [(["-o", "max_use=2"], 2), (["-m2"], 2), (["-o", "max_idle=1s"], 0), (["-i", "1s"], 0)],
)
def test_it_leaves_when_it_was_used_or_idle_for_so_long(
    host: Host, name: str, words: list[str], uses: int
) -> None:
    with (
        host.unix_listener("public/x") as listener,
        host.run(name, "-t", "unix", "-u", *words, listeners=[listener]) as process,
    ):
        for _ in range(uses):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(listener.getsockname())
        assert process.wait() == 0


@BOTH
def test_all_options_of_a_master_are_taken(host: Host, name: str) -> None:
    words = ["-l", "-z", "-n", "other", "-t", "unix", "-d", "-v", "-u", "-o", "stress=", "-s", "2"]
    own = ["-o", "a = b c", "-vv", "-uD", "-odebugger_command=echo $process_id $a >$b/debugged"]
    with (
        host.unix_listener("public/x") as one,
        host.unix_listener("public/y") as two,
        host.run(name, *words, *own, "-ob=..", listeners=[one, two]) as process,
    ):
        host.wait_for_log("running: echo")
        wait_for(lambda: (host.top / "debugged").exists(), PATIENCE, "the debugger")
        for listener in (one, two):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(listener.getsockname())
            assert process.report() == (process.pid, GENERATION, TAKEN)
            assert process.report() == (process.pid, GENERATION, AVAILABLE)
            if name == "qmqpd":
                break  # it tells of its first client only
    assert (host.top / "debugged").read_text() == f"{process.pid} b c\n"


@BOTH
def test_a_process_is_known_by_its_name_and_keeps_nothing_for_programs_it_might_start(
    host: Host, name: str
) -> None:
    with (
        host.unix_listener("public/x") as listener,
        host.run(name, "-t", "unix", "-n", "x", listeners=[listener]) as process,
    ):
        proc = Path(f"/proc/{process.pid}")
        title = f"{name} -t unix -n x"
        wait_for(lambda: title in (proc / "cmdline").read_text(), PATIENCE, "its title")
        assert (proc / "comm").read_text() == f"{name}\n"
        assert os.sched_getscheduler(process.pid) == os.SCHED_BATCH
        wait_for(lambda: "eventpoll" in links(process.pid), PATIENCE, "its loop")
        found = fds(process.pid)
        assert {found[number] for number in range(3, 7)} == {"closed by exec"}
        assert all(found[number] == "closed by exec" for number in found if number > 2)


def links(pid: int) -> str:
    return " ".join(os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to give up")
@BOTH
@pytest.mark.parametrize(
    ("words", "owner", "jailed"),
    [
        ((), False, False),
        (("-u",), True, False),
        (("-u", "-c"), True, True),
        (("-c",), False, True),
    ],
)
def test_privileges_and_jail_are_as_master_says(
    host: Host, name: str, words: tuple[str, ...], owner: bool, jailed: bool
) -> None:
    with (
        host.unix_listener("public/x") as listener,
        host.run(name, "-t", "unix", *words, listeners=[listener]) as process,
    ):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(listener.getsockname())
        process.report()
        account = Identity.of("postfix") if owner else Identity.of("root")
        groups = account.groups if owner else os.getgroups()
        found = proc_status(process.pid)
        assert found["Uid"] == [account.uid] * 4
        assert found["Gid"] == [account.gid] * 4
        assert found["Groups"] == sorted(groups)
        root = os.readlink(f"/proc/{process.pid}/root")
        assert root == (str(host.spool) if jailed else "/")
        assert os.readlink(f"/proc/{process.pid}/cwd") == str(host.spool)


def proc_status(pid: int) -> dict[str, list[int]]:
    """Return the numbers in a process' status."""
    lines = [line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return {
        words[0].rstrip(":"): [int(word) for word in words[1:]]
        for words in lines
        if words[0] in ("Uid:", "Gid:", "Groups:")
    }


def test_lines_go_to_postlogd_by_master_s_word_first_and_by_main_cf_then(
    host: Host, listener: socket.socket
) -> None:
    host.configure({"syslog_name": "other", "nonsense": "a", "max_use": "one"})
    with host.run("qmqpd", "-t", "inet", listeners=[listener]) as process:
        assert process.wait() == 1
    assert " early tag/qmqpd[" in host.lines()[0]
    host.configure({"syslog_name": "other"})
    with host.run("qmqpd", "-t", "inet", listeners=[listener]):
        submit(port(listener), MESSAGE)
        assert " mx other/qmqpd[" in host.wait_for_log("connect from")


@pytest.mark.parametrize(
    ("words", "variables", "details"),
    [((), {}, 0), (("-v",), {}, 1), ((), {"MAIL_VERBOSE": ""}, 1)],
)
def test_a_verbose_daemon_tells_more_of_each_client(
    host: Host,
    listener: socket.socket,
    words: tuple[str, ...],
    variables: dict[str, str],
    details: int,
) -> None:
    options = ["-t", "inet", *words]
    with host.run("qmqpd", *options, listeners=[listener], environment=variables):
        submit(port(listener), MESSAGE)
        host.wait_for_log("disconnect from")
    told = [line for line in host.lines() if "s@from.test" in line]
    assert bool(told) == bool(details), host.lines()


def test_with_v_as_a_capital_letter_lines_go_to_standard_error(
    host: Host, listener: socket.socket
) -> None:
    with host.run("qmqpd", "-V", "-t", "inet", listeners=[listener]) as process:
        submit(port(listener), MESSAGE)
        wait_for(lambda: "connect from localhost" in process.errors(), PATIENCE, "the line")
    assert host.lines() == []


# What it refuses.


def test_started_by_hand_it_says_so(host: Host) -> None:
    with host.run("qmqpd", "-t", "inet", before=lambda: os.closerange(3, 10)) as process:
        assert process.wait() == 1
        assert process.errors().startswith(f"qmqpd: fatal: {BY_HAND}: descriptor 3 is not open\n")
    assert host.lines()[0].endswith(f"]: fatal: {BY_HAND}: descriptor 3 is not open")


def test_on_a_terminal_it_says_so_whatever_else_is_open(
    host: Host, listener: socket.socket
) -> None:
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)

    def take_terminal() -> None:
        os.dup2(os.open(name, os.O_RDWR | os.O_NOCTTY), 0)

    try:
        words = ["-t", "inet"]
        with host.run("qmqpd", *words, listeners=[listener], before=take_terminal) as process:
            assert process.wait() == 1
            assert process.errors() == f"qmqpd: fatal: {BY_HAND}\n"
        words += ["-d"]
        with host.run("qmqpd", *words, listeners=[listener], before=take_terminal):
            assert submit(port(listener), MESSAGE).verdict == "Z"
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(
    ("number", "complaint"),
    [(3, "is no pipe"), (4, "is no pipe"), (5, "is no socket"), (6, "is no socket")],
)
def test_a_descriptor_of_another_kind_is_refused(
    host: Host, listener: socket.socket, number: int, complaint: str
) -> None:
    def replace() -> None:
        os.dup2(os.open("/dev/null", os.O_RDWR), number)

    with host.run("cleanup", "-t", "unix", listeners=[listener], before=replace):
        line = host.wait_for_log("fatal: ")
    assert line.endswith(f"fatal: {BY_HAND}: descriptor {number} {complaint}")


def test_a_socket_that_does_not_listen_is_refused(host: Host) -> None:
    with (
        socket.socket() as deaf,
        host.run("qmqpd", "-t", "inet", listeners=[deaf]),
    ):
        line = host.wait_for_log("fatal: ")
    assert line.endswith("descriptor 6 does not listen")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["-q"], 'command line: unsupported option "-q"'),
        (["-s", "2"], f"{BY_HAND}: descriptor 7 is not open"),
        (["-t", "pass"], "our cleanup does not serve type pass"),
        (["-o", "max_use=0"], "command line: invalid max_use parameter value 0 < 1"),
        (["-o", "mail_owner=nobody-here", "-u"], "unknown user name value: nobody-here"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    host: Host, listener: socket.socket, words: list[str], complaint: str
) -> None:
    if "mail_owner" in complaint and os.geteuid() != 0:
        pytest.skip("only root becomes somebody else")
    with host.run("cleanup", *words, listeners=[listener]) as process:
        assert process.wait() == 1
        assert process.errors().endswith(f"{complaint}\n")
    (line,) = host.lines()
    assert line.endswith(complaint)
    assert "]: fatal: " in line


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"GENERATION": "9"}, "bad GENERATION in environment: 9"),
        ({"MAIL_CONFIG": "/nowhere"}, "open /nowhere/main.cf: No such file or directory"),
    ],
)
def test_an_environment_that_no_master_makes_is_refused(
    host: Host, listener: socket.socket, variables: dict[str, str], complaint: str
) -> None:
    with host.run("cleanup", listeners=[listener], environment=variables):
        line = host.wait_for_log("fatal: ")
    assert line.endswith(f"]: fatal: {complaint}")


def test_a_queue_directory_that_is_not_there_is_named(host: Host, listener: socket.socket) -> None:
    with host.run("cleanup", "-o", "queue_directory=/nowhere", listeners=[listener]):
        line = host.wait_for_log("fatal: ")
    assert line.endswith("]: fatal: chdir(/nowhere): No such file or directory")


@BOTH
def test_rubbish_on_the_status_channel_means_leave(host: Host, name: str) -> None:
    with (
        host.unix_listener("public/x") as listener,
        host.run(name, "-t", "unix", listeners=[listener]) as process,
    ):
        process.status.send(b"rubbish")
        assert process.wait() == 0


def test_a_request_that_outlasts_daemon_timeout_leaves_no_file(host: Host) -> None:
    host.configure({"daemon_timeout": "1s"})
    with (
        host.unix_listener() as listener,
        host.run("cleanup", "-t", "unix", "-u", listeners=[listener]) as process,
        socket.socket(socket.AF_UNIX) as client,
    ):
        client.connect(listener.getsockname())
        assert client.recv(100)
        assert list((host.spool / "incoming").iterdir())
        assert process.wait() == 1
    assert host.wait_for_log("watchdog timeout").endswith("]: fatal: watchdog timeout")
    assert not list((host.spool / "incoming").iterdir())


# What it does not trust.


@BOTH
def test_neither_the_working_folder_nor_the_environment_brings_code(host: Host, name: str) -> None:
    trap = f"open({str(host.top / 'sprung')!r}, 'w')\n"
    for module in ("re.py", "common.py", "qmqpd.py", "cleanup.py", "sitecustomize.py"):
        (host.spool / module).write_text(trap)
        (host.top / module).write_text(trap)
    variables = {
        "PYTHONPATH": str(host.top),
        "PYTHONHOME": str(host.top),
        "PYTHONSTARTUP": str(host.top / "re.py"),
        "PYTHONINSPECT": "1",
        "PYTHONUSERBASE": str(host.top),
    }
    with (
        host.unix_listener("public/x") as listener,
        host.run(name, "-t", "unix", listeners=[listener], environment=variables) as process,
    ):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(listener.getsockname())
        assert process.report()
        process.status.close()
        assert process.wait() == 0
    assert not (host.top / "sprung").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to guard")
def test_root_runs_no_module_that_others_may_write_to(host: Host, tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    for package in ("common", "cleanup"):
        shutil.copytree(ROOT / package, modules / package)
    program = tmp_path / "cleanup"
    folders = [str(modules), *daemons.module_folders()[1:]]
    program.write_text(daemons.source("cleanup", sys.executable, folders))
    program.chmod(0o755)
    queue = tmp_path / "elsewhere/queue"
    queue.mkdir(parents=True)
    (modules / "common").chmod(0o777)
    with (
        host.unix_listener() as listener,
        host.run(
            *(str(program), "-o", f"queue_directory={queue}"), listeners=[listener]
        ) as process,
    ):
        assert process.wait() == 1
    assert "]: fatal: refusing to run as root: " in host.lines()[0]
    assert host.lines()[0].endswith(f"group or other writable: {modules / 'common'}")


# One shot.


def test_one_shot_answers_on_standard_output(host: Host) -> None:
    packet = b"19:3:a\nb,3:s@t,4:r@to,,"
    status, output = one_shot(host, "qmqpd", packet)
    assert output.partition(b":")[2][:1] == b"Z"  # no cleanup
    assert status == 0


def one_shot(host: Host, name: str, data: bytes) -> tuple[int, bytes]:
    """Run a program on a pipe; return its status and what it prints."""
    program = [str(peers.native_daemons() / name), "-S"]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=host.environment()
    ) as process:
        output, _ = process.communicate(data, timeout=PATIENCE)
    return process.returncode, output


def test_one_shot_cleanup_stores_what_comes_on_standard_input(host: Host) -> None:
    records = [
        *(b"T\x0a1795177301", b"S\x03s@t", b"R\x04r@to", b"M\0", b"N\x0bReceived: x"),
        *(b"N\0", b"N\x04body", b"X\0", b"E\0"),
    ]
    opening = b"flags\x00114\0\0"
    status, output = one_shot(host, "cleanup", opening + b"".join(records))
    assert output.startswith(b"protocol\0cleanup_protocol\0queue_id\0")
    assert output.endswith(b"status\x000\0reason\0\0\0")
    (stored,) = (host.spool / "incoming").iterdir()
    assert stored.name.encode() in output
    assert stat.S_IMODE(stored.stat().st_mode) == 0o700
    assert status == 0


def test_a_client_on_a_connection_is_who_it_is(host: Host, listener: socket.socket) -> None:
    host.configure({"qmqpd_authorized_clients": "192.0.2.1"})
    with socket.create_connection(listener.getsockname()) as client:
        accepted, _ = listener.accept()
        with accepted:
            program = [str(peers.native_daemons() / "qmqpd"), "-S"]
            with subprocess.Popen(
                program, stdin=accepted.fileno(), env=host.environment()
            ) as process:
                assert process.wait(PATIENCE) == 0
        assert b"is not authorized" in client.recv(1000)


def test_a_table_that_changes_is_read_by_the_next_process_be_it_in_a_jail(
    host: Host, listener: socket.socket
) -> None:
    table = host.top / "clients"  # outside of the jail
    table.write_text("127.0.0.1 ok\n")
    words = ["-t", "inet", "-u", "-c", "-o", f"qmqpd_authorized_clients=texthash:{table}"]
    with host.run("qmqpd", *words, listeners=[listener]) as process:
        assert submit(port(listener), MESSAGE).verdict == "Z"  # there is no cleanup
        assert submit(port(listener), MESSAGE).verdict == "Z"
        table.write_text("192.0.2.1 only\n")
        with socket.create_connection(listener.getsockname()):
            assert process.wait() == 0
    assert host.lines()[-1].endswith(f"table texthash:{table} has changed -- restarting")
