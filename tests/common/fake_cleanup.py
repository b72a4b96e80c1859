"""fake_cleanup - a cleanup that says what the test tells it to say

DESCRIPTION
    FakeCleanup listens on public/cleanup below the working folder, or where
    our own cleanup takes frames; each conversation is led by the test, a step
    at a time.

SEE ALSO
    spec/cleanup-protocol.md, section 2
"""

import socket
from pathlib import Path
from types import TracebackType

from common import attribute, frame
from common.handover import Handover
from common.record import Reader

PUBLIC, NATIVE = "public/cleanup", "private/cleanup.native"
QUEUE_ID = "C3A92216044"
PATIENCE = 10.0  # seconds until a test fails
END = ord("E")


class Conversation:
    """One connection of a client."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.connection.settimeout(PATIENCE)
        self.received = b""

    def greet(self, queue_id: str = QUEUE_ID) -> None:
        """Say the protocol's name and a queue id."""
        self.send(greeting(queue_id))

    def send(self, data: bytes) -> None:
        """Say anything."""
        self.connection.sendall(data)

    def read(self) -> bytes:
        """Take what the client sent; empty at its end."""
        data = self.connection.recv(65536)
        self.received += data
        return data

    def read_message(self) -> list[tuple[int, bytes]]:
        """Take everything up to the end record; return the records."""
        while True:
            records = self.records()
            if records and records[-1][0] == END:
                return records
            assert self.read(), "the client left before the end"

    def records(self) -> list[tuple[int, bytes]]:
        """Return the whole records so far."""
        found = attribute.decode(self.received)
        if found is None:
            return []
        reader, records = Reader(self.received[found[1] :]), []
        while (one := reader.next_record()) is not None:
            records.append(one)
        return records

    def read_frame(self) -> tuple[Handover, bytes]:
        """Take a whole frame; return its facts and its content."""
        while (found := frame.decode(self.received, 2**40)) is None:
            assert self.read(), "the client left before the facts were whole"
        handover, start, size = found
        while len(self.received) < start + size:
            assert self.read(), "the client left before the end"
        return handover, self.received[start:]

    def flags(self) -> bytes:
        """Return the value of the option list."""
        found = attribute.decode(self.received)
        assert found is not None
        return attribute.values(found[0], b"flags")[0]

    def finish(self, status: int = 0, reason: bytes = b"") -> None:
        """Say the verdict and close."""
        self.send(verdict(status, reason))
        self.close()

    def close(self) -> None:
        """Close."""
        self.connection.close()


class FakeCleanup:
    """Listens; accept() returns the next conversation."""

    def __init__(self, path: str = PUBLIC, *, backlog: int = 100) -> None:
        Path(path).parent.mkdir(exist_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(backlog)
        self.listener.settimeout(PATIENCE)
        self._conversations: list[Conversation] = []

    def __enter__(self) -> "FakeCleanup":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.listener.close()
        for conversation in self._conversations:
            conversation.close()

    def accept(self) -> Conversation:
        """Return the next client's conversation."""
        conversation = Conversation(self.listener.accept()[0])
        self._conversations.append(conversation)
        return conversation

    def serve(self, status: int = 0, reason: bytes = b"", queue_id: str = QUEUE_ID) -> Conversation:
        """Take one whole message and answer."""
        conversation = self.accept()
        conversation.greet(queue_id)
        conversation.read_message()
        conversation.finish(status, reason)
        return conversation


def greeting(queue_id: str = QUEUE_ID) -> bytes:
    """Return the first list of a conversation."""
    pairs = [(b"protocol", b"cleanup_protocol"), (b"queue_id", queue_id.encode())]
    return attribute.encode(pairs)


def verdict(status: int = 0, reason: bytes = b"") -> bytes:
    """Return the last list of a conversation."""
    return attribute.encode([(b"status", b"%d" % status), (b"reason", reason)])
