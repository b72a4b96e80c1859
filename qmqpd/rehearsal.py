"""rehearsal - what each client takes, played in master before there is any

DESCRIPTION
    The interpreter makes code faster that has run a few times, in place. A
    worker that lives for a hundred clients would do that for each of its own
    lives; done in master it is done once. So master refuses some clients, who
    are at the other end of a pair of sockets, and makes messages ready that
    cleanup never gets. Nothing is logged, nobody is looked up. Where the system
    has no room for that, workers begin cold.
"""

import os
import socket
from contextlib import suppress
from socket import SocketType

from common import frame, netstring
from common.client import Client
from common.config import MainCf
from common.log import Log
from common.sinks import FileSink
from qmqpd.access import Access, Lists
from qmqpd.connection import Connection
from qmqpd.experience import Experience
from qmqpd.handover import Parcel
from qmqpd.names import Resolver
from qmqpd.service import Rules, Service
from qmqpd.session import whole_packet

TIMES = 20  # CPython 3.11 begins to specialize at the eighth
CONTENT = b"Subject: rehearsal\n\n" + b"It is only that.\n" * 50
ENVELOPE = (b"sender@example.test", b"recipient@example.test")
PACKET = netstring.encode(b"".join(map(netstring.encode, (CONTENT, *ENVELOPE))))
VERDICT = frame.encode_verdict(0, "4F3A2216044", b"", 1)


def rehearse(rules: Rules, main_cf: MainCf) -> None:
    """Serve clients that there are not; nobody hears of it."""
    nobody, experience = Lists.of_nobody(), Experience()
    with suppress(OSError), open(os.devnull, "wb", buffering=0) as null:
        log = Log("rehearsal", FileSink(null.fileno(), is_socket=False))
        for _ in range(TIMES):
            access = Access(rules.params, main_cf, log, nobody)
            resolver = Resolver(log, access.permits_address, experience)
            try:
                turn_away(Service(rules, log, access, resolver))
            finally:
                os.close(resolver.fileno())
            hand_over(rules)


def turn_away(service: Service) -> None:
    """Refuse a client."""
    ours, theirs = socket.socketpair()
    with theirs:
        accepted = SocketType(socket.AF_UNIX, socket.SOCK_STREAM, 0, ours.detach())
        connection = Connection(service, accepted, Client.of(socket.AF_UNIX, ""))
        connection.advance()
        connection.dismiss("rehearsal")  # there may be a pause before the answer


def hand_over(rules: Rules) -> None:
    """Make a message ready for cleanup, and understand an answer."""
    submission = whole_packet(PACKET, rules.limits)
    if submission:
        client = Client.of(socket.AF_INET, ("192.0.2.1", 1)).named("mail.example.test")
        b"".join(Parcel(rules.handover, client, 0, submission).frame())
    frame.decode_verdict(VERDICT)
