"""step - what a client's connection waits for, as itself and the parking know it

SEE ALSO
    qmqpd.connection
    qmqpd.parking
"""

import enum
import math
from typing import NamedTuple


class Step(enum.IntEnum):
    """What the connection is waiting for, in order."""

    NAME = 0  # of the client
    PACKET = 1
    CLEANUP = 2
    PAUSE = 3  # before a negative reply
    REPLY = 4  # to be taken by the client
    DONE = 5


class Wait(NamedTuple):
    """When to call advance() again: an event on a descriptor (-1: none), or the deadline."""

    descriptor: int
    events: int
    deadline: float  # monotonic


ELSEWHERE = Wait(-1, 0, math.inf)  # the links see to it
