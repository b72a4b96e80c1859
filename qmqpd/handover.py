"""handover - a submission as what cleanup is sent

SEE ALSO
    common.handover
    spec/cleanup-protocol.md, section 4.1
"""

from collections.abc import Iterator
from typing import NamedTuple

from common import attribute, frame, record
from common.client import Client
from common.config import encoded
from common.handover import Handover
from common.params import QmqpdParams
from common.record import RecordType
from common.text import text_records
from qmqpd.content import safe_opening
from qmqpd.session import Submission
from qmqpd.verp import split_verp

# What we ask of cleanup: checks, Milters, automatic BCC, address mapping.
FILTER, BCC_OK, MAP_OK, MILTER, AUTOUTF8 = 2, 16, 32, 64, 512
ASKED = FILTER | BCC_OK | MAP_OK | MILTER
TAKEN_AWAY = {
    "no_address_mappings": BCC_OK | MAP_OK,
    "no_header_body_checks": FILTER,
    "no_milters": MILTER,
    "no_unknown_recipient_checks": 0,
}
WRITE_SIZE = 40 * 1024  # bytes written at a time, about
CONTENT_RECORD = record.encode(RecordType.CONTENT)
END_RECORDS = record.encode(RecordType.EXTRACTED) + record.encode(RecordType.END)
CLASS = "qmqpd"  # our name in smtputf8_autodetect_classes


def option_flags(params: QmqpdParams) -> int:
    """Return the flags that cleanup is sent first."""
    flags = ASKED
    for option in params.receive_override_options:
        flags &= ~TAKEN_AWAY[option]
    if {CLASS, "all"} & set(params.smtputf8_autodetect_classes):
        flags |= AUTOUTF8
    return flags


class HandoverRules(NamedTuple):
    """What all messages of a process have in common."""

    line_length_limit: int
    port_logging: bool
    options: int
    content_filter: bytes  # empty if there is none
    by: bytes  # who received it, for the trace header

    @classmethod
    def of(cls, params: QmqpdParams) -> "HandoverRules":
        """Prepare them."""
        return cls(
            params.line_length_limit,
            params.qmqpd_client_port_logging,
            option_flags(params),
            encoded(params.content_filter),
            encoded(f"{params.myhostname} ({params.mail_name}) with QMQP"),
        )


class Parcel:
    """One submission with all that cleanup must know, in either of its two forms."""

    __slots__ = ("_handover", "_limit", "_pieces", "delimiters")

    def __init__(
        self, rules: HandoverRules, client: Client, arrival: int, submission: Submission
    ) -> None:
        """Make it; arrival: microseconds since the epoch, when the client connected."""
        sender, self.delimiters = split_verp(submission.sender)
        self._limit = rules.line_length_limit
        self._pieces = safe_opening(submission.pieces)
        # As Handover(...), whose way leads out of the interpreter and back: that showed in the
        # processor time of a message, for a worker's caches are cold.
        self._handover = tuple.__new__(
            Handover,
            (
                rules.options,
                arrival,
                client,
                rules.port_logging,
                rules.by,
                rules.content_filter,
                sender,
                self.delimiters,
                submission.recipients,
            ),
        )

    def frame(self) -> list[bytes]:
        """Return the frame, in pieces."""
        return [frame.encode(self._handover, sum(map(len, self._pieces))), *self._pieces]

    def records(self, queue_id: str) -> Iterator[bytes]:
        """Yield the record stream, in pieces fit for one write each; a small one is one piece."""
        pending = self._envelope() + self._handover.trace(queue_id)
        for records in text_records(self._pieces, self._limit):
            if len(pending) + len(records) > WRITE_SIZE:
                yield pending
                pending = records
            else:
                pending += records
        yield pending + END_RECORDS

    def _envelope(self) -> bytes:
        """Return flags, envelope and content marker."""
        handover = self._handover
        out = [
            attribute.encode([(b"flags", b"%d" % handover.options)]),
            record.encode(RecordType.TIME, handover.time()),
        ]
        if handover.content_filter:
            out.append(record.encode(RecordType.FILTER, handover.content_filter))
        out.append(record.encode(RecordType.SENDER, handover.sender))
        if handover.delimiters:
            out.append(record.encode(RecordType.VERP, handover.delimiters))
        out.append(handover.attributes())
        out += [record.encode(RecordType.RECIPIENT, one) for one in handover.recipients]
        out.append(CONTENT_RECORD)
        return b"".join(out)
