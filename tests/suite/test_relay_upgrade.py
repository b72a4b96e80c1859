"""test_relay_upgrade - programs of Postfix under a master whose program is exchanged

DESCRIPTION
    They stay its children, finish what they are at, leave, and are replaced;
    there are never two queue managers, and the log service goes on.
"""

import socket

import pytest

from tests.suite.load import Load
from tests.suite.relay import Relay, sink
from tests.suite.test_relay_control import flushed, numbers, pids
from tests.suite.waiting import wait_for

UPGRADES = 6


@pytest.mark.timeout(180)
def test_upgrades_under_load_lose_no_mail_and_deliver_none_twice(relay: Relay) -> None:
    seen = set[int]()
    with sink(relay.sink_port, relay.top / "sink") as folder:
        with Load(relay.port, threads=2, recipient="r@smtp.test") as load:
            for _ in range(UPGRADES):
                wait_for(lambda: pids(relay, "qmgr"), 10, "a queue manager")
                done = relay.command("upgrade")
                assert done.returncode == 0, done
                found = pids(relay, "qmgr")
                assert len(found) <= 1
                seen |= found
        assert load.failed() == []
        sent = load.acknowledged()
        wait_for(lambda: set(numbers(folder)) >= sent, 60, "all messages")
        wait_for(lambda: flushed(relay), 60, "an empty queue")
        assert sorted(numbers(folder)) == sorted(sent)
    assert len(seen) > 2
    complaints = [line for line in relay.log_lines() if "]: warning: " in line]
    assert not [line for line in complaints if "master[" in line or "postlog" in line]


def test_an_smtp_client_is_served_to_its_end(relay: Relay) -> None:
    with socket.create_connection(("127.0.0.1", relay.smtp_port), 10) as client:
        assert client.recv(100).startswith(b"220 ")
        old = pids(relay, "smtpd")
        assert relay.command("upgrade").returncode == 0
        client.sendall(b"EHLO client.test\r\n")
        assert b"250" in client.recv(1000)
        assert pids(relay, "smtpd") == old
        client.sendall(b"QUIT\r\n")
        wait_for(lambda: client.recv(1000) == b"", 10, "the end")
    wait_for(lambda: not pids(relay, "smtpd") & old, 10, "the end of the old process")
    with socket.create_connection(("127.0.0.1", relay.smtp_port), 10) as client:
        assert client.recv(100).startswith(b"220 ")


def test_a_deferred_message_is_tried_again_after_a_flush(relay: Relay) -> None:
    """The command finds the queue manager that came after an upgrade."""
    with Load(relay.port, threads=1, limit=1, recipient="r@retry.test") as load:
        load.join()
    relay.wait_for_log("status=deferred")
    assert relay.command("upgrade").returncode == 0
    wait_for(lambda: relay.files("deferred"), 10, "a deferred message")
    wait_for(lambda: pids(relay, "qmgr"), 10, "a queue manager")
    position = relay.log_position()
    assert relay.command("flush").returncode == 0
    relay.wait_for_log("status=deferred", position)


def test_everything_ends_with_a_stop_after_an_upgrade(relay: Relay) -> None:
    assert relay.command("upgrade").returncode == 0
    relay.stop()
