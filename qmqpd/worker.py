"""worker - the loop of one qmqpd process

DESCRIPTION
    The worker accepts, lets each connection go as far as it can, and parks
    the ones that must wait. Nothing in it sleeps: a thousand silent clients
    cost memory, not time. It tells master whether it will take the next
    connection at once, and leaves after max_use finished connections or
    max_idle seconds without one, when it holds no client.

SEE ALSO
    ARCHITECTURE.md
    spec/master-protocol.md, section 3
"""

import math
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from itertools import islice

from common.child import AVAILABLE, LISTEN_FD, STATUS_FD, TAKEN, Child
from common.client import Client
from common.signals import set_action
from common.sockets import EXHAUSTED, accept, family_of
from qmqpd.capacity import Capacity, Excess
from qmqpd.connection import Connection
from qmqpd.parking import Parking
from qmqpd.service import Service
from qmqpd.step import Wait

ACCEPT_PAUSE = 1.0  # seconds without accepting when the system is out of descriptors or memory
EXPIRE_LIMIT = 100  # clients in one turn: those that come at one time may expire at one time
CROWDED = 100  # clients; ordinary traffic stays with the workers that are warm
PATS = 3  # of the watchdog, while nothing hangs


class Worker:
    """One process' clients."""

    def __init__(self, child: Child, service: Service) -> None:
        self.child = child
        self.service = service
        self.params = service.params
        self.finished = 0  # connections
        self._epoll = service.epoll
        self._links = service.links
        self._parking = Parking(self._epoll)
        self._listeners = {fd: socket.socket(fileno=fd) for fd in child.listeners}
        self._families = {fd: family_of(one) for fd, one in self._listeners.items()}
        self._capacity = Capacity.of(service.params)
        self._signals = -1  # readable on SIGTERM
        self._accepting = False
        self._resume_at: float | None = None  # accept again, after the system was exhausted
        self._leave_at: float | None = None  # draining, until then
        self._idle_since = time.monotonic()
        self._pat_at = 0.0  # the watchdog, not later than this
        self._stall = math.inf  # from then on cleanup lets clients wait for longer than usual
        self._stalled = False  # it does
        self._due = 0.0  # when something has to be done without any event
        self._reported = AVAILABLE
        self._epoll.register(service.resolver.fileno(), select.EPOLLIN)

    def run(self) -> None:
        """Serve until it is time to leave."""
        self._signals = open_signals()
        self._epoll.register(STATUS_FD, select.EPOLLIN)
        self._epoll.register(self._signals, select.EPOLLIN)
        self._check_time()
        self._set_accepting(True)
        if self.child.one_shot:
            only = socket.socket(fileno=LISTEN_FD)
            self.take(only, Client.of(only.family, only.getpeername()))
        while not self.done():
            self.turn()

    def turn(self) -> None:
        """Wait until something happens, and do what has to be done then."""
        for descriptor, _ in self._epoll.poll(self._timeout()):
            self._handle(descriptor)
        if time.monotonic() >= self._due:
            self._check_time()
        self._pass_on()
        self._report()

    def take(self, accepted: socket.SocketType, client: Client) -> None:
        """Begin to serve a client."""
        connection = Connection(self.service, accepted, client)
        if self._make_room(connection):
            self._go_on(connection, connection.advance)

    def _handle(self, descriptor: int) -> None:
        """Act on one event."""
        if listener := self._listeners.get(descriptor):
            self._accept(listener, self._families[descriptor])
        elif self._links.watches(descriptor):
            self._links.advance(descriptor)
        elif connection := self._parking.watching(descriptor):
            self._go_on(connection, connection.advance)
        elif descriptor == STATUS_FD:
            self._drain(self.params.qmqpd_drain_timeout)
        elif descriptor == self._signals:
            self._drain(0.0)
        elif descriptor == self.service.resolver.fileno():
            self._continue_named()

    def _accept(self, listener: socket.socket, family: int) -> None:
        if not self._accepting:
            return  # an event of the turn in which we stopped
        if self.service.outdated():
            self._drain(self.params.qmqpd_drain_timeout)
            return
        try:
            accepted, peer = accept(listener, family)
        except (BlockingIOError, ConnectionAbortedError):
            return  # another process was faster, or the client gave up
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            self.service.log.warning(f"accept connection: {error.strerror}")
            self._resume_at = time.monotonic() + ACCEPT_PAUSE
            self._set_accepting(False)
            return
        self.take(accepted, Client.of(family, peer))
        if len(self._parking.connections) >= CROWDED:
            self._step_back(listener)

    def _step_back(self, listener: socket.socket) -> None:
        """Let the other workers be woken first for the next client.

        Of several that are idle the kernel always wakes the one that came first: clients that
        come one after the other and stay would all be in one worker.
        """
        self._epoll.unregister(listener)
        self._epoll.register(listener, select.EPOLLIN | select.EPOLLEXCLUSIVE)

    def _make_room(self, connection: Connection) -> bool:
        """Dismiss silent clients as far as needed; tell whether the new one may stay."""
        limit = self.params.qmqpd_client_connection_limit
        if limit and self._parking.clients_at(connection.client.address) >= limit:
            connection.dismiss("too many connections from your address")
            return False
        while excess := self._capacity.excess(self._parking):
            silent = self._parking.longest_silent(holding=excess is Excess.BYTES)
            if silent is None:
                break
            silent.dismiss(excess.value)
            self._settle(silent, None)
        return True

    def _go_on(self, connection: Connection, go_on: Callable[[], Wait | None]) -> None:
        """Let a client go on, by a method of its connection; without memory it must come back."""
        try:
            wait = go_on()
        except MemoryError:
            pass  # from here on nothing holds what was made up to there
        else:
            self._settle(connection, wait)
            return
        connection.dismiss("out of memory")
        self._settle(connection, None)

    def _settle(self, connection: Connection, wait: Wait | None) -> None:
        """Park a connection that must wait, forget one that is over."""
        if wait:
            self._parking.put(connection, wait)
            return
        self._parking.remove(connection)
        self._idle_since = time.monotonic()
        self.finished += 1
        if self.finished == 1:
            # Master's throttle wants to see one request served from begin to end.
            self._tell(TAKEN)
            self._tell(AVAILABLE)

    def _continue_named(self) -> None:
        for address in self.service.resolver.collect():
            for connection in self._parking.nameless(address):
                self._go_on(connection, connection.advance)

    def _pass_on(self) -> None:
        """Tell clients what became of their messages."""
        for passage in self._links.arrivals():
            self._go_on(passage.owner, passage.owner.hear)

    def _check_time(self) -> None:
        """Act on what did not happen in time."""
        now = time.monotonic()
        if now >= self._pat_at:
            self._pat_watchdog(now)
        for connection in islice(self._parking.expired(now), EXPIRE_LIMIT):
            self._go_on(connection, connection.expire)
        self._links.check_time(now)
        if self._resume_at is not None and now >= self._resume_at:
            self._resume_at = None
            self._set_accepting(self._leave_at is None)
        if self._leave_at is not None and now >= self._leave_at:
            for connection in self._parking:
                connection.dismiss("service is shutting down")
                self._settle(connection, None)

    def _pat_watchdog(self, now: float) -> None:
        """See that the system ends a process that does not come by here for daemon_timeout."""
        signal.setitimer(signal.ITIMER_REAL, self.params.daemon_timeout)
        self._pat_at = now + self.params.daemon_timeout / PATS

    def _drain(self, seconds: float) -> None:
        """Stop accepting; clients that are at work have so long to finish."""
        end = time.monotonic() + seconds
        if self._leave_at is None:
            self._set_accepting(False)
            for listener in self._listeners.values():
                listener.close()  # or a successor of our master could not have the address
            self._listeners.clear()
            self._epoll.unregister(STATUS_FD)
            self.child.report(TAKEN)
            # After a reload master waits for this: none of its old workers accepts any more.
            self.child.close_status()
            self.child.set_title("draining")
        self._leave_at = min(end, self._leave_at or end)

    def _set_accepting(self, accepting: bool) -> None:
        if accepting == self._accepting:
            return
        self._accepting = accepting
        for listener in self._listeners:
            if accepting:
                # One connection wakes one worker, not all that wait.
                self._epoll.register(listener, select.EPOLLIN | select.EPOLLEXCLUSIVE)
            else:
                self._epoll.unregister(listener)

    def done(self) -> bool:
        """Tell whether it is time to leave."""
        used_up = self.finished >= self.params.max_use
        if self._parking.connections:
            if used_up:
                self._retire()
            return False
        return (
            used_up
            or self._leave_at is not None
            or time.monotonic() - self._idle_since >= self.params.max_idle
        )

    def _retire(self) -> None:
        """Take no more clients after max_use, unless some are slow: those would keep us."""
        if self._leave_at is self._resume_at is None:
            slow = len(self._parking.connections) - len(self._parking.delivering)
            self._set_accepting(bool(slow) or self._stalled)

    def _timeout(self) -> float:
        """Return the seconds until something is due without any event."""
        due = min(self._pat_at, self._parking.next_deadline(), self.service.log.retry())
        if self._reported == AVAILABLE and self._stall < due:
            due = self._stall  # has to be told; mostly the first of the links' times
        if self._reported != AVAILABLE or self._links.are_full():
            due = min(due, self._links.next_deadline())
        if not self._parking.connections:
            due = min(due, self._idle_since + self.params.max_idle)
        if self._resume_at is not None:
            due = min(due, self._resume_at)
        if self._leave_at is not None:
            due = min(due, self._leave_at)
        self._due = due
        return max(0.0, due - time.monotonic())

    def _report(self) -> None:
        """Tell master when the answer to "will you take the next one now?" has changed."""
        self._stall = self._links.stall()
        self._stalled = bool(self._parking.conversing) or time.monotonic() >= self._stall
        ready = self._accepting and not self._stalled and not self._capacity.excess(self._parking)
        availability = AVAILABLE if ready else TAKEN
        if availability != self._reported:
            self._tell(availability)

    def _tell(self, availability: int) -> None:
        self._reported = availability
        if self._leave_at is None:  # else master has closed its end
            self.child.report(availability)


def open_signals() -> int:
    """Return a descriptor that becomes readable on SIGTERM."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    set_action(signal.SIGTERM, lambda number, frame: None)
    return reader
