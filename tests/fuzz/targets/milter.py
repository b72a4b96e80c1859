"""milter - what a Milter sends, and the changes that it asks for

DESCRIPTION
    The first byte says how the stream is cut, the second which version is
    offered and whether blanks in front of values count. The rest are packets.
"""

from contextlib import suppress
from functools import cache

from cleanup.draft import Draft, Spool
from cleanup.edits import Edits
from cleanup.message import Message
from common.errors import PeerError
from common.milter import NUMBER, Offer, Packets
from common.milter_terms import STEPS, Change, Event
from common.record import RecordType, encode
from tests.cleanup.stream import ENVELOPE, SIZE_RECORD, Host, message, options, parse
from tests.common.journal import Journal
from tests.fuzz.bug import Bug
from tests.fuzz.inputs import control, pieces
from tests.fuzz.targets.records import check_readable

TOKENS = (
    *(b"\0\0\0\7+<a@b>\0", b"\0\0\0\6hX\0y\0", b"\0\0\0\7-<r@to.test>\0", b"\0\0\0\x05qbad\0"),
    *(b"\0\0\0\x0ai\0\0\0\1A\0b\0", b"\0\0\0\x0am\0\0\0\1To\0x", b"\0\0\0\5btext", b"\0\0\0\1c"),
    *(b"\0\0\0\x082<a@b>\0NOTIFY=NEVER\0", b"\0\0\0\4e<>\0", b"O\0\0\0\6\0\0\1\xff\0\0\0\0"),
    *(b"\xff\xff\xff\xff", b"ORCPT=rfc822;+2B", b"RET=HDRS", b"\r\n", b"\0\0", b"\0\0\0\1"),
)
BUG = Bug("common.milter", "Packets.next_packet", "if length > self._limit:", "if False:")

LIMIT = 1000  # bytes of a packet
HOST = Host({"milter_header_checks": ""})
CHANGES = {one.value: one for one in Change if one is not Change.PROGRESS}
TEXT = b"To: a@b.test,\n c@d.test\nSubject: x\nX-Many: 1\nx-many: 2\n\nbody\nlast"


def check(data: bytes) -> None:
    """Cut packets out of the stream, agree on an offer, make the changes."""
    (size, choice), stream = control(data, 2)
    packets = cut([stream])
    assert cut(pieces(stream, size)) == packets
    assert all(len(letter) == 1 for letter, _ in packets)
    assert all(len(content) < LIMIT for _, content in packets)
    version = sorted(STEPS)[choice % len(STEPS)]
    for _, content in packets:
        check_offer(Offer.of(version), content)
    check_changes(packets, leading_space=bool(choice & 0x80))


def cut(parts: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Return the packets of a stream, up to the first that is none."""
    reader, found = Packets(LIMIT), []
    with suppress(PeerError):
        for part in parts:
            reader.receive_data(part)
            while (one := reader.next_packet()) is not None:
                found.append(one)
            assert reader.pending < NUMBER.size + LIMIT
    return found


def check_offer(offer: Offer, data: bytes) -> None:
    """Check that nothing is agreed that was not offered."""
    try:
        agreed = offer.agreed(Offer.decode(data))
    except PeerError:
        return
    assert agreed.version <= offer.version
    assert not agreed.actions & ~offer.actions
    assert not agreed.steps & ~offer.steps
    for event in Event:
        assert agreed.wants(event) <= agreed.knows(event)


@cache
def drafted() -> tuple[Message, Draft, bytes, int]:
    """Return a message, its draft without spool, what is in that, and how much is envelope."""
    session = HOST.session(Journal())
    envelope = session.receive_data(options() + ENVELOPE)
    rest = session.receive_data(message(TEXT)[len(ENVELOPE) :])
    assert session.finished
    draft = Draft(Spool(), session.message.params.line_length_limit)
    return session.message, draft, envelope + rest, len(envelope)


def fresh() -> tuple[Message, Draft]:
    """Return a message and its draft, as a Milter finds them."""
    original, template, records, envelope = drafted()
    found, draft = original.fork(), template.fork()
    found.log = Journal()
    draft.spool = Spool()
    draft.spool.write(records[:envelope])
    draft.load_envelope()
    draft.spool.write(records[envelope:])
    draft.load(found.data_offset, found.content_length, 0)
    return found, draft


def check_changes(packets: list[tuple[bytes, bytes]], *, leading_space: bool) -> None:
    """Make changes up to the first that makes no sense; the file is one that readers take."""
    found, draft = fresh()
    before = b"".join(draft.records())
    edits = Edits(draft, found, HOST.rules, leading_space=leading_space)
    count = 0
    for letter, data in packets:
        if letter in CHANGES:
            try:
                edits.apply(CHANGES[letter], data)
            except PeerError:
                assert b"".join(draft.records()) == before  # nothing is half done
                return
            count += len(data)
    changed = edits.finish()
    records = b"".join(changed.records())
    assert len(records) < len(before) + 200 * (count + 1)
    assert records[: changed.data_offset].endswith(encode(RecordType.CONTENT))
    found.data_offset, found.content_length = changed.data_offset, changed.content_length
    file = found.size_record() + records[SIZE_RECORD:]
    check_readable(file)
    assert all(int(text) == 0 for kind, text in parse(file) if kind == "p")
