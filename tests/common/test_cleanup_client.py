"""Promises of common.cleanup_client, against a cleanup that is led step by step.

SEE ALSO
    spec/cleanup-protocol.md, sections 2 and 5
"""

import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from common import attribute, cleanup_client
from common.cleanup_client import CleanupService, Delivery, Step
from common.status import Status
from tests.common.fake_cleanup import (
    QUEUE_ID,
    Conversation,
    FakeCleanup,
    greeting,
    verdict,
)
from tests.splits import splits

GREETING_TIMEOUT, IO_TIMEOUT = 30.0, 3600.0


@dataclass
class Clock:
    """Time as the client sees it; the test moves it."""

    now: float = 1000.0


@dataclass
class Client:
    """A delivery and what it said; itself the parcel."""

    pieces: list[bytes] | None
    announced: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)
    delivery: Delivery = field(init=False)

    def __post_init__(self) -> None:
        self.delivery = Delivery(
            CleanupService("cleanup", True, GREETING_TIMEOUT, IO_TIMEOUT),
            None if self.pieces is None else self,
            self.announced.append,
            self.warnings.append,
        )

    def records(self, queue_id: str) -> Iterator[bytes]:
        self.asked_for.append(queue_id)
        assert self.pieces is not None
        yield from self.pieces

    def frame(self) -> Iterator[bytes]:
        raise AssertionError("frames go by links")

    def outcome(self) -> tuple[int, bytes]:
        assert self.delivery.step is Step.DONE
        assert self.delivery.fileno() == -1
        return self.delivery.status, self.delivery.reason

    def advance_when_ready(self) -> bool:
        """Wait as a worker does, then go on."""
        wait = select.poll()
        wait.register(self.delivery.fileno(), self.delivery.events())
        assert wait.poll(10_000)
        return self.delivery.advance()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(cleanup_client, "time", SimpleNamespace(monotonic=lambda: found.now))
    monkeypatch.setattr(cleanup_client, "PATIENCE", 0.001)
    return found


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cleanup(folder: None) -> Iterator[FakeCleanup]:
    with FakeCleanup() as found:
        yield found


def begin(cleanup: FakeCleanup, pieces: list[bytes] | None) -> tuple[Client, Conversation]:
    """Return a client that waits for its greeting, and the conversation."""
    client = Client(pieces)
    assert not client.delivery.advance()
    return client, cleanup.accept()


# All is well.


def test_a_message_is_handed_over_byte_for_byte(cleanup: FakeCleanup) -> None:
    client, conversation = begin(cleanup, [b"flags\x00114\0\0", b"records", b" and more"])
    conversation.greet()
    assert not client.advance_when_ready()
    assert client.announced == client.asked_for == [QUEUE_ID]
    assert client.delivery.queue_id == QUEUE_ID
    conversation.read()
    conversation.finish()
    assert client.advance_when_ready()
    assert conversation.received == b"flags\x00114\0\0records and more"
    assert client.outcome() == (0, b"")
    assert client.warnings == []


def test_nothing_is_written_before_the_greeting(cleanup: FakeCleanup) -> None:
    client, conversation = begin(cleanup, [b"records"])
    client.delivery.advance()
    assert not select.select([conversation.connection], [], [], 0)[0]
    assert client.asked_for == []


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (0, b"", 0),
        (1, b"", 1),
        (8, b"5.7.1 text with \xe9", 8),
        (256 + 4, b"4.6.0 x", 260),
        (4294967295, b"", -1),
    ],
)
def test_status_and_reason_are_cleanup_s(
    cleanup: FakeCleanup, status: int, reason: bytes, expected: int
) -> None:
    client, conversation = begin(cleanup, [b"records"])
    conversation.greet()
    client.advance_when_ready()
    conversation.finish(status, reason)
    assert client.advance_when_ready()
    assert client.outcome() == (expected, reason)
    assert client.warnings == []


def test_greeting_and_verdict_may_come_in_any_pieces(cleanup: FakeCleanup) -> None:
    for parts in splits(greeting()):
        client, conversation = begin(cleanup, [b"records"])
        for part in parts:
            assert client.announced == []
            conversation.send(part)
            assert not client.advance_when_ready()
        assert client.announced == [QUEUE_ID]
        client.delivery.close()
    for parts in splits(verdict(16, b"why")):
        client, conversation = begin(cleanup, [b"records"])
        conversation.greet()
        client.advance_when_ready()
        for part in parts:
            assert client.delivery.step is Step.VERDICT
            conversation.send(part)
            over = client.advance_when_ready()
        assert over
        assert client.outcome() == (16, b"why")


def test_a_verdict_may_come_with_its_greeting(cleanup: FakeCleanup) -> None:
    client, conversation = begin(cleanup, [b"records"])
    conversation.send(greeting() + verdict(2))
    assert client.advance_when_ready()
    assert client.outcome() == (2, b"")


def test_an_extra_attribute_at_the_end_of_a_list_is_tolerated(cleanup: FakeCleanup) -> None:
    client, conversation = begin(cleanup, [b"records"])
    conversation.send(greeting()[:-1] + b"extra\x001\0\0")
    assert not client.advance_when_ready()
    conversation.send(verdict(0)[:-1] + b"extra\x001\0\0")
    assert client.advance_when_ready()
    assert client.outcome() == (0, b"")


def test_who_wants_only_a_queue_id_says_nothing_and_leaves(cleanup: FakeCleanup) -> None:
    client, conversation = begin(cleanup, None)
    conversation.greet()
    assert client.advance_when_ready()
    assert client.announced == [QUEUE_ID]
    assert conversation.read() == b""
    assert client.outcome()[0] == Status.WRITE_FAILED
    assert client.warnings == []


# Cleanup lets us wait.


def test_a_late_greeting_is_waited_for_on_the_descriptor(
    cleanup: FakeCleanup, clock: Clock
) -> None:
    client, conversation = begin(cleanup, [b"records"])
    assert (client.delivery.step, client.delivery.events()) == (Step.GREETING, select.EPOLLIN)
    assert client.delivery.deadline == clock.now + GREETING_TIMEOUT
    clock.now += 29
    assert not client.delivery.advance()
    assert client.delivery.deadline == 1000 + GREETING_TIMEOUT  # not put off
    conversation.greet()
    assert not client.advance_when_ready()
    assert client.announced == [QUEUE_ID]


def test_the_verdict_has_its_own_time(cleanup: FakeCleanup, clock: Clock) -> None:
    client, conversation = begin(cleanup, [b"records"])
    clock.now += 20
    conversation.greet()
    client.advance_when_ready()
    assert (client.delivery.step, client.delivery.events()) == (Step.VERDICT, select.EPOLLIN)
    assert client.delivery.deadline == clock.now + IO_TIMEOUT


def test_a_full_backlog_is_tried_again_by_time(clock: Clock) -> None:
    with FakeCleanup(backlog=0) as cleanup:
        others = fill_backlog(cleanup)
        client = Client([b"records"])
        assert not client.delivery.advance()
        assert (client.delivery.step, client.delivery.events()) == (Step.CONNECT, 0)
        assert not client.delivery.advance()
        for _ in others:
            cleanup.accept()
        assert not client.delivery.advance()
        assert client.delivery.step is Step.GREETING
        conversation = cleanup.accept()
        conversation.greet()
        assert not client.advance_when_ready()
        conversation.finish()
        assert client.advance_when_ready()
        assert client.outcome() == (0, b"")
        for one in others:
            one.close()


def fill_backlog(cleanup: FakeCleanup) -> list[socket.socket]:
    """Connect until nobody else can."""
    others = []
    for _ in range(1000):
        one = socket.socket(socket.AF_UNIX)
        one.setblocking(False)
        others.append(one)
        try:
            one.connect(cleanup.listener.getsockname())
        except BlockingIOError:
            others.pop().close()
            return others
    pytest.fail("the backlog never filled up")


def test_a_large_message_goes_on_as_cleanup_reads_it(cleanup: FakeCleanup, clock: Clock) -> None:
    pieces = [bytes((number,)) * 40_000 for number in range(100)]
    client, conversation = begin(cleanup, pieces)
    conversation.greet()
    assert not client.advance_when_ready()
    turns = 0
    while client.delivery.step is Step.RECORDS:
        assert client.delivery.events() == select.EPOLLOUT
        clock.now += 3000  # each piece has its own time
        conversation.read()
        assert not client.delivery.advance()
        turns += 1
    assert client.delivery.deadline > clock.now
    assert turns > 10
    while len(conversation.received) < 4_000_000:
        conversation.read()
    assert conversation.received == b"".join(pieces)
    conversation.finish(4)
    assert client.advance_when_ready()
    assert client.outcome() == (4, b"")


# Cleanup is wrong, or gone.


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (b"\0", "missing attribute protocol"),
        (b"queue_id\0ABC\0\0", "unexpected attribute queue_id (expecting: protocol)"),
        (b"protocol\0cleanup_protocol\0\0", "missing attribute queue_id"),
        (b"protocol\0postdrop_protocol\0queue_id\0ABC\0\0", "unexpected protocol"),
        (b"protocol\0cleanup_protocol\0queue_id\0\0\0", "bad queue id"),
        (b"protocol\0cleanup_protocol\0queue_id\0../ABC\0\0", "bad queue id"),
        (b"protocol\0cleanup_protocol\0queue_id\0A\xe9C\0\0", "bad queue id"),
        (b"protocol\0cleanup_protocol\0queue_id\0A\nB\0\0", "bad queue id"),
        (b"protocol\0cleanup_protocol\0queue_id\0" + b"A" * 256 + b"\0\0", "bad queue id"),
    ],
)
def test_a_greeting_that_is_none_gives_the_message_up(
    cleanup: FakeCleanup, words: bytes, complaint: str
) -> None:
    client, conversation = begin(cleanup, [b"records"])
    conversation.send(words)
    assert client.advance_when_ready()
    assert client.outcome() == (Status.WRITE_FAILED, b"")
    assert len(client.warnings) == 1
    assert client.warnings[0].startswith(complaint)
    assert client.warnings[0].endswith(" while reading cleanup's greeting")
    assert client.announced == client.asked_for == []
    assert client.delivery.queue_id == ""
    assert conversation.read() == b""


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (b"\0", "missing attribute status"),
        (b"status\x000\0\0", "missing attribute reason"),
        (b"reason\0\0status\x000\0\0", "unexpected attribute reason"),
        (b"status\0\0reason\0\0\0", "bad number"),
        (b"status\0 0\0reason\0\0\0", "bad number"),
        (b"status\0zero\0reason\0\0\0", "bad number"),
    ],
)
def test_a_verdict_that_is_none_is_no_success(
    cleanup: FakeCleanup, words: bytes, complaint: str
) -> None:
    client, conversation = begin(cleanup, [b"records"])
    conversation.greet()
    client.advance_when_ready()
    conversation.send(words)
    assert client.advance_when_ready()
    assert client.outcome()[0] == Status.WRITE_FAILED
    assert len(client.warnings) == 1
    assert client.warnings[0].startswith(complaint)
    assert client.warnings[0].endswith(" while reading cleanup's status")


def test_a_list_without_end_is_not_waited_for(cleanup: FakeCleanup) -> None:
    client, conversation = begin(cleanup, [b"records"])
    for _ in range(2 + attribute.LIST_LIMIT // 4096):
        conversation.send(b"x" * 4096)
        if client.advance_when_ready():
            break
    assert client.outcome() == (Status.WRITE_FAILED, b"")
    assert client.warnings == ["attribute list without end while reading cleanup's greeting"]


def test_a_missing_cleanup_is_named() -> None:
    client = Client([b"records"])
    assert client.delivery.advance()
    assert client.outcome() == (Status.WRITE_FAILED, b"")
    assert client.warnings == ["connect #1 to subsystem public/cleanup: No such file or directory"]


def test_a_cleanup_that_does_not_listen_is_named() -> None:
    with FakeCleanup():
        pass
    client = Client([b"records"])
    assert client.delivery.advance()
    assert client.warnings == ["connect #1 to subsystem public/cleanup: Connection refused"]


@pytest.mark.parametrize("heard", range(0, len(greeting()), 7))
def test_a_cleanup_that_closes_before_or_in_its_greeting_has_failed(
    cleanup: FakeCleanup, heard: int
) -> None:
    client, conversation = begin(cleanup, [b"records"])
    conversation.send(greeting()[:heard])
    conversation.close()
    assert client.advance_when_ready()
    assert client.outcome() == (Status.WRITE_FAILED, b"")
    assert client.warnings == ["lost connection while reading cleanup's greeting"]


@pytest.mark.parametrize("heard", range(len(verdict())))
def test_a_cleanup_that_closes_before_or_in_its_verdict_has_failed(
    cleanup: FakeCleanup, heard: int
) -> None:
    client, conversation = begin(cleanup, [b"records"])
    conversation.greet()
    client.advance_when_ready()
    conversation.read()
    conversation.send(verdict()[:heard])
    conversation.close()
    assert client.advance_when_ready()
    assert client.outcome() == (Status.WRITE_FAILED, b"")
    assert client.warnings == ["lost connection while reading cleanup's status"]


def test_a_cleanup_that_closes_while_we_write_has_failed(cleanup: FakeCleanup) -> None:
    client, conversation = begin(cleanup, [b"x" * 40_000] * 100)
    conversation.greet()
    assert not client.advance_when_ready()
    assert client.delivery.step is Step.RECORDS
    conversation.read()
    conversation.close()
    assert client.advance_when_ready()
    assert client.outcome() == (Status.WRITE_FAILED, b"")
    assert client.warnings in (
        ["Broken pipe while writing to cleanup"],
        ["Connection reset by peer while writing to cleanup"],
    )


def test_giving_up_tells_cleanup_and_keeps_the_first_verdict(cleanup: FakeCleanup) -> None:
    client, conversation = begin(cleanup, [b"records"])
    client.delivery.fail("timeout")
    assert client.outcome() == (Status.WRITE_FAILED, b"")
    assert client.warnings == ["timeout while reading cleanup's greeting"]
    assert conversation.read() == b""
    assert client.delivery.advance()
    client.delivery.close()


def test_at_the_end_of_its_time_a_verdict_that_is_here_counts_and_no_other(
    cleanup: FakeCleanup, clock: Clock
) -> None:
    client, conversation = begin(cleanup, [b"records"])
    conversation.greet()
    assert not client.advance_when_ready()
    conversation.send(verdict(Status.CONTENT_REFUSED, b"no"))
    clock.now = client.delivery.deadline
    client.delivery.expire()
    assert client.outcome() == (Status.CONTENT_REFUSED, b"no")
    assert client.warnings == []


@pytest.mark.parametrize("said", [b"", verdict()[:-1]])
def test_whose_waiting_is_over_gets_no_verdict_any_more(said: bytes, cleanup: FakeCleanup) -> None:
    client, conversation = begin(cleanup, [b"records"])
    assert not client.delivery.settle()
    conversation.greet()
    assert not client.advance_when_ready()
    conversation.send(said)
    assert not client.delivery.settle()
    with pytest.raises(BrokenPipeError):
        conversation.send(verdict()[len(said) :])
    client.delivery.close()
