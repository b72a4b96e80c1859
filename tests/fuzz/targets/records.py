"""records - the record stream of any client of cleanup's

DESCRIPTION
    The first byte says how it is cut, the second which configuration holds,
    two more are the options that the client asks for.
"""

import os
import stat
from functools import cache

from common.errors import PeerError
from common.queue_file import RecordFile, read_summary
from tests.cleanup.stream import SIZE_RECORD, Host, options, parse
from tests.common.journal import Journal
from tests.fuzz.bug import Bug
from tests.fuzz.inputs import control, memory_file, pieces

TOKENS = (
    *(
        b"T\x111795177301 799325",
        b"T\x02-1",
        b"S\0",
        b"R\x01r",
        b"M\0",
        b"X\0",
        b"E\0",
        b"N\0",
        b"L\0",
    ),
    *(b"A\x07a=1234\n", b"f\x018", b"O\x01o", b"V\x02-=", b"\x80\x01", b"\xff\xff\xff\x7f"),
    *(b"p\x010", b"w\0", b"D\0", b"L\xff\x0f", b"Nreceived: x"),
)
BUG = Bug("cleanup.envelope", "EnvelopeStage.time", "not seconds.isdigit() or ", "")

CONFIGURATIONS: tuple[dict[str, str], ...] = (
    {},
    {"message_size_limit": "1000", "hopcount_limit": "2", "line_length_limit": "512"},
    {"header_size_limit": "30", "queue_file_attribute_count_limit": "2", "always_bcc": "bcc"},
    {"body_checks": "inline:{b=HOLD}", "message_reject_characters": "\\001", "strict_7bit": "yes"},
    {"message_strip_characters": "\\001", "cleanup_replace_stray_cr_lf": "no"},
)

Outcome = tuple[str, bool, int, bytes, bytes, list[str]]


@cache
def host(choice: int) -> Host:
    """Return a cleanup with that configuration."""
    return Host(CONFIGURATIONS[choice])


def check(data: bytes) -> None:
    """Give the stream to cleanup whole and in pieces; who reads the file finds the message."""
    (size, choice, high, low), records = control(data, 4)
    stream = options(high << 8 | low) + records
    cleanup = host(choice % len(CONFIGURATIONS))
    whole = outcome(cleanup, [stream])
    assert outcome(cleanup, pieces(stream, size)) == whole


def outcome(cleanup: Host, parts: list[bytes]) -> Outcome:
    """Return error, end, verdict, reason, file and log."""
    journal = Journal()
    session, written = cleanup.session(journal), b""
    for part in parts:
        try:
            written += session.receive_data(part)
        except PeerError as error:
            return str(error), False, 0, b"", b"", []
    message = session.message
    assert len(written) <= max(message.params.message_size_limit, SIZE_RECORD)
    file = b""
    if session.finished and not (message.status or message.discard):
        file = message.size_record() + written[SIZE_RECORD:]
        check_file(file)
    return "", session.finished, message.verdict(), message.reason, file, journal.lines()


def check_file(data: bytes) -> None:
    """Check that readers find no damage in a queue file."""
    kinds = [kind for kind, _ in parse(data)]
    assert kinds[0] == "C"
    assert kinds[-1] == "E"
    assert "p" not in kinds  # it would lead a reader where the client wants
    check_readable(data)


def check_readable(data: bytes) -> None:
    """Check that a listing finds every recipient, and no damage."""
    kinds = [kind for kind, _ in parse(data)]
    status = os.stat_result((stat.S_IFREG | 0o700, 1, 1, 1, 0, 0, len(data), 0, 0, 0))
    with memory_file(data) as file:
        summary = read_summary(RecordFile(file), status)
    assert not summary.damage
    assert len(summary.recipients) == kinds.count("R")
