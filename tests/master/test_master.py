"""A real master with real processes: what operators are promised."""

import contextlib
import errno
import itertools
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from master import handover, orders, supervisor
from master.supervisor import Grace
from tests.master.running import MASTER_CF, Running, alive, gone, visits
from tests.suite.waiting import wait_for


def shorten(busy: float, longest: float = handover.LONGEST_SECONDS) -> None:
    """Make master lose its patience with old processes sooner."""
    handover.BUSY_SECONDS, handover.LONGEST_SECONDS = busy, longest


@pytest.fixture
def running() -> Iterator[Running]:
    with Running() as one:
        yield one


# Processes.


def test_workers_are_ready_before_the_first_client(running: Running) -> None:
    assert len(running.child_pids()) == 4
    assert running.service() | {"processes": 2, "available": 2} == running.service()
    with running.connect() as here, running.connect_port() as there:
        assert here.facts["parent"] == there.facts["parent"] == running.pid


def test_a_child_finds_what_the_protocol_promises(running: Running) -> None:
    with running.connect() as visit:
        facts = visit.facts
    # 3 and 4 flow, 5 status, 6 the listener, 7 the log file, 8 the client itself.
    assert facts["descriptors"] == list(range(9))
    assert facts["cwd"] == str(running.top / "spool")
    assert facts["umask"] == 0o077
    assert os.sched_getscheduler(facts["pid"]) == os.SCHED_BATCH
    assert os.sched_getscheduler(running.pid) == os.SCHED_OTHER
    environment = facts["environment"]
    assert environment.pop("GENERATION") == f"{facts['generation']:o}"
    environment.pop("TZ", None)
    assert environment == {
        "LANG": "C",
        "MAIL_CONFIG": str(running.top / "etc"),
        "MAIL_LOGTAG": "postfix",
        "POSTLOG_SERVICE": str(running.top / "spool/public/postlog"),
        "POSTLOG_HOSTNAME": "mx.test",
    }


def test_processes_show_the_arguments_of_postfix(running: Running) -> None:
    expected = {"echod -n echo -t unix -u", f"echod -n {running.port} -t inet -u"}
    wait_for(lambda: set(running.titles()) == expected, 5, "the titles of all processes")
    assert Path(f"/proc/{running.pid}/cmdline").read_bytes().startswith(b"master -c ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")
def test_children_of_root_are_not_root(running: Running) -> None:
    with running.connect() as visit:
        assert (visit.facts["uid"], visit.facts["gid"]) == (65534, 65534)


def test_clients_that_wait_get_more_processes_up_to_the_limit() -> None:
    with Running({"echod_mode": "blocking"}, limit=5) as running:
        held = [running.connect() for _ in range(5)]
        assert len({visit.facts["pid"] for visit in held}) == 5
        waiting = socket.socket(socket.AF_UNIX)
        waiting.connect(str(running.top / "spool/public/echo"))
        assert running.service()["processes"] == 5
        held.pop().close()
        waiting.settimeout(5)
        assert waiting.recv(1) == b"{"
        waiting.close()
        for visit in held:
            visit.close()


def test_overload_is_logged_and_told_to_new_processes() -> None:
    settings = {"inet_interfaces": "all", "inet_protocols": "ipv4", "default_prefork_count": "1"}
    running = Running({**settings, "echod_mode": "blocking"})
    running.write_master_cf(f"{running.port} inet n - - - 3 echod\n")
    with running, contextlib.ExitStack() as stack:
        held = [stack.enter_context(running.connect_port()) for _ in range(3)]
        assert [visit.facts["stress"] for visit in held] == ["", "", "yes"]
        running.wait_for_log(f'service "{running.port}" ({running.port}) has reached its process')
        assert running.titles()[-1] == f"echod -n {running.port} -t inet -u -o stress=yes"


def test_a_service_without_prefork_starts_on_demand() -> None:
    with Running({"default_prefork_count": "0"}) as running:
        assert running.child_pids() == []
        with running.connect() as visit:
            assert visit.facts["generation"] == 1


@pytest.mark.parametrize("used", [False, True])
def test_killed_workers_are_replaced_within_a_second(running: Running, used: bool) -> None:
    if used:
        for facts in visits(running, 20):
            assert facts
    before = running.workers()
    begin = time.monotonic()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    with running.connect() as visit:
        assert visit.facts["pid"] not in before
    assert time.monotonic() - begin < 1.0
    wait_for(lambda: len(running.workers()) == 2, 1.5, "two workers")
    assert f"echod pid {before[0]} killed by signal 9" in running.log_text()
    assert "throttling" not in running.log_text()


def test_kills_in_a_row_never_stop_the_service(running: Running) -> None:
    for _ in range(8):
        for pid in running.workers():
            os.kill(pid, signal.SIGKILL)
        begin = time.monotonic()
        running.connect().close()
        assert time.monotonic() - begin < 1.5


def test_a_service_that_fails_at_start_is_throttled() -> None:
    with Running({"echod_mode": "exit", "service_throttle_time": "1s"}) as running:
        running.wait_for_log("echod: bad command startup -- throttling")
        assert "exit status 3" in running.log_text()
        assert running.service()["throttled_seconds"] > 0
        running.configure(echod_mode="serve")
        begin = time.monotonic()
        with running.connect() as visit:  # the edit is seen once the throttle is over
            assert visit.facts
        assert 0.3 < time.monotonic() - begin < 3.0


def test_a_failure_after_a_request_does_not_throttle(running: Running) -> None:
    with running.connect() as visit:
        visit.say("fail")
        assert visit.ended()
    running.wait_for_log("exit status 1")
    with running.connect() as visit:
        assert visit.facts
    assert "throttling" not in running.log_text()


def test_a_bug_is_logged_by_the_child_and_throttles() -> None:
    with Running({"echod_mode": "raise"}) as running:
        running.wait_for_log("postfix/echod[")
        assert "fatal: ValueError: a bug at echod/__main__.py line" in running.log_text()
        running.wait_for_log("throttling")


def test_a_reload_ends_a_throttle() -> None:
    with Running({"echod_mode": "exit"}) as running:
        running.wait_for_log("throttling")
        running.configure(echod_mode="serve")
        assert running.ask("reload")["ok"]
        assert [facts["word"] for facts in visits(running, 1)] == ["one"]


def test_a_fork_that_fails_is_tried_again(tmp_path: Path) -> None:
    full = tmp_path / "full"

    def patch() -> None:
        fork = os.fork

        def fork_if_there_is_room() -> int:
            if full.exists():
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            return fork()

        os.fork = fork_if_there_is_room

    with Running(patch=patch) as running:
        full.touch()
        for pid in running.workers():
            os.kill(pid, signal.SIGKILL)
        running.wait_for_log("fork: Resource temporarily unavailable: service echo waits")
        full.unlink()
        assert list(visits(running, 1))
        assert running.log_text().count("fork: ") == 1


# Reload.


def test_after_reload_every_connection_shows_the_new_value(running: Running) -> None:
    for number in range(20):
        running.configure(echod_word=f"word{number}")
        answer = running.ask("reload")
        assert (answer["ok"], answer["parameters"]) == (True, ["echod_word"])
        assert {facts["word"] for facts in visits(running, 6)} == {f"word{number}"}


def test_reload_waits_for_old_workers_that_are_slow_to_notice() -> None:
    with Running({"echod_mode": "slow"}) as running:
        running.configure(echod_word="two")
        old = running.workers()
        stop = threading.Event()
        seen: list[tuple[float, str]] = []

        def knock() -> None:
            while not stop.is_set():
                with running.connect() as visit:
                    seen.append((time.monotonic(), visit.facts["word"]))

        knocking = threading.Thread(target=knock)
        knocking.start()
        begin = time.monotonic()
        answer = running.ask("reload")
        end = time.monotonic()
        after = {facts["word"] for facts in visits(running, 20)}
        stop.set()
        knocking.join()
        assert (answer["ok"], answer["unconfirmed"], after) == (True, [], {"two"})
        assert end - begin > 0.3
        # They did accept meanwhile, else this would show nothing; and nobody was refused.
        assert "one" in {word for moment, word in seen if moment > begin}
        wait_for(gone(old), 5, "the end of the old workers")


def test_without_confirmation_old_values_would_be_seen() -> None:
    """The mutant of the test above: a master that answers at once."""

    def patch() -> None:
        def at_once(self: supervisor.Supervisor, done: handover.Done) -> None:
            done([])

        setattr(supervisor.Supervisor, "hand_over", at_once)  # noqa: B010 - the type is right

    with Running({"echod_mode": "slow"}, patch=patch) as running:
        assert any(shows_the_past(running, old, new) for old, new in pairwise(WORDS))


WORDS = ("one", "two", "three", "four", "five", "six")


def shows_the_past(running: Running, old: str, new: str) -> bool:
    """Reload with a new word; tell whether a later client meets the old one."""
    running.configure(echod_word=new)
    assert running.ask("reload")["ok"]
    return old in {facts["word"] for facts in visits(running, 20)}


@pytest.mark.parametrize("order", ["reload", "upgrade"])
def test_a_client_whose_call_went_to_a_process_that_leaves_is_served(order: str) -> None:
    """Those that stay were not woken: without another one it would wait for the next client."""
    with Running({"echod_mode": "exclusive", "default_prefork_count": "1"}) as running:
        (old,) = running.workers()
        asked = threading.Thread(target=running.ask, args=[order])
        asked.start()
        wait_for(lambda: set(running.workers()) - {old}, 5, "a new worker")
        wait_for(lambda: "(last call)" in "".join(running.titles()), 5, "the old worker's end")
        begin = time.monotonic()
        with running.connect() as visit:
            assert visit.facts["pid"] != old
        assert time.monotonic() - begin < 1.0
        asked.join()


def test_reload_names_processes_that_never_confirm() -> None:
    with Running({"echod_mode": "deaf"}, patch=lambda: shorten(0.05, 0.2)) as running:
        old = sorted(running.workers() + running.workers(str(running.port)))
        # By then they have read main.cf: before that an edit would still reach them.
        wait_for(lambda: all("echod" in one for one in running.titles()), 5, "titles")
        running.configure(echod_mode="serve")
        answer = running.ask("reload")
        assert (answer["ok"], answer["unconfirmed"]) == (True, old)
        assert "no confirmation from old processes" in running.log_text()
        for pid in old:
            os.kill(pid, signal.SIGKILL)


def test_a_request_that_takes_long_does_not_hold_a_reload_up() -> None:
    """As in a daemon that serves one client at a time, and sees nothing else meanwhile."""
    with (
        Running({"echod_mode": "blocking"}, patch=lambda: shorten(busy=0.2)) as running,
        running.connect() as visit,
    ):
        begin = time.monotonic()
        answer = running.ask("reload")
        assert (answer["ok"], answer["unconfirmed"]) == (True, [])
        assert 0.2 <= time.monotonic() - begin < 2.0
        visit.say("bye")
        assert visit.ended()
        wait_for(lambda: not alive(visit.facts["pid"]), 5, "the end of the old worker")


def test_a_client_of_an_old_worker_is_served_to_the_end(running: Running) -> None:
    with running.connect() as visit:
        assert running.ask("reload")["ok"]
        assert alive(visit.facts["pid"])
        states = {one["pid"]: one["state"] for one in running.ask("status")["processes"]}
        assert states[visit.facts["pid"]] == "leaving"
        visit.say("bye")
        assert visit.ended()
        wait_for(lambda: not alive(visit.facts["pid"]), 5, "the end of the old worker")


def test_a_bad_configuration_is_refused_and_the_old_one_stays(running: Running) -> None:
    before = running.workers()
    running.configure(max_use="many")
    answer = running.ask("reload")
    assert not answer["ok"]
    assert answer["error"].endswith("bad numerical configuration: max_use = many")
    assert f"{running.top}/etc/main.cf, line " in answer["error"]
    assert running.workers() == before
    assert f"reload refused, the running configuration stays: {answer['error']}" in (
        running.log_text()
    )
    # A worker that has to be replaced meanwhile keeps the old values too.
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert [facts["word"] for facts in visits(running, 1)] == ["one"]
    assert "the values of before stay in force" in running.log_text()


def test_an_address_that_cannot_be_opened_refuses_a_reload(running: Running) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        before = running.workers()
        running.write_master_cf(
            MASTER_CF.format(limit=20, port=running.port) + f"{taken} inet n - - - - echod\n"
        )
        answer = running.ask("reload")
        expected = f"service {taken}: bind 127.0.0.1 port {taken}: Address already in use"
        assert answer["error"].endswith(expected)
        assert running.workers() == before


def test_services_come_and_go(running: Running) -> None:
    with running.connect_port() as visit:
        running.write_master_cf("echo unix n - - - 3 echod\nsecond unix n - - - 1 echod\n")
        answer = running.ask("reload")
        assert (
            answer
            | {
                "added": ["second/unix"],
                "removed": [f"{running.port}/inet"],
                "changed": ["echo/unix"],
            }
            == answer
        )
        with pytest.raises(ConnectionRefusedError):
            running.connect_port()
        visit.say("bye")
        assert visit.ended()
    wait_for(lambda: len(running.child_pids()) == 3, 5, "the end of the removed service")


def test_what_is_fixed_needs_a_restart(running: Running) -> None:
    running.configure(queue_directory="/elsewhere", echod_word="two")
    answer = running.ask("reload")
    assert answer["postponed"] == ["queue_directory"]
    assert {(facts["word"], facts["cwd"]) for facts in visits(running, 3)} == {
        ("two", str(running.top / "spool"))
    }


def test_changed_interfaces_apply_at_once(running: Running) -> None:
    """Named ones, all of them, and back: a port is never without a listener of ours."""

    def answers(host: str) -> bool:
        try:
            socket.create_connection((host, running.port), 5).close()
        except ConnectionRefusedError:
            return False
        return True

    for interfaces, others in (
        ("127.0.0.1, 127.0.0.2", "yes"),
        ("all", "yes"),
        ("127.0.0.1", "no"),
        ("all", "yes"),
        ("127.0.0.2", "yes"),
        ("127.0.0.1", "no"),
    ):
        running.configure(inet_interfaces=interfaces, inet_protocols="ipv4")
        answer = running.ask("reload")
        assert "inet_interfaces" in answer["parameters"], answer
        assert answer["changed"] == [f"{running.port}/inet"]
        assert answers("127.0.0.1") is (interfaces != "127.0.0.2")
        assert answers("127.0.0.2") is (others == "yes")
        # Nobody else shares the port.
        host = "127.0.0.2" if interfaces == "127.0.0.2" else "127.0.0.1"
        with pytest.raises(OSError, match="in use"):
            socket.create_server((host, running.port))


@pytest.mark.parametrize("order", ["reload", "upgrade"])
def test_no_client_is_reset_when_interfaces_change(running: Running, order: str) -> None:
    """Whoever waits at the listener that goes is served by the new workers."""
    stop = threading.Event()
    lost: list[Exception] = []
    served = itertools.count()

    def knock() -> None:
        while not stop.is_set():
            try:
                with running.connect_port() as visit:
                    assert visit.facts
                next(served)
            except (OSError, AssertionError) as error:
                lost.append(error)

    clients = [threading.Thread(target=knock) for _ in range(8)]
    for client in clients:
        client.start()
    try:
        for number in range(20 if order == "reload" else 6):
            interfaces = "127.0.0.1" if number % 2 else "all"
            running.configure(inet_interfaces=interfaces, inet_protocols="ipv4")
            assert running.ask(order)["ok"]
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert lost == []
    assert next(served) > 100


def test_who_waits_at_a_listener_that_goes_is_served_by_a_new_worker(running: Running) -> None:
    old = running.workers(str(running.port))
    for pid in old:
        os.kill(pid, signal.SIGSTOP)
    with contextlib.ExitStack() as stack:
        place = ("127.0.0.1", running.port)
        clients = [socket.create_connection(place, 5) for _ in range(3)]
        waiting = [stack.enter_context(client) for client in clients]
        running.configure(inet_interfaces="all", inet_protocols="ipv4")
        asked = threading.Thread(target=running.ask, args=["reload"])
        asked.start()
        for client in waiting:
            assert client.makefile("rb").readline().startswith(b'{"pid": ')
        for pid in old:
            os.kill(pid, signal.SIGCONT)
        asked.join()


def test_host_names_are_no_interfaces_for_a_reload(running: Running) -> None:
    running.configure(inet_interfaces="mx.example.invalid")
    answer = running.ask("reload")
    assert "host names are looked up at start and upgrade only" in answer["error"]
    assert list(visits(running, 1))


def test_a_signal_reloads_too(running: Running) -> None:
    running.configure(echod_word="two")
    old = running.workers()
    running.kill(signal.SIGHUP)
    running.wait_for_log("reload -- version 3.7.11, configuration")
    wait_for(gone(old), 5, "the end of the old workers")
    assert [facts["word"] for facts in visits(running, 1)] == ["two"]


def test_an_edit_is_seen_by_processes_that_start_later(running: Running) -> None:
    running.configure(echod_word="two")
    for pid in running.workers():
        os.kill(pid, signal.SIGKILL)
    assert [facts["word"] for facts in visits(running, 1)] == ["two"]


def test_the_log_of_such_a_process_has_its_new_name_with_its_own_pid(running: Running) -> None:
    running.configure(syslog_name="late/$process_id")
    for pid in running.workers():
        os.kill(pid, signal.SIGKILL)
    with running.connect() as visit:
        visit.say("log")
        pid = visit.facts["pid"]
        running.wait_for_log(f"late/{pid}/echod[{pid}]: a line from echod")


def test_an_edit_that_leaves_no_log_is_not_followed(running: Running) -> None:
    running.configure(echod_word="two", syslog_network_target="nowhere")
    for pid in running.workers():
        os.kill(pid, signal.SIGKILL)
    assert [facts["word"] for facts in visits(running, 1)] == ["one"]
    running.wait_for_log("main.cf, line 14: parameter syslog_network_target: bad target")
    assert "the values of before stay in force" in running.log_text()


def test_a_rotated_log_is_let_go_by_a_reload(running: Running) -> None:
    running.log.rename(running.top / "mail.log.1")
    assert running.ask("reload")["ok"]
    with running.connect() as visit:
        visit.say("log")
    running.wait_for_log("a line from echod")


def test_nothing_leaks_over_a_hundred_reloads(running: Running) -> None:
    def descriptors() -> list[str]:
        return sorted(os.listdir(f"/proc/{running.pid}/fd"))

    assert running.ask("reload")["ok"]
    before = descriptors()
    for _ in range(100):
        assert running.ask("reload")["ok"]
    wait_for(lambda: len(descriptors()) == len(before), 5, "no more descriptors than before")
    with running.connect() as visit:
        assert visit.facts["descriptors"] == list(range(9))
    wait_for(lambda: len(running.child_pids()) == 4, 5, "the end of all old workers")


# The end.


def test_stop_ends_everything(running: Running) -> None:
    children = running.child_pids()
    running.kill(signal.SIGTERM)
    assert running.wait() == 0
    assert not any(map(alive, children))
    assert "terminating on signal 15" in running.log_text()


@pytest.mark.parametrize(("order", "grace"), [("stop", 0.3), ("abort", 0.0)])
def test_stop_gives_clients_time_and_abort_does_not(order: str, grace: float) -> None:
    with (
        Running(patch=lambda: setattr(orders, "STOP_GRACE", Grace(grace))) as running,
        running.connect() as visit,
    ):
        begin = time.monotonic()
        assert running.ask(order)["ok"]
        assert visit.ended()
        assert running.wait() == 0
        assert grace <= time.monotonic() - begin < grace + 1.0


def test_a_process_that_does_not_end_is_killed() -> None:
    def patch() -> None:
        setattr(orders, "STOP_GRACE", Grace(0.05, 0.1))  # noqa: B010 - it is another module's

    with Running(patch=patch) as running:
        stuck = running.child_pids()
        os.kill(stuck[0], signal.SIGSTOP)
        assert running.ask("stop")["ok"]
        assert running.wait() == 0
        assert not any(map(alive, stuck))


def test_drain_accepts_nothing_and_lets_work_finish(running: Running) -> None:
    with running.connect() as visit:
        assert running.ask("drain")["ok"]
        with pytest.raises(ConnectionRefusedError):
            running.connect()
        assert running.ask("status")["phase"] == "draining"
        assert running.ask("reload")["error"] == "the mail system is draining"
        visit.say("bye")
        assert visit.ended()
    assert running.wait() == 0


def test_drain_of_idle_workers_answers_and_ends(running: Running) -> None:
    assert running.ask("drain")["ok"]
    assert running.wait() == 0


def test_children_leave_when_master_is_killed_and_the_next_takes_over(running: Running) -> None:
    children = running.child_pids()
    running.kill()
    running.wait()
    running.start()
    assert [facts["parent"] for facts in visits(running, 1)] == [running.pid]
    wait_for(gone(children), 5, "the end of the orphans")


def test_a_bug_in_master_is_logged_and_its_children_leave() -> None:
    def patch() -> None:
        def stumble(self: supervisor.Supervisor) -> None:
            raise ValueError("a bug")

        setattr(supervisor.Supervisor, "reap", stumble)  # noqa: B010 - the type is right

    with Running(patch=patch) as running:
        children = running.child_pids()
        os.kill(children[0], signal.SIGKILL)
        assert running.wait() == 1
        assert re.search(r"master\[\d+\]: fatal: ValueError: a bug at .*line", running.log_text())
        wait_for(gone(children), 5, "the end of the children")


def test_a_bug_in_an_order_is_answered_and_nothing_ends() -> None:
    def patch() -> None:
        def stumble(self: supervisor.Supervisor) -> None:
            raise ValueError("a bug")

        setattr(supervisor.Supervisor, "reload", stumble)  # noqa: B010 - the type is right

    with Running(patch=patch) as running:
        assert running.ask("reload") == {"ok": False, "error": "reload: ValueError: a bug"}
        assert list(visits(running, 1))


# Locks and orders.


def test_a_second_master_is_refused(running: Running) -> None:
    other = Running()
    try:
        other.configure(**running.main_cf)
        with pytest.raises(AssertionError):
            other.start()
        other.wait()
    finally:
        other.__exit__()
    assert [facts["parent"] for facts in visits(running, 1)] == [running.pid]


def test_a_stale_pid_file_of_somebody_else_is_no_hindrance() -> None:
    running = Running()
    (running.top / "spool/pid").mkdir(mode=0o755)
    path = running.top / "spool/pid/master.pid"
    path.write_text(f"{os.getpid():32d}\n")
    with running:
        assert int(path.read_text()) == running.pid
        assert len(path.read_bytes()) == 33


def test_garbage_on_the_control_socket_does_no_harm(running: Running) -> None:
    assert b"not a request" in running.ask_raw(b"\0" * 100 + b"\n")
    assert b"too long" in running.ask_raw(b"x" * 100_000)
    assert not running.ask("nonsense")["ok"]
    assert running.ask("status")["ok"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a stranger")
def test_strangers_have_no_say(running: Running) -> None:
    path = running.top / "spool/pid/control"
    path.chmod(0o666)  # the mode keeps them out; this is what stands behind it
    os.seteuid(65533)
    try:
        assert running.ask_raw(b'{"request": "stop"}\n') == b""
    finally:
        os.seteuid(0)
    running.wait_for_log("of user 65533 refused")
    assert running.ask("status")["ok"]


def test_a_logger_that_takes_nothing_does_not_stop_master() -> None:
    running = Running()
    fifo = running.top / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)  # held open, never read
    filler = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(filler, b"x" * 1000)
    running.configure(maillog_file=str(fifo))
    try:
        with running:
            for _ in range(5):
                for pid in running.workers():
                    with contextlib.suppress(ProcessLookupError):  # it may leave by itself
                        os.kill(pid, signal.SIGKILL)
                begin = time.monotonic()
                running.connect().close()
                assert time.monotonic() - begin < 1.5
            assert running.ask("reload")["ok"]
    finally:
        os.close(reader)
        os.close(filler)
