"""test_relay_log - one log for our daemons and Postfix's programs

DESCRIPTION
    Our daemons append to maillog_file themselves; Postfix's programs send
    their lines to our postlogd. Nothing is lost when that is replaced, by a
    reload or by a kill, and our daemons do not need it.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.suite import peers
from tests.suite.instance import run
from tests.suite.qmqp import submit
from tests.suite.relay import Relay
from tests.suite.waiting import wait_for

LINE = re.compile(r"[A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d mx postfix/[\w/-]+\[\d+\]: .+\Z")


@pytest.fixture
def relay() -> Iterator[Relay]:
    """A running relay host."""
    with Relay() as instance:
        instance.start()
        yield instance


def send(relay: Relay) -> str:
    """Submit a message that will be discarded; return its queue id."""
    answer = submit(relay.port, b"Subject: one\n\nbody\n", b"s@smtp.test", b"r@discard.test")
    assert answer.verdict == "K", answer
    return answer.queue_id


def test_every_line_is_whole_and_has_a_head(relay: Relay) -> None:
    source = [str(peers.program("smtp-source")), "-m", "100", "-s", "5", "-t", "r@discard.test"]
    assert run([*source, f"127.0.0.1:{relay.smtp_port}"]).returncode == 0
    relay.wait_until_empty()
    # The queue manager removes a file before it says so.
    wait_for(lambda: sum(one.endswith(": removed") for one in relay.log_lines()) >= 100, 10, "all")
    lines = relay.log_lines()
    assert [line for line in lines if not LINE.match(line)] == []
    assert len([line for line in lines if line.endswith(": removed")]) == 100


def test_no_line_is_lost_when_the_log_service_is_replaced_by_reloads(relay: Relay) -> None:
    sent = set[str]()
    for _ in range(10):
        sent |= {send(relay) for _ in range(10)}
        assert relay.command("reload").returncode == 0
    relay.wait_until_empty()
    wait_for(lambda: not missing(relay, sent), 10, "the lines of all messages")


def test_a_log_service_that_is_killed_loses_no_more_than_the_line_in_its_hands(
    relay: Relay,
) -> None:
    sent, killed = set[str](), 0
    for _ in range(10):
        sent |= {send(relay) for _ in range(10)}
        for child in relay.children("postlogd"):
            child.kill()
            killed += 1
    assert killed >= 5
    relay.wait_until_empty()
    wait_for(lambda: len(missing(relay, sent)) <= killed, 10, "the lines of all messages")
    assert "throttling" not in "".join(relay.log_lines())


def missing(relay: Relay, sent: set[str]) -> set[tuple[str, str]]:
    """Return the lines of Postfix's programs that should be there."""
    found = {
        (match[1], match[2])
        for line in relay.log_lines()
        if (match := re.search(r"\]: ([0-9A-F]+): (from|to|removed)\b", line))
    }
    return {(queue_id, word) for queue_id in sent for word in ("from", "to", "removed")} - found


def test_our_daemons_do_not_wait_for_the_log_service(relay: Relay) -> None:
    send(relay)
    (service,) = wait_for(lambda: relay.children("postlogd"), 10, "the log service")
    service.kill(signal.SIGSTOP)
    try:
        position = relay.log_position()
        for _ in range(50):
            queue_id = send(relay)
        assert any(queue_id in line for line in relay.log_lines(position))
    finally:
        service.kill(signal.SIGCONT)
    relay.wait_until_empty()


def test_whoever_is_at_work_when_the_mail_system_stops_can_log_until_the_end(
    relay: Relay,
) -> None:
    """The log service leaves last, and is replaced until then."""
    with socket.create_connection(("127.0.0.1", relay.smtp_port), 10) as connection:
        assert connection.recv(100).startswith(b"220 ")
        command = [str(peers.postroom()), "-c", str(relay.config_dir), "stop"]
        with subprocess.Popen(command) as stopping:
            relay.wait_for_log("terminating on signal")
            wait_for(
                lambda: relay.children() == relay.children("smtpd") + relay.children("postlogd"),
                10,
                "all others to leave",
            )
            position = relay.log_position()
            connection.close()
            assert stopping.wait(15) == 0
    assert any("disconnect from unknown[127.0.0.1]" in line for line in relay.log_lines(position))
    assert "fatal" not in "".join(relay.log_lines())


def test_in_the_foreground_all_lines_go_to_standard_output() -> None:
    with Relay({"maillog_file": "/dev/stdout", "maillog_file_prefixes": "/dev/stdout"}) as relay:
        command = [str(peers.postroom()), "-c", str(relay.config_dir), "start-fg"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as server:
            assert server.stdout
            output = server.stdout.fileno()
            found = b""

            def told(text: str) -> bool:
                nonlocal found
                with contextlib.suppress(BlockingIOError):
                    found += os.read(output, 65536)
                return text in found.decode()

            os.set_blocking(output, False)
            wait_for(lambda: told("daemon started"), 20, "the start")
            queue_id = send(relay)
            wait_for(lambda: told(f"{queue_id}: removed"), 20, "the end of the message")
            assert relay.postfix("status").returncode == 0
            server.send_signal(signal.SIGTERM)
            assert server.wait(10) == 0


def test_without_a_log_file_programs_are_not_told_of_a_log_service() -> None:
    with Relay({"maillog_file": ""}) as relay:
        relay.start()
        for child in wait_for(lambda: relay.children("qmgr"), 10, "a queue manager"):
            assert "POSTLOG" not in Path(f"/proc/{child.pid}/environ").read_text()
