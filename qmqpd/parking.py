"""parking - the clients that a worker holds, and what each of them waits for

DESCRIPTION
    Parking knows every connection that could not finish at once: by the
    descriptor that will wake it, by its deadline, and by how long it has been
    silent. All of it costs the same however many there are.
"""

import contextlib
import heapq
import select
from collections import Counter
from collections.abc import Iterator
from itertools import count

from qmqpd.connection import Connection, Step, Wait

UNSERVED = (Step.NAME, Step.PACKET)  # of these clients we have no message yet
SPARE_ENTRIES = 1000  # entries of finished connections that may lie about


class Parking:
    """Waiting connections; the one silent for longest comes first."""

    def __init__(self, epoll: select.epoll) -> None:
        self.held_bytes = 0  # of packets that are not complete
        self.per_address: Counter[str] = Counter()
        self.nameless: set[Connection] = set()
        self.delivering: set[Connection] = set()  # cleanup lets them wait
        self._epoll = epoll
        self._waits: dict[Connection, Wait] = {}
        self._watched: dict[int, Connection] = {}
        self._held: dict[Connection, int] = {}
        # Entries are numbers, lest a connection stay in memory for as long as its deadline.
        self._deadlines: list[tuple[float, int]] = []
        self._entries: dict[int, Connection] = {}
        self._entry_of: dict[Connection, tuple[float, int]] = {}
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._waits)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._waits))

    def watching(self, descriptor: int) -> Connection | None:
        """Return the connection that this descriptor wakes."""
        return self._watched.get(descriptor)

    def longest_silent(self) -> Connection | None:
        """Return the client of whom nothing has come for the longest time.

        Those whose names are being looked up count too: a name server that
        says nothing must not lead us beyond our limits.
        """
        return next((one for one in self._waits if one.step in UNSERVED), None)

    def next_deadline(self) -> float | None:
        """Return when something may have to expire."""
        return self._deadlines[0][0] if self._deadlines else None

    def expired(self, now: float) -> Iterator[Connection]:
        """Yield each connection whose deadline has come."""
        while self._deadlines and self._deadlines[0][0] <= now:
            _, number = heapq.heappop(self._deadlines)
            connection = self._entries.pop(number, None)
            if connection is None:
                continue  # it is over, or has an earlier entry
            del self._entry_of[connection]
            deadline = self._waits[connection].deadline
            if deadline > now:  # it was put off since
                self._schedule(connection, deadline)
            else:
                yield connection

    def put(self, connection: Connection, wait: Wait) -> None:
        """Keep the connection until what it waits for happens."""
        before = self._waits.pop(connection, None)
        self._waits[connection] = wait  # behind all that have been silent for longer
        if before is None:
            self.per_address[connection.client.address] += 1
        entry = self._entry_of.get(connection)
        if entry is None or wait.deadline < entry[0]:
            self._schedule(connection, wait.deadline)
        self._watch(connection, before, wait)
        self._account(connection, connection.held())
        mark(self.nameless, connection, connection.step is Step.NAME)
        mark(self.delivering, connection, connection.step is Step.CLEANUP)

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is over; unknown ones are no error."""
        before = self._waits.pop(connection, None)
        if before is None:
            return
        self._unschedule(connection)
        self._watch(connection, before, None)
        self._account(connection, 0)
        self.nameless.discard(connection)
        self.delivering.discard(connection)
        address = connection.client.address
        self.per_address[address] -= 1
        if not self.per_address[address]:
            del self.per_address[address]

    def _schedule(self, connection: Connection, deadline: float) -> None:
        self._unschedule(connection)
        entry = deadline, next(self._numbers)
        self._entries[entry[1]] = connection
        self._entry_of[connection] = entry
        heapq.heappush(self._deadlines, entry)
        if len(self._deadlines) > SPARE_ENTRIES + 4 * len(self._entries):
            self._deadlines = sorted(self._entry_of.values())

    def _unschedule(self, connection: Connection) -> None:
        """Take the connection's entry away; what stays in the heap leads nowhere."""
        entry = self._entry_of.pop(connection, None)
        if entry:
            del self._entries[entry[1]]

    def _watch(self, connection: Connection, before: Wait | None, wait: Wait | None) -> None:
        """Change what the kernel watches, if it changed."""
        old = (before.descriptor, before.events) if before else (-1, 0)
        new = (wait.descriptor, wait.events) if wait else (-1, 0)
        if old == new:
            return
        if old[0] >= 0:
            del self._watched[old[0]]
            with contextlib.suppress(OSError):  # once closed, the kernel has forgotten it
                self._epoll.unregister(old[0])
        if new[0] >= 0:
            self._watched[new[0]] = connection
            self._epoll.register(*new)

    def _account(self, connection: Connection, held: int) -> None:
        self.held_bytes += held - self._held.pop(connection, 0)
        if held:
            self._held[connection] = held


def mark(group: set[Connection], connection: Connection, belongs: bool) -> None:
    """Put the connection into the group, or take it out."""
    if belongs:
        group.add(connection)
    else:
        group.discard(connection)
