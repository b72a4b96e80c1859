"""addresses - scenarios of the parameters by which cleanup changes addresses

SEE ALSO
    canonical(5), virtual(5)
"""

import socket
import threading
from pathlib import Path
from typing import Self

from tests.suite.address_cases import MAP_OK
from tests.suite.parameters.plays import MAIL, mail, recipients, reply
from tests.suite.parameters.scenario import Play, Scenario, Trial
from tests.suite.submission import hand_over

NEW = "inline:{r@to.test=new@x.test}"
TO = "inline:{{s@from.test=s2@x.test},{r@to.test=r2@x.test}}"
LOCAL = {"virtual_alias_maps": "inline:{bob=here@x.test}"}
CHAIN = "inline:{{r@to.test=a@x.test},{a@x.test=b@x.test},{b@x.test=c@x.test}}"
EXTENDED = {"virtual_alias_maps": "inline:{r@to.test=new@x.test}", "recipient_delimiter": "+"}
LIST = {"virtual_alias_maps": "inline:{owner@to.test=new@x.test}", "recipient_delimiter": "-"}
BOUNCES = {"virtual_alias_maps": "inline:{double@to.test=new@x.test}", "recipient_delimiter": "-"}
HIDDEN = {"masquerade_domains": "from.test"}
FROM = mail(b"From: s@from.test\nTo: r@to.test\n\n")
FROM_HOST = mail(b"From: s@host.from.test\n\n", sender=b"s@host.from.test")


def addresses(data: bytes = FROM) -> Play:
    """Sender, recipients, and the headers From and To."""

    def play(trial: Trial) -> list[str]:
        records = trial.records(data)
        headers = [one.value for one in records if one.value.startswith(("From:", "To:"))]
        return [*(one.value for one in records if one.kind in "SR"), *headers]

    return play


def traced() -> Play:
    """Whether a service in place of trace hears of a recipient that stands for several."""
    message = [
        *((b"T", b"1 0"), (b"S", b""), (b"A", b"notify_flags=2"), (b"R", b"r@to.test")),
        *((b"M", b""), (b"N", b"Received: by x"), (b"X", b""), (b"E", b"")),
    ]

    def play(trial: Trial) -> tuple[int, bool]:
        path = trial.instance.spool / f"private/trace{trial.number}"
        with TraceService(path) as service:
            taken = hand_over(trial.instance, trial.cleanup_service, MAP_OK, message)
        return taken.status, b"expanded" in service.heard

    return play


class TraceService:
    """Takes one request."""

    def __init__(self, path: Path) -> None:
        self.heard = b""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        path.chmod(0o777)
        self._listener.listen()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes who still waits for a client
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        try:
            peer = self._listener.accept()[0]
        except OSError:
            return
        with peer:
            peer.sendall(b"protocol\0delivery_status_protocol\0\0")
            self.heard = peer.recv(65536)
            peer.sendall(b"status\x000\0\0")


UNCHANGED = ["s@from.test", "r@to.test", "From: s@from.test", "To: r@to.test"]

SCENARIOS = (
    Scenario(
        "trace_service_name",
        "trace<N>",
        traced(),
        (2, False),
        (0, True),
        beside={"virtual_alias_maps": "inline:{{r@to.test=a@x.test, b@x.test}}"},
    ),
    Scenario(
        "canonical_maps",
        TO,
        addresses(),
        UNCHANGED,
        ["s2@x.test", "r2@x.test", "From: s2@x.test", "To: r2@x.test"],
    ),
    Scenario(
        "sender_canonical_maps",
        TO,
        addresses(),
        UNCHANGED,
        ["s2@x.test", "r@to.test", "From: s2@x.test", "To: r@to.test"],
    ),
    Scenario(
        "recipient_canonical_maps",
        TO,
        addresses(),
        UNCHANGED,
        ["s@from.test", "r2@x.test", "From: s@from.test", "To: r2@x.test"],
    ),
    Scenario(
        "canonical_classes",
        "envelope_sender, header_recipient",
        addresses(),
        ["s2@x.test", "r2@x.test", "From: s2@x.test", "To: r2@x.test"],
        ["s2@x.test", "r@to.test", "From: s@from.test", "To: r2@x.test"],
        beside={"canonical_maps": TO},
    ),
    Scenario(
        "sender_canonical_classes",
        "header_sender",
        addresses(),
        ["s2@x.test", "r@to.test", "From: s2@x.test", "To: r@to.test"],
        ["s@from.test", "r@to.test", "From: s2@x.test", "To: r@to.test"],
        beside={"sender_canonical_maps": TO},
    ),
    Scenario(
        "recipient_canonical_classes",
        "header_recipient",
        addresses(),
        ["s@from.test", "r2@x.test", "From: s@from.test", "To: r2@x.test"],
        ["s@from.test", "r@to.test", "From: s@from.test", "To: r2@x.test"],
        beside={"recipient_canonical_maps": TO},
    ),
    Scenario(
        "masquerade_domains",
        "from.test",
        addresses(FROM_HOST),
        ["s@host.from.test", "r@to.test", "From: s@host.from.test"],
        ["s@from.test", "r@to.test", "From: s@from.test"],
    ),
    Scenario(
        "masquerade_classes",
        "envelope_sender",
        addresses(FROM_HOST),
        ["s@from.test", "r@to.test", "From: s@from.test"],
        ["s@from.test", "r@to.test", "From: s@host.from.test"],
        beside=HIDDEN,
    ),
    Scenario(
        "masquerade_exceptions",
        "root, s",
        addresses(FROM_HOST),
        ["s@from.test", "r@to.test", "From: s@from.test"],
        ["s@host.from.test", "r@to.test", "From: s@host.from.test"],
        beside=HIDDEN,
    ),
    Scenario("virtual_alias_maps", NEW, recipients(b"r@to.test"), ["r@to.test"], ["new@x.test"]),
    Scenario("virtual_maps", NEW, recipients(b"r@to.test"), ["r@to.test"], ["new@x.test"]),
    Scenario(
        "virtual_alias_recursion_limit",
        "2",
        reply(MAIL, "4.6.0 Alias expansion error"),
        False,
        True,
        beside={"virtual_alias_maps": CHAIN},
    ),
    Scenario(
        "virtual_alias_expansion_limit",
        "2",
        reply(MAIL, "4.6.0 Alias expansion error"),
        False,
        True,
        beside={"virtual_alias_maps": "inline:{{r@to.test=a@x.test, b@x.test, c@x.test}}"},
    ),
    Scenario(
        "virtual_alias_address_length_limit",
        "20",
        reply(MAIL, "4.6.0 Alias expansion error"),
        False,
        True,
        beside={"virtual_alias_maps": "inline:{r@to.test=a-longer-one@to.x.test}"},
    ),
    Scenario(
        "always_bcc",
        "copy",
        recipients(b"r@to.test"),
        ["r@to.test"],
        ["r@to.test", "copy@mx.example.test"],
    ),
    Scenario(
        "sender_bcc_maps",
        "inline:{s@from.test=copy@x.test}",
        recipients(b"r@to.test"),
        ["r@to.test"],
        ["copy@x.test", "r@to.test"],
    ),
    Scenario(
        "recipient_bcc_maps",
        "inline:{a@to.test=copy@x.test}",
        recipients(b"a@to.test", b"r@to.test"),
        ["a@to.test", "r@to.test"],
        ["a@to.test", "copy@x.test", "r@to.test"],
    ),
    Scenario(
        "recipient_delimiter",
        "+-",
        recipients(b"r+x@to.test", b"r-y@to.test"),
        ["r+x@to.test", "r-y@to.test"],
        ["new+x@x.test", "new-y@x.test"],
        beside={"virtual_alias_maps": NEW},
    ),
    Scenario(
        "propagate_unmatched_extensions",
        "canonical",
        recipients(b"r+x@to.test"),
        ["new+x@x.test"],
        ["new@x.test"],
        beside=EXTENDED,
    ),
    Scenario(
        "owner_request_special",
        "no",
        recipients(b"owner-list@to.test"),
        ["owner-list@to.test"],
        ["new-list@x.test"],
        beside=LIST,
    ),
    Scenario(
        "double_bounce_sender",
        "other",
        recipients(b"double-bounce@to.test"),
        ["double-bounce@to.test"],
        ["new-bounce@x.test"],
        beside=BOUNCES,
    ),
    Scenario(
        "mydestination",
        "to.test",
        recipients(b"bob@localhost", b"bob@to.test"),
        ["here@x.test", "bob@to.test"],
        ["bob@localhost", "here@x.test"],
        beside=LOCAL,
    ),
    Scenario(
        "inet_interfaces",
        "::1",
        recipients(b"bob@[127.0.0.1]", b"bob@[IPv6:::1]"),
        ["here@x.test", "here@x.test"],
        ["bob@[127.0.0.1]", "here@x.test"],
        beside={**LOCAL, "inet_protocols": "all"},
        reader="cleanup",
    ),
    Scenario(
        "inet_protocols",
        "ipv6",
        recipients(b"bob@[127.0.0.1]", b"bob@[IPv6:::1]"),
        ["here@x.test", "here@x.test"],
        ["bob@[127.0.0.1]", "here@x.test"],
        beside={**LOCAL, "inet_interfaces": "all"},
        reader="cleanup",
    ),
    Scenario(
        "proxy_interfaces",
        "192.0.2.7",
        recipients(b"bob@[192.0.2.7]"),
        ["bob@[192.0.2.7]"],
        ["here@x.test"],
        beside=LOCAL,
    ),
)
