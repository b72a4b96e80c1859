"""frame - what our own qmqpd sends to cleanup, and what cleanup answers

DESCRIPTION
    The first byte says how the frame is cut, the second how much is allowed.
"""

import sys

from common import frame
from common.errors import PeerError
from common.handover import Handover
from tests.cleanup.both_ways import Relay
from tests.cleanup.stream import SIZE_RECORD
from tests.common.journal import Journal
from tests.fuzz.bug import Bug
from tests.fuzz.inputs import control, pieces

TOKENS = (frame.MAGIC, b"\0\0\0\1", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0" * 8)
BUG = Bug("common.frame", "split", "if sum(sizes) != total:", "if False:")

LIMITS = (1_000_000, 100, 50)
RELAY = Relay({"message_size_limit": "20000"})

Outcome = tuple[bool, bytes, bytes, list[str]]


def check(data: bytes) -> None:
    """Take a frame apart, give it to cleanup whole and in pieces; read an answer."""
    (size, choice), data = control(data, 2)
    check_verdict(data)
    limit = LIMITS[choice % len(LIMITS)]
    found = decoded(data, sys.maxsize)
    if found:
        handover, end, content = found
        assert decoded(data, limit) == (found if end <= limit else None)
        check_facts(data, handover, end, content)
        data = data[: end + content]  # what is behind it is nobody's
    whole = outcome([data])
    assert outcome(pieces(data, size)) == whole


def decoded(data: bytes, limit: int) -> tuple[Handover, int, int] | None:
    """Return the facts of a frame, None if there are none."""
    try:
        return frame.decode(data, limit)
    except PeerError:
        return None


def check_facts(data: bytes, handover: Handover, end: int, content: int) -> None:
    """Check that the facts are all that stood there."""
    assert frame.facts_size(data) == end
    assert decoded(data[: end - 1], end) is None
    again = frame.encode(handover, content)
    assert len(again) == end
    found = frame.decode(again, end)
    assert found
    assert found[0]._replace(port_logging=handover.port_logging) == handover


def outcome(parts: list[bytes]) -> Outcome | None:
    """Return what cleanup makes of a frame, None if that is an error."""
    session, written = RELAY.session(), b""
    for part in parts:
        if session.finished:
            break
        try:
            written += session.receive_data(part)
        except PeerError:
            return None
    message = session.message
    assert isinstance(message.log, Journal)
    assert len(written) <= max(RELAY.rules.params.message_size_limit, SIZE_RECORD)
    return session.finished, session.verdict(), written, message.log.lines()


def check_verdict(data: bytes) -> None:
    """Read an answer to a frame, and make it again."""
    try:
        found = frame.decode_verdict(data)
    except PeerError:
        return
    if found:
        (status, queue_id, reason, credit), end = found
        if queue_id.isascii():
            assert frame.encode_verdict(status, queue_id, reason, credit) == data[:end]
