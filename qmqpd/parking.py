"""parking - the clients that a worker holds, and what each of them waits for

DESCRIPTION
    Parking knows every connection that could not finish at once: by the
    descriptor that will wake it, by its deadline, by how long it has been
    silent, and by the address whose name it waits for. All of it costs the
    same however many there are.
"""

import contextlib
import heapq
import math
import select
from collections.abc import Iterator
from itertools import count

from qmqpd.connection import Connection
from qmqpd.step import ELSEWHERE, Step, Wait

UNSERVED = (Step.NAME, Step.PACKET)  # of these clients we have no message yet
SPARE_ENTRIES = 1000  # entries of finished connections that may lie about
NOTHING = Wait(-1, 0, 0.0)

# A set in the order of arrival, of which any member may leave.
Line = dict[Connection, None]


class Place:
    """What is known of one connection."""

    # These are the same for most.
    wait: Wait = NOTHING
    step: Step = Step.DONE  # at nothing yet
    held: int = 0  # bytes
    entry: tuple[float, int] | None = None  # among the deadlines


class Parking:
    """Waiting connections."""

    def __init__(self, epoll: select.epoll) -> None:
        self.connections: dict[Connection, Place] = {}  # all
        self.held_bytes = 0  # of packets that are not complete
        self.per_address: dict[str, int] = {}
        self.delivering: set[Connection] = set()  # cleanup has their messages, and of these...
        self.conversing: set[Connection] = set()  # ...one has them that takes no frames
        self._epoll = epoll
        self._watched: dict[int, Connection] = {}
        self._nameless: dict[str, Line] = {}  # by address
        # Those that have sent no message yet, and of them those that have sent a part; the one
        # silent for longest comes first.
        self._silent: Line = {}
        self._holding: Line = {}
        # Entries are numbers, lest a connection stay in memory for as long as its deadline.
        self._deadlines: list[tuple[float, int]] = []
        self._entries: dict[int, Connection] = {}
        self._numbers = count()

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self.connections))

    def watching(self, descriptor: int) -> Connection | None:
        """Return the connection that this descriptor wakes."""
        return self._watched.get(descriptor)

    def nameless(self, address: str) -> list[Connection]:
        """Return the connections that wait for the name of this address."""
        return list(self._nameless.get(address, ()))

    def clients_at(self, address: str) -> int:
        """Return how many of the connections are from this address."""
        return self.per_address.get(address, 0)

    def longest_silent(self, *, holding: bool = False) -> Connection | None:
        """Return the client of whom nothing has come for the longest time.

        Those whose names are being looked up count too: a name server that
        says nothing must not lead us beyond our limits.

        holding: only of those of whom bytes are kept.
        """
        return next(iter(self._holding if holding else self._silent), None)

    def next_deadline(self) -> float:
        """Return when something may have to expire, infinity if nothing can."""
        return self._deadlines[0][0] if self._deadlines else math.inf

    def expired(self, now: float) -> Iterator[Connection]:
        """Yield each connection whose deadline has come."""
        while self._deadlines and self._deadlines[0][0] <= now:
            _, number = heapq.heappop(self._deadlines)
            connection = self._entries.pop(number, None)
            if connection is None:
                continue  # it is over, or has an earlier entry
            place = self.connections[connection]
            place.entry = None
            if place.wait.deadline > now:  # it was put off since
                self._schedule(connection, place)
            else:
                yield connection

    def put(self, connection: Connection, wait: Wait) -> None:
        """Keep the connection until what it waits for happens."""
        place = self.connections.get(connection)
        if place is None:
            place = self.connections[connection] = Place()
            address = connection.client.address
            self.per_address[address] = self.clients_at(address) + 1
        before, place.wait = place.wait, wait
        if wait.deadline < (place.entry[0] if place.entry else math.inf):
            self._schedule(connection, place)
        if wait.descriptor != before.descriptor or wait.events != before.events:
            self._watch(connection, before, wait)
        held = connection.held()
        if held != place.held:
            self.held_bytes += held - place.held
            place.held = held
        step, earlier = connection.step, place.step
        if step is not earlier:
            place.step = step
            if earlier is not Step.DONE:
                self._leave(connection, earlier)
            self._join(connection, step)
        if step is Step.CLEANUP and wait is not ELSEWHERE:
            self.conversing.add(connection)
        if step in UNSERVED or earlier in UNSERVED:
            line_up(self._silent, connection, step in UNSERVED)
            line_up(self._holding, connection, step in UNSERVED and held > 0)

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is over; unknown ones are no error."""
        place = self.connections.pop(connection, None)
        if place is None:
            return
        if place.entry:
            self._unschedule(place)
        if place.wait.descriptor >= 0:
            self._watch(connection, place.wait, NOTHING)
        self.held_bytes -= place.held
        if place.step in UNSERVED:
            line_up(self._silent, connection, False)
            line_up(self._holding, connection, False)
        self._leave(connection, place.step)
        address = connection.client.address
        if self.per_address[address] > 1:
            self.per_address[address] -= 1
        else:
            self.per_address.pop(address)

    def _schedule(self, connection: Connection, place: Place) -> None:
        self._unschedule(place)
        place.entry = place.wait.deadline, next(self._numbers)
        self._entries[place.entry[1]] = connection
        heapq.heappush(self._deadlines, place.entry)
        if len(self._deadlines) > SPARE_ENTRIES + 4 * len(self._entries):
            self._deadlines = sorted(one.entry for one in self.connections.values() if one.entry)

    def _unschedule(self, place: Place) -> None:
        """Take the connection's entry away; what stays in the heap leads nowhere."""
        if place.entry:
            del self._entries[place.entry[1]]
            place.entry = None

    def _watch(self, connection: Connection, before: Wait, wait: Wait) -> None:
        """Change what the kernel watches."""
        if before.descriptor >= 0:
            del self._watched[before.descriptor]
            with contextlib.suppress(OSError):  # once closed, the kernel has forgotten it
                self._epoll.unregister(before.descriptor)
        if wait.descriptor >= 0:
            self._watched[wait.descriptor] = connection
            self._epoll.register(wait.descriptor, wait.events)

    def _join(self, connection: Connection, step: Step) -> None:
        """Put the connection among those that wait for what the step waits for."""
        if step is Step.NAME:
            self._nameless.setdefault(connection.client.address, {})[connection] = None
        elif step is Step.CLEANUP:
            self.delivering.add(connection)

    def _leave(self, connection: Connection, step: Step) -> None:
        """Take it out from there."""
        if step is Step.NAME:
            waiting = self._nameless[connection.client.address]
            del waiting[connection]
            if not waiting:
                del self._nameless[connection.client.address]
        elif step is Step.CLEANUP:
            self.delivering.discard(connection)
            self.conversing.discard(connection)


def line_up(line: Line, connection: Connection, belongs: bool) -> None:
    """Put the connection at the end of the line, or take it out."""
    line.pop(connection, None)
    if belongs:
        line[connection] = None
