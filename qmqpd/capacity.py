"""capacity - how many clients a worker can hold

DESCRIPTION
    A worker holds so many connections, and so many bytes of packets that are
    not complete. Its descriptors set a limit too: a system that allows fewer
    open files than the configuration needs gets fewer connections, lest
    silent clients leave no descriptor for others.

SEE ALSO
    qmqpd_worker_connection_limit in qmqpd(8)
"""

import enum
import resource
import sys
from typing import NamedTuple, Self

from common.params import QmqpdParams
from qmqpd.parking import Parking

DESCRIPTORS_EACH = 2  # a client, and its conversation with cleanup
SPARE_DESCRIPTORS = 64
HELD_BYTES_LEAST = 256 * 1024 * 1024
HELD_MESSAGES_LEAST = 4


class Excess(enum.Enum):
    """What there is too much of, as clients are told."""

    CONNECTIONS = "too many connections"
    BYTES = "too much unfinished mail"


class Capacity(NamedTuple):
    """What one worker can hold."""

    connections: int
    held_bytes: int  # of packets that are not complete

    @classmethod
    def of(cls, params: QmqpdParams) -> Self:
        """Return what parameters and the system allow."""
        return cls(
            min(params.qmqpd_worker_connection_limit, connections_allowed()),
            max(HELD_BYTES_LEAST, HELD_MESSAGES_LEAST * params.message_size_limit),
        )

    def excess(self, parking: Parking) -> Excess | None:
        """Return what there is too much of, None if there is room for one more client."""
        if len(parking.connections) >= self.connections:
            return Excess.CONNECTIONS
        return Excess.BYTES if parking.held_bytes > self.held_bytes else None


def descriptors_of(connections: int) -> int:
    """Return how many descriptors a worker with so many connections needs."""
    return DESCRIPTORS_EACH * connections + SPARE_DESCRIPTORS


def allow_descriptors(connections: int) -> None:
    """Raise the limit of open files as so many connections need, as far as that is permitted."""
    wanted = descriptors_of(connections)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connections_allowed() -> int:
    """Return how many connections the limit of open files leaves room for, at least one."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(1, (soft - SPARE_DESCRIPTORS) // DESCRIPTORS_EACH)
