"""Promises of qmqpd.connection, with a clock and a cleanup that the test moves.

SEE ALSO
    spec/qmqp.md, sections 2 to 4
    spec/logging.md, section 2
"""

import select
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from common import cleanup_client
from common.client import Client
from common.netstring import encode
from common.status import Status
from qmqpd import connection as connection_module
from qmqpd.connection import Connection
from qmqpd.step import ELSEWHERE, Step, Wait
from tests.common.fake_cleanup import NATIVE, QUEUE_ID, Conversation, FakeCleanup
from tests.common.journal import Journal
from tests.common.messages import answer
from tests.qmqpd.service import PACKET, KnownNames, make_service
from tests.splits import splits

LABEL = "localhost[127.0.0.1]"
CONNECT, DISCONNECT = f"connect from {LABEL}", f"disconnect from {LABEL}"
QUEUED = f"{QUEUE_ID}: client={LABEL}"
ACCEPTED = encode(b"KOk: queued as " + QUEUE_ID.encode())


@dataclass
class Clock:
    """Time as the connection sees it."""

    now: float = 1000.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    fake = SimpleNamespace(
        monotonic=lambda: found.now, time_ns=lambda: int((found.now + 1_795_000_000) * 1e9)
    )
    monkeypatch.setattr(connection_module, "time", fake)
    monkeypatch.setattr(cleanup_client, "time", fake)
    monkeypatch.setattr(cleanup_client, "PATIENCE", 0.001)
    return found


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cleanup(folder: None) -> Iterator[FakeCleanup]:
    with FakeCleanup() as found:
        yield found


class Visit:
    """A client's connection, both ends of it."""

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        name: str | None = "localhost",
        family: int = socket.AF_INET,
    ) -> None:
        self.journal = Journal()
        self.service = make_service(self.journal, settings, names={"127.0.0.1": name})
        ours, self.client = socket.socketpair()
        self.client.settimeout(10)
        self.connection = Connection(
            self.service, ours, Client.of(family, ("127.0.0.1", 50474) if family == 2 else "")
        )

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *rest: object) -> None:
        self.connection.close()
        self.client.close()

    def say(self, data: bytes) -> Wait | None:
        """Send as the client, and let the connection go on."""
        self.client.sendall(data)
        return self.connection.advance()

    def hear(self) -> bytes:
        """Return all that the client hears until the end."""
        found = b""
        while data := self.client.recv(65536):
            found += data
        return found

    def hears_nothing_yet(self) -> bool:
        return not select.select([self.client], [], [], 0)[0]

    def deliver(self, conversation: Conversation, status: int = 0, reason: bytes = b"") -> None:
        """Lead cleanup's side to its end, the connection going on in between."""
        conversation.greet()
        self.connection.advance()
        while not conversation.records() or conversation.records()[-1][0] != ord("E"):
            conversation.read()
            self.connection.advance()
        conversation.finish(status, reason)
        self.connection.advance()


def refused(visit: Visit, text: bytes, verdict: bytes = b"D") -> None:
    """Check that the client hears this refusal and the connection is over."""
    assert visit.connection.step is Step.DONE
    assert visit.hear() == encode(verdict + text)


# A message.


def test_a_message_is_accepted_and_logged_as_recorded(cleanup: FakeCleanup) -> None:
    with Visit() as visit:
        wait = visit.say(PACKET)
        assert visit.connection.step is Step.CLEANUP
        assert wait is not None
        assert wait.events == select.EPOLLIN
        visit.deliver(cleanup.accept())
        assert visit.connection.advance() is None
        assert visit.hear() == ACCEPTED
        assert visit.journal.lines() == [CONNECT, QUEUED, DISCONNECT]


def test_a_message_may_come_in_any_pieces(cleanup: FakeCleanup) -> None:
    for parts in splits(PACKET):
        with Visit() as visit:
            for part in parts:
                assert visit.connection.step in (Step.NAME, Step.PACKET)
                visit.say(part)
            visit.deliver(cleanup.accept())
            assert visit.hear() == ACCEPTED


def test_cleanup_hears_nothing_before_the_packet_is_complete(cleanup: FakeCleanup) -> None:
    with Visit() as visit:
        visit.say(PACKET[:-1])
        assert not select.select([cleanup.listener], [], [], 0)[0]
        visit.say(PACKET[-1:])
        assert select.select([cleanup.listener], [], [], 0)[0]


def test_the_message_carries_the_time_of_connection(cleanup: FakeCleanup, clock: Clock) -> None:
    with Visit() as visit:
        visit.say(PACKET[:-1])
        clock.now += 200
        visit.say(PACKET[-1:])
        conversation = cleanup.accept()
        visit.deliver(conversation)
        assert conversation.records()[0] == (ord("T"), b"1795001000 0")


@pytest.mark.parametrize("then", ["close", "half-close", "send more"])
def test_a_client_may_leave_behind_its_packet(cleanup: FakeCleanup, then: str) -> None:
    with Visit() as visit:
        visit.client.sendall(PACKET)
        if then == "close":
            visit.client.close()
        elif then == "half-close":
            visit.client.shutdown(socket.SHUT_WR)
        else:
            visit.client.sendall(PACKET)
        visit.connection.advance()
        visit.deliver(cleanup.accept())
        assert visit.connection.step is Step.DONE
        assert visit.journal.lines() == [CONNECT, QUEUED, DISCONNECT]
        if then == "half-close":
            assert visit.hear() == ACCEPTED


def test_a_client_on_a_local_socket_is_this_host(cleanup: FakeCleanup) -> None:
    with Visit(family=socket.AF_UNIX, name=None) as visit:
        visit.say(PACKET)
        visit.deliver(cleanup.accept())
        assert visit.journal.lines() == [CONNECT, QUEUED, DISCONNECT]


def test_one_client_s_turn_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "READ_SIZE", 100)
    monkeypatch.setattr(connection_module, "TURN_LIMIT", 1000)
    with Visit() as visit:
        wait = visit.say(b"99999:9000:" + b"x" * 5000)
        assert wait is not None
        assert wait.events == select.EPOLLIN
        assert visit.connection.session.held() < 1100
        assert visit.connection.advance() == wait
        assert 1900 < visit.connection.session.held() < 2100


# Names and access.


def test_a_client_waits_for_its_name_and_no_longer_than_the_time_for_that(clock: Clock) -> None:
    with Visit(name=None) as visit:
        assert visit.say(PACKET) == Wait(-1, 0, clock.now + 5)
        assert visit.journal.lines() == []
        resolver = visit.service.resolver
        assert isinstance(resolver, KnownNames)
        resolver.known["127.0.0.1"] = "mail.example.test"
        visit.connection.advance()
        assert visit.journal.lines()[0] == "connect from mail.example.test[127.0.0.1]"


def test_a_name_that_does_not_come_in_time_is_unknown(clock: Clock) -> None:
    with Visit(name=None) as visit:
        visit.connection.advance()
        clock.now += 5
        wait = visit.connection.expire()
        assert visit.journal.lines() == ["connect from unknown[127.0.0.1]"]
        assert wait is not None
        assert (wait.events, wait.deadline) == (select.EPOLLIN, clock.now + 300)
        resolver = visit.service.resolver
        assert isinstance(resolver, KnownNames)
        assert resolver.given_up == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("settings", "reply"),
    [
        ({}, b"DError: localhost[127.0.0.1] is not authorized to use this service"),
        (
            {"soft_bounce": "yes"},
            b"ZError: localhost[127.0.0.1] is not authorized to use this service",
        ),
        (
            {"qmqpd_client_port_logging": "yes"},
            b"DError: localhost[127.0.0.1]:50474 is not authorized to use this service",
        ),
    ],
)
def test_a_stranger_is_refused_at_once_and_without_a_line(
    settings: dict[str, str], reply: bytes
) -> None:
    with Visit({"qmqpd_authorized_clients": "", **settings}) as visit:
        assert visit.connection.advance() is None
        refused(visit, reply[1:], reply[:1])
        port = ":50474" if "qmqpd_client_port_logging" in settings else ""
        assert visit.journal.lines() == [CONNECT + port, DISCONNECT + port]


def test_a_broken_list_of_clients_asks_to_come_back() -> None:
    with Visit({"qmqpd_authorized_clients": "fail:x"}) as visit:
        visit.connection.advance()
        refused(visit, b"Error: server configuration error", b"Z")
        assert visit.journal.lines() == [
            CONNECT,
            "warning: qmqpd_authorized_clients: fail:x: table lookup problem",
            DISCONNECT,
        ]


# Packets that are none.


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        (b"x", "netstring format error while receiving QMQP packet header"),
        (b"9" * 20, "netstring length exceeds storage limit while receiving QMQP packet header"),
        (b"9:5:hello;", "netstring format error while receiving message content"),
        (
            b"9:10240001:",
            "netstring length exceeds storage limit while receiving message content",
        ),
        (b"9:0:,s", "netstring format error while receiving sender address"),
        (b"9:0:,2049:", "netstring length exceeds storage limit while receiving sender address"),
        (b"9:0:,0:,x", "netstring format error while receiving recipient address"),
    ],
)
@pytest.mark.parametrize(("soft_bounce", "verdict"), [("no", b"D"), ("yes", b"Z")])
def test_a_broken_packet_is_answered_and_logged(
    wire: bytes, text: str, soft_bounce: str, verdict: bytes
) -> None:
    with Visit({"soft_bounce": soft_bounce}) as visit:
        assert visit.say(wire) is None
        refused(visit, text.encode(), verdict)
        assert visit.journal.notes() == [CONNECT, f"NOQUEUE: {LABEL}: {text}", DISCONNECT]
        assert visit.journal.warnings() == []


@pytest.mark.parametrize(
    ("size", "where", "reply"),
    [
        (0, "lost connection while receiving QMQP packet header", b""),
        (2, "lost connection while receiving QMQP packet header", b""),
        (3, "lost connection while receiving message content", b""),
        (
            20,
            "netstring format error while receiving message content",
            encode(b"Dnetstring format error while receiving message content"),
        ),
        (21, "lost connection while receiving sender address", b""),
        (
            35,
            "netstring format error while receiving sender address",
            encode(b"Dnetstring format error while receiving sender address"),
        ),
        (36, "lost connection while receiving recipient address", b""),
        (len(PACKET) - 1, "lost connection while receiving recipient address", b""),
    ],
)
def test_a_client_that_leaves_early_is_logged_by_where(size: int, where: str, reply: bytes) -> None:
    with Visit() as visit:
        visit.client.sendall(PACKET[:size])
        visit.client.shutdown(socket.SHUT_WR)
        visit.connection.advance()  # reads what came, and is woken again for the end
        assert visit.connection.advance() is None
        assert visit.hear() == reply
        assert visit.journal.lines() == [CONNECT, f"NOQUEUE: {LABEL}: {where}", DISCONNECT]


def test_a_client_that_resets_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, Visit() as visit, socket.create_connection(listener.getsockname()) as client:
        visit.connection._socket.close()
        visit.connection._socket = listener.accept()[0]
        client.sendall(PACKET[:10])
        visit.connection.advance()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        assert select.select([visit.connection._socket], [], [], 10)[0]
        assert visit.connection.advance() is None
        lost = "lost connection while receiving message content"
        assert visit.journal.lines() == [CONNECT, f"NOQUEUE: {LABEL}: {lost}", DISCONNECT]


@pytest.mark.parametrize(
    ("size", "where"),
    [
        (0, "read/write timeout while receiving QMQP packet header"),
        (10, "read/write timeout while receiving message content"),
        (20, "netstring format error while receiving message content"),
        (47, "netstring format error while receiving recipient address"),
        (len(PACKET) - 1, "read/write timeout while receiving recipient address"),
    ],
)
def test_a_client_that_falls_silent_is_left_without_reply(
    clock: Clock, size: int, where: str
) -> None:
    with Visit() as visit:
        wait = visit.say(PACKET[:size])
        assert wait is not None
        assert wait.deadline == clock.now + 300
        clock.now = wait.deadline
        assert visit.connection.expire() is None
        assert visit.hear() == b""
        assert visit.journal.lines() == [CONNECT, f"NOQUEUE: {LABEL}: {where}", DISCONNECT]


def test_each_read_has_its_own_time_and_a_wake_without_data_has_none(clock: Clock) -> None:
    with Visit() as visit:
        for part in (PACKET[:5], PACKET[5:9], PACKET[9:20]):
            wait = visit.say(part)
            assert wait is not None
            assert wait.deadline == clock.now + 300
            clock.now += 100
            assert visit.connection.advance() == wait
            clock.now += 100


def test_no_session_outlasts_daemon_timeout(clock: Clock) -> None:
    with Visit({"daemon_timeout": "500s"}) as visit:
        visit.say(PACKET[:1])
        clock.now += 290
        wait = visit.say(PACKET[1:2])
        assert wait is not None
        assert wait.deadline == 1500.0
        clock.now = 1499.0
        assert visit.say(PACKET[2:3]) == wait


# Tarpit.


def test_a_refusal_is_logged_at_once_and_said_after_the_delay(clock: Clock) -> None:
    with Visit({"qmqpd_error_delay": "1s"}) as visit:
        assert visit.say(b"x") == Wait(-1, 0, clock.now + 1)
        assert visit.connection.step is Step.PAUSE
        assert visit.journal.lines()[-1].startswith("NOQUEUE: ")
        assert visit.hears_nothing_yet()
        assert visit.connection.advance() == Wait(-1, 0, clock.now + 1)
        assert visit.hears_nothing_yet()
        clock.now += 1
        assert visit.connection.expire() is None
        refused(visit, b"netstring format error while receiving QMQP packet header")


def test_success_is_not_delayed(cleanup: FakeCleanup) -> None:
    with Visit({"qmqpd_error_delay": "1s"}) as visit:
        visit.say(PACKET)
        visit.deliver(cleanup.accept())
        assert visit.hear() == ACCEPTED


@pytest.mark.parametrize("clients", ["", "fail:x"])
def test_a_stranger_is_delayed_too(clock: Clock, clients: str) -> None:
    with Visit({"qmqpd_error_delay": "2s", "qmqpd_authorized_clients": clients}) as visit:
        assert visit.connection.advance() == Wait(-1, 0, clock.now + 2)


# Cleanup's verdict.


@pytest.mark.parametrize(
    ("status", "reason", "reply"),
    [
        (1, b"", b"ZError: internal error 1"),
        (2, b"", b"ZError: queue file write error"),
        (4, b"", b"DError: message too large"),
        (8, b"5.7.1 no\nthanks", b"DError: 5.7.1 no\nthanks"),
        (8, b"4.7.1 later", b"ZError: 4.7.1 later"),
        (16, b"", b"DError: too many hops"),
        (64, b"", b"DError: no recipients specified"),
        (64 | 16, b"", b"DError: too many hops"),
        (256, b"4.6.0 Alias expansion error", b"ZError: 4.6.0 Alias expansion error"),
        (512, b"", b"ZError: internal error 512"),
    ],
)
def test_a_verdict_is_answered_and_warned_of(
    cleanup: FakeCleanup, status: int, reason: bytes, reply: bytes
) -> None:
    with Visit() as visit:
        visit.say(PACKET)
        visit.deliver(cleanup.accept(), status, reason)
        assert visit.hear() == encode(reply)
        text = reply[1:].decode().replace("\n", "?")
        assert visit.journal.lines() == [
            *(CONNECT, QUEUED, f"warning: {QUEUE_ID}: {LABEL}: {text}", DISCONNECT)
        ]


def test_a_missing_cleanup_asks_the_client_to_come_back() -> None:
    with Visit() as visit:
        assert visit.say(PACKET) is None
        refused(visit, b"Error: queue file write error", b"Z")
        assert visit.journal.warnings() == [
            "warning: connect #1 to subsystem public/cleanup: No such file or directory",
            f"warning: NOQUEUE: {LABEL}: Error: queue file write error",
        ]


def test_a_greeting_that_does_not_come_in_time_asks_the_client_to_come_back(
    cleanup: FakeCleanup, clock: Clock
) -> None:
    with Visit() as visit:
        wait = visit.say(PACKET)
        assert wait is not None
        assert (wait.events, wait.deadline) == (select.EPOLLIN, clock.now + 30)
        clock.now += 30
        assert visit.connection.expire() is None
        refused(visit, b"Error: queue file write error", b"Z")
        assert visit.journal.warnings()[0] == "warning: timeout while reading cleanup's greeting"


def test_the_verdict_may_take_its_time(cleanup: FakeCleanup, clock: Clock) -> None:
    with Visit({"ipc_timeout": "1000s"}) as visit:
        visit.say(PACKET)
        cleanup.accept().greet()
        wait = visit.connection.advance()
        assert wait is not None
        assert wait.deadline == clock.now + 1000
        clock.now += 999
        assert visit.connection.expire() == wait
        clock.now += 1
        assert visit.connection.expire() is None
        refused(visit, b"Error: queue file write error", b"Z")


def test_a_busy_cleanup_is_tried_again_soon_and_not_for_ever(clock: Clock) -> None:
    with FakeCleanup(backlog=0) as cleanup, Visit() as visit:
        other = socket.socket(socket.AF_UNIX)
        other.connect("public/cleanup")
        assert visit.say(PACKET) == Wait(-1, 0, clock.now + 0.05)
        clock.now += 0.05
        assert visit.connection.expire() == Wait(-1, 0, clock.now + 0.05)
        cleanup.accept()
        clock.now += 0.05
        wait = visit.connection.expire()
        assert wait is not None
        assert (wait.events, wait.deadline) == (select.EPOLLIN, 1030.0)
        other.close()


def test_a_cleanup_that_stays_busy_asks_the_client_to_come_back(clock: Clock) -> None:
    with FakeCleanup(backlog=0), Visit() as visit, socket.socket(socket.AF_UNIX) as other:
        other.connect("public/cleanup")
        visit.say(PACKET)
        clock.now = 1029.99
        assert visit.connection.expire() == Wait(-1, 0, 1030.0)
        clock.now = 1030.0
        assert visit.connection.expire() is None
        refused(visit, b"Error: queue file write error", b"Z")


def test_a_client_that_gave_up_during_delivery_is_no_trouble(cleanup: FakeCleanup) -> None:
    with Visit() as visit:
        visit.say(PACKET)
        visit.client.close()
        visit.deliver(cleanup.accept())
        assert visit.connection.step is Step.DONE
        assert visit.journal.lines() == [CONNECT, QUEUED, DISCONNECT]


# VERP.


@pytest.mark.parametrize(("soft_bounce", "verdict"), [("no", b"D"), ("yes", b"Z")])
def test_bad_verp_delimiters_are_refused_with_a_queue_id_and_nothing_is_stored(
    cleanup: FakeCleanup, soft_bounce: str, verdict: bytes
) -> None:
    with Visit({"soft_bounce": soft_bounce}) as visit:
        parts = (b"b\n", b"listx@host.test-@[]", b"r@to.test")
        visit.say(encode(b"".join(map(encode, parts))))
        conversation = cleanup.accept()
        conversation.greet()
        assert visit.connection.advance() is None
        assert conversation.read() == b""
        text = 'Error: Invalid VERP delimiters: "x=". Need two characters from "-=+"'
        refused(visit, text.encode(), verdict)
        assert visit.journal.lines() == [
            *(CONNECT, QUEUED, f"warning: {QUEUE_ID}: {LABEL}: {text}", DISCONNECT)
        ]


def test_a_framing_error_behind_bad_verp_delimiters_comes_first() -> None:
    with Visit() as visit:
        visit.say(b"9:" + encode(b"b") + encode(b"listx@host.test-@[]") + b"x")
        refused(visit, b"netstring format error while receiving recipient address")


# The reply, and the end.


def stuff(visit: Visit) -> int:
    """Send the client so much that nothing more fits; return how much that is."""
    visit.connection._socket.setblocking(False)
    count = 0
    try:
        while True:
            count += visit.connection._socket.send(bytes(65536))
    except BlockingIOError:
        return count


def test_a_client_that_does_not_take_its_reply_is_waited_for(clock: Clock) -> None:
    with Visit() as visit:
        count = stuff(visit)
        wait = visit.say(b"x")
        assert wait is not None
        assert (visit.connection.step, wait.events) == (Step.REPLY, select.EPOLLOUT)
        assert wait.deadline == clock.now + 300
        while count:
            count -= len(visit.client.recv(min(count, 65536)))
        assert visit.connection.advance() is None
        refused(visit, b"netstring format error while receiving QMQP packet header")


def test_a_client_that_never_takes_its_reply_is_left(clock: Clock) -> None:
    with Visit() as visit:
        stuff(visit)
        visit.say(b"x")
        clock.now += 300
        assert visit.connection.expire() is None
        assert visit.journal.lines()[-2:] == [
            f"NOQUEUE: {LABEL}: read/write timeout while sending completion status",
            DISCONNECT,
        ]


@pytest.mark.parametrize("size", [0, 10, len(PACKET)])
def test_a_dismissed_client_is_told_to_come_back(cleanup: FakeCleanup, size: int) -> None:
    with Visit() as visit:
        visit.say(PACKET[:size])
        visit.connection.dismiss("too many connections")
        assert visit.connection.step is Step.DONE
        assert visit.hear() == encode(b"ZError: too many connections, try again later")
        assert visit.journal.warnings() == [f"warning: NOQUEUE: {LABEL}: too many connections"]
        assert visit.journal.lines()[-1] == DISCONNECT
        if size == len(PACKET):
            assert cleanup.accept().read() == b""


@pytest.mark.parametrize(
    ("status", "reply"),
    [(0, ACCEPTED), (Status.TOO_LARGE, encode(b"DError: message too large"))],
)
@pytest.mark.parametrize("noticed", [False, True])
def test_a_dismissed_client_has_the_reply_that_is_here_already(
    status: int, reply: bytes, noticed: bool, cleanup: FakeCleanup
) -> None:
    with Visit({"qmqpd_error_delay": "2s"}) as visit:
        visit.say(PACKET)
        conversation = cleanup.accept()
        conversation.greet()
        visit.connection.advance()
        conversation.read_message()
        conversation.finish(status)
        if noticed and status:  # else it has its reply already
            visit.connection.advance()
            assert visit.connection.step is Step.PAUSE
        visit.connection.dismiss("service is shutting down")
        assert visit.hear() == reply
        assert "shutting down" not in "".join(visit.journal.lines())
        assert visit.journal.lines()[-1] == DISCONNECT


@pytest.mark.parametrize("status", [0, Status.TOO_LARGE])
@pytest.mark.parametrize("heard", ["not yet", "waiting", "full"])
def test_a_client_hears_once_what_became_of_its_frame(status: int, heard: str) -> None:
    delay = "2s" if heard == "waiting" else "0s"
    with FakeCleanup(NATIVE) as cleanup, Visit({"qmqpd_error_delay": delay}) as visit:
        assert visit.say(PACKET) == ELSEWHERE
        conversation = cleanup.accept()
        conversation.read_frame()
        conversation.send(answer(status))
        count = stuff(visit) if heard == "full" else 0
        if heard != "not yet":
            ((descriptor, _),) = visit.service.epoll.poll(10)
            visit.service.links.advance(descriptor)
            (passage,) = visit.service.links.arrivals()
            assert passage.owner is visit.connection
            visit.connection.hear()
        if visit.connection.step is not Step.DONE:
            visit.connection.dismiss("service is shutting down")
        reply = encode(b"DError: message too large") if status else ACCEPTED
        assert visit.hear()[count:] == (b"" if count else reply)
        assert [line for line in visit.journal.lines() if line == QUEUED] == [QUEUED]
        assert "shutting down" not in "".join(visit.journal.lines())


def test_where_nobody_takes_frames_any_more_records_are_sent(cleanup: FakeCleanup) -> None:
    with FakeCleanup(NATIVE) as native, Visit() as visit:
        assert visit.say(PACKET) == ELSEWHERE
        assert native.accept()
        assert visit.connection.hear() != ELSEWHERE  # there is neither answer nor failure
        visit.deliver(cleanup.accept())
        assert visit.hear() == ACCEPTED


def test_a_frame_without_answer_is_a_failure_that_is_logged() -> None:
    with FakeCleanup(NATIVE) as native, Visit() as visit:
        visit.say(PACKET)
        assert native.accept()
        passage = visit.connection._passage
        assert passage
        passage.failure = "lost connection while reading cleanup's status"
        assert visit.connection.hear() is None
        refused(visit, b"Error: queue file write error", b"Z")
        assert visit.journal.warnings() == [
            "warning: lost connection while reading cleanup's status",
            f"warning: NOQUEUE: {LABEL}: Error: queue file write error",
        ]


def test_a_client_dismissed_before_it_had_a_name_leaves_one_line() -> None:
    with Visit(name=None) as visit:
        visit.connection.advance()
        visit.connection.dismiss("too many connections")
        assert visit.journal.lines() == [
            "warning: NOQUEUE: unknown[127.0.0.1]: too many connections"
        ]


def test_closing_twice_is_closing_once() -> None:
    with Visit() as visit:
        visit.connection.advance()
        visit.connection.close()
        visit.connection.close()
        assert visit.journal.lines() == [CONNECT, DISCONNECT]
        assert visit.connection.advance() is None


# Watching a client more closely.


def test_a_watched_session_shows_its_bytes_addresses_and_verdict(cleanup: FakeCleanup) -> None:
    with Visit({"debug_peer_list": "127.0.0.1", "debug_peer_level": "2"}) as visit:
        visit.say(PACKET)
        visit.deliver(cleanup.accept())
        lines = visit.journal.lines()
        for text in (
            "authorized: True",
            "49 bytes while receiving QMQP packet header",
            "content: 14 bytes",
            "sender: s@from.test",
            "recipient: r@to.test",
            "cleanup: status 0 ",
            f"reply: {ACCEPTED.decode()}",
        ):
            assert f"{LABEL}: {text}" in lines
        assert (lines[0], lines[-1]) == (CONNECT, DISCONNECT)
