"""test_relay_control - Postfix's own commands, signals and tools act on our master

DESCRIPTION
    What operators, init scripts and cron jobs do to Postfix they can go on
    doing: postfix status, reload, flush, logrotate, stop, abort. The queue
    manager is never two, and nothing is left running at the end.
"""

import array
import contextlib
import fcntl
import os
import re
import socket
import termios
import time
from pathlib import Path

import pytest

from tests.suite import peers, processes
from tests.suite.instance import run
from tests.suite.load import NUMBER, Load
from tests.suite.qmqp import submit
from tests.suite.relay import Relay, sink
from tests.suite.waiting import holds_within, wait_for

TOKENS = 100  # default_process_limit, which is what the queue manager fills the pipe with


def pids(relay: Relay, program: str) -> set[int]:
    """Return the processes that run one program."""
    return {child.pid for child in relay.children(program)}


# Postfix's commands.


def test_postfix_status_tells_whether_our_master_runs(stopped: Relay) -> None:
    assert stopped.postfix("status").returncode != 0
    stopped.start()
    assert stopped.postfix("status").returncode == 0
    master = stopped.master()
    assert master
    stopped.wait_for_log(f"the Postfix mail system is running: PID: {master.pid}")


def test_postfix_start_is_refused_while_our_master_runs(relay: Relay) -> None:
    assert relay.postfix("start").returncode != 0
    relay.wait_for_log("fatal: the Postfix mail system is already running")


def test_postfix_check_has_no_complaint(relay: Relay) -> None:
    position = relay.log_position()
    assert relay.postfix("check").returncode == 0
    assert [line for line in relay.log_lines(position) if "warning" in line] == []


def test_postfix_reload_puts_a_changed_configuration_in_force(relay: Relay) -> None:
    old = pids(relay, "qmgr")
    assert len(old) == 1
    relay.configure({"smtpd_banner": "changed.test ready"})
    assert relay.postfix("reload").returncode == 0
    relay.wait_for_log(r"master\[\d+\]: reload -- version 3\.7\.11, configuration ")
    relay.wait_for_log(r"master\[\d+\]: reload: parameters: smtpd_banner")
    wait_for(lambda: pids(relay, "qmgr") - old, 10, "another queue manager")
    with socket.create_connection(("127.0.0.1", relay.smtp_port), 10) as connection:
        assert connection.recv(100) == b"220 changed.test ready\r\n"


def test_postfix_logrotate_gives_everybody_a_new_file(relay: Relay) -> None:
    submit(relay.port, b"Subject: one\n\n", b"s@smtp.test", b"r@discard.test")
    relay.wait_for_log("status=sent")
    assert relay.postfix("logrotate").returncode == 0
    wait_for(lambda: "reload --" in "".join(relay.log_lines()), 10, "a line of master's")
    position = relay.log_position()
    submit(relay.port, b"Subject: two\n\n", b"s@smtp.test", b"r@discard.test")
    for program in ("qmqpd", "cleanup", "qmgr", "discard"):
        relay.wait_for_log(rf"postfix/{program}\[\d+\]: ", position)
    assert len(list(relay.log_path.parent.iterdir())) == 2


@pytest.mark.parametrize("command", ["stop", "abort"])
def test_postfix_stop_ends_everything_before_it_would_kill(relay: Relay, command: str) -> None:
    """Even a process that waits for its client to say something."""
    known = relay.note_processes() | set(processes.inhabitants(relay.top))
    with socket.create_connection(("127.0.0.1", relay.smtp_port), 10) as connection:
        assert connection.recv(100).startswith(b"220 ")
        known |= set(processes.inhabitants(relay.top))
        begin = time.monotonic()
        assert relay.postfix(command).returncode == 0
        wait_for(lambda: not any(each.alive() for each in known), 10, "the end of all")
        assert time.monotonic() - begin < 5.0
    assert processes.inhabitants(relay.top) == []
    relay.wait_for_log("terminating on signal 15")


def test_mail_config_names_the_instance(stopped: Relay) -> None:
    command = ["/usr/bin/env", f"MAIL_CONFIG={stopped.config_dir}", str(peers.postroom())]
    assert run([*command, "start"]).returncode == 0
    assert stopped.postfix("status").returncode == 0
    assert run([*command, "stop"]).returncode == 0
    assert stopped.postfix("status").returncode != 0


# Master's life and theirs.


def test_daemons_leave_when_master_is_killed_and_the_next_one_takes_over(relay: Relay) -> None:
    with contextlib.ExitStack() as stack:
        for name in ("rewrite", "proxymap", "error", "scache"):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(str(relay.spool / "private" / name))
        wait_for(lambda: len(relay.children()) >= 14, 10, "all of them")
        known = relay.note_processes()
        master = relay.master()
        assert master
        master.kill()
    wait_for(lambda: not any(each.alive() for each in known), 10, "the end of all")
    relay.start()
    submit(relay.port, b"Subject: one\n\n", b"s@smtp.test", b"r@discard.test")
    relay.wait_until_empty()


def flushed(relay: Relay) -> bool:
    """Ask for another look at all mail; tell whether that empties the queue.

    What agents are at when a queue manager leaves waits for some minutes, and is not touched as
    long as they are at it.
    """
    assert relay.postfix("flush").returncode == 0
    return holds_within(lambda: not relay.files(), 2.0)


def numbers(folder: Path) -> list[int]:
    """Return the numbers of the messages that have arrived in a sink."""
    found = (NUMBER.search(path.read_bytes()) for path in folder.iterdir())
    return [int(match[1]) for match in found if match]


@pytest.mark.timeout(180)
def test_reloads_under_load_lose_no_mail_and_deliver_none_twice(relay: Relay) -> None:
    """As a second queue manager beside the first would: it takes up what that one is at."""
    seen = set[int]()
    with sink(relay.sink_port, relay.top / "sink") as folder:
        with Load(relay.port, threads=2, recipient="r@smtp.test") as load:
            for number in range(20):
                command = relay.postfix if number % 2 else relay.command
                assert command("reload").returncode == 0
                found = pids(relay, "qmgr")
                assert len(found) <= 1
                seen |= found
        assert load.failed() == []
        sent = load.acknowledged()
        wait_for(lambda: set(numbers(folder)) >= sent, 60, "all messages")
        wait_for(lambda: flushed(relay), 60, "an empty queue")
        assert sorted(numbers(folder)) == sorted(sent)
    assert len(seen) > 5
    assert "throttling" not in "".join(relay.log_lines())


def test_the_queue_manager_fills_the_pipe_that_our_cleanup_takes_from(relay: Relay) -> None:
    """Without tokens each message would take in_flow_delay, a second."""
    wait_for(lambda: tokens(relay) > 0, 10, "the first tokens")
    before = tokens(relay)
    begin = time.monotonic()
    for _ in range(2 * TOKENS):
        submit(relay.port, b"Subject: one\n\n", b"s@smtp.test", b"r@discard.test")
    assert time.monotonic() - begin < 20
    relay.wait_until_empty()
    assert 0 < tokens(relay) <= TOKENS
    assert before <= TOKENS


def test_without_a_queue_manager_there_are_no_tokens(stopped: Relay) -> None:
    stopped.remove_service("qmgr")
    stopped.start()
    begin = time.monotonic()
    assert submit(stopped.port).verdict == "K"
    assert time.monotonic() - begin >= 1.0
    assert tokens(stopped) == 0


def tokens(relay: Relay) -> int:
    """Return how many bytes wait in the flow-control pipe."""
    (cleanup, *_) = relay.children("cleanup")
    pipe = os.open(f"/proc/{cleanup.pid}/fd/3", os.O_RDONLY | os.O_NONBLOCK)
    try:
        count = array.array("i", [0])
        fcntl.ioctl(pipe, termios.FIONREAD, count)
        return count[0]
    finally:
        os.close(pipe)


# Wake-ups.


def test_mail_that_was_dropped_while_nothing_ran_is_picked_up_at_start(stopped: Relay) -> None:
    drop(stopped)
    stopped.start()
    stopped.wait_for_log("status=sent")
    stopped.wait_until_empty()


def test_mail_that_nobody_tells_of_is_found_at_the_next_wake_up(stopped: Relay) -> None:
    path = stopped.config_dir / "master.cf"
    path.write_text(re.sub(r"(?m)^(pickup.* )60( +1 +pickup)$", r"\g<1>1\g<2>", path.read_text()))
    drop(stopped)
    (dropped,) = stopped.files("maildrop")
    aside = stopped.spool / "saved" / dropped.name
    dropped.rename(aside)
    stopped.start()
    wait_for(lambda: pids(stopped, "pickup"), 10, "pickup")
    position = stopped.log_position()
    aside.rename(dropped)
    stopped.wait_for_log("status=sent", position, seconds=5)
    stopped.wait_until_empty()


def drop(relay: Relay) -> None:
    """Hand a message in while nobody is there to take it up."""
    relay.postfix("check")  # makes the folders
    relay.tool("sendmail", "-f", "s@smtp.test", "r@discard.test", text="Subject: one\n\nbody\n")


def test_a_service_that_is_woken_up_once_it_was_used(relay: Relay) -> None:
    """flush has "1000?" in Debian's master.cf."""
    assert pids(relay, "flush") == set()
    run([str(peers.program("postqueue")), "-c", str(relay.config_dir), "-s", "smtp.test"])
    wait_for(lambda: pids(relay, "flush"), 10, "flush")
    assert "wakeup" not in "".join(relay.log_lines())


# Limits.


def test_smtpd_serves_so_many_clients_as_it_has_processes(stopped: Relay) -> None:
    path = stopped.config_dir / "master.cf"
    port = stopped.smtp_port
    path.write_text(
        re.sub(rf"(?m)^(.*:{port}.*-\s+)-(\s+smtpd)$", r"\g<1>2\g<2>", path.read_text())
    )
    stopped.start()
    with contextlib.ExitStack() as stack:

        def connect() -> socket.socket:
            made = socket.create_connection(("127.0.0.1", port), 10)
            return stack.enter_context(made)

        clients = [connect() for _ in range(3)]
        for client in clients[:2]:
            assert client.recv(100).startswith(b"220 ")
        assert len(pids(stopped, "smtpd")) == 2
        clients[2].setblocking(False)
        with pytest.raises(BlockingIOError):
            clients[2].recv(1)
        clients[0].close()
        clients[2].settimeout(10)
        assert clients[2].recv(100).startswith(b"220 ")
        assert len(pids(stopped, "smtpd")) == 2


def test_a_daemon_that_fails_at_once_is_throttled_and_the_others_go_on(stopped: Relay) -> None:
    """discard complains of a parameter that only it reads."""
    stopped.configure({"discard_delivery_slot_cost": "1"})
    path = stopped.config_dir / "master.cf"
    path.write_text(re.sub(r"(?m)^(discard\s.*discard)$", r"\1 -o max_use=0", path.read_text()))
    stopped.start()
    submit(stopped.port, b"Subject: one\n\n", b"s@smtp.test", b"r@discard.test")
    program = "/usr/lib/postfix/sbin/discard"
    stopped.wait_for_log(r"discard\[\d+\]: fatal: ")
    stopped.wait_for_log(rf"master\[\d+\]: warning: process {program} pid \d+ exit status 1")
    stopped.wait_for_log(rf"master\[\d+\]: warning: {program}: bad command startup -- throttling")
    submit(stopped.port, b"Subject: one\n\n", b"s@smtp.test", b"r@file.test")
    stopped.wait_for_log("to=<r@file.test>.*status=sent")


# Other services.


def test_postscreen_hands_clients_to_smtpd(stopped: Relay) -> None:
    path = stopped.config_dir / "master.cf"
    port = stopped.smtp_port
    line = f"127.0.0.1:{port} inet n - y - 1 postscreen"
    text = re.sub(rf"(?m)^127\.0\.0\.1:{port} .*smtpd$", line, path.read_text())
    for line in ("smtpd     pass", "dnsblog   unix", "tlsproxy  unix"):
        assert f"\n#{line}" in text
        text = text.replace(f"#{line}", line)
    path.write_text(text)
    with stopped.start() as relay, sink(relay.sink_port, relay.top / "sink") as folder:
        source = [str(peers.program("smtp-source")), "-m", "20", "-s", "4"]
        addresses = ["-f", "s@smtp.test", "-t", "r@smtp.test"]
        assert run([*source, *addresses, f"127.0.0.1:{relay.smtp_port}"]).returncode == 0
        wait_for(lambda: len(list(folder.iterdir())) == 20, 20, "all messages")
        relay.wait_until_empty()
        assert any(
            re.fullmatch(r"smtpd -t pass -u -c -o stress=", one.command())
            for one in relay.children("smtpd")
        )
        relay.wait_for_log(r"postscreen\[\d+\]: PASS|postscreen\[\d+\]: ALLOWLISTED")


def test_a_chrooted_daemon_finds_names_that_the_system_knows(stopped: Relay) -> None:
    """In the jail there are copies of /etc/hosts and of what reads it."""
    stopped.configure(
        {
            "smtp_host_lookup": "native",
            "transport_maps": f"static:smtp:[localhost]:{stopped.sink_port}",
        }
    )
    assert re.search(r"(?m)^smtp +unix +- +- +y ", (stopped.config_dir / "master.cf").read_text())
    with stopped.start() as relay, sink(relay.sink_port, relay.top / "sink"):
        submit(relay.port, b"Subject: one\n\n", b"s@smtp.test", b"r@smtp.test")
        relay.wait_for_log(r"relay=localhost\[127\.0\.0\.1\].*status=sent")
        assert (relay.spool / "etc/hosts").read_bytes() == Path("/etc/hosts").read_bytes()


def test_check_knows_the_parameters_of_postfixs_programs(stopped: Relay) -> None:
    """A relay host's main.cf is full of what only they read; a slip of the pen is still told."""
    stopped.postfix("check")  # makes the folders
    assert stopped.command("check").stderr == ""
    stopped.configure({"smtpd_baner": "x"})
    done = stopped.command("check")
    assert done.returncode == 0
    assert re.fullmatch(
        r"postroom: warning: \S+, line \d+: unused parameter: smtpd_baner=x\n", done.stderr
    )
