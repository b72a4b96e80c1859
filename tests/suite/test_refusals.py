"""test_refusals - whoever is turned away leaves one line that says who and why

DESCRIPTION
    Each way in which qmqpd turns a client or its message away, in a real
    session. The line is in Postfix's words where Postfix logs one. For a
    client without access it logs none, nor do we by default: a client whose
    `connect` is followed by `disconnect` and nothing else had no access.

SEE ALSO
    spec/qmqp.md, section 4
    spec/logging.md, section 2
"""

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.suite.instance import Postroom
from tests.suite.network import private_network
from tests.suite.qmqp import Answer, Connection, Outcome, exchange, netstring, packet

MESSAGE = b"Subject: one\n\nbody\n"
WHOLE = packet(MESSAGE)
HELD = 100_000  # bytes that a worker may hold here
LITTLE_ROOM = f"""
import qmqpd.capacity

qmqpd.capacity.HELD_BYTES_LEAST = {HELD}
"""

Play = Callable[[Postroom], Answer]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A way to be turned away."""

    play: Play
    verdict: str  # that the client is told, nothing if it is told none
    line: str  # what stands in the log, as a pattern; C is the client, ID a queue id
    settings: Mapping[str, str] = field(default_factory=dict)


def sends(data: bytes, source: str = "") -> Play:
    """Return a client that sends something and listens."""
    return lambda instance: exchange(instance.port, data, source=source)


def leaves(data: bytes) -> Play:
    """Return a client that sends something and ends its side."""

    def play(instance: Postroom) -> Answer:
        with Connection(instance.port) as client:
            client.send(data)
            client.half_close()
            return client.answer()

    return play


def trickles(instance: Postroom) -> Answer:
    """Send a byte now and then, for longer than a session may take."""
    with Connection(instance.port) as client:
        client.send_pieces([b"999:500:", *[b"x"] * 50], gap=0.1)
        return client.answer()


def gives_way(first: bytes, second: bytes = b"") -> Play:
    """Return a client that is there when another comes, and has to make room."""

    def play(instance: Postroom) -> Answer:
        with Connection(instance.port) as client:
            client.send(first)
            instance.wait_for_log(r"connect from localhost\[127\.0\.0\.1\]")
            with Connection(instance.port, source="127.0.0.2") as other:
                other.send(second)
                return client.answer()

    return play


def comes_second(instance: Postroom) -> Answer:
    """Connect although there is a connection from here."""
    with Connection(instance.port) as first:
        instance.wait_for_log(r"connect from localhost\[127\.0\.0\.1\]")
        answer = exchange(instance.port, WHOLE)
        first.send(WHOLE)
        assert first.answer().verdict == "K"
        return answer


def waits_for_the_end(instance: Postroom) -> Answer:
    """Be there when the mail system is told to stop."""
    with Connection(instance.port) as client:
        client.send(b"9")
        instance.wait_for_log(r"connect from localhost\[127\.0\.0\.1\]")
        instance.stop()
        return client.answer()


def meets_a_full_disk(instance: Postroom) -> Answer:
    """Submit while there is no place for queue files."""
    (instance.spool / "incoming").rename(instance.spool / "away")
    return exchange(instance.port, WHOLE)


def meets_no_cleanup(instance: Postroom) -> Answer:
    """Submit while nobody listens on cleanup's sockets."""
    for name in ("public/cleanup", "private/cleanup.native"):
        (instance.spool / name).unlink()
    return exchange(instance.port, WHOLE)


ONE_WORKER = {"default_prefork_count": "1", "default_process_limit": "1"}
ORDINARY = re.compile(r": (?:connect from|disconnect from|(?:[0-9A-F]+|NOQUEUE): client=)")
TIGHT = {**ONE_WORKER, "qmqpd_worker_connection_limit": "1"}
NO_ROOM = {**ONE_WORKER, "message_size_limit": str(HELD // 4)}
NO_ACCESS = {"qmqpd_authorized_clients": "192.0.2.1"}
LARGE = packet(b"\n" * 1000 + b"x" * 800)

REFUSALS = {
    "no access": Refusal(sends(WHOLE), "D", "", NO_ACCESS),
    "access cannot be told": Refusal(
        sends(WHOLE), "Z", "", {"qmqpd_authorized_clients": "fail:x"}
    ),  # the line is about the table
    "no netstring": Refusal(
        sends(b"x"), "D", "NOQUEUE: C: netstring format error while receiving QMQP packet header"
    ),
    "no netstring inside": Refusal(
        sends(netstring(b"x")),
        "D",
        "NOQUEUE: C: netstring format error while receiving message content",
    ),
    "no netstring at the end": Refusal(
        sends(WHOLE[:-1] + b"x"),
        "D",
        "NOQUEUE: C: netstring format error while receiving recipient address",
    ),
    "length of no machine": Refusal(
        sends(b"9" * 30 + b":"),
        "D",
        "NOQUEUE: C: netstring length exceeds storage limit while receiving QMQP packet header",
    ),
    "long message": Refusal(
        sends(b"99999:50001:"),
        "D",
        "NOQUEUE: C: netstring length exceeds storage limit while receiving message content",
        {"message_size_limit": "50000"},
    ),
    "long sender": Refusal(
        sends(packet(MESSAGE, b"s" * 2049)),
        "D",
        "NOQUEUE: C: netstring length exceeds storage limit while receiving sender address",
    ),
    "long recipient": Refusal(
        sends(packet(MESSAGE, b"s", b"r", b"r" * 2049)),
        "D",
        "NOQUEUE: C: netstring length exceeds storage limit while receiving recipient address",
    ),
    "silence": Refusal(
        sends(b""),
        "",
        "NOQUEUE: C: read/write timeout while receiving QMQP packet header",
        {"qmqpd_timeout": "1s"},
    ),
    "half a message": Refusal(
        sends(WHOLE[:20]),
        "",
        "NOQUEUE: C: read/write timeout while receiving message content",
        {"qmqpd_timeout": "1s"},
    ),
    "a session without end": Refusal(
        trickles,
        "",
        "NOQUEUE: C: read/write timeout while receiving message content",
        {"daemon_timeout": "2s"},
    ),
    "gone at once": Refusal(
        leaves(b""), "", "NOQUEUE: C: lost connection while receiving QMQP packet header"
    ),
    "gone in the middle": Refusal(
        leaves(WHOLE[:-8]), "", "NOQUEUE: C: lost connection while receiving recipient address"
    ),
    "no recipient": Refusal(
        sends(netstring(netstring(MESSAGE) + netstring(b"s@from.test"))),
        "D",
        "warning: ID: C: Error: no recipients specified",
    ),
    "too many hops": Refusal(
        sends(packet(b"Received: x\n" * 60 + MESSAGE)), "D", "warning: ID: C: Error: too many hops"
    ),
    "too large for the queue": Refusal(
        sends(LARGE),
        "D",
        "warning: ID: C: Error: message too large",
        {"message_size_limit": "2000"},
    ),
    "odd delimiters": Refusal(
        sends(packet(MESSAGE, b"listx@from.test-@[]")),
        "D",
        'warning: ID: C: Error: Invalid VERP delimiters: "x=". Need two characters from "-=+"',
    ),
    "a full disk": Refusal(
        meets_a_full_disk, "Z", "warning: NOQUEUE: C: Error: queue file write error"
    ),
    "no cleanup": Refusal(
        meets_no_cleanup, "Z", "warning: NOQUEUE: C: Error: queue file write error"
    ),
    "too many connections": Refusal(
        gives_way(b"9"), "Z", "warning: NOQUEUE: C: too many connections", TIGHT
    ),
    "too many connections from there": Refusal(
        comes_second,
        "Z",
        # Nobody has looked the name up by then.
        "warning: NOQUEUE: unknown[127.0.0.1]: too many connections from your address",
        {**ONE_WORKER, "qmqpd_client_connection_limit": "1"},
    ),
    "the end of the service": Refusal(
        waits_for_the_end, "Z", "warning: NOQUEUE: C: service is shutting down"
    ),
}
SOFT = (
    "no access",
    "no netstring",
    "long message",
    "no recipient",
    "too many hops",
    "odd delimiters",
)


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_leaves_one_line_with_client_and_reason(name: str) -> None:
    check(REFUSALS[name])


@pytest.mark.parametrize("name", SOFT)
def test_with_soft_bounce_the_line_is_the_same_and_the_client_may_come_back(name: str) -> None:
    found = REFUSALS[name]
    check(Refusal(found.play, "Z", found.line, {**found.settings, "soft_bounce": "yes"}))


def test_a_client_that_gives_way_to_the_mail_of_others_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(LITTLE_ROOM)
    part = b"99999:24000:" + b"x" * 23_000
    line = "warning: NOQUEUE: C: too much unfinished mail"

    def play(instance: Postroom) -> Answer:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(Connection(instance.port))
            first.send(part)
            instance.wait_for_log(r"connect from localhost\[127\.0\.0\.1\]")
            for number in range(2, 8):
                other = Connection(instance.port, source=f"127.0.0.{number}")
                stack.enter_context(other).send(part)
                instance.wait_for_log(rf"connect from \S+\[127\.0\.0\.{number}\]")
            return first.answer()

    check(Refusal(play, "Z", line, NO_ROOM), within=("env", f"PYTHONPATH={tmp_path}"))


def test_a_client_without_a_name_is_known_by_its_address() -> None:
    """Access was asked for by name, and none was found."""
    with private_network():
        play = sends(WHOLE, source="10.66.0.1")
        settings = {"qmqpd_authorized_clients": "good.test"}
        check(Refusal(play, "D", "", settings), "unknown[10.66.0.1]")


def check(
    refusal: Refusal, client: str = "localhost[127.0.0.1]", within: tuple[str, ...] = ()
) -> None:
    """Be turned away, and look at what the log says of it."""
    with Postroom(refusal.settings) as instance:
        instance.within = list(within)
        instance.start()
        answer = refusal.play(instance)
        assert answer.verdict == refusal.verdict, answer
        assert answer.outcome is not Outcome.STILL_OPEN
        instance.wait_for_log(f": disconnect from {re.escape(client)}$")
        if instance.master():
            instance.stop()
        address = client[client.index("[") :]
        lines = [line for line in instance.log_lines() if address in line]
    lines = [line for line in lines if not ORDINARY.search(line)]
    assert len(lines) == bool(refusal.line), lines
    if lines:
        pattern = re.escape(refusal.line).replace("C", re.escape(client), 1)
        pattern = pattern.replace("ID:", "[0-9A-F]+:")
        assert re.fullmatch(rf".*qmqpd\[\d+\]: {pattern}", lines[0]), lines
