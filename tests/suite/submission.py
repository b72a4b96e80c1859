"""submission - a client that gives records to a cleanup, Postfix's or ours

SEE ALSO
    spec/cleanup-protocol.md
"""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.suite.instance import Instance
from tests.suite.queue_file import read_records

PATIENCE = 30.0  # seconds for a reply
QUEUES = ("incoming", "hold")

Record = tuple[bytes, bytes]
Stored = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Taken:
    """What cleanup made of a message."""

    queue_id: str
    status: int
    reason: str
    records: Stored  # of the queue file, if that was looked at and there is one


def hand_over(instance: Instance, service: str, flags: int, records: Iterable[Record]) -> Taken:
    """Give cleanup a message; return what it says and stores. The file is removed."""
    taken = submit(instance, service, flags, records)
    stored = [instance.spool / queue / taken.queue_id for queue in QUEUES]
    found = [take(path) for path in stored if path.exists()]
    return replace(taken, records=found[0] if found else [])


def submit(instance: Instance, service: str, flags: int, records: Iterable[Record]) -> Taken:
    """Give cleanup a message; return what it says. Its file stays where it is."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(PATIENCE)
        peer.connect(str(instance.spool / "public" / service))
        greeting = receive_list(peer)
        peer.sendall(b"flags\0%d\0\0" % flags + b"".join(map(encoded, records)))
        verdict = receive_list(peer)
    return Taken(greeting["queue_id"], int(verdict["status"]), verdict["reason"], [])


def take(path: Path) -> Stored:
    """Return a queue file's records, and remove it."""
    records = [(one.kind, one.value) for one in read_records(path)]
    path.unlink()
    return records


def encoded(record: Record) -> bytes:
    """Return a record as bytes."""
    kind, value = record
    length, head = len(value), b""
    while length > 0x7F:
        head += bytes((length & 0x7F | 0x80,))
        length >>= 7
    return kind + head + bytes((length,)) + value


def receive_list(peer: socket.socket) -> dict[str, str]:
    """Return the attributes that come."""
    data = b""
    while not re.search(rb"(?:\A|\0)\0\Z", data):
        piece = peer.recv(65536)
        assert piece, f"closed behind {data!r}"
        data += piece
    words = data.decode("latin-1").split("\0")[:-2]
    return dict(zip(words[::2], words[1::2], strict=True))
