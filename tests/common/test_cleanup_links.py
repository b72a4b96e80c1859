"""Promises of common.cleanup_links, against cleanups that are led step by step.

SEE ALSO
    docs/frame.md
"""

import contextlib
import errno
import os
import select
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common import cleanup_link, cleanup_links
from common.cleanup_client import CONNECT_RETRY, CleanupService
from common.cleanup_link import STALL, Passage
from common.cleanup_links import PATIENCE, RETURNS, Links
from common.status import Status
from tests.common.fake_cleanup import NATIVE, Conversation, FakeCleanup
from tests.common.messages import Message, answer, contents

GREETING_TIMEOUT, IO_TIMEOUT = 30.0, 3600.0
LARGE = b"large" + b"x" * 4_000_000  # more than a socket holds


@dataclass
class Clock:
    """Time as the links see it; the test moves it."""

    now: float = 1000.0


class Sender:
    """A process with messages; owners are their beginnings."""

    def __init__(self, clock: Clock, *, native: bool = True) -> None:
        self.clock = clock
        self.epoll = select.epoll()
        service = CleanupService("cleanup", native, GREETING_TIMEOUT, IO_TIMEOUT)
        self.links: Links[str] = Links(service, self.epoll)
        self.passages: dict[str, Passage[str]] = {}

    def send(self, *messages: bytes) -> None:
        """Send messages."""
        for content in messages:
            owner = content[:9].decode()
            passage = self.links.send(owner, Message(content))
            assert passage
            self.passages[owner] = passage

    def turn(self, seconds: float = 0.0) -> list[Passage[str]]:
        """Let some time go by, act on what has happened; return who has arrived."""
        self.clock.now += seconds
        for descriptor, _ in self.epoll.poll(0):
            if self.links.watches(descriptor):
                self.links.advance(descriptor)
        self.links.check_time(self.clock.now)
        return list(self.links.arrivals())

    def leave(self) -> None:
        """End, as a process does."""
        for link in self.links._links.values():
            link.connection.close()
        self.epoll.close()

    def turns(self, count: int = 10) -> list[Passage[str]]:
        """Take so many turns at one time."""
        return [one for _ in range(count) for one in self.turn()]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    for module in (cleanup_link, cleanup_links):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: found.now))
    return found


@pytest.fixture
def sender(clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    monkeypatch.chdir(tmp_path)
    found = Sender(clock)
    yield found
    found.leave()


@pytest.fixture
def cleanup(sender: Sender) -> Iterator[FakeCleanup]:
    with FakeCleanup(NATIVE) as found:
        yield found


def told(passages: list[Passage[str]]) -> list[tuple[str, int | str]]:
    """Return owners and what became of their messages: a status, or why there is none."""
    return [(one.owner, one.status if one.queue_id else one.failure) for one in passages]


def take(conversation: Conversation, *expected: bytes) -> None:
    """Read whole frames until these are there."""
    while contents(conversation.received)[0] != list(expected):
        assert conversation.read()
    conversation.received = b""


def visited(cleanup: FakeCleanup) -> bool:
    """Tell whether there is a link that was not accepted."""
    return bool(select.select([cleanup.listener], [], [], 0)[0])


def linked(sender: Sender, cleanup: FakeCleanup, credit: int = 16) -> Conversation:
    """Return the end of a link by which so many messages may be on their way."""
    sender.send(b"first")
    conversation = cleanup.accept()
    take(conversation, b"first")
    conversation.send(answer(credit=credit))
    assert told(sender.turn()) == [("first", 0)]
    return conversation


# All is well.


def test_an_answer_is_told_to_its_owner_and_to_nobody_else(
    sender: Sender, cleanup: FakeCleanup
) -> None:
    conversation = linked(sender, cleanup)
    sender.send(b"one", b"two", b"three")
    take(conversation, b"one", b"two", b"three")
    assert len(sender.links) == 3
    conversation.send(answer(0, "A") + answer(8, "B", b"5.7.1 no"))
    assert told(sender.turn()) == [("one", 0), ("two", 8)]
    conversation.send(answer(16, "C"))
    assert told(sender.turns()) == [("three", 16)]
    assert [one.queue_id for one in sender.passages.values()][1:] == ["A", "B", "C"]
    assert sender.passages["two"].reason == b"5.7.1 no"
    assert len(sender.links) == 0
    assert not visited(cleanup)


def test_a_large_message_goes_on_as_it_is_read(sender: Sender, cleanup: FakeCleanup) -> None:
    conversation = linked(sender, cleanup)
    sender.send(LARGE, b"two")
    while len(conversation.received) < len(LARGE):
        conversation.read()
        assert sender.turn() == []
    take(conversation, LARGE, b"two")
    assert sender.epoll.poll(0) == []  # nothing is left to do
    conversation.send(answer() * 2)
    assert told(sender.turn()) == [("large" + "x" * 4, 0), ("two", 0)]


def test_while_a_link_goes_on_no_other_is_opened(sender: Sender, cleanup: FakeCleanup) -> None:
    conversation = linked(sender, cleanup, credit=1)
    sender.send(b"one", b"two", b"three")
    assert sender.links.are_full()
    for owner in (b"one", b"two", b"three"):
        take(conversation, owner)
        assert sender.turn(PATIENCE * 0.9) == []
        conversation.send(answer(credit=1))
        assert told(sender.turn()) == [(owner.decode(), 0)]
    assert not visited(cleanup)
    assert not sender.links.are_full()


def test_where_none_goes_on_another_is_opened_when_it_is_time(
    sender: Sender, cleanup: FakeCleanup
) -> None:
    conversation = linked(sender, cleanup, credit=1)
    sender.send(b"one", b"two", b"three")
    assert sender.links.next_deadline() == sender.clock.now + PATIENCE
    sender.turn(PATIENCE * 0.9)
    assert not visited(cleanup)
    sender.turn(PATIENCE * 0.2)
    take(cleanup.accept(), b"two")
    assert not visited(cleanup)
    sender.turn(PATIENCE)
    take(cleanup.accept(), b"three")
    take(conversation, b"one")
    assert sender.turn(1) == []
    sender.send(b"four")  # nobody answers: there is nothing to wait for
    take(cleanup.accept(), b"four")


def test_for_a_link_that_ends_nobody_waits(sender: Sender, cleanup: FakeCleanup) -> None:
    linked(sender, cleanup, credit=0)
    sender.send(b"one")
    take(cleanup.accept(), b"one")


def test_room_is_used_as_soon_as_there_is_some(sender: Sender, cleanup: FakeCleanup) -> None:
    conversation = linked(sender, cleanup, credit=1)
    sender.send(b"one", b"two")
    take(conversation, b"one")
    conversation.send(answer(credit=1))
    for descriptor, _ in sender.epoll.poll(1):
        sender.links.advance(descriptor)
    take(conversation, b"two")


def test_a_stall_is_told(sender: Sender, cleanup: FakeCleanup) -> None:
    assert sender.links.stall() == sender.links.next_deadline() == float("inf")
    linked(sender, cleanup, credit=1)
    assert sender.links.stall() == float("inf")
    sender.send(b"one")
    began = sender.clock.now
    assert sender.links.stall() == began + STALL
    sender.clock.now += 0.001
    sender.send(b"two")
    assert sender.links.stall() == began + STALL


@pytest.mark.parametrize("trouble", ["missing", "refused", "not a socket", "no descriptor", "off"])
def test_where_nobody_takes_frames_the_message_is_its_owner_s(
    sender: Sender, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trouble == "refused":
        with FakeCleanup(NATIVE):
            pass
    elif trouble == "not a socket":
        Path("private").mkdir()
        Path(NATIVE).touch()
    elif trouble == "no descriptor":
        monkeypatch.setattr(cleanup_links, "SocketType", no_descriptor)
    elif trouble == "off":
        sender = Sender(sender.clock, native=False)
        with FakeCleanup(NATIVE) as cleanup:
            assert sender.links.send("one", Message(b"one")) is None
            assert not visited(cleanup)
    assert sender.links.send("one", Message(b"one")) is None
    assert len(sender.links) == 0
    assert sender.turns() == []


def no_descriptor(*arguments: int) -> socket.socket:
    raise OSError(errno.EMFILE, "Too many open files")


def test_a_link_that_cannot_be_watched_is_none(
    sender: Sender, cleanup: FakeCleanup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def register(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    broken = SimpleNamespace(register=register)
    with monkeypatch.context() as patch:
        patch.setattr(sender.links, "_epoll", broken)
        before = len(os.listdir("/proc/self/fd"))
        assert sender.links.send("one", Message(b"one")) is None
        assert len(os.listdir("/proc/self/fd")) == before
    assert cleanup.accept().read() == b""
    sender.send(b"two")
    take(cleanup.accept(), b"two")


def test_a_full_backlog_is_tried_again_by_time_and_not_for_ever(sender: Sender) -> None:
    with FakeCleanup(NATIVE, backlog=0) as cleanup:
        other = socket.socket(socket.AF_UNIX)
        other.connect(NATIVE)
        sender.send(b"one", b"two")
        began = sender.clock.now
        assert sender.links.next_deadline() == began + CONNECT_RETRY
        assert sender.turn(CONNECT_RETRY) == []
        other.close()
        cleanup.accept()
        sender.turn(CONNECT_RETRY / 2)
        assert not visited(cleanup)
        sender.turn(CONNECT_RETRY / 2)
        assert visited(cleanup)  # the backlog is full of one
        assert sender.turn(began + 29.9 - sender.clock.now) == []
        # The first is on its way, though nobody accepts it.
        failed = sender.turn(0.15)
        assert told(failed) == [("two", f"connect #1 to subsystem {NATIVE}: timeout")]


def test_who_waits_for_a_link_as_cleanup_goes_away_may_try_another_form(sender: Sender) -> None:
    with FakeCleanup(NATIVE) as cleanup:
        conversation = linked(sender, cleanup, credit=1)
        sender.send(b"one", b"two")
        take(conversation, b"one")
    failed = sender.turns() + sender.turn(1)
    assert told(failed) == [("one", "lost connection while reading cleanup's status"), ("two", "")]


# Cleanup leaves, or dies.


@pytest.mark.parametrize("size", [3, 4_000_000])
def test_a_cleanup_that_has_left_is_replaced(
    sender: Sender, cleanup: FakeCleanup, size: int
) -> None:
    for _ in range(RETURNS + 1):  # whether or not the end was noticed
        linked(sender, cleanup).close()
    content = b"x" * size
    sender.send(content)
    conversation = cleanup.accept()
    while contents(conversation.received)[0] != [content]:
        conversation.read()
        sender.turn()
    conversation.send(answer())
    assert [one.status for one in sender.turns()] == [0]


@pytest.mark.parametrize("size", [3, 4_000_000])
def test_what_a_cleanup_has_not_read_to_its_end_goes_to_another(
    sender: Sender, cleanup: FakeCleanup, size: int
) -> None:
    content = b"x" * size
    sender.send(content)
    first = cleanup.accept()
    first.connection.recv(10)
    first.close()
    assert sender.turns() == []
    conversation = cleanup.accept()
    while contents(conversation.received)[0] != [content]:
        conversation.read()
        sender.turn()
    conversation.send(answer())
    assert [one.status for one in sender.turns()] == [0]


def test_a_message_that_was_read_to_its_end_is_not_sent_again(
    sender: Sender, cleanup: FakeCleanup
) -> None:
    for conversation in (linked(sender, cleanup), None):
        sender.send(b"one")
        conversation = conversation or cleanup.accept()
        take(conversation, b"one")
        conversation.close()
        lost = "lost connection while reading cleanup's status"
        assert told(sender.turns()) == [("one", lost)]
        assert sender.passages["one"].status == Status.WRITE_FAILED
    assert not visited(cleanup)


@pytest.mark.parametrize("said", [answer()[:-1], b"PoR1" + answer()[4:], answer(0, "../A")])
def test_behind_a_broken_answer_the_others_go_to_another_cleanup(
    sender: Sender, cleanup: FakeCleanup, said: bytes
) -> None:
    conversation = linked(sender, cleanup)
    sender.send(b"one", b"two", b"three", b"four")
    take(conversation, b"one", b"two", b"three", b"four")
    conversation.send(answer(0, "A") + said)
    conversation.close()
    ended = sender.turns()
    assert told(ended)[0] == ("one", 0)
    assert [(one.owner, one.queue_id) for one in ended] == [("one", "A"), ("two", "")]
    assert ended[1].failure.endswith("while reading cleanup's status")
    other = cleanup.accept()
    take(other, b"three")
    other.send(answer(0, "B", credit=16))
    assert told(sender.turns()) == [("three", 0)]
    take(other, b"four")


def test_what_was_read_to_its_end_is_not_sent_again_for_what_was_not(
    sender: Sender, cleanup: FakeCleanup
) -> None:
    conversation = linked(sender, cleanup)
    sender.send(b"one", LARGE)
    conversation.connection.recv(1000)
    conversation.close()
    ended = sender.turn(PATIENCE)
    assert [(one.owner, bool(one.failure)) for one in ended] == [("one", True)]
    sender.turn(PATIENCE)
    other = cleanup.accept()
    other.read()
    assert other.received.find(LARGE[:100]) > 0


def test_many_cleanups_may_have_left_at_one_time(sender: Sender, cleanup: FakeCleanup) -> None:
    conversations = []
    for number in range(2 * RETURNS):
        sender.send(b"%d" % number)
        conversations.append(cleanup.accept())
        take(conversations[-1], b"%d" % number)
        sender.turn(STALL)
    for conversation in conversations:
        conversation.send(answer())
    assert len(sender.turn()) == 2 * RETURNS
    for conversation in conversations:
        conversation.close()
    sender.clock.now += PATIENCE
    sender.send(b"one")
    take(cleanup.accept(), b"one")


def test_an_answer_to_nobody_ends_the_link(sender: Sender, cleanup: FakeCleanup) -> None:
    conversation = linked(sender, cleanup)
    conversation.send(answer())
    assert sender.turns() == []
    assert conversation.read() == b""
    sender.send(b"one")
    take(cleanup.accept(), b"one")


def test_a_message_that_no_cleanup_takes_to_its_end_is_tried_a_few_times(
    sender: Sender, cleanup: FakeCleanup
) -> None:
    # As one that is larger than cleanup's limit, while others are accepted.
    conversation = linked(sender, cleanup)
    sender.send(b"good", LARGE)
    conversation.send(answer())
    for tried in range(RETURNS):
        assert "large" not in "".join(one.owner for one in sender.turn(PATIENCE)), tried
        conversation.connection.recv(65536)
        conversation.close()
        ended = sender.turn()
        if tried < RETURNS - 1:
            sender.turn(PATIENCE)
            conversation = cleanup.accept()
    assert [one.owner[:5] for one in ended] == ["large"]
    assert ended[0].failure.endswith("while writing to cleanup")
    assert len(sender.links) == 0


def test_a_cleanup_that_refuses_all_is_not_asked_for_ever(
    sender: Sender, cleanup: FakeCleanup
) -> None:
    sender.send(b"one", b"two")
    asked, failed = 0, list[Passage[str]]()
    while len(failed) < 2:
        failed += sender.turn(PATIENCE)
        while visited(cleanup):
            cleanup.accept().close()
            asked += 1
    assert asked == 2 * RETURNS
    assert {one.failure for one in failed} == {"Connection reset by peer while writing to cleanup"}


def test_what_is_cut_off_behind_others_goes_to_another_cleanup_alone(
    sender: Sender, cleanup: FakeCleanup
) -> None:
    conversation = linked(sender, cleanup)
    sender.send(b"one", LARGE, b"three")
    conversation.connection.shutdown(socket.SHUT_RD)
    assert sender.turns() == []
    while conversation.read():
        pass
    assert contents(conversation.received)[0] == [b"one"]
    conversation.send(answer(0, "A"))
    assert told(sender.turns()) == [("one", 0)]
    assert len(sender.links._links) == 1  # nobody needs it, whether or not cleanup closes it
    other = cleanup.accept()
    while contents(other.received)[0] != [LARGE]:
        other.read()
        assert sender.turn() == []
    other.send(answer(credit=16))
    assert told(sender.turns()) == [("large" + "x" * 4, 0)]


class Oversized(Message):
    """There is no memory for it."""

    def frame(self) -> Iterator[bytes]:
        raise MemoryError


def test_a_message_for_which_there_is_no_memory_ends_and_no_other_does(
    sender: Sender, cleanup: FakeCleanup
) -> None:
    conversation = linked(sender, cleanup)
    sender.send(b"one")
    assert sender.links.send("two", Oversized(b""))
    sender.send(b"three")
    take(conversation, b"one")
    conversation.send(answer(0, "A"))
    ended = []
    for _ in range(10):
        ended += sender.turn(PATIENCE)
        while visited(cleanup):
            other = cleanup.accept()
            if other.read():
                take(other, b"three")
                other.send(answer(0, "C"))
    assert sorted(told(ended)) == [*(("one", 0), ("three", 0), ("two", "out of memory"))]


def test_a_message_that_finds_no_memory_for_its_link_is_not_sent_later(
    sender: Sender, cleanup: FakeCleanup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*arguments: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(cleanup_links, "Link", no_memory)
        with pytest.raises(MemoryError):
            sender.send(b"one")
    assert len(sender.links) == 0
    sender.send(b"two")
    while not (conversation := cleanup.accept()).read():
        pass
    assert contents(conversation.received)[0] == [b"two"]


# Cleanup is silent.


@pytest.mark.parametrize("size", [1, 40_000, 4_000_000])
def test_a_frame_that_nobody_reads_is_given_up_soon(
    sender: Sender, cleanup: FakeCleanup, size: int
) -> None:
    sender.send(b"x" * size)
    assert sender.turn(29) == []
    assert sender.links.next_deadline() == sender.clock.now + 1
    (failed,) = sender.turn(1)
    assert failed.failure.startswith("timeout while ")
    with pytest.raises(BrokenPipeError):
        cleanup.accept().send(answer())


@pytest.mark.parametrize("size", [1, 40_000, 4_000_000])
def test_whoever_reads_has_his_time_and_no_more(
    sender: Sender, cleanup: FakeCleanup, size: int
) -> None:
    sender.send(b"x" * size)
    conversation = cleanup.accept()
    conversation.read()
    assert sender.turn(30) == []
    assert sender.turn() == []
    assert sender.links.next_deadline() >= 1000 + IO_TIMEOUT
    (failed,) = sender.turn(IO_TIMEOUT)
    assert failed.failure.startswith("timeout while ")
    with pytest.raises(BrokenPipeError):
        conversation.send(answer())


def test_behind_one_that_hangs_the_others_go_to_another_cleanup(
    sender: Sender, cleanup: FakeCleanup
) -> None:
    conversation = linked(sender, cleanup)
    sender.send(b"one", b"two")
    take(conversation, b"one", b"two")
    assert sender.turn(30) == []
    assert sender.turn(IO_TIMEOUT - 31) == []
    assert told(sender.turn(1)) == [("one", "timeout while reading cleanup's status")]
    with pytest.raises(BrokenPipeError):
        conversation.send(answer())
    sender.turn(PATIENCE)
    take(cleanup.accept(), b"two")


def test_what_is_given_back_goes_by_a_link_that_has_room(
    sender: Sender, cleanup: FakeCleanup
) -> None:
    hanging = linked(sender, cleanup)
    sender.send(b"one", b"two")
    take(hanging, b"one", b"two")
    assert sender.turn(30) == []
    assert sender.turn(IO_TIMEOUT - 31) == []
    sender.send(b"three")
    conversation = cleanup.accept()
    take(conversation, b"three")
    conversation.send(answer())
    assert told(sender.turn()) == [("three", 0)]
    assert told(sender.turn(1)) == [("one", "timeout while reading cleanup's status")]
    take(conversation, b"two")
    assert not visited(cleanup)


def test_an_answer_that_is_here_at_the_last_moment_counts(
    sender: Sender, cleanup: FakeCleanup
) -> None:
    conversation = linked(sender, cleanup)
    sender.send(b"one")
    take(conversation, b"one")
    conversation.send(answer(16, "A"))
    sender.clock.now += IO_TIMEOUT
    sender.links.check_time(sender.clock.now)
    sender.clock.now += IO_TIMEOUT
    sender.links.check_time(sender.clock.now)
    assert told(list(sender.links.arrivals())) == [("one", 16)]


# Nobody waits any longer.


def test_whose_waiting_is_over_hears_nothing_and_the_others_do(
    sender: Sender, cleanup: FakeCleanup
) -> None:
    conversation = linked(sender, cleanup)
    sender.send(b"one", b"two", b"three")
    take(conversation, b"one", b"two", b"three")
    conversation.send(answer(0, "A"))
    assert not sender.links.settle(sender.passages["two"])
    with pytest.raises(BrokenPipeError):
        conversation.send(answer(0, "B"))
    assert told(sender.turn(PATIENCE)) == [("one", 0)]
    other = cleanup.accept()
    take(other, b"three")
    other.send(answer(0, "C"))
    assert told(sender.turns()) == [("three", 0)]


@pytest.mark.parametrize("noticed", [False, True])
def test_who_waits_no_longer_has_the_answer_that_is_here(
    sender: Sender, cleanup: FakeCleanup, noticed: bool
) -> None:
    conversation = linked(sender, cleanup)
    sender.send(b"one")
    conversation.send(answer(16, "A"))
    if noticed:
        ((descriptor, _),) = sender.epoll.poll(1)
        sender.links.advance(descriptor)
    assert sender.links.settle(sender.passages["one"])
    assert sender.passages["one"].status == 16
    assert sender.turns() == []


def test_who_waits_for_a_link_may_stop_waiting(sender: Sender, cleanup: FakeCleanup) -> None:
    conversation = linked(sender, cleanup, credit=1)
    sender.send(b"one", b"two", b"three")
    assert not sender.links.settle(sender.passages["two"])
    take(conversation, b"one")
    conversation.send(answer())
    assert told(sender.turn()) == [("one", 0)]
    take(conversation, b"three")


# Anything may happen.


@dataclass
class Daemon:
    """A cleanup as docs/frame.md has it, at one link; a step at a time."""

    connection: socket.socket
    received: bytes = b""

    def read(self, size: int) -> None:
        """Take what is here, at most so much."""
        with contextlib.suppress(OSError):
            self.received += self.connection.recv(size)

    def begun(self) -> bytes | None:
        """Return the message that is next to be answered, if it is here."""
        messages, _ = contents(self.received)
        return messages[0] if messages else None

    def drop(self, content: bytes) -> None:
        """Forget a message that is answered."""
        while contents(self.received)[0]:
            found, rest = contents(self.received)
            again = b"".join(b"".join(Message(one).frame()) for one in found[1:])
            self.received = again + rest
            assert found[0] == content
            break


@dataclass
class World:
    """Cleanups, what they have stored, and a sender."""

    sender: Sender
    listener: FakeCleanup
    daemons: list[Daemon] = field(default_factory=list)
    stored: Counter[str] = field(default_factory=Counter)  # answered, or killed before that
    killed: set[str] = field(default_factory=set)  # before they were answered
    answered: dict[str, int] = field(default_factory=dict)
    ended: list[Passage[str]] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)
    count: int = 0
    jumps: int = 0  # of the clock

    def act(self, what: str, number: int) -> None:
        """Let something happen."""
        {
            "send": self.send,
            "send large": lambda number: self.send(number, 300_000),
            "turn": lambda number: self.turn(0.0),
            "wait": lambda number: self.turn((0.001, 0.01, 0.1)[number % 3]),
            "wait long": self.wait_long,
            "accept": self.accept,
            "read": self.read,
            "answer": self.answer,
            "serve": self.serve,
            "kill": self.kill,
            "store and kill": self.store_and_kill,
            "leave": self.leave,
            "settle": self.settle,
        }[what](number)

    def send(self, number: int, size: int = 10) -> None:
        self.count += 1
        self.sender.send(b"%08d:" % self.count + b"x" * size)

    def turn(self, seconds: float) -> None:
        self.ended += self.sender.turn(seconds)

    def wait_long(self, number: int) -> None:
        self.jumps += 1
        self.turn((31.0, IO_TIMEOUT + 1)[number % 2])

    def accept(self, number: int) -> None:
        if visited(self.listener):
            connection = self.listener.accept().connection
            connection.setblocking(False)
            self.daemons.append(Daemon(connection))

    def chosen(self, number: int) -> Daemon | None:
        return self.daemons[number % len(self.daemons)] if self.daemons else None

    def read(self, number: int) -> None:
        if daemon := self.chosen(number):
            daemon.read((50, 1000, 10**6)[number % 3])

    def answer(self, number: int) -> None:
        daemon = self.chosen(number)
        if not daemon or not (content := daemon.begun()):
            return
        owner, status = content[:9].decode(), (0, 0, 0, 8)[number % 4]
        daemon.drop(content)
        try:
            said = answer(status, owner[:8], credit=(16, 0, 1, 16)[number // 4 % 4])
            daemon.connection.sendall(said)
        except OSError:  # nobody is there: nothing of it stays
            self.end(daemon)
            return
        self.answered[owner] = status
        self.stored[owner] += status == 0

    def serve(self, number: int) -> None:
        """Go the usual way."""
        self.accept(0)
        self.read(3 * number + 2)
        self.answer(number % 4)
        self.turn(0.0)

    def store_and_kill(self, number: int) -> None:
        daemon = self.chosen(number)
        if daemon and (content := daemon.begun()):
            self.stored[content[:9].decode()] += 1
            self.killed.add(content[:9].decode())
            self.end(daemon)

    def kill(self, number: int) -> None:
        if daemon := self.chosen(number):
            self.end(daemon)

    def leave(self, number: int) -> None:
        """Take no more, serve what is here."""
        if daemon := self.chosen(number):
            daemon.connection.shutdown(socket.SHUT_RD)
            daemon.read(10**7)
            while daemon in self.daemons and daemon.begun():
                self.answer(self.daemons.index(daemon))
            self.end(daemon)

    def end(self, daemon: Daemon) -> None:
        if daemon in self.daemons:
            daemon.connection.close()
            self.daemons.remove(daemon)

    def settle(self, number: int) -> None:
        waiting = [one for one in self.sender.passages.values() if one.owner not in self.over()]
        if waiting:
            passage = waiting[number % len(waiting)]
            answered = self.sender.links.settle(passage)
            assert answered == (passage.owner in self.answered)
            self.settled.add(passage.owner)

    def over(self) -> set[str]:
        return {one.owner for one in self.ended} | self.settled

    def finish(self) -> None:
        """Let cleanups serve whatever is left."""
        for _ in range(20 * self.count + 20):
            if len(self.over()) == self.count:
                break
            self.turn(0.01)
            self.accept(0)
            for number in range(len(self.daemons)):
                self.daemons[number].read(10**6)
            for number in reversed(range(len(self.daemons))):
                self.answer(4 * len(self.daemons) * 4 + number)

    def check(self) -> None:
        """Compare what was told with what has happened."""
        ended = Counter(one.owner for one in self.ended)
        assert set(ended.values()) <= {1}
        assert ended.keys() | self.settled == self.sender.passages.keys()
        assert not ended.keys() & self.settled
        for passage in self.sender.passages.values():
            owner = passage.owner
            assert self.stored[owner] <= 1
            if passage.queue_id:
                assert (passage.queue_id, passage.status) == (owner[:8], self.answered[owner])
                assert owner not in self.killed
                assert self.stored[owner] == (passage.status == 0)
            else:
                assert owner not in self.answered
                assert not self.stored[owner] or owner in self.killed
                assert passage.failure or owner in self.settled  # frames were always taken


ACTS = [
    *("send", "send", "send", "send large", "turn", "turn", "turn", "wait", "wait long"),
    *("accept", "accept", "read", "read", "read", "answer", "serve", "serve", "serve"),
    *("kill", "store and kill", "leave", "settle"),
]


@settings(
    max_examples=250,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(acts=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 47)), max_size=60))
def test_whatever_happens_each_message_ends_once_and_as_it_was_told(
    acts: list[tuple[str, int]], clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(NATIVE).unlink(missing_ok=True)
    descriptors = os.listdir("/proc/self/fd")
    with FakeCleanup(NATIVE) as listener:
        world = World(Sender(clock), listener)
        for what, number in acts:
            world.act(what, number)
        world.finish()
        world.check()
        world.sender.leave()
        for daemon in list(world.daemons):
            world.end(daemon)
    assert len(os.listdir("/proc/self/fd")) == len(descriptors)
