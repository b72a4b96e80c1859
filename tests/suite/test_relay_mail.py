"""test_relay_mail - mail through a relay host that our master runs: every way in, every way out

DESCRIPTION
    Postfix's smtpd, pickup, queue manager and delivery agents work beside our
    master, qmqpd, cleanup and postlogd. What went in comes out once; nothing
    stays in the queue.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.suite import peers
from tests.suite.instance import run
from tests.suite.qmqp import submit
from tests.suite.relay import Relay, sink
from tests.suite.waiting import wait_for

SENDER = "s@smtp.test"
MESSAGES, SESSIONS = 100, 5
COMPLAINT = re.compile(r"\]: (?:warning|error|fatal|panic): ")


@pytest.fixture
def relay() -> Iterator[Relay]:
    """A running relay host."""
    with Relay() as instance:
        instance.start()
        yield instance


@pytest.fixture
def mail(relay: Relay) -> Iterator[Path]:
    """The folder where mail for smtp.test and relay.test arrives."""
    with sink(relay.sink_port, relay.top / "sink") as folder:
        yield folder


def source(program: str, place: str, recipient: str = "r@smtp.test") -> None:
    """Send messages with one of Postfix's load generators."""
    sizes = ("-m", str(MESSAGES), "-s", str(SESSIONS))
    addresses = ("-f", SENDER, "-t", recipient)
    done = run([str(peers.program(program)), *sizes, *addresses, place])
    assert done.returncode == 0, done


def send(relay: Relay, recipient: str) -> str:
    """Submit one message by QMQP; return its queue id."""
    answer = submit(relay.port, b"Subject: one\n\nbody\n", SENDER.encode(), recipient.encode())
    assert answer.verdict == "K", answer
    return answer.queue_id


def complaints(relay: Relay) -> list[str]:
    """Return every line of the log that an operator should look at."""
    return [line for line in relay.log_lines() if COMPLAINT.search(line)]


def test_mail_by_smtp_qmqp_and_sendmail_is_delivered_by_smtp(relay: Relay, mail: Path) -> None:
    source("smtp-source", f"127.0.0.1:{relay.smtp_port}")
    source("qmqp-source", f"127.0.0.1:{relay.port}")
    for number in range(10):
        relay.tool("sendmail", "-f", SENDER, "r@smtp.test", text=f"Subject: {number}\n\nbody\n")
    wait_for(lambda: len(list(mail.iterdir())) >= 2 * MESSAGES + 10, 30, "all messages")
    relay.wait_until_empty()
    assert len(list(mail.iterdir())) == 2 * MESSAGES + 10
    assert relay.queued() == []
    check_log(relay, 2 * MESSAGES + 10)
    assert complaints(relay) == []


def check_log(relay: Relay, messages: int) -> None:
    """Each message has its lines: taken in, activated, sent, removed, each once."""
    events = Counter[str]()
    sent = Counter[str]()
    for line in relay.log_lines():
        for event in ("message-id=<", "(queue active)", "status=sent (250 ", ": removed"):
            events[event] += event in line
        if match := re.search(r"postfix/smtp\[\d+\]: ([0-9A-F]+): to=", line):
            sent[match[1]] += 1
    assert set(events.values()) == {messages}
    assert len(sent) == messages
    assert set(sent.values()) == {1}


def test_each_way_of_delivery_works(relay: Relay, mail: Path) -> None:
    """From smtpd by way of rewrite, proxymap and anvil to every agent in Debian's master.cf."""
    places = ("relay", "lmtp", "discard", "file", "local", "virtual")
    with sink(relay.lmtp_port, relay.top / "lmtp", "-L"):
        for name in places:
            send(relay, f"box@{name}.test")
        for name in places:
            relay.wait_for_log(rf"to=<box@{name}\.test>.*status=sent")
        relay.wait_until_empty()
        assert len(list((relay.top / "lmtp").iterdir())) == 1
    assert len(list(mail.iterdir())) == 1
    for name in ("pipe", "local", "virtual"):
        assert "Subject:" in (relay.top / "box" / name).read_text()
    assert complaints(relay) == []


def test_undeliverable_mail_comes_back(relay: Relay, mail: Path) -> None:
    queue_id = send(relay, "r@error.test")
    relay.wait_for_log(rf"bounce\[\d+\]: {queue_id}: sender non-delivery notification")
    wait_for(lambda: list(mail.iterdir()), 10, "the notification")
    relay.wait_until_empty()
    assert "nobody" in next(mail.iterdir()).read_text()
    assert complaints(relay) == []


def test_mail_that_has_to_wait_is_in_the_queue_and_tools_work_on_it(
    relay: Relay, mail: Path
) -> None:
    queue_id = send(relay, "r@retry.test")
    relay.wait_for_log(rf"{queue_id}: to=<r@retry.test>.*status=deferred \(later\)")
    wait_for(lambda: relay.files("deferred"), 10, "the deferred message")
    (line,) = relay.queued()
    assert f'"queue_id": "{queue_id}"' in line
    assert "(later)" in run([peers_path("postqueue"), "-c", str(relay.config_dir), "-p"]).stdout
    text = run([peers_path("postcat"), "-c", str(relay.config_dir), "-q", queue_id]).stdout
    assert "r@retry.test" in text
    # The way is free now: "postfix flush" tries again.
    relay.configure(
        {"transport_maps": f"inline:{{ {{ retry.test = smtp:[127.0.0.1]:{relay.sink_port} }} }}"}
    )
    assert relay.command("reload").returncode == 0
    assert relay.postfix("flush").returncode == 0
    wait_for(lambda: list(mail.iterdir()), 10, "the message")
    relay.wait_until_empty()


def open_the_way(relay: Relay) -> None:
    """Let mail that had to wait until now be delivered at the next try."""
    way = f"smtp:[127.0.0.1]:{relay.sink_port}"
    relay.configure({"transport_maps": f"inline:{{ {{ retry.test = {way} }} }}"})
    assert relay.command("reload").returncode == 0


def peers_path(name: str) -> str:
    """Return the path of one of Postfix's programs as text."""
    return str(peers.program(name))


def test_postsuper_and_the_queue_manager_requeue(relay: Relay, mail: Path) -> None:
    for _ in range(5):
        send(relay, "r@retry.test")
    wait_for(lambda: len(relay.files("deferred")) == 5, 10, "five deferred messages")
    relay.configure(
        {"transport_maps": f"inline:{{ {{ retry.test = smtp:[127.0.0.1]:{relay.sink_port} }} }}"}
    )
    assert relay.command("reload").returncode == 0
    done = run([peers_path("postsuper"), "-c", str(relay.config_dir), "-r", "ALL"])
    assert "Requeued: 5 messages" in done.stderr
    assert relay.postfix("flush").returncode == 0
    wait_for(lambda: len(list(mail.iterdir())) == 5, 20, "all messages")
    relay.wait_until_empty()
