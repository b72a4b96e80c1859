"""both_ways - a message handed over as records and as a frame, which must make no difference

SEE ALSO
    tests.cleanup.stream, for single records
"""

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cleanup.headers import HeaderRules
from cleanup.inspection import Inspection
from cleanup.native import NativeSession
from cleanup.session import Session
from common.client import Client
from common.params import CleanupParams, QmqpdParams
from qmqpd.handover import HandoverRules, Parcel, option_flags
from qmqpd.session import Submission
from tests.cleanup.stream import ARRIVAL, QUEUE_ID, SIZE_RECORD, parse
from tests.common.journal import Journal
from tests.common.settings import BASE, changed, load, main_cf
from tests.splits import cut

DROP, SLOW = 5, 2500  # bytes at a time, and until the rest comes in one piece
CLIENT = Client(socket.AF_INET, "192.0.2.7", 4711, "client.test")


@dataclass(frozen=True)
class Sent:
    """A message as a client of qmqpd submits it."""

    content: bytes = b"Subject: x\n\nb\n"
    sender: bytes = b"s@from.test"
    recipients: tuple[bytes, ...] = (b"r@to.test",)
    client: Client = field(default_factory=lambda: CLIENT)


@dataclass(frozen=True)
class Result:
    """What came of a message."""

    verdict: tuple[int, bytes]
    lines: list[str]
    file: bytes  # empty if there is none
    held: bool


@dataclass
class Relay:
    """A qmqpd and a cleanup with the same configuration; numbers may be smaller than allowed."""

    texts: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
    queue_id: str = QUEUE_ID
    flags: int = 0  # more options than qmqpd asks for
    journal: Journal = field(default_factory=Journal)  # of tables
    rules: HeaderRules = field(init=False)
    handover: HandoverRules = field(init=False)

    def __post_init__(self) -> None:
        params = load(CleanupParams, **self.texts)
        params = changed(params, **self.numbers)
        inspection = Inspection.of(params, main_cf(**{**BASE, **self.texts}), self.journal)
        self.rules = HeaderRules.of(params)._replace(inspection=inspection)
        asked = load(QmqpdParams, **self.texts)
        self.handover = HandoverRules.of(asked)._replace(
            line_length_limit=self.rules.params.line_length_limit,
            options=option_flags(asked) | self.flags,
        )

    def parcel(self, sent: Sent) -> Parcel:
        """Return what qmqpd makes of a message."""
        pieces = cut(sent.content, range(0, len(sent.content), 16_384)) if sent.content else []
        submission = Submission(pieces, sent.sender, list(sent.recipients))
        return Parcel(self.handover, sent.client, ARRIVAL * 1_000_000 + 799_325, submission)

    def by_records(self, sent: Sent) -> Result:
        """Hand the message over as any cleanup takes it."""
        session = Session(self.rules, Journal(), self.queue_id, ARRIVAL)
        return outcome(session, self.parcel(sent).records(self.queue_id))

    def by_drops(self, sent: Sent) -> Result:
        """Hand it over so slowly that nothing but single records can be looked at at once."""
        session = Session(self.rules, Journal(), self.queue_id, ARRIVAL)
        whole = b"".join(self.parcel(sent).records(self.queue_id))
        return outcome(session, cut(whole, range(DROP, min(len(whole), SLOW), DROP)))

    def by_frame(self, sent: Sent, places: Iterable[int] = ()) -> Result:
        """Hand the message over as our own takes it, cut at these places; below 0: from the end."""
        session = NativeSession(self.rules, Journal(), self.queue_id, ARRIVAL)
        whole = self.frame(sent)
        return outcome(session, cut(whole, [place % len(whole) for place in places]))

    def frame(self, sent: Sent) -> bytes:
        """Return the whole frame."""
        return b"".join(self.parcel(sent).frame())

    def session(self) -> NativeSession:
        """Return a session that has heard nothing."""
        return NativeSession(self.rules, Journal(), self.queue_id, ARRIVAL)


def feed(session: NativeSession, parts: Iterable[bytes]) -> bytes:
    """Pass parts; return what is written."""
    return b"".join([session.receive_data(part) for part in parts])


def outcome(session: Session | NativeSession, parts: Iterable[bytes]) -> Result:
    """Return what comes of a message; at its last byte, and not before, it must be finished."""
    written = b""
    for part in parts:
        assert not session.finished
        written += session.receive_data(part)
    assert session.finished
    message = session.message
    assert isinstance(message.log, Journal)
    stored = not message.verdict() and not message.discard
    return Result(
        verdict=(message.verdict(), message.reason),
        lines=message.log.lines(),
        file=message.size_record() + written[SIZE_RECORD:] if stored else b"",
        held=message.hold,
    )


def check_both_ways(relay: Relay, sent: Sent, places: Iterable[int] = ()) -> Result:
    """Check that it makes no difference how the message is handed over."""
    expected = relay.by_drops(sent)
    assert relay.by_records(sent) == expected
    seen = relay.by_frame(sent, places)
    assert seen.verdict == expected.verdict
    assert seen.lines == expected.lines
    if seen.file != expected.file:
        assert parse(seen.file) == parse(expected.file)
    assert seen == expected
    return seen
