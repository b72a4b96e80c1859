"""Promises of cleanup.trace."""

import socket
import threading
from pathlib import Path

import pytest

from cleanup.trace import Expansion, append
from common.errors import PeerError

EXPANSION = Expansion(b"first@x", b"r@x", b"rfc822;r@x", 2)
# As seen from Postfix's cleanup.
REQUEST = (
    b"nrequest\x000\0flags\x001\0queue_id\0CFE22240048\0original_recipient\0first@x\0"
    b"recipient\0r@x\0offset\x000\0dsn_orig_rcpt\0rfc822;r@x\0notify_flags\x002\0"
    b"status\x002.0.0\0diag_type\0\0diag_text\0\0mta_type\0\0mta_mname\0\0action\0expanded\0"
    b"reason\0alias expanded\0\0"
)
GREETING = b"protocol\0delivery_status_protocol\0\0"
DONE = b"status\x000\0\0"


def told(path: Path, *answers: bytes) -> bytes:
    """Return what a service hears that answers so and then leaves."""
    heard: list[bytes] = []

    def serve() -> None:
        peer = listener.accept()[0]
        with peer:
            for answer in answers:
                peer.sendall(answer)
                heard.append(peer.recv(4096))

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            append(str(path), EXPANSION.request("CFE22240048"), 10.0)
        finally:
            thread.join()
    return heard[0]


def test_the_service_is_asked_as_postfix_asks_it(tmp_path: Path) -> None:
    assert told(tmp_path / "trace", GREETING, DONE) == REQUEST


@pytest.mark.parametrize(
    "answers",
    [
        (GREETING, b"status\x004294967295\0\0"),
        (GREETING,),
        (GREETING, b"reason\0none\0\0"),
        (b"protocol\0other\0\0",),
    ],
)
def test_anything_but_success_is_a_failure(tmp_path: Path, answers: tuple[bytes, ...]) -> None:
    with pytest.raises(PeerError):
        told(tmp_path / "trace", *answers)


def test_a_service_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        append(str(tmp_path / "trace"), b"", 10.0)
