"""handover - a message's facts, as qmqpd hands them over to cleanup

DESCRIPTION
    Handover is all that cleanup must know beside the content: envelope,
    client, options. It travels as records on public/cleanup (qmqpd.handover)
    or as one frame between our own daemons (common.frame); either way the
    attributes and the Received header are made here.

SEE ALSO
    spec/cleanup-protocol.md, section 4.1
    spec/qmqp.md, section 8
"""

import functools
from typing import NamedTuple

from common import address, record
from common.client import Client
from common.date import format_date
from common.record import RecordType

NAMES_KEPT = 1024  # clients whose attributes are kept ready


class Handover(NamedTuple):
    """One message's envelope and origin."""

    options: int  # cleanup's option flags
    arrival: int  # microseconds since the epoch; when the client connected
    client: Client
    port_logging: bool
    by: bytes  # who received it and how: "mx.example.org (Postroom) with QMQP"
    content_filter: bytes  # empty if there is none
    sender: bytes
    delimiters: bytes  # of VERP, empty if the sender did not ask for it
    recipients: list[bytes]

    def time(self) -> bytes:
        """Return the payload of the time record."""
        return b"%d %d" % divmod(self.arrival, 1_000_000)

    def attributes(self) -> bytes:
        """Return the attribute records that tell of the client."""
        family, address, number, name = self.client
        before, origin, between, after, _ = client_records(family, name, address)
        if self.port_logging:
            label = self.client.label(with_port=True)
            origin = attribute_record("log_message_origin", label)
        port = b"client_port=%d" % number
        size = len(port)
        # "A" and a length of one byte: a record.
        records = b"%bA%clog_%b%b%bA%c%b%b"
        return records % (before, size + len(b"log_"), port, origin, between, size, port, after)

    def trace(self, queue_id: str) -> bytes:
        """Return the records of our trace header."""
        lines = self.received(queue_id).split(b"\n")[:-1]
        return b"".join([record.encode(RecordType.TEXT, line) for line in lines])

    def received(self, queue_id: str) -> bytes:
        """Return the lines of our trace header; a single recipient is named in it."""
        family, address, _, name = self.client
        first = client_records(family, name, address)[-1]
        by, number, date = self.by, queue_id.encode(), encoded_date(self.arrival // 1_000_000)
        if len(self.recipients) == 1:
            to = shown(self.recipients[0])
            return b"%b\n\tby %b id %b\n\tfor <%b>; %b\n" % (first, by, number, to, date)
        return b"%b\n\tby %b\n\tid %b; %b\n" % (first, by, number, date)


@functools.lru_cache(NAMES_KEPT)
def client_records(family: int, name: str, address: str) -> tuple[bytes, ...]:
    """Return a client's attribute records, its port left out, and its line of the trace header.

    They stand before its port in logs, at its label, between that and its port, and behind.
    """
    client = Client(family, address, 0, name)
    return (
        attribute_record("log_client_name", name)
        + attribute_record("log_client_address", client.header_address),
        attribute_record("log_message_origin", client.label(with_port=False)),
        attribute_record("log_protocol_name", "QMQP")
        + attribute_record("client_name", name)
        + attribute_record("client_address", address),
        attribute_record("client_address_type", str(family))
        + attribute_record("protocol_name", "QMQP"),
        f"Received: from {name} ({name} [{client.header_address}])".encode(),
    )


@functools.lru_cache(16)
def encoded_date(second: int) -> bytes:
    """Return local time as a header has it."""
    return format_date(second).encode()


# The names of these attributes.
CLIENT_ATTRIBUTES = frozenset(
    b"log_client_name log_client_address log_client_port log_message_origin log_protocol_name"
    b" client_name client_address client_port client_address_type protocol_name".split()
)


def attribute_record(name: str, value: str) -> bytes:
    """Return one attribute as a record."""
    return record.encode(RecordType.ATTRIBUTE, f"{name}={value}".encode())


def shown(recipient: bytes) -> bytes:
    """Return a recipient as the trace header names it: quoted, on one line."""
    plain = recipient.partition(b"\0")[0].replace(b"\n", b" ")
    return address.quote(plain) if plain else b'""'
