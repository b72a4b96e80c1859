"""services - asking Postfix's daemons for what its queue manager would ask them

SEE ALSO
    spec/qmgr-delivery-protocols.md
"""

import base64
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path

from tests.suite.instance import Instance
from tests.suite.queue_file import read_records
from tests.suite.submission import receive_list

PATIENCE = 30.0  # seconds
NO_DIAGNOSIS = dict.fromkeys(("diag_type", "diag_text", "mta_type", "mta_mname"), "")
ARRIVAL = 1795177301
REQUEST_FLAGS = 3  # mark what is done, bounce what cannot be

APPEND, FLUSH, WARN, VERP, ONE, TRACE = range(6)  # of the bounce service

Attributes = Mapping[str, object]


def encoded(attributes: Attributes) -> bytes:
    """Return a list as it travels."""
    pairs = "".join(f"{name}\0{value}\0" for name, value in attributes.items())
    return pairs.encode("latin-1") + b"\0"


def ask(instance: Instance, service: str, *lists: Attributes) -> dict[str, str]:
    """Send lists to a private service; return its answer."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(PATIENCE)
        peer.connect(str(instance.spool / "private" / service))
        assert "protocol" in receive_list(peer)
        peer.sendall(b"".join(map(encoded, lists)))
        return receive_list(peer)


def recipient(address: str, *, notify: int = 0, offset: int = 0) -> Attributes:
    """Return what all services are told of a recipient."""
    return {
        "original_recipient": address,
        "recipient": address,
        "offset": offset,
        "dsn_orig_rcpt": f"rfc822;{address}",
        "notify_flags": notify,
    }


def failure(status: str, action: str, reason: str) -> Attributes:
    """Return what the bounce service is told of what became of a recipient."""
    return {"status": status, **NO_DIAGNOSIS, "action": action, "reason": reason}


def append(
    instance: Instance, service: str, queue_id: str, address: str, outcome: Attributes
) -> None:
    """Note an outcome in the log of a message."""
    head = {"nrequest": APPEND, "flags": 0, "queue_id": queue_id}
    answer = ask(instance, service, {**head, **recipient(address), **outcome})
    assert answer == {"status": "0"}


def report(
    instance: Instance,
    service: str,
    request: int,
    queue_id: str,
    others: Attributes | None = None,
    **facts: object,
) -> None:
    """Let the bounce service tell the sender of a message in incoming."""
    usual = {
        "encoding": "",
        "smtputf8": 0,
        "sender": "s@from.test",
        "envelope_id": "",
        "ret_flags": 0,
    }
    head = {"nrequest": request, "flags": 0, "queue_name": "incoming", "queue_id": queue_id}
    answer = ask(instance, service, {**head, **usual, **facts, **(others or {})})
    assert answer == {"status": "0"}


def deliver(instance: Instance, agent: str, queue_id: str, *addresses: str) -> None:
    """Let a delivery agent deliver a message in incoming to some of its recipients."""
    path = instance.spool / "active" / queue_id
    (instance.spool / "incoming" / queue_id).rename(path)
    found = offsets(path)
    now = time.time()
    times = [(ARRIVAL, 0), (int(now), 0), (0, 0), (0, 0), (0, 0)]
    packed = struct.pack("=" + "qq" * 5 + "i4x", *(part for one in times for part in one), 0)
    request = {
        "flags": REQUEST_FLAGS,
        "queue_name": "active",
        "queue_id": queue_id,
        "offset": 0,
        "size": 100,
        "nexthop": "local.test",
        "encoding": "",
        "smtputf8": 0,
        "sender": "s@from.test",
        "envelope_id": "ID1",
        "ret_flags": 0,
        "time": base64.b64encode(packed).decode(),
        "log_client_name": "client.test",
        "log_client_address": "192.0.2.7",
        "log_client_port": "4711",
        "log_protocol_name": "ESMTP",
        "log_helo_name": "helo.test",
        **dict.fromkeys(("sasl_method", "sasl_username", "sasl_sender"), ""),
        "log_ident": "IDENT",
        "rewrite_context": "local",
        "recipient_count": len(addresses),
    }
    told = [recipient(one, notify=14, offset=found[one]) for one in addresses]
    answer = ask(instance, agent, {**request, "offset": found["M"]}, *told)
    assert answer["status"] == "0", (answer, instance.report())
    path.unlink()


def offsets(path: Path) -> dict[str, int]:
    """Return where the records of recipients begin, and, as M, where the content does."""
    records = read_records(path)
    found = {one.value: one.offset for one in records if one.kind == "R"}
    content = next(one.offset for one in records if one.kind == "M") + 2
    return {**found, "M": content}
