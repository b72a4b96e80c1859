"""start, status, reload, stop: the real command, from outside."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.params import POSTROOM_VERSION
from tests.commands.commanded import ENVIRONMENT, NOT_RUNNING, POSTROOM, Commanded
from tests.master.running import alive, gone, visits
from tests.suite.waiting import wait_for


@pytest.fixture
def system() -> Iterator[Commanded]:
    one = Commanded()
    try:
        yield one
    finally:
        one.__exit__()


def test_a_life(system: Commanded) -> None:
    done = system.run("start")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with system.connect() as visit:
        assert visit.facts["parent"] == system.master_pid()
        assert visit.facts["word"] == "one"
    assert system.run("status").returncode == 0

    system.configure(echod_word="two")
    done = system.run("reload")
    assert (done.returncode, done.stdout) == (0, "parameters changed: echod_word\n")
    assert {facts["word"] for facts in visits(system, 6)} == {"two"}

    system.pid = system.master_pid()
    processes = [system.pid, *system.child_pids()]
    done = system.run("stop")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not any(map(alive, processes))
    assert system.run("status").returncode == 1
    assert re.findall(r"postfix/(\S+)\[\d+\]: (.*)", system.log_text()) == [
        ("postfix-script", "starting the Postfix mail system"),
        ("master", f"daemon started -- version 3.7.11, configuration {system.top}/etc"),
        ("postfix-script", "refreshing the Postfix mail system"),
        ("master", f"reload -- version 3.7.11, configuration {system.top}/etc"),
        ("master", "reload: parameters: echod_word"),
        ("postfix-script", "stopping the Postfix mail system"),
        ("master", "terminating on signal 15"),
    ]


@pytest.mark.parametrize("order", ["stop", "abort", "reload", "drain", "upgrade", "flush"])
def test_orders_to_nobody_fail(system: Commanded, order: str) -> None:
    done = system.run(order)
    assert (done.returncode, done.stderr) == (1, f"postroom: fatal: {NOT_RUNNING}\n")
    assert f"fatal: {NOT_RUNNING}" in system.log_text()


def test_a_second_start_is_refused(system: Commanded) -> None:
    assert system.run("start").returncode == 0
    pid = system.master_pid()
    done = system.run("start")
    assert done.returncode == 1
    assert done.stderr == "postroom: fatal: the Postfix mail system is already running\n"
    assert (system.master_pid(), alive(pid)) == (pid, True)


def test_the_daemon_has_nothing_of_its_starter(system: Commanded) -> None:
    keep = [os.open(os.devnull, os.O_RDONLY) for _ in range(5)]
    for descriptor in keep:
        os.set_inheritable(descriptor, True)
    subprocess.run(
        [POSTROOM, "-c", system.top / "etc", "start"],
        env=ENVIRONMENT, close_fds=False, check=True, capture_output=True, cwd="/tmp",
    )  # fmt: skip
    pid = system.master_pid()
    opened = [os.readlink(f"/proc/{pid}/fd/{one}") for one in os.listdir(f"/proc/{pid}/fd")]
    assert [name for name in opened if name.startswith("/")].count("/dev/null") == 3
    assert os.readlink(f"/proc/{pid}/cwd") == str(system.top / "spool")
    status = Path(f"/proc/{pid}/status").read_text()
    assert "Umask:\t0077" in status
    assert os.getsid(pid) != os.getsid(0)
    with system.connect() as visit:
        assert visit.facts["descriptors"] == list(range(9))
    for descriptor in keep:
        os.close(descriptor)


def test_it_starts_without_standard_streams(system: Commanded) -> None:
    subprocess.run(
        ["/bin/sh", "-c", f"exec {POSTROOM} -c {system.top}/etc start <&- >&- 2>&-"],
        env=ENVIRONMENT, check=True,
    )  # fmt: skip
    with system.connect() as visit:
        assert visit.facts["descriptors"] == list(range(9))


@pytest.mark.parametrize(
    ("main_cf", "master_cf", "complaint"),
    [
        ("max_use = many", "",
         "{d}/main.cf, line {n}: bad numerical configuration: max_use = many"),
        ("nonsense", "", "{d}/main.cf, line {n}: missing '=' after attribute name: \"nonsense\""),
        ("", "echo unix n - - - 1", "{d}/master.cf, line 1: bad field count"),
        ("", "echo unix n - - - 1 echod -o max_idle=1y",
         "{d}/master.cf, line 1: parameter max_idle: bad time value or unit: 1y"),
    ],
)  # fmt: skip
def test_a_bad_configuration_does_not_start(
    system: Commanded, main_cf: str, master_cf: str, complaint: str
) -> None:
    with (system.top / "etc/main.cf").open("a") as file:
        file.write(main_cf + "\n")
    if master_cf:
        system.write_master_cf(master_cf + "\n")
    number = str(len(system.main_cf) + 1)
    expected = complaint.replace("{d}", str(system.top / "etc")).replace("{n}", number)
    for command in ("start", "start-fg", "check"):
        done = system.run(command)
        assert (done.returncode, done.stderr) == (1, f"postroom: fatal: {expected}\n")
    assert "postfix-script[" in system.log_text()
    assert f": fatal: {expected}" in system.log_text()


def test_a_bad_configuration_is_not_reloaded(system: Commanded) -> None:
    assert system.run("start").returncode == 0
    with (system.top / "etc/main.cf").open("a") as file:
        file.write("this is no assignment\n")
    done = system.run("reload")
    assert done.returncode == 1
    where = f"{system.top}/etc/main.cf, line {len(system.main_cf) + 1}"
    what = "missing '=' after attribute name: \"this is no assignment\""
    assert done.stderr == f"postroom: fatal: reload refused: {where}: {what}\n"
    assert [facts["word"] for facts in visits(system, 1)] == ["one"]
    # Nor does such a file keep anybody from asking and stopping.
    assert system.run("status").returncode == 0
    assert system.run("stop").returncode == 0


def test_a_taken_port_is_told_on_the_terminal(system: Commanded) -> None:
    with socket.create_server(("127.0.0.1", system.port)):
        done = system.run("start")
    expected = f"bind 127.0.0.1 port {system.port}: Address already in use"
    assert done.returncode == 1
    assert done.stderr.endswith(f"service {system.port}: {expected}\n")
    assert expected in system.log_text()
    assert system.run("status").returncode == 1


@pytest.mark.parametrize("command", ["start", "start-fg", "check"])
def test_a_missing_queue_directory_is_told(system: Commanded, command: str) -> None:
    (system.top / "spool").rmdir()
    done = system.run(command)
    assert (done.returncode, done.stderr) == (
        1,
        f"postroom: fatal: parameter queue_directory: no directory {system.top}/spool\n",
    )


def test_status_shows_services_and_processes(system: Commanded) -> None:
    assert system.run("start").returncode == 0
    facts = json.loads(system.run("status", "--json").stdout)
    assert (facts["running"], facts["pid"], facts["phase"]) == (
        True,
        system.master_pid(),
        "running",
    )
    assert [one["processes"] for one in facts["services"]] == [2, 2]
    assert facts["services"][0]["endpoints"] == ["public/echo"]
    assert len(facts["processes"]) == 5
    for one in facts["processes"]:
        assert one["rss"] > 1_000_000
        assert one["cpu_seconds"] >= 0
    text = system.run("status").stdout
    assert text.startswith(f"the Postfix mail system is running: PID: {system.master_pid()}\n")
    assert re.search(r"(?m)^echo +unix +echod +2 +2 +20 +ok +public/echo$", text)
    assert len(re.findall(r"(?m)^\d+ +echod +\d+ +\d+s +available +0 +[\d.]+M", text)) == 4


def test_status_of_nothing(system: Commanded) -> None:
    assert system.run("status").stdout == NOT_RUNNING + "\n"
    assert json.loads(system.run("status", "--json").stdout) == {"running": False}


def test_check_names_what_start_puts_up_with(system: Commanded) -> None:
    with (system.top / "etc/main.cf").open("a") as file:
        file.write("max_use = 5\nmax_use = 6\nno_such_parameter = 1\n")
    with (system.top / "etc/master.cf").open("a") as file:
        file.write("odd unix n - n - - nosuch\n")
    assert system.run("start").returncode == 0
    done = system.run("check")
    assert done.returncode == 0
    for expected in (
        f"main.cf, line {len(system.main_cf) + 2}: overriding earlier entry: max_use=5",
        f"main.cf, line {len(system.main_cf) + 3}: unused parameter: no_such_parameter=1",
        "service odd: cannot execute /usr/lib/postfix/sbin/nosuch",
    ):
        assert expected in done.stderr


def test_reload_without_an_answer_sends_a_signal(system: Commanded) -> None:
    assert system.run("start").returncode == 0
    (system.top / "spool/pid/control").unlink()
    system.configure(echod_word="two")
    done = system.run("reload")
    assert (done.returncode, "sent a signal" in done.stderr) == (0, True)
    system.wait_for_log("reload: parameters: echod_word")
    assert system.run("stop").returncode == 0
    assert system.run("status").returncode == 1


def test_drain_returns_and_the_last_client_ends_it(system: Commanded) -> None:
    assert system.run("start").returncode == 0
    pid = system.master_pid()
    with system.connect() as visit:
        assert system.run("drain").returncode == 0
        assert alive(pid)
        with pytest.raises(ConnectionRefusedError):
            system.connect()
        visit.say("bye")
        assert visit.ended()
    wait_for(lambda: not alive(pid), 5, "the end of master")


def test_a_new_start_takes_over_from_a_killed_master(system: Commanded) -> None:
    assert system.run("start").returncode == 0
    system.pid = system.master_pid()
    children = system.child_pids()
    os.kill(system.pid, signal.SIGKILL)
    assert system.run("start").returncode == 0
    wait_for(gone(children), 5, "the end of the orphans")
    with system.connect_port() as visit:
        assert visit.facts["parent"] == system.master_pid()


def test_upgrade_says_what_it_did(system: Commanded) -> None:
    assert system.run("start").returncode == 0
    pid = system.master_pid()
    system.configure(echod_word="two")
    done = system.run("upgrade")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"version {POSTROOM_VERSION} replaced by {POSTROOM_VERSION}\n"
        "parameters changed: echod_word\n"
    )
    assert (system.master_pid(), alive(pid)) == (pid, True)
    assert {facts["word"] for facts in visits(system, 6)} == {"two"}
    for number in range(3):
        assert os.readlink(f"/proc/{pid}/fd/{number}") == "/dev/null"
    assert system.run("stop").returncode == 0
    # By the name that the command's first line has for it: python, or python3.
    interpreter = POSTROOM.read_bytes().splitlines()[0].decode().removeprefix("#!")
    lines = re.findall(r"postfix/(\S+)\[\d+\]: (.*)", system.log_text())
    assert lines[1:] == [
        ("master", f"daemon started -- version 3.7.11, configuration {system.top}/etc"),
        ("postfix-script", "upgrading the Postfix mail system"),
        ("master", f"upgrade: {interpreter} rehearses"),
        ("master", f"upgrade: version {POSTROOM_VERSION} takes over"),
        ("master", f"upgrade -- version 3.7.11, configuration {system.top}/etc"),
        (
            "master",
            f"upgrade: version {POSTROOM_VERSION} replaced by {POSTROOM_VERSION};"
            " parameters: echod_word",
        ),
        ("postfix-script", "stopping the Postfix mail system"),
        ("master", "terminating on signal 15"),
    ]


def test_an_upgrade_that_is_refused_says_why(system: Commanded) -> None:
    assert system.run("start").returncode == 0
    system.configure(max_use="many")
    done = system.run("upgrade")
    where = f"{system.top}/etc/main.cf, line {len(system.main_cf)}"
    what = "bad numerical configuration: max_use = many"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"postroom: fatal: upgrade refused: {where}: {what}\n"
    assert [facts["word"] for facts in visits(system, 1)] == ["one"]


def test_the_foreground_can_be_upgraded_and_logs_where_it_did(system: Commanded) -> None:
    system.configure(maillog_file="/dev/stdout", maillog_file_prefixes="/dev/stdout")
    process = system.foreground(stdout=subprocess.PIPE)
    system.pid = process.pid
    for _ in range(2):
        assert system.run("upgrade").returncode == 0
    with system.connect() as visit:
        visit.say("log")
        visit.close()
    children = system.child_pids()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert not any(map(alive, children))
    text = output.decode()
    assert text.count(" replaced by ") == 2
    assert "a line from echod" in text
    assert "terminating on signal 2\n" in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_foreground_ends_cleanly_and_logs_to_standard_output(
    system: Commanded, number: signal.Signals
) -> None:
    system.configure(maillog_file="/dev/stdout", maillog_file_prefixes="/dev/stdout")
    assert "use start-fg" in system.run("start").stderr
    process = system.foreground(stdout=subprocess.PIPE)
    system.pid = process.pid
    children = system.child_pids()
    with system.connect() as visit:
        visit.say("log")
        visit.close()
    process.send_signal(number)
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert not any(map(alive, children))
    text = output.decode()
    assert "daemon started" in text
    assert "a line from echod" in text
    assert f"terminating on signal {number}\n" in text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a process namespace")
def test_it_works_as_process_1(system: Commanded) -> None:
    command = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"]
    process = subprocess.Popen(
        [*command, str(POSTROOM), "-c", str(system.top / "etc"), "start-fg"], env=ENVIRONMENT
    )
    wait_for(system.serves, 20, "process 1")
    assert system.master_pid() == 1
    # A process of a stranger becomes ours, and is buried.
    orphan = "(true & exec true) & sleep 0.05"
    subprocess.run(
        ["nsenter", "--target", str(first_child(process.pid)), "--pid", "sh", "-c", orphan],
        check=True,
    )
    # Seen from here it has another number, and the one in the file is somebody else's.
    facts = json.loads(system.run("status", "--json").stdout)
    assert facts["pid"] == 1
    assert {one["rss"] for one in facts["processes"]} == {None}
    assert system.run("upgrade").returncode == 0
    assert system.master_pid() == 1
    assert {facts["parent"] for facts in visits(system, 2)} == {1}
    assert system.run("stop").returncode == 0
    assert process.wait(10) == 0


def first_child(pid: int) -> int:
    """Return the first child of a process."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
