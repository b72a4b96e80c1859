"""Promises of cleanup.line about the end of a connection.

SEE ALSO
    docs/frame.md
"""

import socket

import pytest

from cleanup import line
from cleanup.line import Line
from common import frame
from tests.common.test_frame import HANDOVER

CONTENT = b"Subject: x\n\nbody\n"
FRAME = frame.encode(HANDOVER, len(CONTENT)) + CONTENT


def what_is_served(data: bytes) -> bytes:
    """Return what a line of which enough has come takes of what lies there."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        served = Line(ours, 0, None).receive_next()
        with pytest.raises(BrokenPipeError):
            theirs.send(b"x")
        return served


@pytest.mark.parametrize("count", [0, 1, 2, 20])
@pytest.mark.parametrize("begun", [0, 1, 61, 62, 100, len(FRAME) - 1])
def test_at_its_end_whole_frames_are_served_and_no_other_is_begun(count: int, begun: int) -> None:
    assert what_is_served(count * FRAME + FRAME[:begun]) == count * FRAME


def test_more_than_one_read_brings_is_whole_too() -> None:
    content = b"x" * (2 * line.READ_SIZE)
    data = frame.encode(HANDOVER, len(content)) + content
    assert what_is_served(data + FRAME) == data + FRAME


def test_what_came_while_the_line_was_given_up_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    asked = []

    def late(connection: socket.socket, size: int = line.READ_SIZE, flags: int = 0) -> bytes:
        asked.append(size)
        if len(asked) == 1:  # nothing yet; just then it comes
            theirs.sendall(FRAME + FRAME[:-1])
            return b""
        return connection.recv(size, flags)

    monkeypatch.setattr(line, "received", late)
    with ours, theirs:
        assert Line(ours, 100, None).receive_next() == FRAME
