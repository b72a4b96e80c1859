"""messages - what the tests of links send, and how its cleanup tells one from the other"""

from collections.abc import Iterator
from dataclasses import dataclass

from common import frame
from common.client import Client
from common.handover import Handover
from tests.common.fake_cleanup import QUEUE_ID

CLIENT = Client(2, "127.0.0.1", 50474, "localhost")
BY = b"mx.test (Postroom) with QMQP"
SENDER, RECIPIENTS = b"s@from.test", [b"r@to.test"]
HANDOVER = Handover(114, 1_795_000_000_000_000, CLIENT, False, BY, b"", SENDER, b"", RECIPIENTS)
PIECE = 32 * 1024


@dataclass
class Message:
    """A parcel of this content."""

    content: bytes

    def records(self, queue_id: str) -> Iterator[bytes]:
        raise AssertionError("records are for the public socket")

    def frame(self) -> Iterator[bytes]:
        yield frame.encode(HANDOVER, len(self.content))
        yield b""  # any piece may be empty
        for start in range(0, len(self.content), PIECE):
            yield self.content[start : start + PIECE]


def framed(content: bytes) -> bytes:
    """Return the whole frame of a message."""
    return b"".join(Message(content).frame())


def contents(received: bytes) -> tuple[list[bytes], bytes]:
    """Return the contents of the whole frames that were received, and what is behind them."""
    found = []
    while (one := frame.decode(received, 2**40)) is not None:
        _, start, size = one
        if len(received) < start + size:
            break
        found.append(received[start : start + size])
        received = received[start + size :]
    return found, received


def answer(
    status: int = 0, queue_id: str = QUEUE_ID, reason: bytes = b"", credit: int = 16
) -> bytes:
    """Return the answer to a frame."""
    return frame.encode_verdict(status, queue_id, reason, credit)
