"""Promises of qmqpd.worker about messages that go to a cleanup of our own.

SEE ALSO
    docs/frame.md
    tests.common.test_cleanup_links
"""

import contextlib
import select
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from common import cleanup_link, cleanup_links
from common.child import AVAILABLE, TAKEN
from common.netstring import encode
from common.status import Status
from tests.common.fake_cleanup import NATIVE, QUEUE_ID, Conversation, FakeCleanup
from tests.common.forked import Forked
from tests.common.messages import answer, contents
from tests.qmqpd.test_worker import Client, Setup, served
from tests.suite.waiting import wait_for

# What the test takes long for is no stall.
PATIENT: dict[tuple[ModuleType, str], object] = {
    (module, "STALL"): 10.0 for module in (cleanup_link, cleanup_links)
}
NAMES = ("A1", "B2", "C3", "D4")


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    monkeypatch.chdir(tmp_path)
    with FakeCleanup(NATIVE) as cleanup, socket.create_server(("127.0.0.1", 0)) as server:
        yield Setup(server, cleanup, PATIENT)


def packet(content: bytes) -> bytes:
    return encode(encode(content) + encode(b"s@from.test") + encode(b"r@to.test"))


def accepted(queue_id: str) -> bytes:
    return encode(b"KOk: queued as " + queue_id.encode())


def linked(setup: Setup, process: Forked, credit: int = 16) -> Conversation:
    """Return cleanup's end of a link that has carried a message."""
    with setup.client() as client:
        client.say(packet(b"first"))
        conversation = setup.cleanup.accept()
        read_on(conversation, b"first")
        conversation.send(answer(credit=credit))
        assert client.hear() == accepted(QUEUE_ID)
    served(process)
    return conversation


def read_on(conversation: Conversation, *expected: bytes) -> None:
    """Read whole frames until these are there."""
    while contents(conversation.received)[0] != list(expected):
        assert conversation.read(), contents(conversation.received)[0]
    conversation.received = b""


@contextlib.contextmanager
def on_their_way(setup: Setup, conversation: Conversation) -> Iterator[list[Client]]:
    """Yield clients whose messages a cleanup has read, in their order; it has answered none."""
    with contextlib.ExitStack() as stack:
        clients = []
        for name in NAMES:
            clients.append(stack.enter_context(setup.client()).say(packet(name.encode())))
            read_on(conversation, name.encode())
        yield clients


def test_each_client_hears_of_its_own_message_as_soon_as_that_is_answered(setup: Setup) -> None:
    with setup.start() as process:
        conversation = linked(setup, process)
        with on_their_way(setup, conversation) as clients:
            conversation.send(answer(0, "A1"))
            assert clients[0].hear() == accepted("A1")
            assert clients[1].hears_nothing_yet()
            conversation.send(answer(8, "B2", b"5.7.1 no") + answer(Status.WRITE_FAILED, "C3"))
            assert clients[1].hear() == encode(b"DError: 5.7.1 no")
            assert clients[2].hear() == encode(b"ZError: queue file write error")
            assert clients[3].hears_nothing_yet()
            conversation.send(answer(0, "D4"))
            assert clients[3].hear() == accepted("D4")
        assert not select.select([setup.cleanup.listener], [], [], 0)[0]
        log = process.log()
        assert [line for line in log if ": client=" in line] == [
            f"{name}: client=localhost[127.0.0.1]" for name in (QUEUE_ID, *NAMES)
        ]


def test_a_worker_whose_cleanup_hangs_is_busy_until_it_goes_on(setup: Setup) -> None:
    setup.constants = dict.fromkeys(PATIENT, 1.0)
    with setup.start() as process:
        conversation = linked(setup, process)
        with setup.client() as first, setup.client() as second:
            first.say(packet(b"one"))
            read_on(conversation, b"one")
            assert process.report() == (process.pid, 4, TAKEN)
            second.say(packet(b"two"))
            other = setup.cleanup.accept()  # it does not wait behind the first
            read_on(other, b"two")
            other.send(answer(0, "B2"))
            assert second.hear() == accepted("B2")
            conversation.send(answer(0, "A1"))
            assert first.hear() == accepted("A1")
            assert process.report() == (process.pid, 4, AVAILABLE)


def test_of_a_cleanup_that_dies_one_client_is_told_to_come_back(setup: Setup) -> None:
    with setup.start() as process:
        conversation = linked(setup, process)
        with on_their_way(setup, conversation) as clients:
            conversation.close()
            assert clients[0].hear() == encode(b"ZError: queue file write error")
            lost = "warning: lost connection while reading cleanup's status"
            assert process.wait_for_log("lost connection") == lost
            other = setup.cleanup.accept()
            read_on(other, b"B2")
            other.send(answer(0, "B2"))
            read_on(other, b"C3", b"D4")
            other.send(answer(0, "C3") + answer(0, "D4"))
            for client, name in zip(clients[1:], NAMES[1:], strict=True):
                assert client.hear() == accepted(name)


@pytest.mark.parametrize("how", ["drained", "told to end"])
def test_who_leaves_has_told_each_client_what_became_of_its_message(setup: Setup, how: str) -> None:
    with setup.start(times={"qmqpd_drain_timeout": 0.2}) as process:
        conversation = linked(setup, process, credit=3)
        with contextlib.ExitStack() as stack:
            clients = []
            for name in NAMES[:3]:
                clients.append(stack.enter_context(setup.client()).say(packet(name.encode())))
                read_on(conversation, name.encode())
            silent = stack.enter_context(setup.client()).say(packet(b"x")[:-1])
            if how == "drained":
                process.status.shutdown(socket.SHUT_WR)
            else:
                process.wait_for_log("connect")
                conversation.send(answer(0, "A1"))
                process.signal(signal.SIGTERM)
            if how == "drained":
                conversation.send(answer(0, "A1"))
            assert clients[0].hear() == accepted("A1")
            later = encode(b"ZError: service is shutting down, try again later")
            for client in (*clients[1:], silent):
                assert client.hear() == later
            with pytest.raises(BrokenPipeError):
                conversation.send(answer(0, "B2"))  # so nothing of it stays
        assert process.wait() == 0
    assert not select.select([setup.cleanup.listener], [], [], 0)[0]


def test_a_client_that_goes_away_changes_nothing_for_others(setup: Setup) -> None:
    with setup.start() as process:
        conversation = linked(setup, process)
        with on_their_way(setup, conversation) as clients:
            clients[0].socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            clients[0].socket.close()
            for name in NAMES:
                conversation.send(answer(0, name))
            for client, name in zip(clients[1:], NAMES[1:], strict=True):
                assert client.hear() == accepted(name)
        assert process.running()


def test_a_worker_past_max_use_leaves_when_all_are_answered(setup: Setup) -> None:
    with setup.start({"max_use": "5"}) as process:
        conversation = linked(setup, process)
        with on_their_way(setup, conversation) as clients:
            assert process.running()
            conversation.send(b"".join(answer(0, name) for name in NAMES))
            for client, name in zip(clients, NAMES, strict=True):
                assert client.hear() == accepted(name)
        assert process.wait() == 0


def test_who_waits_for_a_link_as_cleanup_goes_goes_to_the_public_socket(setup: Setup) -> None:
    with setup.start() as process, FakeCleanup() as public:
        conversation = linked(setup, process, credit=1)
        with setup.client() as first, setup.client() as second:
            setup.cleanup.listener.close()
            first.say(packet(b"one"))
            read_on(conversation, b"one")
            second.say(packet(b"two"))
            public.serve()
            assert second.hear() == accepted(QUEUE_ID)
            conversation.send(answer(0, "A1"))
            assert first.hear() == accepted("A1")


@pytest.mark.parametrize("read", [False, True])
def test_a_cleanup_that_is_silent_has_its_time(setup: Setup, read: bool) -> None:
    timeout, other = ("ipc_timeout", "qmqpd_cleanup_timeout")[:: 1 if read else -1]
    # Attention is looked for when the shorter time is over.
    times = {timeout: 0.2, other: 0.1 if read else 3600.0}
    setup.constants = {}
    with setup.start(times=times) as process, setup.client() as client:
        client.say(packet(b"one"))
        if read:
            read_on(setup.cleanup.accept(), b"one")
        assert client.hear() == encode(b"ZError: queue file write error")
        text = "timeout while reading cleanup's status"
        assert process.wait_for_log("timeout") == f"warning: {text}"
        assert process.running()


def test_descriptors_of_links_are_given_back(setup: Setup) -> None:
    with setup.start() as process:

        def descriptors() -> int:
            return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))

        conversation = linked(setup, process)
        linked_once = descriptors()
        for _ in range(5):
            conversation.close()
            with setup.client() as client:
                client.say(packet(b"one"))
                conversation = setup.cleanup.accept()
                read_on(conversation, b"one")
                conversation.send(answer())
                assert client.hear() == accepted(QUEUE_ID)
            wait_for(lambda: descriptors() == linked_once, 5, "as many descriptors as before")
