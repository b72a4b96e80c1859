"""rehearsal - the life of a worker, played in master before there is any

DESCRIPTION
    The interpreter makes code faster that has run a few times, in place. A
    worker that lives for a hundred clients would do that for each of its own
    lives; done in master it is done once. Nor does code that is not fast yet
    leave memory alone that all processes share: it counts who uses the name of
    each attribute. So in master some workers serve a client each, over pairs
    of sockets, and at the other ends are we. Nothing is logged, nobody is
    looked up. Where the system has no room for that, workers begin cold.
"""

import os
import select
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from socket import SocketType

from common import frame, netstring
from common.child import Child
from common.cleanup_client import CleanupService
from common.client import Client
from common.config import MainCf
from common.log import Log
from common.signals import set_action
from common.sinks import FileSink
from qmqpd.access import Access, Lists
from qmqpd.experience import Experience
from qmqpd.lookups import Answer, Lookups
from qmqpd.names import Resolver
from qmqpd.service import Rules, Service
from qmqpd.session import Limits
from qmqpd.worker import Worker

TIMES = 20  # CPython 3.11 begins to specialize at the eighth
CONTENT = b"Subject: rehearsal\n\n" + b"It is only that.\n" * 50
ENVELOPE = (b"sender@example.test", b"recipient@example.test")
PACKET = netstring.encode(b"".join(map(netstring.encode, (CONTENT, *ENVELOPE))))
VERDICT = frame.encode_verdict(0, "4F3A2216044", b"", 16)
CLIENT = Client.of(socket.AF_INET, ("192.0.2.1", 1))
NETWORK = "192.0.2.0/24"  # of whom everybody is welcome
READ_SIZE = 4096


def rehearse(rules: Rules, main_cf: MainCf) -> None:
    """Let workers live that there are not; nobody hears of it."""
    # Whatever the parameters are, this client is served, in the way that needs nobody else.
    played = rules._replace(
        # None for the message: an ordinary packet is far from its limit, and goes the short way.
        limits=Limits(message=0, address=len(PACKET)),
        cleanup=CleanupService("rehearsal", True, 1.0, 1.0),
    )
    lists, experience = Lists.of_network(NETWORK), Experience()
    # Whatever fails here, perhaps for want of room, fails in workers too, and is told of there.
    with suppress(Exception), open(os.devnull, "wb", buffering=0) as null:
        log = Log("rehearsal", FileSink(null.fileno(), is_socket=False))
        # The watchdog of a worker is none of master's, however slow the system is.
        usual = set_action(signal.SIGALRM.value, signal.SIG_IGN.value)
        try:
            for _ in range(TIMES):
                with ExitStack() as stack:
                    access = Access(rules.params, main_cf, log, lists)
                    lookups = Lookups(look_up, start)
                    stack.callback(os.close, lookups.fileno())
                    resolver = Resolver(log, access.permits_address, experience, lookups)
                    serve(Service(played, log, access, resolver), main_cf, stack)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            set_action(signal.SIGALRM.value, usual)


def serve(service: Service, main_cf: MainCf, stack: ExitStack) -> None:
    """Be a worker, its client, its cleanup and its master."""
    stack.enter_context(service.epoll)
    status, _ = pair(stack)
    accepted, client = pair(stack)
    link, cleanup = pair(stack)
    child = Child(
        command="qmqpd",
        service="qmqpd",
        transport="inet",
        generation=0,
        listener_count=0,
        title="",
        main_cf=main_cf,
        log=service.log,
        _channel=status,
    )
    worker = Worker(child, service)
    service.links.take_up(link)
    client.send(PACKET)
    worker.take(SocketType(fileno=accepted.detach()), CLIENT)
    go_on(worker)
    if cleanup.recv(READ_SIZE, socket.MSG_DONTWAIT):
        cleanup.send(VERDICT)
    go_on(worker)


def go_on(worker: Worker) -> None:
    """Let the worker do what it can without waiting."""
    while select.select((worker.service.epoll,), (), (), 0)[0]:
        worker.turn()
    worker.done()


def pair(stack: ExitStack) -> tuple[socket.socket, socket.socket]:
    """Return two sockets, each of which is the other end of the other."""
    ours, theirs = socket.socketpair()
    return stack.enter_context(ours), stack.enter_context(theirs)


def look_up(address: str) -> Answer:
    """Return a name without asking anybody."""
    return Answer(address, "mail.example.test")


def start(work: Callable[..., object], arguments: Sequence[object]) -> None:
    """Do at once what a thread would do: master has none."""
    work(*arguments)
