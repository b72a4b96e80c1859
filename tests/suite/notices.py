"""notices - messages that Postfix's own daemons make: bounces, forwarded mail, probes

SEE ALSO
    bounce(8), local(8), verify(8)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.suite import services
from tests.suite.intake import Intake
from tests.suite.services import FLUSH, ONE, TRACE, VERP, WARN, failure, recipient
from tests.suite.submission import Record, submit

ENVELOPE: list[Record] = [(b"T", b"1795177301 0"), (b"S", b"s@from.test")]
TEXT: list[Record] = [
    *((b"M", b""), (b"N", b"Received: x"), (b"N", b"Subject: caf\xc3\xa9"), (b"N", b"")),
    *((b"N", b"a body \xe9"), (b"N", b"." * 3000), (b"L", b"no end"), (b"X", b""), (b"E", b"")),
]
HELD, MAPPED, FILTERED = 4, 32, 2
FAILED = failure("5.1.1", "failed", "nobody there")
DELAYED = failure("4.3.0", "delayed", "later")
RELAYED = failure("2.0.0", "relayed", "250 ok")


@dataclass(frozen=True, slots=True)
class Case:
    """What the bounce service is asked for, and how many notices that makes."""

    service: str
    request: int
    outcome: services.Attributes
    notices: int
    facts: dict[str, object] = field(default_factory=dict)
    others: dict[str, object] = field(default_factory=dict)  # behind them

    def ask(self, host: Intake) -> None:
        """Ask the host's service."""
        queue_id = store(host, "r@x.test", "q@x.test")
        if self.request != ONE:
            for address in ("r@x.test", "q@x.test"):
                services.append(host, self.service, queue_id, address, self.outcome)
        services.report(host, self.service, self.request, queue_id, self.others, **self.facts)
        (host.spool / "incoming" / queue_id).unlink()


CASES = [
    Case("bounce", FLUSH, FAILED, 2),
    Case("bounce", FLUSH, FAILED, 2, {"encoding": "8bit", "ret_flags": 2, "envelope_id": "id7"}),
    Case("bounce", FLUSH, FAILED, 2, {"smtputf8": 7, "sender": "caf\xc3\xa9@x.test"}),
    Case("bounce", FLUSH, FAILED, 1, {"sender": ""}),
    Case("bounce", VERP, FAILED, 4, others={"verp_delimiters": "+="}),
    Case("bounce", ONE, FAILED, 2, others={**recipient("r@x.test"), **FAILED}),
    Case("defer", WARN, DELAYED, 2),
    Case("defer", FLUSH, DELAYED, 2),
    Case("trace", TRACE, RELAYED, 1),
]


def store(host: Intake, *addresses: str) -> str:
    """Put a message into the host's incoming queue; return its queue id."""
    recipients: list[Record] = [(b"R", one.encode("latin-1")) for one in addresses]
    return submit(host, "cleanup", MAPPED, [*ENVELOPE, *recipients, *TEXT]).queue_id


# Aliases that mail is for, and how many messages local makes of it.
FORWARDED: list[tuple[Sequence[str], int]] = [
    (["fwd"], 1),
    (["staff"], 1),
    (["fwd", "staff"], 2),
    (["deep"], 1),
    (["nobody"], 1),
]


def forward(aliases: Sequence[str], host: Intake) -> None:
    """Let local deliver a message to aliases of the host."""
    addresses = [f"{one}@local.test" for one in aliases]
    queue_id = store(host, *addresses)
    services.deliver(host, "local", queue_id, *addresses)


def probe(address: str, host: Intake) -> None:
    """Ask the verify service about an address."""
    answer = services.ask(host, "verify", {"request": "query", "address": address})
    assert (answer["status"], answer["recipient_status"]) == ("0", "3"), answer
