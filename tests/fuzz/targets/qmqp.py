"""qmqp - a packet, as qmqpd.session reads it

DESCRIPTION
    The first byte says how it is cut, the second which limits hold.
"""

from common import netstring
from qmqpd.session import Limits, Session, SessionError, Submission, Trouble, whole_packet
from tests.fuzz.bug import Bug
from tests.fuzz.inputs import control, pieces

TOKENS = (b",,", b"0:", b":,", b"00", b"9223372036854775807:", b"9223372036854775808:", b"100:")
BUG = Bug("common.netstring", "Reader.next_length", "if length > limit:", "if False:")

LIMITS = (Limits(4096, 16), Limits(0, 16), Limits(20, 1000), Limits(0, 0))

Outcome = tuple[str, Submission | None]


def check(data: bytes) -> None:
    """Read a packet whole and in pieces."""
    (size, choice), packet = control(data, 2)
    limits = LIMITS[choice % len(LIMITS)]
    what, submission = outcome([packet], limits)
    in_pieces, same = outcome(pieces(packet, size), limits)
    assert what == in_pieces
    assert (submission is None) == (same is None)
    if submission and same:
        assert facts(submission) == facts(same)
        check_submission(submission, limits)
    at_once = whole_packet(packet, limits)
    if at_once:
        assert submission
        assert facts(at_once) == facts(submission)


def outcome(parts: list[bytes], limits: Limits) -> Outcome:
    """Return how a session ends, or where it stands, and what came of it."""
    session, fed = Session(limits), 0
    for part in parts:
        fed += len(part)
        try:
            found = session.receive_data(part)
        except SessionError as error:
            return str(error), None
        assert session.held() <= fed
        if found:
            return "", found
    return str(session.end(Trouble.LOST)), None


def facts(one: Submission) -> tuple[bytes, bytes, list[bytes], bool]:
    """Return what a submission says, however its content is cut."""
    return one.content, one.sender, one.recipients, one.too_large


def check_submission(submission: Submission, limits: Limits) -> None:
    """Check bounds, and that the same packet written again is the same submission."""
    addresses = [submission.sender, *submission.recipients]
    assert max(map(len, addresses)) <= limits.address
    assert submission.size <= (limits.message or submission.size)
    if not submission.too_large:
        texts = [submission.content, *addresses]
        packet = netstring.encode(b"".join(map(netstring.encode, texts)))
        again = Session(limits).receive_data(packet)
        assert again
        assert facts(again) == facts(submission)
