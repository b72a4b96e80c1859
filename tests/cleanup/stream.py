"""stream - what a client of cleanup sends, and what comes of it"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cleanup.headers import HeaderRules
from cleanup.inspection import Inspection
from cleanup.session import Session
from common import attribute
from common.params import CleanupParams
from common.record import Reader, encode_length
from tests.common.journal import Journal
from tests.common.settings import BASE, load, main_cf

QUEUE_ID = "C3A92216044"
ARRIVAL = 1795177301  # Fri, 20 Nov 2026 12:21:41 UTC
SIZE_RECORD = 97  # bytes

Records = list[tuple[str, bytes]]


def rec(kind: bytes, payload: bytes = b"") -> bytes:
    """Return one record."""
    return kind + encode_length(len(payload)) + payload


def lines(content: bytes, limit: int = 2048) -> bytes:
    """Return text records as a receiver makes them."""
    out = []
    *whole, rest = content.split(b"\n")
    for line in whole:
        while len(line) > limit:
            out.append(rec(b"L", line[:limit]))
            line = line[limit:]
        out.append(rec(b"N", line))
    while rest:
        out.append(rec(b"L", rest[:limit]))
        rest = rest[limit:]
    return b"".join(out)


TIME = rec(b"T", b"1795177301 799325")
SENDER = rec(b"S", b"s@from.test")
RECIPIENT = rec(b"R", b"r@to.test")
CONTENT = rec(b"M")
RECEIVED = rec(b"N", b"Received: x")
EXTRACTED = rec(b"X")
END = rec(b"E")

ENVELOPE = TIME + SENDER + RECIPIENT + CONTENT
CLOSING = EXTRACTED + END


def message(content: bytes = b"Subject: x\n\nb\n", envelope: bytes = ENVELOPE) -> bytes:
    """Return a whole message with this content behind its Received header."""
    return envelope + RECEIVED + lines(content) + CLOSING


def options(flags: int = 114) -> bytes:
    """Return the list that opens the client's side."""
    return attribute.encode([(b"flags", b"%d" % flags)])


def parse(data: bytes) -> Records:
    """Return the records of a stream; it must be whole."""
    reader, found = Reader(data), []
    while (one := reader.next_record()) is not None:
        found.append((chr(one[0]), one[1]))
    assert reader.buffered() == 0
    return found


@dataclass
class Outcome:
    """What a session made of a stream."""

    session: Session
    journal: Journal
    written: bytes = b""  # to the queue file, the size record as it was at first

    @property
    def status(self) -> int:
        """The verdict's bits."""
        return self.session.message.verdict()

    @property
    def file(self) -> bytes:
        """The finished file."""
        return self.session.message.size_record() + self.written[SIZE_RECORD:]

    def records(self) -> Records:
        """Return the records of the finished file."""
        return parse(self.file)

    def size(self) -> list[int]:
        """Return the six numbers of the size record."""
        return [int(number) for number in self.records()[0][1].split()]

    def envelope(self, kinds: str = "") -> Records:
        """Return what stands between the size record and the content, or some types of it."""
        found = self._until("M", self.records()[1:])
        return [one for one in found if not kinds or one[0] in kinds]

    def content(self) -> Records:
        """Return the text records."""
        found = self.records()
        start = found.index(("M", b"")) + 1
        return self._until("X", found[start:])

    def extracted(self) -> Records:
        """Return what stands behind the content, without the end."""
        found = self.records()
        start = found.index(("X", b"")) + 1
        return self._until("E", found[start:])

    @staticmethod
    def _until(kind: str, records: Records) -> Records:
        out: Records = []
        for one in records:
            if one[0] == kind:
                return out
            out.append(one)
        raise AssertionError(f"no {kind} record")


def text(records: Records) -> bytes:
    """Return text records as delivery would write them."""
    return b"".join(payload + (b"\n" if kind == "N" else b"") for kind, payload in records)


@dataclass
class Host:
    """A cleanup's configuration, prepared once."""

    settings: Mapping[str, str] = field(default_factory=dict)
    rules: HeaderRules = field(init=False)

    def __post_init__(self) -> None:
        params = load(CleanupParams, **self.settings)
        inspection = Inspection.of(params, main_cf(**{**BASE, **self.settings}), Journal())
        self.rules = HeaderRules.of(params)._replace(inspection=inspection)

    def session(self, journal: Journal, queue_id: str = QUEUE_ID) -> Session:
        """Return a new session."""
        return Session(self.rules, journal, queue_id, ARRIVAL)

    def take(
        self, records: bytes, *, flags: int = 114, parts: Iterable[bytes] | None = None
    ) -> Outcome:
        """Return what comes of a stream: flags and records, or these parts."""
        journal = Journal()
        outcome = Outcome(self.session(journal), journal)
        for part in [options(flags) + records] if parts is None else parts:
            outcome.written += outcome.session.receive_data(part)
        return outcome


def take(records: bytes, settings: Mapping[str, str] | None = None, flags: int = 114) -> Outcome:
    """Return what comes of a stream on the recorded host with these settings."""
    return Host(settings or {}).take(records, flags=flags)


def received(content: bytes, settings: Mapping[str, str] | None = None) -> Records:
    """Return the stored content of a message, without the Received header in front."""
    outcome = take(message(content), settings)
    assert outcome.status == 0
    first, *rest = outcome.content()
    assert first == ("N", b"Received: x")
    return rest
