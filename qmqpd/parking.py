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
        self._deadlines: list[tuple[float, int, Connection]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._waits)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._waits))

    def watching(self, descriptor: int) -> Connection | None:
        """Return the connection that this descriptor wakes."""
        return self._watched.get(descriptor)

    def longest_silent(self) -> Connection | None:
        """Return the client whose packet has not grown for the longest time."""
        return next((one for one in self._waits if one.step is Step.PACKET), None)

    def next_deadline(self) -> float | None:
        """Return when something may have to expire."""
        return self._deadlines[0][0] if self._deadlines else None

    def expired(self, now: float) -> Iterator[Connection]:
        """Yield each connection whose deadline has come."""
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, connection = heapq.heappop(self._deadlines)
            wait = self._waits.get(connection)
            if wait is None:
                continue
            if wait.deadline > now:  # it was put off since
                self._push(connection, wait.deadline)
            else:
                yield connection

    def put(self, connection: Connection, wait: Wait) -> None:
        """Keep the connection until what it waits for happens."""
        before = self._waits.pop(connection, None)
        self._waits[connection] = wait  # behind all that have been silent for longer
        if before is None:
            self.per_address[connection.client.address] += 1
        if before is None or wait.deadline < before.deadline:
            self._push(connection, wait.deadline)
        self._watch(connection, before, wait)
        self._account(connection, connection.session.held())
        mark(self.nameless, connection, connection.step is Step.NAME)
        mark(self.delivering, connection, connection.step is Step.CLEANUP)

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is over; unknown ones are no error."""
        before = self._waits.pop(connection, None)
        if before is None:
            return
        self._watch(connection, before, None)
        self._account(connection, 0)
        self.nameless.discard(connection)
        self.delivering.discard(connection)
        address = connection.client.address
        self.per_address[address] -= 1
        if not self.per_address[address]:
            del self.per_address[address]

    def _push(self, connection: Connection, deadline: float) -> None:
        heapq.heappush(self._deadlines, (deadline, next(self._order), connection))

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
