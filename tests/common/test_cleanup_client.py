"""Promises of common.cleanup_client, against a cleanup that is led step by step.

SEE ALSO
    spec/cleanup-protocol.md, sections 2 and 5
"""

import errno
import select
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from common import attribute, cleanup_client, frame
from common.cleanup_client import CleanupService, Delivery, Kept, Step
from common.status import Status
from tests.common.fake_cleanup import (
    NATIVE,
    PUBLIC,
    QUEUE_ID,
    Conversation,
    FakeCleanup,
    greeting,
    verdict,
)
from tests.splits import splits

GREETING_TIMEOUT, IO_TIMEOUT = 30.0, 3600.0
FRAMED = b"in a frame: "


@dataclass
class Clock:
    """Time as the client sees it; the test moves it."""

    now: float = 1000.0


@dataclass
class Client:
    """A delivery and what it said; itself the parcel, whose forms are told apart by a mark."""

    pieces: list[bytes] | None
    native: bool = True  # as by default; where nobody listens for it, that changes nothing
    announced: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)
    kept: Kept = field(default_factory=Kept)
    delivery: Delivery = field(init=False)

    def __post_init__(self) -> None:
        self.delivery = Delivery(
            CleanupService("cleanup", self.native, GREETING_TIMEOUT, IO_TIMEOUT),
            self.kept,
            None if self.pieces is None else self,
            self.announced.append,
            self.warnings.append,
        )

    def records(self, queue_id: str) -> Iterator[bytes]:
        self.asked_for.append(queue_id)
        assert self.pieces is not None
        yield from self.pieces

    def frame(self) -> Iterator[bytes]:
        assert self.pieces is not None
        yield FRAMED
        yield from self.pieces

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
    assert client.delivery.expire()
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


# A cleanup of our own takes a frame.


@pytest.fixture
def native(folder: None) -> Iterator[FakeCleanup]:
    with FakeCleanup(NATIVE) as found:
        yield found


def answer(status: int = 0, queue_id: str = QUEUE_ID, reason: bytes = b"") -> bytes:
    return frame.encode_verdict(status, queue_id, reason)


# The head shows it.
ENDLESS = answer(0, QUEUE_ID, b"x" * (frame.REASON_LIMIT + 1))[: frame.VERDICT.size]


def test_our_own_cleanup_gets_a_frame_at_once_and_answers_once(
    native: FakeCleanup, cleanup: FakeCleanup
) -> None:
    client, conversation = begin(native, [b"facts", b" and content"])
    assert (client.delivery.step, client.delivery.events()) == (Step.VERDICT, select.EPOLLIN)
    conversation.read()
    assert conversation.received == FRAMED + b"facts and content"
    assert client.announced == []
    conversation.send(answer(16, reason=b"why"))
    assert client.advance_when_ready()
    assert client.announced == [QUEUE_ID]
    assert client.asked_for == []  # records
    assert client.outcome() == (16, b"why")
    assert client.delivery.queue_id == QUEUE_ID
    assert client.warnings == []
    assert conversation.read() == b""
    assert not visited(native, cleanup)


def visited(*others: FakeCleanup) -> list[FakeCleanup]:
    """Return those that a client has come to."""
    listeners = {one.listener.fileno(): one for one in others}
    return [listeners[fd] for fd in select.select(list(listeners), [], [], 0)[0]]


def test_the_public_service_is_used_where_frames_are_switched_off(
    native: FakeCleanup, cleanup: FakeCleanup
) -> None:
    client = Client([b"records"], native=False)
    assert not client.delivery.advance()
    assert visited(native, cleanup) == [cleanup]
    cleanup.accept().send(greeting() + verdict())
    assert client.advance_when_ready()
    assert client.outcome() == (0, b"")


def test_who_wants_only_a_queue_id_asks_the_public_service(
    native: FakeCleanup, cleanup: FakeCleanup
) -> None:
    client, conversation = begin(cleanup, None)
    conversation.greet()
    assert client.advance_when_ready()
    assert client.announced == [QUEUE_ID]
    assert not visited(native, cleanup)


@pytest.mark.parametrize("trouble", ["missing", "refused", "forbidden", "not a socket"])
def test_without_a_cleanup_of_our_own_the_public_one_gets_records(
    cleanup: FakeCleanup, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trouble == "refused":
        with FakeCleanup(NATIVE):
            pass
    elif trouble == "not a socket":
        Path("private").mkdir()
        Path(NATIVE).touch()
    elif trouble == "forbidden":
        forbid(NATIVE, monkeypatch)
    client, conversation = begin(cleanup, [b"records"])
    assert client.delivery.step is Step.GREETING
    conversation.greet()
    assert not client.advance_when_ready()
    conversation.read()
    conversation.finish(4, b"why")
    assert client.advance_when_ready()
    assert conversation.received == b"records"
    assert client.outcome() == (4, b"why")
    assert client.announced == client.asked_for == [QUEUE_ID]
    assert client.warnings == []


def forbid(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no connection be made to path; root would not be stopped by a mode."""

    class Guarded(socket.socket):
        def connect(self, address: object) -> None:
            if address == path:
                raise PermissionError(errno.EACCES, "Permission denied")
            super().connect(address)  # type: ignore[arg-type]  # what the caller passed

    monkeypatch.setattr(cleanup_client, "SocketType", Guarded)


def test_without_any_cleanup_the_public_one_is_named() -> None:
    with FakeCleanup(NATIVE):
        pass
    client = Client([b"records"])
    assert client.delivery.advance()
    assert client.outcome() == (Status.WRITE_FAILED, b"")
    assert client.warnings == [f"connect #1 to subsystem {PUBLIC}: No such file or directory"]


def test_a_full_backlog_of_our_own_cleanup_is_no_reason_to_go_elsewhere(
    cleanup: FakeCleanup,
) -> None:
    with FakeCleanup(NATIVE, backlog=0) as native:
        others = fill_backlog(native)
        client = Client([b"facts"])
        for _ in range(3):
            assert not client.delivery.advance()
            assert (client.delivery.step, client.delivery.events()) == (Step.CONNECT, 0)
        assert not visited(cleanup)
        for _ in others:
            native.accept()
        assert not client.delivery.advance()
        conversation = native.accept()
        conversation.read()
        conversation.send(answer())
        assert client.advance_when_ready()
        assert conversation.received == FRAMED + b"facts"
        assert client.outcome() == (0, b"")
        for one in others:
            one.close()


def test_a_cleanup_that_goes_away_while_its_backlog_is_full_is_replaced_by_the_public_one(
    cleanup: FakeCleanup,
) -> None:
    with FakeCleanup(NATIVE, backlog=0) as native:
        others = fill_backlog(native)
        client = Client([b"records"])
        assert not client.delivery.advance()
        for one in others:
            one.close()
    assert not client.delivery.advance()
    cleanup.accept().send(greeting() + verdict())
    assert client.advance_when_ready()
    assert client.outcome() == (0, b"")


def test_an_answer_may_come_in_any_pieces(native: FakeCleanup) -> None:
    for parts in splits(answer(8, reason=b"5.7.1 text with \xe9")):
        client, conversation = begin(native, [b"facts"])
        for part in parts:
            assert client.delivery.step is Step.VERDICT
            assert client.announced == []
            conversation.send(part)
            over = client.advance_when_ready()
        assert over
        assert client.outcome() == (8, b"5.7.1 text with \xe9")


@pytest.mark.parametrize("heard", range(len(answer(0, "ABC", b"x"))))
def test_an_answer_that_is_cut_short_is_no_success(native: FakeCleanup, heard: int) -> None:
    client, conversation = begin(native, [b"facts"])
    conversation.read()
    conversation.send(answer(0, "ABC", b"x")[:heard])
    conversation.close()
    assert client.advance_when_ready()
    assert client.outcome() == (Status.WRITE_FAILED, b"")
    assert client.warnings == ["lost connection while reading cleanup's status"]
    assert client.announced == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (b"PoR2" + answer()[4:], "unexpected answer to a frame"),
        (greeting(), "unexpected answer to a frame"),
        (answer(0, ""), "bad queue id ''"),
        (answer(0, "../ABC"), "bad queue id"),
        (answer(0, "A\nB"), "bad queue id"),
        (answer(0, "A" * 256), "bad queue id"),
        (ENDLESS, "unexpected answer to a frame"),
    ],
)
def test_an_answer_that_is_none_is_no_success(
    native: FakeCleanup, words: bytes, complaint: str
) -> None:
    client, conversation = begin(native, [b"facts"])
    conversation.read()
    conversation.send(words)
    assert client.advance_when_ready()
    assert client.outcome()[0] == Status.WRITE_FAILED
    assert len(client.warnings) == 1
    assert client.warnings[0].startswith(complaint)
    assert client.warnings[0].endswith(" while reading cleanup's status")
    assert client.announced == []
    assert client.delivery.queue_id == ""
    assert conversation.read() == b""


@pytest.mark.parametrize("size", [1, 40_000, 4_000_000])
def test_our_own_cleanup_that_hangs_has_its_time_and_no_more(
    native: FakeCleanup, clock: Clock, size: int
) -> None:
    client, conversation = begin(native, [b"x" * size])
    conversation.read()
    clock.now = client.delivery.deadline
    assert not client.delivery.expire()
    assert client.delivery.deadline == 1000 + GREETING_TIMEOUT + IO_TIMEOUT
    clock.now = client.delivery.deadline
    assert client.delivery.expire()
    assert client.outcome() == (Status.WRITE_FAILED, b"")
    assert client.warnings[0].startswith("timeout while ")


def test_a_connection_that_was_given_up_is_not_kept(native: FakeCleanup) -> None:
    client, conversation = begin(native, [b"x"])
    conversation.send(answer())
    assert client.delivery.settle()
    assert client.outcome() == (0, b"")
    assert client.kept.take() is None


@pytest.mark.parametrize("size", [1, 40_000, 4_000_000])
def test_a_frame_that_nobody_reads_is_given_up_as_soon_as_a_missing_greeting(
    native: FakeCleanup, clock: Clock, size: int
) -> None:
    client = Client([b"x" * size], native=True)
    assert not client.delivery.advance()
    clock.now += 29
    assert not client.delivery.advance()
    assert client.delivery.deadline == 1000 + GREETING_TIMEOUT  # not put off
    clock.now += 1
    assert client.delivery.expire()
    assert client.outcome() == (Status.WRITE_FAILED, b"")
    assert client.warnings[0].startswith("timeout while ")


def test_a_large_frame_goes_on_as_our_own_cleanup_reads_it(
    native: FakeCleanup, clock: Clock
) -> None:
    pieces = [bytes((number,)) * 40_000 for number in range(100)]
    client, conversation = begin(native, pieces)
    turns = 0
    while client.delivery.step is Step.RECORDS:
        assert client.delivery.events() == select.EPOLLOUT
        conversation.read()
        if not turns:
            clock.now = client.delivery.deadline
            assert not client.delivery.expire()
        clock.now += 3000  # each piece has its own time
        assert not client.delivery.advance()
        turns += 1
    assert client.delivery.deadline > clock.now
    assert turns > 10
    while len(conversation.received) < len(FRAMED) + 4_000_000:
        conversation.read()
    assert conversation.received == FRAMED + b"".join(pieces)


def test_our_own_cleanup_that_closes_while_we_write_has_failed(
    native: FakeCleanup, cleanup: FakeCleanup
) -> None:
    client, conversation = begin(native, [b"x" * 40_000] * 100)
    assert client.delivery.step is Step.RECORDS
    conversation.read()
    conversation.close()
    assert client.advance_when_ready()
    assert client.outcome() == (Status.WRITE_FAILED, b"")
    assert client.warnings in (
        ["Broken pipe while writing to cleanup"],
        ["Connection reset by peer while writing to cleanup"],
    )
    assert not visited(cleanup)  # the message may have come through: no second attempt


# The connection to a cleanup of our own is kept for the next message.


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let deliveries wait for an answer that a thread is about to give."""
    monkeypatch.setattr(cleanup_client, "PATIENCE", 10.0)


def serve_frame(conversation: Conversation, content: bytes, answered: bytes = answer()) -> None:
    """Take one frame of this content and answer it."""
    while not conversation.received.endswith(content):
        assert conversation.read()
    assert conversation.received == FRAMED + content
    conversation.received = b""
    conversation.send(answered)


def deliver(native: FakeCleanup, kept: Kept, content: bytes = b"one") -> Conversation:
    """Deliver a message to a cleanup that answers within our patience; return its conversation."""
    client = Client([content], kept=kept)
    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(native.accept)
        answered = pool.submit(lambda: serve_frame(served.result(), content))
        assert client.delivery.advance()
        answered.result()
    assert (client.delivery.status, client.warnings) == (0, [])
    return served.result()


@pytest.mark.usefixtures("patient")
def test_the_next_message_takes_the_same_connection(native: FakeCleanup) -> None:
    kept = Kept()
    conversation = deliver(native, kept)
    with ThreadPoolExecutor(1) as pool:
        for status in (0, 16, 0):
            client = Client([b"two"], kept=kept)
            served = pool.submit(serve_frame, conversation, b"two", answer(status))
            assert client.delivery.advance()
            served.result()
            assert client.outcome() == (status, b"")
            assert client.announced == [QUEUE_ID]
    assert not visited(native)


@pytest.mark.usefixtures("patient")
def test_one_connection_is_kept_and_no_more(native: FakeCleanup) -> None:
    kept = Kept()
    first = deliver(native, kept)
    taken = kept.take()
    second = deliver(native, kept)
    assert taken is not None
    kept.keep(taken)
    assert first.read() == b""
    assert kept.take() is not None
    assert kept.take() is None
    assert second.read() == b""  # nobody has it any more


def test_a_connection_that_let_us_wait_is_not_kept(native: FakeCleanup) -> None:
    kept = Kept()
    client = Client([b"one"], kept=kept)
    assert not client.delivery.advance()
    conversation = native.accept()
    serve_frame(conversation, b"one")
    assert client.advance_when_ready()
    assert client.outcome() == (0, b"")
    assert kept.take() is None
    assert conversation.read() == b""


@pytest.mark.usefixtures("patient")
def test_where_records_are_sent_no_connection_is_kept(cleanup: FakeCleanup) -> None:
    client = Client([b"flags\0\x3114\0\0E\0"])
    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(cleanup.serve)
        assert client.delivery.advance()
        conversation = served.result()
    assert client.outcome() == (0, b"")
    assert client.kept.take() is None
    assert conversation.connection.fileno() == -1


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("size", [3, 4_000_000])
def test_a_cleanup_that_left_between_two_messages_is_replaced(
    native: FakeCleanup, size: int
) -> None:
    kept = Kept()
    deliver(native, kept).close()
    deliver(native, kept, b"x" * (size - 1) + b"!")


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("size", [3, 4_000_000])
def test_a_cleanup_that_leaves_without_reading_all_is_replaced(
    native: FakeCleanup, size: int
) -> None:
    kept = Kept()
    old = deliver(native, kept)
    content = b"x" * (size - 1) + b"!"
    client = Client([content], kept=kept)
    with ThreadPoolExecutor(2) as pool:
        over = pool.submit(client.delivery.advance)
        assert select.select([old.connection], [], [], 10)[0]
        if size > len(FRAMED) + 3:
            old.connection.recv(1000)
        old.close()
        served = native.accept()
        serve_frame(served, content)
        assert over.result()
    assert (client.delivery.status, client.announced) == (0, [QUEUE_ID])
    assert client.warnings == []


@pytest.mark.usefixtures("patient")
def test_a_message_that_was_read_whole_is_not_sent_again(
    native: FakeCleanup, cleanup: FakeCleanup
) -> None:
    kept = Kept()
    old = deliver(native, kept)
    client = Client([b"two"], kept=kept)
    with ThreadPoolExecutor(1) as pool:
        over = pool.submit(client.delivery.advance)
        while not old.received.endswith(b"two"):
            old.read()
        old.close()
        assert over.result()
    assert client.outcome() == (Status.WRITE_FAILED, b"")
    assert client.warnings == ["lost connection while reading cleanup's status"]
    assert not visited(native, cleanup)


@pytest.mark.usefixtures("patient")
def test_a_second_failure_is_final(native: FakeCleanup) -> None:
    kept = Kept()
    deliver(native, kept).close()
    client = Client([b"two"], kept=kept)
    with ThreadPoolExecutor(1) as pool:
        over = pool.submit(client.delivery.advance)
        fresh = native.accept()
        assert select.select([fresh.connection], [], [], 10)[0]
        fresh.close()
        assert over.result()
    assert client.outcome() == (Status.WRITE_FAILED, b"")
    assert len(client.warnings) == 1
    assert not visited(native)
