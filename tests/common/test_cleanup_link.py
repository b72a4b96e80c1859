"""Promises of common.cleanup_link, on a pair of sockets.

SEE ALSO
    docs/frame.md
"""

import select
import socket
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from common import cleanup_link, frame
from common.cleanup_link import Link, Passage
from common.errors import PeerError
from tests.common.fake_cleanup import greeting
from tests.common.messages import Message, answer, contents, framed
from tests.splits import splits

NOW = 1000.0
# The head shows it.
ENDLESS = answer(reason=b"x" * (frame.REASON_LIMIT + 1))[: frame.VERDICT.size]
LARGE = b"x" * 4_000_000  # more than a socket holds


@dataclass
class Clock:
    """Time as the link sees it; the test moves it."""

    now: float = NOW


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(cleanup_link, "time", SimpleNamespace(monotonic=lambda: found.now))
    return found


@dataclass
class Ends:
    """A link, and cleanup's end of it."""

    link: Link[str]
    cleanup: socket.socket
    received: bytes = b""
    sent: list[Passage[str]] = field(default_factory=list)

    def send(self, *messages: bytes) -> list[str]:
        """Send messages; return those that come back, by their beginnings."""
        refused = []
        for content in messages:
            self.sent.append(Passage(content[:9].decode(), Message(content), NOW))
            self.link.send(self.sent[-1])
            refused += self.link.flush()
        return owners(refused)

    def credit(self, number: int) -> None:
        """Let so many messages be on their way, by the answer to one."""
        self.send(b"first")
        self.read()
        self.received = b""
        self.cleanup.sendall(answer(credit=number))
        assert owners(self.link.receive()) == ["first"]

    def read(self) -> bytes:
        """Take what is here; return all that came so far."""
        while select.select([self.cleanup], [], [], 0)[0]:
            if not (part := self.cleanup.recv(65536)):
                break
            self.received += part
        return self.received


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(10)
        yield Ends(Link(ours), theirs)


def owners(passages: object) -> list[str]:
    return [one.owner for one in passages]  # type: ignore[attr-defined]  # any iterable of them


# Sending.


def test_frames_follow_each_other_byte_for_byte(ends: Ends) -> None:
    ends.credit(16)
    messages = [b"one", b"", b"x" * 100_000, b"four"]
    assert ends.send(*messages) == []
    assert not ends.link.unsent
    assert ends.read() == b"".join(map(framed, messages))


def test_a_large_frame_goes_on_as_it_is_read_and_others_stand_behind_it(
    ends: Ends, clock: Clock
) -> None:
    ends.credit(16)
    assert ends.send(LARGE, b"two", b"three") == []
    assert ends.link.is_full
    assert owners(ends.link.unsent) == [LARGE[:9].decode(), "two", "three"]
    while ends.link.unsent:
        clock.now += 10
        ends.received += ends.cleanup.recv(65536)
        assert ends.link.flush() == []
    assert ends.link.progress > clock.now - 20
    assert not ends.link.is_full
    assert contents(ends.read()) == ([LARGE, b"two", b"three"], b"")


def test_one_message_may_be_sent_before_anything_is_known_and_then_as_many_as_told(
    ends: Ends,
) -> None:
    assert ends.link.has_room(NOW)
    ends.send(b"one")
    assert not ends.link.has_room(NOW)
    ends.cleanup.sendall(answer(credit=3))
    assert owners(ends.link.receive()) == ["one"]
    for count in range(3):
        assert ends.link.has_room(NOW), count
        ends.send(b"more")
    assert not ends.link.has_room(NOW)
    ends.cleanup.sendall(answer(credit=2))
    assert owners(ends.link.receive()) == ["more"]
    assert not ends.link.has_room(NOW)
    ends.cleanup.sendall(answer(credit=0) * 2)
    assert owners(ends.link.receive()) == ["more"] * 2
    assert not ends.link.has_room(NOW)


def test_no_message_stands_behind_one_that_hangs(ends: Ends, clock: Clock) -> None:
    ends.credit(16)
    ends.send(b"one")
    assert ends.link.has_room(NOW + 0.019)
    assert not ends.link.has_room(NOW + 0.021)
    clock.now += 5
    ends.send(b"two")
    ends.cleanup.sendall(answer())
    assert owners(ends.link.receive()) == ["one"]
    assert ends.link.has_room(clock.now)
    ends.cleanup.sendall(answer())
    assert owners(ends.link.receive()) == ["two"]
    assert ends.link.has_room(clock.now + 100)  # there is none


# Answers.


def test_answers_come_in_the_order_of_frames_however_they_are_cut(ends: Ends) -> None:
    said = answer(8, "ABC", b"5.7.1 text with \xe9", 2) + answer(0, "DEF", b"", 3)
    for parts in splits(said):
        ends.credit(2)
        ends.send(b"one", b"two")
        heard: list[Passage[str]] = []
        for part in parts:
            ends.cleanup.sendall(part)
            heard += ends.link.receive()
        assert [(one.owner, one.status, one.queue_id, one.reason) for one in heard] == [
            ("one", 8, "ABC", b"5.7.1 text with \xe9"),
            ("two", 0, "DEF", b""),
        ]
        assert not ends.link.waiting


def test_without_data_there_is_no_answer_and_no_progress(ends: Ends, clock: Clock) -> None:
    ends.send(b"one")
    clock.now += 1
    assert list(ends.link.receive()) == []
    assert ends.link.progress == NOW
    ends.cleanup.sendall(answer()[:1])
    assert list(ends.link.receive()) == []
    assert ends.link.progress == clock.now


def hear_to_the_end(ends: Ends, complaint: str) -> list[str]:
    """Return whose answers come until this is wrong."""
    heard: deque[Passage[str]] = deque()
    error = None
    while error is None:
        try:
            heard.extend(ends.link.receive())
        except PeerError as found:
            error = found
    assert complaint in str(error)
    return owners(heard)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (b"PoR1" + answer()[4:], "unexpected answer to a frame"),
        (greeting(), "unexpected answer to a frame"),
        (answer(0, ""), "bad queue id ''"),
        (answer(0, "../ABC"), "bad queue id"),
        (answer(0, "A\nB"), "bad queue id"),
        (answer(0, "A" * 256), "bad queue id"),
        (ENDLESS, "unexpected answer to a frame"),
        (b"", "lost connection"),
        (answer()[:-1], "lost connection"),
    ],
)
def test_an_answer_that_is_none_answers_nothing(ends: Ends, words: bytes, complaint: str) -> None:
    ends.credit(2)
    ends.send(b"one", b"two")
    ends.read()
    ends.cleanup.sendall(answer(16, "ABC") + words)
    ends.cleanup.close()
    assert hear_to_the_end(ends, complaint) == ["one"]
    assert owners(ends.link.waiting) == ["two"]
    assert ends.sent[-1].queue_id == ""
    assert ends.sent[-1].status != 0


@pytest.mark.parametrize("messages", [[], [b"one"], [LARGE], [b"one", LARGE], [b"one", LARGE, b""]])
def test_an_answer_to_what_was_not_sent_to_its_end_is_none(
    ends: Ends, messages: list[bytes]
) -> None:
    ends.credit(16)
    ends.send(*messages)
    whole = sum(message != LARGE for message in messages[:1])
    ends.cleanup.sendall(answer() * (whole + 1))
    assert len(hear_to_the_end(ends, "answer to no frame")) == whole


# The end.


def test_what_cleanup_does_not_take_any_more_comes_back_and_the_rest_is_answered(
    ends: Ends,
) -> None:
    ends.credit(16)
    assert ends.send(b"one", b"two") == []
    ends.cleanup.shutdown(socket.SHUT_RD)
    assert ends.send(b"three") == ["three"]
    assert not ends.link.has_room(NOW)
    assert ends.link.is_of_use()
    ends.cleanup.sendall(answer() * 2)
    assert owners(ends.link.receive()) == ["one", "two"]
    assert not ends.link.is_of_use()


def test_of_a_frame_that_is_cut_off_cleanup_sees_the_end(ends: Ends) -> None:
    ends.credit(16)
    assert ends.send(b"one", LARGE, b"three") == []
    ends.cleanup.shutdown(socket.SHUT_RD)
    assert owners(ends.link.flush()) == [LARGE[:9].decode(), "three"]
    assert owners(ends.link.waiting) == ["one"]
    assert not ends.link.unsent
    assert ends.link.flush() == []


class TooLarge(Message):
    """There is no memory for a part of it."""

    def frame(self) -> Iterator[bytes]:
        if self.content:
            yield framed(self.content)[:-1]
        raise MemoryError


@pytest.mark.parametrize("begun", [b"", b"some"])
def test_a_message_without_memory_comes_back_and_no_other_gets_its_answer(
    ends: Ends, begun: bytes
) -> None:
    ends.credit(16)
    ends.send(b"one")
    ends.link.send(Passage("two", TooLarge(begun), NOW))
    ends.link.send(Passage("three", Message(b"three"), NOW))
    assert owners(ends.link.flush()) == ["two", "three"]
    assert not ends.link.has_room(NOW)
    ends.read()
    assert contents(ends.received)[0] == [b"one"]
    assert ends.cleanup.recv(1) == b""  # lest it wait for the rest
    ends.cleanup.sendall(answer())
    assert owners(ends.link.receive()) == ["one"]


@pytest.mark.parametrize(("read", "unread"), [(0, True), (10, True), (100_000, False)])
def test_a_cleanup_that_leaves_bytes_unread_never_had_what_was_sent_last(
    ends: Ends, read: int, unread: bool
) -> None:
    ends.send(b"one")
    if read:
        ends.cleanup.recv(read)
    ends.cleanup.close()
    with pytest.raises((PeerError, OSError)) as caught:
        list(ends.link.receive())
    assert ends.link.left_unread(caught.value) == unread


def test_bytes_of_a_frame_without_end_say_nothing_of_the_one_before_it(ends: Ends) -> None:
    ends.credit(16)
    ends.send(b"one", LARGE)
    ends.cleanup.recv(len(framed(b"one")) + 10)
    ends.cleanup.close()
    assert owners(ends.link.flush()) == [LARGE[:9].decode()]
    with pytest.raises(ConnectionResetError) as caught:
        list(ends.link.receive())
    assert not ends.link.left_unread(caught.value)


# Attention.


@pytest.mark.parametrize("size", [1, 40_000, 4_000_000])
def test_attention_is_found_when_somebody_reads_and_told_once(ends: Ends, size: int) -> None:
    ends.credit(16)  # what was before does not count
    ends.send(b"x" * size)
    assert not ends.link.find_attention()
    assert not ends.link.attended
    ends.cleanup.recv(65536)
    assert ends.link.find_attention()
    assert ends.link.attended
    assert not ends.link.find_attention()


def test_who_has_asked_for_more_than_one_is_there(ends: Ends) -> None:
    ends.credit(16)
    ends.send(b"one", b"two")
    assert ends.link.find_attention()
