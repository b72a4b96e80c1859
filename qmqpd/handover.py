"""handover - a submission as the record stream that cleanup takes

SEE ALSO
    spec/cleanup-protocol.md, section 4.1
    spec/qmqp.md, section 8
"""

from collections.abc import Iterator
from dataclasses import dataclass

from common import address, attribute, record
from common.config import encoded
from common.date import format_date
from common.params import QmqpdParams
from common.record import RecordType
from qmqpd.client import Client
from qmqpd.content import text_records
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


@dataclass(frozen=True, slots=True)
class HandoverRules:
    """What all messages of a process have in common, encoded once."""

    line_length_limit: int
    port_logging: bool
    opening: bytes  # the option flags
    content_filter: bytes  # its record, if there is one
    by: bytes  # who received it, for the trace header

    @classmethod
    def of(cls, params: QmqpdParams) -> "HandoverRules":
        """Prepare them."""
        opening = attribute.encode([(b"flags", b"%d" % option_flags(params))])
        content_filter = encoded(params.content_filter)
        return cls(
            params.line_length_limit,
            params.qmqpd_client_port_logging,
            opening,
            record.encode(RecordType.FILTER, content_filter) if content_filter else b"",
            encoded(f"\tby {params.myhostname} ({params.mail_name}) with QMQP"),
        )


@dataclass(frozen=True, slots=True)
class Handover:
    """One submission with all that cleanup must know."""

    rules: HandoverRules
    client: Client
    arrival: int  # microseconds since the epoch; when the client connected
    submission: Submission

    def records(self, queue_id: str) -> Iterator[bytes]:
        """Yield everything that cleanup is sent, in pieces fit for one write each.

        A small message is one piece.
        """
        pending = self._envelope() + self._received(queue_id)
        for records in text_records(self.submission.pieces, self.rules.line_length_limit):
            if len(pending) + len(records) > WRITE_SIZE:
                yield pending
                pending = records
            else:
                pending += records
        yield pending + END_RECORDS

    def _envelope(self) -> bytes:
        """Return flags, envelope and content marker."""
        rules, submission = self.rules, self.submission
        out = [
            rules.opening,
            record.encode(RecordType.TIME, b"%d %d" % divmod(self.arrival, 1_000_000)),
            rules.content_filter,
        ]
        sender, delimiters = split_verp(submission.sender)
        out.append(record.encode(RecordType.SENDER, sender))
        if delimiters:
            out.append(record.encode(RecordType.VERP, delimiters))
        out += [record.encode(RecordType.ATTRIBUTE, pair) for pair in self._attributes()]
        out += [record.encode(RecordType.RECIPIENT, one) for one in submission.recipients]
        out.append(CONTENT_RECORD)
        return b"".join(out)

    def _attributes(self) -> list[bytes]:
        client = self.client
        name, address, port = client.name, client.address, client.port
        text = (
            f"log_client_name={name}\n"
            f"log_client_address={client.header_address}\n"
            f"log_client_port={port}\n"
            f"log_message_origin={client.label(with_port=self.rules.port_logging)}\n"
            "log_protocol_name=QMQP\n"
            f"client_name={name}\n"
            f"client_address={address}\n"
            f"client_port={port}\n"
            f"client_address_type={client.family:d}\n"
            "protocol_name=QMQP"
        )
        return text.encode().split(b"\n")

    def _received(self, queue_id: str) -> bytes:
        """Return our trace header; a single recipient is named in it."""
        name, by = self.client.name, self.rules.by
        date = format_date(self.arrival // 1_000_000).encode()
        lines = [f"Received: from {name} ({name} [{self.client.header_address}])".encode()]
        recipients = self.submission.recipients
        if len(recipients) == 1:
            lines.append(b"%b id %b" % (by, queue_id.encode()))
            lines.append(b"\tfor <%b>; %b" % (shown(recipients[0]), date))
        else:
            lines += [by, b"\tid %b; %b" % (queue_id.encode(), date)]
        return b"".join([record.encode(RecordType.TEXT, line) for line in lines])


def shown(recipient: bytes) -> bytes:
    """Return a recipient as the trace header names it: quoted, on one line."""
    plain = recipient.partition(b"\0")[0].replace(b"\n", b" ")
    return address.quote(plain) if plain else b'""'
