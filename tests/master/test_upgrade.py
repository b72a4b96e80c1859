"""An upgrade: the process stays, and all that it holds; the program is another."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from common.params import POSTROOM_VERSION
from master import rehearsal, upgrade
from tests.master.running import DAEMONS, MASTER_CF, Running, alive, gone, visits
from tests.suite.instance import free_port
from tests.suite.tree import Tree
from tests.suite.waiting import wait_for

# What a service may be, beside echod's: programs that are never started, since nobody connects.
OTHERS = """\
datagram unix-dgram n - n - 1 /bin/true
fifo fifo n - n - 1 /bin/true
pass pass n - n - 1 /bin/true
"""


@pytest.fixture
def running() -> Iterator[Running]:
    with Running() as one:
        yield one


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "next")


def script(top: Path, text: str) -> str:
    """Return the path of an "interpreter" that does what the text says."""
    path = top / "interpreter"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def open_files(running: Running) -> dict[str, str]:
    """Return what each descriptor of master refers to."""
    folder = Path(f"/proc/{running.pid}/fd")
    return {one.name: os.readlink(one) for one in folder.iterdir()}


def kept_over_exec(running: Running) -> set[int]:
    """Return the descriptors that a program executed by master would have, unasked."""
    found = set()
    for name in open_files(running):
        fields = Path(f"/proc/{running.pid}/fdinfo/{name}").read_text().split()
        if not int(fields[fields.index("flags:") + 1], 8) & os.O_CLOEXEC:
            found.add(int(name))
    return found - {0, 1, 2}


def listening(running: Running) -> set[str]:
    """Return the listeners of master, as the kernel knows them, and its FIFOs."""
    sockets = {name for name in open_files(running).values() if name.startswith("socket:")}
    found = {name for name in open_files(running).values() if "/public/" in name}
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and f"socket:[{fields[6]}]" in sockets:
            found.add(f"{fields[6]} {fields[7]}")
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if f"socket:[{fields[9]}]" in sockets:
            found.add(f"{fields[9]} {fields[1]}")
    return found


# What stays, and what changes.


def test_process_children_and_locks_stay_and_new_workers_come(running: Running) -> None:
    old = running.workers() + running.workers(str(running.port))
    with running.connect() as visit:
        answer = running.ask("upgrade", path=str(DAEMONS))
        assert (answer["ok"], answer["unconfirmed"]) == (True, [])
        assert (answer["version_before"], answer["version"]) == (POSTROOM_VERSION,) * 2
        # The client of an old worker is served to its end.
        states = {one["pid"]: one["state"] for one in running.ask("status")["processes"]}
        assert states[visit.facts["pid"]] == "leaving"
        environment = visit.facts["environment"]
        visit.say("bye")
        assert visit.ended()
    wait_for(gone(old), 5, "the end of all old workers")
    assert running.ask("status")["pid"] == running.pid
    for facts in visits(running, 4):
        assert facts["parent"] == running.pid
        assert facts["generation"] > visit.facts["generation"] + 1
        generation = {"GENERATION": f"{facts['generation']:o}"}
        assert facts["environment"] == environment | generation
        assert (facts["cwd"], facts["umask"]) == (f"{running.top}/spool", 0o077)
        assert set(facts["descriptors"]) - {9} == set(range(9))  # 9: a client that is just leaving
    assert Path(f"/proc/{running.pid}/cmdline").read_bytes().startswith(b"master -c ")
    # Buried by the new program: a zombie would be a child still.
    wait_for(lambda: len(running.child_pids()) == 4, 5, "four children")
    other = subprocess.run(
        [sys.executable, "-P", "-m", "master", "-c", str(running.top / "etc")],
        env={**os.environ, "PYTHONPATH": str(DAEMONS)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "already running" in other.stderr


def test_the_version_that_runs_is_shown(running: Running, tree: Tree) -> None:
    target = {"interpreter": str(tree.interpreter), "path": str(DAEMONS)}
    for version in ("0.9.8", "0.9.9"):
        tree.set_version(version)
        assert running.ask("upgrade", **target)["version"] == version
        assert running.ask("status")["version"] == version
        assert list(visits(running, 2))
    # And back.
    answer = running.ask("upgrade", interpreter=sys.executable, path=str(DAEMONS))
    assert (answer["version_before"], answer["version"]) == ("0.9.9", POSTROOM_VERSION)


def test_every_listener_is_the_same_and_nothing_leaks() -> None:
    running = Running()
    running.write_master_cf(MASTER_CF.format(limit=20, port=running.port) + OTHERS)
    with running:
        before = open_files(running)
        endpoints = listening(running)
        assert len(endpoints) == 6  # of five services and of orders
        for _ in range(3):
            assert running.ask("upgrade")["ok"]
        assert listening(running) == endpoints
        after = open_files(running)
        assert [after[one] for one in "012"] == [before[one] for one in "012"]
        wait_for(
            lambda: len(open_files(running)) == len(before), 5, "no more descriptors than before"
        )
        assert kept_over_exec(running) == set()


def test_an_upgrade_puts_a_changed_configuration_in_force(running: Running) -> None:
    port = free_port()
    running.configure(echod_word="two", queue_directory="/elsewhere")
    running.write_master_cf(f"second unix n - - - 1 echod\n{port} inet n - - - 20 echod\n")
    with running.connect() as visit:
        answer = running.ask("upgrade")
        assert (answer["added"], answer["parameters"], answer["postponed"]) == (
            ["second/unix", f"{port}/inet"],
            ["echod_word"],
            ["queue_directory"],
        )
        assert answer["removed"] == ["echo/unix", f"{running.port}/inet"]
        with pytest.raises(ConnectionRefusedError):
            running.connect_port()
        assert not (running.top / "spool/public/echo").exists()
        visit.say("bye")
        assert visit.ended()
    with running.connect("second") as visit:
        assert (visit.facts["word"], visit.facts["cwd"]) == ("two", f"{running.top}/spool")
    wait_for(lambda: len(running.child_pids()) == 3, 5, "the end of removed services")
    running.wait_for_log(f"upgrade: version {POSTROOM_VERSION} replaced by {POSTROOM_VERSION}; add")


def test_a_throttle_stays() -> None:
    with Running({"echod_mode": "exit", "service_throttle_time": "60s"}) as running:
        running.wait_for_log("throttling")
        wait_for(lambda: not running.child_pids(), 5, "the end of all that failed")
        count = running.log_text().count("throttling")
        assert running.ask("upgrade")["ok"]
        assert 50 < running.service()["throttled_seconds"] < 60
        assert running.child_pids() == []
        assert running.log_text().count("throttling") == count


def test_old_workers_that_are_slow_to_notice_are_waited_for() -> None:
    with Running({"echod_mode": "slow"}) as running:
        running.configure(echod_word="two")
        assert running.ask("upgrade")["ok"]
        assert {facts["word"] for facts in visits(running, 20)} == {"two"}


def test_a_service_that_has_ended_is_still_known_while_it_has_clients(running: Running) -> None:
    with running.connect() as visit:
        running.write_master_cf(f"{running.port} inet n - - - 20 echod\n")
        assert running.ask("reload")["removed"] == ["echo/unix"]
        for _ in range(2):
            assert running.ask("upgrade")["ok"]
            states = {one["pid"]: one["state"] for one in running.ask("status")["processes"]}
            assert states[visit.facts["pid"]] == "leaving"
            assert running.service()["ended"]
        visit.say("bye")
        assert visit.ended()
    wait_for(lambda: len(running.child_pids()) == 2, 5, "its end")
    assert len(running.ask("status")["services"]) == 1


def test_what_was_known_at_start_stays_known() -> None:
    running = Running({"default_prefork_count": "1", "inet_protocols": "ipv4"})
    running.configure(inet_interfaces="all", echod_mode="blocking")
    running.write_master_cf(f"{running.port} inet n - - - 3 echod\n")
    running.verbose = True
    with running, contextlib.ExitStack() as stack:
        started = running.ask("status")["started"]
        held = [stack.enter_context(running.connect_port()) for _ in range(3)]
        assert held[-1].facts["stress"] == "yes"
        assert running.ask("upgrade")["ok"]
        assert running.ask("status")["started"] == started
        with running.connect_port() as visit:
            assert visit.facts["stress"] == "yes"
        expected = f"echod -n {running.port} -t inet -v -u -o stress=yes"
        wait_for(lambda: running.titles()[-1] == expected, 5, "the title of a new process")
        warning = "has reached its process limit"
        again = [stack.enter_context(running.connect_port()) for _ in range(3)]
        assert len(again) == 3
        assert running.log_text().count(warning) == 1


def test_host_names_are_looked_up_in_the_rehearsal(running: Running) -> None:
    """127.1 is one: an address only to the resolver."""
    running.configure(inet_interfaces="127.1")
    refused = "127.1: host names are looked up at start and upgrade only"
    assert running.ask("reload")["error"].endswith(refused)
    assert running.ask("upgrade")["ok"]
    running.connect_port().close()
    assert running.ask("reload")["ok"]


def test_titles_are_whole_after_an_upgrade(running: Running) -> None:
    words = "-o echod_word=" + "x" * 900
    running.write_master_cf(f"echo unix n - - - 20 echod\n  {words}\n")
    assert running.ask("upgrade")["ok"]
    wait_for(lambda: all(one.endswith(words) for one in running.titles()), 5, "whole titles")
    assert len(running.titles()) == 2


def test_lines_that_the_logger_did_not_take_are_not_lost(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(os.fdopen(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), "rb"))
        filler = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(filler, b"x" * 1000)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(filler, b"x")
        running = Running({"maillog_file": str(fifo), "maillog_file_prefixes": str(tmp_path)})
        stack.enter_context(running)
        assert running.ask("upgrade")["ok"]
        os.close(filler)
        text = bytearray()

        def read_more() -> bool:
            text.extend(reader.read(65536) or b"")
            return b"replaced by" in text

        wait_for(read_more, 10, "the last line")
        assert b"daemon started" in text
        assert b"takes over" in text


# What is refused.


def assert_nothing_happened(running: Running, before: list[int], reason: str) -> None:
    """The same workers serve, nothing more is open or runs, and the log tells why."""
    assert running.workers() == before
    assert list(visits(running, 2))
    assert len(running.child_pids()) == 4
    assert f"upgrade refused, the running program stays: {reason}" in running.log_text()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo one >&2; echo two >&2; exit 3", "two"),
        ("exit 3", "exit status 3"),
        ("kill -9 $$", "exit status -9"),
        ("echo hello", "no JSON: Expecting value: line 1 column 1 (char 0)"),
        ('echo "{}"', "ready: Ready.__init__() missing 4 required positional arguments"),
        ("exec sleep 60", "not ready in time"),
        ("exec yes", "endless output"),
    ],
)
def test_a_program_that_is_not_ready_changes_nothing(
    tmp_path: Path, text: str, reason: str
) -> None:
    def patch() -> None:
        rehearsal.SECONDS, rehearsal.OUTPUT_LIMIT = 3.0, 100_000

    with Running(patch=patch) as running:
        before, files = running.workers(), open_files(running)
        answer = running.ask("upgrade", interpreter=script(tmp_path, text))
        assert not answer["ok"]
        assert answer["error"].startswith(reason)
        assert_nothing_happened(running, before, reason)
        assert len(open_files(running)) == len(files)
        assert running.ask("upgrade")["ok"]


def test_a_missing_program_is_named(running: Running) -> None:
    before = running.workers()
    reason = "exec /nowhere/python: No such file or directory"
    assert running.ask("upgrade", interpreter="/nowhere/python") == {"ok": False, "error": reason}
    assert_nothing_happened(running, before, reason)


@pytest.mark.parametrize(
    "target", [{"interpreter": "python"}, {"interpreter": sys.executable, "path": "/a:b"}]
)
def test_a_place_that_depends_on_where_we_are_is_refused(
    running: Running, target: dict[str, str]
) -> None:
    before = running.workers()
    error = running.ask("upgrade", **target)["error"]
    assert error.startswith("not an absolute path: ")
    assert_nothing_happened(running, before, error)


def test_a_program_that_asks_for_the_impossible_is_refused(running: Running, tree: Tree) -> None:
    """What it says is understood, and makes a fool of the kernel's interface."""
    before = running.workers()
    old = "needed = list(wanted(configuration.plans.values()))\n"
    new = "    needed.append(Wanted(Endpoint(Transport.INET, '127.0.0.1', 70000), 1, 'x'))\n"
    tree.edit("master/rehearsal.py", old, old + new)
    imported = (
        "from master.endpoints import Endpoint, Names\nfrom master.services import Transport\n"
    )
    tree.edit("master/rehearsal.py", "from master.endpoints import Names\n", imported)
    answer = running.ask("upgrade", interpreter=str(tree.interpreter), path=str(DAEMONS))
    assert answer["error"].startswith("OverflowError: ")
    assert_nothing_happened(running, before, answer["error"])
    assert running.ask("upgrade")["ok"]


def test_a_program_with_a_mistake_in_it_is_refused(running: Running, tree: Tree) -> None:
    before = running.workers()
    tree.edit("master/life.py", "def run(", "def run(((")
    answer = running.ask("upgrade", interpreter=str(tree.interpreter), path=str(DAEMONS))
    assert answer["error"].startswith("SyntaxError: ")
    assert_nothing_happened(running, before, "SyntaxError")


def test_a_program_that_knows_another_format_is_refused(running: Running, tree: Tree) -> None:
    before = running.workers()
    tree.edit("master/state.py", "FORMAT = 1", "FORMAT = 2")
    answer = running.ask("upgrade", interpreter=str(tree.interpreter), path=str(DAEMONS))
    assert answer["error"] == "state of format 1, where 2 is known"
    assert_nothing_happened(running, before, answer["error"])


def test_a_bad_configuration_is_refused(running: Running) -> None:
    before = running.workers()
    running.configure(max_use="many")
    answer = running.ask("upgrade")
    assert answer["error"].endswith("bad numerical configuration: max_use = many")
    assert f"{running.top}/etc/main.cf, line " in answer["error"]
    assert_nothing_happened(running, before, answer["error"])


def test_a_taken_address_is_refused_and_no_other_stays_open(running: Running) -> None:
    before, endpoints = running.workers(), listening(running)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        running.write_master_cf(
            MASTER_CF.format(limit=20, port=running.port)
            + f"new unix n - - - - echod\n{taken} inet n - - - - echod\n"
        )
        answer = running.ask("upgrade")
    assert answer["error"].endswith(f"bind 127.0.0.1 port {taken}: Address already in use")
    assert_nothing_happened(running, before, answer["error"])
    assert listening(running) == endpoints


def test_a_program_that_cannot_be_executed_in_the_end_is_refused(
    running: Running, tmp_path: Path
) -> None:
    """It rehearses well, and is gone when its turn comes; what was opened for it is closed."""
    before, endpoints, files = running.workers(), listening(running), open_files(running)
    path = script(tmp_path, f'rm "$0"; exec {sys.executable} "$@"')
    running.write_master_cf(
        MASTER_CF.format(limit=20, port=running.port) + "new unix n - - - - echod\n"
    )
    answer = running.ask("upgrade", interpreter=path, path=str(DAEMONS))
    assert answer["error"] == f"exec {path}: No such file or directory"
    assert_nothing_happened(running, before, answer["error"])
    assert (listening(running), len(open_files(running))) == (endpoints, len(files))
    assert not (running.top / "spool/public/new").exists()
    assert kept_over_exec(running) == set()
    # Signals are heard again, and no child gets what was about to be passed on.
    running.kill(signal.SIGHUP)
    running.wait_for_log("reload -- ")
    for facts in visits(running, 2):
        assert set(facts["descriptors"]) - {9} == set(range(9))


def test_a_program_that_stumbles_gives_the_old_one_its_place_back(
    running: Running, tree: Tree
) -> None:
    tree.edit(
        "master/life.py",
        "        supervisor.adopt(state",
        "        raise ValueError('a bug')\n        supervisor.adopt(state",
    )
    endpoints = listening(running)
    answer = running.ask("upgrade", interpreter=str(tree.interpreter), path=str(DAEMONS))
    assert answer == {"ok": False, "error": "ValueError: a bug"}
    assert f"upgrade failed, version {POSTROOM_VERSION} goes on: ValueError: a bug" in (
        running.log_text()
    )
    assert listening(running) == endpoints
    assert {facts["parent"] for facts in visits(running, 4)} == {running.pid}
    assert running.ask("upgrade")["ok"]


def test_a_program_that_lost_a_listener_is_found_out(running: Running, tree: Tree) -> None:
    tree.edit(
        "master/succession.py",
        "for one in state.listeners})",
        "for one in state.listeners[1:]})",
    )
    answer = running.ask("upgrade", interpreter=str(tree.interpreter), path=str(DAEMONS))
    assert answer["error"].startswith("KeyError: Endpoint(")
    assert list(visits(running, 4))


def test_only_one_at_a_time_and_only_while_it_runs(tmp_path: Path) -> None:
    with Running(patch=lambda: setattr(rehearsal, "SECONDS", 5.0)) as running:
        first = ask_later(running, "upgrade", interpreter=script(tmp_path, "exec sleep 60"))
        running.wait_for_log("rehearses")
        assert running.ask("upgrade")["error"] == "an upgrade is under way"
        # The loop does not wait: clients, orders and dead children are served.
        (victim, *_) = running.workers()
        os.kill(victim, signal.SIGKILL)
        assert list(visits(running, 2))
        wait_for(lambda: len(running.workers()) == 2, 5, "a successor")
        assert running.ask("stop")["ok"]
        assert first.answer()["error"] == "the mail system is stopping"
        children = running.child_pids()
        assert running.wait() == 0
        assert not any(map(alive, children))


def test_a_stop_during_a_rehearsal_is_answered_although_nothing_else_runs(tmp_path: Path) -> None:
    with Running({"default_prefork_count": "0"}) as running:
        asked = ask_later(running, "upgrade", interpreter=script(tmp_path, "exec sleep 60"))
        running.wait_for_log("rehearses")
        assert running.ask("stop")["ok"]
        assert asked.answer()["error"] == "the mail system is stopping"
        assert running.wait() == 0


def test_an_upgrade_while_draining_is_refused(running: Running) -> None:
    with running.connect():
        assert running.ask("drain")["ok"]
        assert running.ask("upgrade")["error"] == "the mail system is draining"


# What comes in between.


class Asked:
    """A request whose answer is waited for later."""

    def __init__(self, running: Running, request: str, arguments: dict[str, str]) -> None:
        self._answers: list[dict[str, object]] = []

        def ask() -> None:
            with contextlib.suppress(json.JSONDecodeError):  # no answer: master has ended
                self._answers.append(running.ask(request, **arguments))

        self._thread = threading.Thread(target=ask, daemon=True)
        self._thread.start()

    def answer(self) -> dict[str, object]:
        """Return the answer, once it is there."""
        self._thread.join(15)
        (answer,) = self._answers
        return answer


def ask_later(running: Running, request: str, **arguments: str) -> Asked:
    """Send a request, and do not wait."""
    return Asked(running, request, arguments)


def slow(tmp_path: Path) -> dict[str, str]:
    """Return arguments of a program that rehearses until the file "go" is there."""
    waits = f"while ! test -e {tmp_path}/go; do sleep 0.02; done"
    text = f'case "$*" in *--rehearse*) {waits};; esac; exec {sys.executable} "$@"'
    return {"interpreter": script(tmp_path, text), "path": str(DAEMONS)}


@pytest.mark.parametrize("by_signal", [True, False])
def test_a_reload_during_the_rehearsal_is_done_by_the_successor(
    running: Running, tmp_path: Path, by_signal: bool
) -> None:
    asked = ask_later(running, "upgrade", **slow(tmp_path))
    running.wait_for_log("rehearses")
    # Seen by the rehearsal, or not: it is in force when the reload is answered.
    running.configure(echod_word="two")
    if by_signal:
        running.kill(signal.SIGHUP)
    else:
        reload = ask_later(running, "reload")
    wait_for(lambda: len(running.ask("status")["services"]) == 2, 5, "a turn of the loop")
    assert "reload -- " not in running.log_text()
    (tmp_path / "go").touch()
    assert asked.answer()["ok"]
    if not by_signal:
        assert reload.answer()["ok"]
    running.wait_for_log("reload -- ")
    wait_for(lambda: {one["word"] for one in visits(running, 4)} == {"two"}, 5, "the new word")


@pytest.mark.parametrize("by_signal", [True, False])
def test_a_reload_is_done_if_the_upgrade_fails(
    running: Running, tmp_path: Path, by_signal: bool
) -> None:
    waits = f"while ! test -e {tmp_path}/go; do sleep 0.02; done; exit 1"
    asked = ask_later(running, "upgrade", interpreter=script(tmp_path, waits))
    running.wait_for_log("rehearses")
    if by_signal:
        running.kill(signal.SIGHUP)
    else:
        reload = ask_later(running, "reload")
    wait_for(lambda: len(running.ask("status")["services"]) == 2, 5, "a turn of the loop")
    (tmp_path / "go").touch()
    assert asked.answer()["error"] == "exit status 1"
    if not by_signal:
        assert reload.answer()["ok"]
    running.wait_for_log("reload -- ")


def test_clients_of_the_control_socket_notice_nothing(running: Running, tmp_path: Path) -> None:
    asked = ask_later(running, "upgrade", **slow(tmp_path))
    running.wait_for_log("rehearses")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(running.top / "spool/pid/control"))
        connection.sendall(b'{"request": ')
        assert running.ask("status")["ok"]  # by now the first half has been read
        (tmp_path / "go").touch()
        assert asked.answer()["ok"]
        connection.sendall(b'"status"}\n')
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert json.loads(answer)["pid"] == running.pid


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_of_the_last_moment_counts(number: signal.Signals) -> None:
    """It has come, but the loop has not seen it, when signals are held back."""

    def patch() -> None:
        mask, sent = signal.pthread_sigmask, list[signal.Signals]()

        def one_more(how: int, numbers: Iterable[int]) -> set[int]:
            if how == signal.SIG_BLOCK and numbers is upgrade.HELD and not sent:
                sent.append(number)
                os.kill(os.getpid(), number)
            return mask(how, numbers)

        setattr(signal, "pthread_sigmask", one_more)  # noqa: B010 - it is a fork

    with Running(patch=patch) as running:
        answer = ask_later(running, "upgrade")
        if number is signal.SIGTERM:
            assert answer.answer()["error"] == "the mail system is stopping"
            assert running.wait() == 0
        else:
            assert answer.answer()["ok"]
            running.wait_for_log("reload -- ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_while_programs_change_are_kept(
    running: Running, tree: Tree, tmp_path: Path, number: signal.Signals
) -> None:
    """They come before the new program has handlers, when they would end it."""
    begin = "    state = State.read(memory)\n"
    waits = f"""
    import time
    Path("{tmp_path}/executed").touch()
    while not Path("{tmp_path}/go").exists():
        time.sleep(0.02)
"""
    tree.edit("master/life.py", begin, waits + begin)
    target = {"interpreter": str(tree.interpreter), "path": str(DAEMONS)}
    asked = ask_later(running, "upgrade", **target)
    wait_for((tmp_path / "executed").exists, 10, "the exec")
    running.kill(number)
    (victim, *_) = running.child_pids()
    os.kill(victim, signal.SIGKILL)
    (tmp_path / "go").touch()
    if number is signal.SIGHUP:
        assert asked.answer()["ok"]
        running.wait_for_log("reload -- ")
        wait_for(lambda: len(running.child_pids()) == 4, 5, "four children")
        assert list(visits(running, 2))
    else:
        assert running.wait() == 0
        assert "terminating on signal" in running.log_text()
