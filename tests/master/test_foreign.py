"""Programs that are executed: what they find, how many run, what their end means."""

import contextlib
import errno
import json
import os
import signal
import socket
import stat
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest

from master import channel, foreign, handover, pool, stress
from tests.master.running import Running, alive, gone
from tests.suite.waiting import wait_for

PROGRAM = Path(__file__).parent / "programs/execd"
SECONDS = 10.0
LIBC_SIGNALS = 0x1_8000_0000  # 32 and 33: the C library sets them when a program needs them
QUIET = {"default_prefork_count": "0"}


def execd(line: str, **settings: str) -> Running:
    """Return a mail system, not started yet, whose services are these lines of execd."""
    running = Running({**QUIET, **settings})
    daemons = running.top / "daemons"
    daemons.mkdir()
    program = daemons / "execd"
    program.write_text(f"#!{sys.executable} -IS\n{PROGRAM.read_text()}")
    program.chmod(0o755)
    running.configure(daemon_directory=str(daemons))
    running.write_master_cf(line)
    return running


class Visitor:
    """One connection to a service."""

    def __init__(self, running: Running, name: str = "a", *, by_pass: bool = False) -> None:
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.connect(str(running.top / "spool/public" / name))
        if by_pass:
            passing, (ours, theirs) = self.connection, socket.socketpair()
            socket.send_fds(passing, [b"\0"], [theirs.fileno()])
            theirs.close()
            self.passing, self.connection = passing, ours
        self.connection.settimeout(SECONDS)

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *exception: object) -> None:
        self.connection.close()

    def facts(self, command: bytes = b"facts") -> dict[str, Any]:
        """Say something that is answered with facts."""
        self.connection.sendall(command)
        with self.connection.makefile("rb") as file:
            return dict(json.loads(file.readline()))


def facts(running: Running, name: str = "a") -> dict[str, Any]:
    with Visitor(running, name) as visitor:
        return visitor.facts()


def heard(running: Running, name: str) -> list[bytes]:
    """Return what a service has noted, each time it was called."""
    path = running.top / f"spool/heard.{name}"
    return [bytes.fromhex(line) for line in path.read_text().split()] if path.exists() else []


# What a program finds.


def test_a_program_finds_what_the_protocol_promises() -> None:
    with execd("a unix n - n - 0 execd -o {x = y z}\n") as running:
        found = facts(running)
        environment = found["environment"]
        assert found["arguments"] == ["-z", "-n", "a", "-t", "unix", "-u", "-o", "x = y z"]
        assert environment.pop("GENERATION") == "1"
        environment.pop("TZ", None)
        assert environment == {
            "LANG": "C",
            "MAIL_CONFIG": str(running.top / "etc"),
            "MAIL_LOGTAG": "postfix",
            "POSTLOG_SERVICE": str(running.top / "spool/public/postlog"),
            "POSTLOG_HOSTNAME": "mx.test",
        }
        # What the program opened itself is not inheritable; 1 is whatever runs these tests has.
        inherited = {fd: facts for fd, facts in found["descriptors"].items() if facts[2]}
        assert inherited.pop("1")
        assert inherited == {
            "0": [stat.S_IFCHR, True, True],
            "2": [stat.S_IFCHR, True, True],
            "3": [stat.S_IFIFO, False, True],
            "4": [stat.S_IFIFO, False, True],
            "5": [stat.S_IFSOCK, True, True],
            "6": [stat.S_IFSOCK, False, True],
        }
        assert (found["cwd"], found["umask"]) == (str(running.top / "spool"), "0077")
        assert int(found["blocked"], 16) == 0
        assert found["leader"] == [True, True]


def test_only_sigpipe_is_ignored() -> None:
    """Seen in a program that is no Python: that ignores some itself."""
    with execd("a unix n - n - - sleeper\n") as running:
        program = running.top / "daemons/sleeper"
        program.write_text("#!/bin/sh\nread line <&5\n")
        program.chmod(0o755)
        with Visitor(running):
            wait_for(running.child_pids, SECONDS, "a process")
            (pid,) = running.child_pids()
            status = f"/proc/{pid}/status"
            wait_for(lambda: "sleeper" in Path(status).read_text(), SECONDS, "the program")
            lines = dict(line.split(":\t") for line in Path(status).read_text().splitlines())
            assert int(lines["SigIgn"], 16) & ~LIBC_SIGNALS == 1 << (signal.SIGPIPE - 1)
            assert int(lines["SigBlk"], 16) == 0


def test_several_addresses_are_several_descriptors() -> None:
    running = execd("", inet_interfaces="127.0.0.1, 127.0.0.2")
    running.write_master_cf(f"{running.port} inet n - n - 3 execd\n")
    with running:
        with socket.create_connection(("127.0.0.1", running.port), SECONDS) as connection:
            connection.sendall(b"facts")
            found = json.loads(connection.makefile().readline())
        assert found["arguments"][-2:] == ["-s", "2"]
        assert [found["descriptors"][one][0] for one in "67"] == [stat.S_IFSOCK] * 2


@pytest.mark.parametrize("numbers", [[3, 4, 5, 6], [6, 5, 4, 3], [20, 4, 3, 21], [4, 5, 6, 7]])
def test_descriptors_get_their_numbers_whatever_they_had(
    tmp_path: Path, numbers: list[int]
) -> None:
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            os.closerange(3, 200)
            for index in range(len(numbers)):
                os.dup2(os.memfd_create(f"file{index}"), 100 + index)
            for index, number in enumerate(numbers):
                os.dup2(100 + index, number, inheritable=False)
            os.closerange(30, 200)
            before = os.listdir("/proc/self/fd")
            script = f"readlink /proc/self/fd/[3-9] /proc/self/fd/??* >{tmp_path}/found"
            child = foreign.execute("/bin/sh", ["sh", "-c", script], {}, numbers)
            os.waitpid(child, 0)
            assert os.listdir("/proc/self/fd") == before
            os._exit(0)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    found = (tmp_path / "found").read_text().split("\n")
    assert [line.split(" ")[0] for line in found if "memfd" in line] == [
        f"/memfd:file{index}" for index in range(len(numbers))
    ]


def test_a_lack_of_room_is_told_from_a_program_that_cannot_be_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(foreign.ExecError, match=f"exec {tmp_path}/x: No such file or directory"):
        foreign.execute(f"{tmp_path}/x", ["x"], {}, [])
    (tmp_path / "x").write_text("no program")
    with pytest.raises(foreign.ExecError, match="Permission denied"):
        foreign.execute(f"{tmp_path}/x", ["x"], {}, [])

    def refuse(*arguments: object, **options: object) -> int:
        raise OSError(errno.EAGAIN, "no room")

    monkeypatch.setattr(os, "posix_spawn", refuse)
    with pytest.raises(OSError, match="no room"):
        foreign.execute("/bin/true", ["true"], {}, [])


def test_a_reload_changes_the_environment_of_programs(tmp_path: Path) -> None:
    with execd("a unix n - n - 1 execd\n") as running:
        assert facts(running)["environment"]["MAIL_LOGTAG"] == "postfix"
        running.configure(syslog_name="other")
        assert running.ask("reload")["ok"]
        assert facts(running)["environment"]["MAIL_LOGTAG"] == "other"


# Endpoints.


@pytest.mark.parametrize(("kind", "mode"), [("unix", 0o666), ("pass", 0o666), ("fifo", 0o622)])
def test_an_endpoint_belongs_to_mail_owner_and_is_open_to_all_who_get_there(
    kind: str, mode: int
) -> None:
    with execd(f"a {kind} n - n - 1 execd\n") as running:
        found = os.lstat(running.top / "spool/public/a")
        assert stat.S_IMODE(found.st_mode) == mode
        assert stat.S_ISFIFO(found.st_mode) == (kind == "fifo")
        if os.geteuid() == 0:
            assert (found.st_uid, found.st_gid) == (65534, 65534)


def test_a_fifo_brings_what_is_written_to_it() -> None:
    with execd("a fifo n - n - 1 execd\n") as running:
        for word in (b"one", b"two"):
            with (running.top / "spool/public/a").open("wb") as fifo:
                fifo.write(word)
            wait_for(lambda word=word: word in heard(running, "a"), SECONDS, "the word")  # type: ignore[misc]
        assert len(running.child_pids()) == 1


def test_a_datagram_socket_brings_datagrams() -> None:
    with (
        execd("a unix-dgram n - n - 1 execd\n") as running,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
    ):
        for word in (b"one", b"two"):
            sender.sendto(word, str(running.top / "spool/public/a"))
        wait_for(lambda: heard(running, "a") == [b"one", b"two"], SECONDS, "both words")


def test_a_pass_service_takes_the_clients_of_others_and_is_told_of_stress() -> None:
    with (
        execd("a pass n - n - 5 execd\n") as running,
        Visitor(running, by_pass=True) as visitor,
    ):
        assert visitor.facts()["arguments"] == [
            *("-n", "a", "-t", "pass", "-u"),
            *("-o", "stress="),
        ]


def test_an_endpoint_that_changes_its_type_is_another() -> None:
    with execd("a unix n - n - 1 execd\n") as running:
        facts(running)
        running.write_master_cf("a fifo n - n - 1 execd\n")
        answer = running.ask("reload")
        assert (answer["added"], answer["removed"]) == (["a/fifo"], ["a/unix"])
        with (running.top / "spool/public/a").open("wb") as fifo:
            fifo.write(b"word")
        wait_for(lambda: heard(running, "a") == [b"word"], SECONDS, "the word")


# How many.


def test_processes_are_started_for_clients_and_no_others() -> None:
    with execd("a unix n - n - 5 execd\n") as running:
        assert running.child_pids() == []
        pids = {facts(running)["pid"] for _ in range(5)}
        assert len(pids) == 1


def test_clients_beyond_the_limit_wait_for_their_turn() -> None:
    with execd("a unix n - n - 2 execd\n") as running, contextlib.ExitStack() as stack:
        held = [stack.enter_context(Visitor(running)) for _ in range(2)]
        assert len({visitor.facts(b"hold")["pid"] for visitor in held}) == 2
        waiting = stack.enter_context(Visitor(running))
        waiting.connection.sendall(b"facts")
        wait_for(lambda: running.service("a")["available"] == 0, SECONDS, "both to be taken")
        assert running.service("a")["processes"] == 2
        held[0].connection.close()
        assert json.loads(waiting.connection.makefile().readline())["pid"]
        assert running.service("a")["processes"] == 2


def test_of_a_service_with_one_process_there_is_never_another() -> None:
    """Not even during a reload: two queue managers would deliver everything twice.

    And the old one takes no client more: it cannot report any longer, and leaves.
    """
    with execd("a unix n - n - 1 execd -o mode=eager\n") as running:
        with Visitor(running) as held:
            old = held.facts(b"hold")["pid"]
            assert running.ask("reload")["ok"]
            waiting = Visitor(running)
            waiting.connection.sendall(b"facts")
            wait_for(lambda: states(running) == [(old, "leaving")], SECONDS, "the old one alone")
            assert running.service("a")["processes"] == 1
        new = json.loads(waiting.connection.makefile().readline())["pid"]
        assert new != old
        assert not alive(old)


def test_an_old_process_serves_no_client_after_a_reload() -> None:
    """A busy one cannot report any more when it is done, and goes."""
    with execd("a unix n - n - 5 execd\n") as running:
        with Visitor(running) as held:
            old = held.facts(b"hold")["pid"]
            answer = running.ask("reload")
            assert (answer["ok"], answer["unconfirmed"]) == (True, [])
        assert {facts(running)["pid"] for _ in range(5)}.isdisjoint({old})
        wait_for(gone([old]), SECONDS, "the end of the old process")


def test_reload_waits_until_idle_processes_are_gone() -> None:
    with execd("a unix n - n - 5 execd\n") as running:
        old = facts(running)["pid"]
        assert running.ask("reload")["ok"]
        assert not alive(old)


def test_reload_names_a_program_that_does_not_leave() -> None:
    def patch() -> None:
        handover.BUSY_SECONDS, handover.LONGEST_SECONDS = 0.05, 0.2

    running = execd("a unix n - n - 5 execd -o mode=deaf\n")
    running.patch = patch
    with running:
        with Visitor(running):
            wait_for(running.child_pids, SECONDS, "a process")
            (pid,) = running.child_pids()
        assert running.ask("reload")["unconfirmed"] == [pid]
        os.kill(pid, signal.SIGKILL)


def test_a_service_that_changes_hands_between_ours_and_postfixs() -> None:
    with execd("a unix n - n - 1 execd\n", native_services="echod") as running:
        assert "arguments" in facts(running)
        running.write_master_cf("a unix n - n - 1 echod\n")
        assert running.ask("reload")["changed"] == ["a/unix"]
        with running.connect("a") as visit:
            assert "word" in visit.facts
        running.write_master_cf("a unix n - n - 1 execd\n")
        assert running.ask("reload")["ok"]
        assert "arguments" in facts(running)


def states(running: Running) -> list[tuple[int, str]]:
    return [(one["pid"], one["state"]) for one in running.ask("status")["processes"]]


# Overload.


def test_at_the_limit_new_processes_are_told_and_old_ones_leave() -> None:
    with execd("a pass n - n - 2 execd\n") as running, contextlib.ExitStack() as stack:

        def visit() -> Visitor:
            return stack.enter_context(Visitor(running, by_pass=True))

        def stress(found: dict[str, Any]) -> str:
            return str(found["arguments"][-1])

        first, second = visit(), visit()
        calm = first.facts(b"hold")
        assert (stress(calm), stress(second.facts(b"hold"))) == ("stress=", "stress=yes")
        running.wait_for_log('service "a" (public/a) has reached its process limit "2"')
        first.connection.close()
        wait_for(gone([calm["pid"]]), SECONDS, "the end of the one that was not told")
        assert stress(visit().facts()) == "stress=yes"


def test_overload_is_forgotten() -> None:
    def patch() -> None:
        stress.STRESS_SECONDS = 0.0

    running = execd("a pass n - n - 2 execd\n")
    running.patch = patch
    with running, Visitor(running, by_pass=True) as first, Visitor(running, by_pass=True) as other:
        found = [visitor.facts(b"hold")["arguments"][-1] for visitor in (first, other)]
        assert found == ["stress=", "stress="]


def test_overload_when_descriptors_are_used_up_costs_nobody_anything() -> None:
    def refuse(*, native: bool = True) -> NoReturn:
        raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))

    def patch() -> None:
        def scarce(one: pool.Pool) -> None:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(channel.Channel, "open", refuse)
                plain(one)

        plain = pool.Pool._note_stress
        pytest.MonkeyPatch().setattr(pool.Pool, "_note_stress", scarce)

    running = execd("a pass n - n - 2 execd\n")
    running.patch = patch
    with running, Visitor(running, by_pass=True) as first, Visitor(running, by_pass=True) as other:
        found = [visitor.facts(b"hold")["arguments"][-1] for visitor in (first, other)]
        assert found == ["stress=", "stress=yes"]
        running.wait_for_log("socketpair: Too many open files in system")


# The end of a program.


@pytest.mark.parametrize(
    ("mode", "said"), [("exit", "exit status 1"), ("crash", "killed by signal 11")]
)
def test_a_program_that_fails_at_once_throttles_its_service(mode: str, said: str) -> None:
    with execd(f"a unix n - n - 5 execd -o mode={mode}\nb unix n - n - 5 execd\n") as running:
        visitor = Visitor(running)
        path = f"{running.top}/daemons/execd"
        running.wait_for_log(f"warning: {path}: bad command startup -- throttling")
        assert f"warning: process {path} pid " in running.log_text()
        assert said in running.log_text()
        assert running.service("a")["throttled_seconds"] > 50
        assert facts(running, "b")["pid"]
        assert running.log_text().count(said) == 1
        visitor.connection.close()


def test_a_missing_program_throttles_its_service() -> None:
    with execd("a unix n - n - 5 nosuch\nb unix n - n - 5 execd\n") as running:
        path = f"{running.top}/daemons/nosuch"
        assert f"warning: service a: cannot execute {path}" in running.log_text()
        with Visitor(running):
            running.wait_for_log(f"warning: {path}: bad command startup -- throttling")
            assert f"exec {path}: No such file or directory" in running.log_text()
            assert facts(running, "b")["pid"]
            assert running.log_text().count("throttling") == 1


def test_a_throttle_ends_and_the_client_that_waited_is_served() -> None:
    with execd("a unix n - n - 5 execd\n", service_throttle_time="1s") as running:
        program = running.top / "daemons/execd"
        program.chmod(0o644)
        with Visitor(running) as visitor:
            running.wait_for_log("throttling")
            program.chmod(0o755)
            begin = time.monotonic()
            assert visitor.facts()["pid"]
            assert time.monotonic() - begin < 3.0


def test_a_program_that_was_useful_before_it_failed_is_replaced_at_once() -> None:
    with execd("a unix n - n - 5 execd\n") as running:
        facts(running)
        with Visitor(running) as visitor:
            visitor.connection.sendall(b"fail")
            assert visitor.connection.recv(1) == b""
        assert facts(running)["pid"]
        running.wait_for_log("exit status 1")
        assert "throttling" not in running.log_text()


def test_a_program_that_was_killed_is_replaced_soon() -> None:
    with execd("a unix n - n - 1 execd -o mode=deaf\nb unix n - n - 1 execd\n") as running:
        with Visitor(running):
            wait_for(running.child_pids, SECONDS, "a process")
            for _ in range(4):
                (pid,) = running.child_pids()
                os.kill(pid, signal.SIGKILL)
                wait_for(gone([pid]), SECONDS, "its end")
                wait_for(running.child_pids, SECONDS, "another")
        assert "throttling" not in running.log_text()
        for pid in running.child_pids():
            os.kill(pid, signal.SIGKILL)


def test_a_program_that_leaves_its_clients_alone_does_not_keep_the_machine_busy() -> None:
    with execd("a unix n - n - 5 true\n") as running:
        (running.top / "daemons/true").symlink_to("/bin/true")
        with Visitor(running):
            time.sleep(1.0)  # how much happens in a second is what is asked
            assert 2 < facts_of_next_process(running) < 20


def facts_of_next_process(running: Running) -> int:
    """Return how many processes there have been."""
    running.write_master_cf("b unix n - n - 5 execd\n")
    assert running.ask("reload")["ok"]
    return int(facts(running, "b")["environment"]["GENERATION"], 8)


def test_no_room_for_a_process_is_waited_out() -> None:
    def patch() -> None:
        spawn, left = os.posix_spawn, iter(range(2))

        def refuse_twice(*arguments: Any, **options: Any) -> int:
            if next(left, None) is not None:
                raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            return spawn(*arguments, **options)

        os.posix_spawn = refuse_twice
        pool.FORK_RETRY = 0.05

    running = execd("a unix n - n - 5 execd\n")
    running.patch = patch
    with running:
        assert facts(running)["pid"]
        assert running.log_text().count("fork: Resource temporarily unavailable") == 1


# Wake-ups.


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("a unix n - n 1 1 execd\n", b"W\0"),
        ("a pass n - n 1 1 execd\n", b"W\0"),
        ("a fifo n - n 1 1 execd\n", b"W"),
        ("{port} inet n - n 1 1 execd\n", b"W\0"),
    ],
)
def test_a_service_is_woken_up_when_it_starts_and_then_again(line: str, call: bytes) -> None:
    running = execd("")
    name = line.split()[0].format(port=running.port)
    running.write_master_cf(line.format(port=running.port))
    with running:
        wait_for(lambda: heard(running, name), 0.9, "the first call")
        wait_for(lambda: len(heard(running, name)) >= 3, 5, "more calls")
        assert set(heard(running, name)) == {call}
        assert len(running.child_pids()) == 1
        assert "wakeup" not in running.log_text()


def test_a_service_with_a_question_mark_is_woken_up_from_its_first_use_on() -> None:
    with execd("a unix n - n 1? 1 execd\nb unix n - n 1 1 execd\n") as running:
        wait_for(lambda: len(heard(running, "b")) >= 2, 5, "two calls of the other service")
        assert heard(running, "a") == []
        facts(running)
        wait_for(lambda: heard(running, "a"), 0.9, "the first call")
        wait_for(lambda: len(heard(running, "a")) >= 3, 5, "more calls")


def test_a_reload_wakes_up_at_once() -> None:
    with execd("a unix n - n 1000 1 execd\n") as running:
        wait_for(lambda: len(heard(running, "a")) == 1, SECONDS, "the first call")
        assert running.ask("reload")["ok"]
        wait_for(lambda: len(heard(running, "a")) == 2, SECONDS, "the call after the reload")


def test_the_log_service_is_there_until_all_others_have_left() -> None:
    lines = "a unix n - n - 1 execd\npostlog unix-dgram n - n - 1 execd\n"
    with execd(lines) as running, Visitor(running) as held:
        held.facts(b"hold")
        assert running.ask("drain")["ok"]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as program:
            program.sendto(b"line", str(running.top / "spool/public/postlog"))
        wait_for(lambda: heard(running, "postlog") == [b"line"], SECONDS, "the line")
        held.connection.close()
        assert running.wait() == 0
