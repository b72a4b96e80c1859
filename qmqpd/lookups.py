"""lookups - threads that ask the name service about clients

DESCRIPTION
    A name counts only if it resolves back to the client's address; else the
    client is "unknown". Lookups run in threads, since the system's resolver
    blocks; the loop watches fileno() and takes what is finished().

    A name server may let a lookup last as long as it likes, so clients of
    different kinds have threads of their own: those that are known find one
    free, whoever else is at the door. Threads are started when they are
    needed and end when nothing is to be done.

SEE ALSO
    spec/qmqp.md, section 2
    spec/logging.md, section 2
"""

# Not threading: it has work to do after each fork, and writes a book about each thread.
import _thread
import enum
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from common import host_name
from common.client import UNKNOWN

# Longer than the system's resolver tries: 5 seconds, twice, with three servers.
ENDLESS_SECONDS = 60.0
ENDLESS_LIMIT = 100  # threads that may be stuck for ever


class Lane(enum.IntEnum):
    """Kinds of clients, whose lookups do not wait for each other."""

    KNOWN = 0  # had a name lately
    STRANGER = 1  # its name will tell whether it may use the service
    PERMITTED = 2  # may use it whatever its name is, which is for logs and headers
    REFUSED = 3  # may not, whatever its name is


THREADS = (16, 16, 16, 4)  # by lane


class Answer(NamedTuple):
    """What a lookup found."""

    address: str
    name: str
    warning: str = ""


def verified_name(address: str) -> Answer:
    """Return the client's name if it resolves to the client's address."""
    # Bytes all along: text would be encoded by a codec that may have to be imported, too late for
    # that.
    try:
        # Not getnameinfo(): in Debian 12's Python it keeps all other threads from running.
        name, _, _ = socket.gethostbyaddr(address.encode())  # type: ignore[arg-type]  # takes it
    except OSError:
        return Answer(address, UNKNOWN)
    encoded = name.encode("utf-8", "surrogateescape")
    if trouble := host_name.trouble(encoded):
        return Answer(address, UNKNOWN, trouble)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        found = socket.getaddrinfo(encoded, None, family, socket.SOCK_STREAM)
    except OSError as error:
        trouble = f"hostname {name} does not resolve to address {address}: {error.strerror}"
        return Answer(address, UNKNOWN, trouble)
    if any(str(entry[4][0]).partition("%")[0] == address for entry in found):
        return Answer(address, name)
    return Answer(address, UNKNOWN, f"hostname {name} does not resolve to address {address}")


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """What a thread is busy with, and since when."""

    address: str
    lane: Lane
    begun: float  # monotonic


def answer_of(look_up: Callable[[str], Answer], address: str) -> Answer:
    """Return the answer of a lookup, whatever it raises: clients need one."""
    try:
        return look_up(address)
    except Exception as error:
        trouble = f"looking up {address}: {type(error).__name__}: {error}"
        return Answer(address, UNKNOWN, trouble)


class Lookups:
    """Threads that look names up, so many in each lane.

    Each is started for an address and goes on with others of its lane. One that
    does not come to an end is written off: the system's resolver waits for
    ever for the end of an answer by TCP.

    look_up, start: how that is done, and how a function is started in a thread.
    """

    def __init__(
        self,
        look_up: Callable[[str], Answer] = verified_name,
        start: Callable[..., object] = _thread.start_new_thread,
    ) -> None:
        self._look_up = look_up
        self._start = start
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = _thread.allocate_lock()
        # In the order of arrival; a dictionary, since any of them may be dropped.
        self._waiting: tuple[dict[str, None], ...] = ({}, {}, {}, {})  # by lane
        self._busy: dict[str, Lookup] = {}  # by address
        self._endless = 0  # threads that were written off
        self._finished: deque[tuple[Answer, float]] = deque()

    def fileno(self) -> int:
        """Return the descriptor that is readable when finished() has something."""
        return self._wake

    def ask(self, address: str, lane: Lane) -> None:
        """Look an address up, as soon as its lane has a thread for it."""
        with self._lock:
            self._waiting[lane][address] = None
            self._write_off()
            lookup = self._next(lane)
        if lookup is None:
            return
        try:
            self._start(self._work, (lookup,))
        except RuntimeError as error:  # the system has no thread for us now
            trouble = f"looking up {lookup.address}: {error}"
            self._finish(lookup, Answer(lookup.address, UNKNOWN, trouble))

    def drop(self, address: str) -> bool:
        """Forget an address that still waits; tell whether there was one."""
        with self._lock:
            return any(waiting.pop(address, 0) is None for waiting in self._waiting)

    def duration(self, address: str) -> float:
        """Return for how many seconds the address has been looked up."""
        with self._lock:
            lookup = self._busy.get(address)
        return time.monotonic() - lookup.begun if lookup else 0.0

    def finished(self) -> Iterator[tuple[Answer, float]]:
        """Yield each new answer, and how many seconds it took."""
        os.eventfd_read(self._wake)
        while self._finished:
            yield self._finished.popleft()

    def _work(self, first: Lookup) -> None:
        lookup: Lookup | None = first
        while lookup:
            self._finish(lookup, answer_of(self._look_up, lookup.address))
            with self._lock:
                lookup = self._next(first.lane)

    def _finish(self, lookup: Lookup, answer: Answer) -> None:
        """Hand an answer over."""
        with self._lock:
            if self._busy.get(lookup.address) is lookup:
                self._release(lookup, answer)
            else:
                self._endless -= 1  # it came to an end after all, too late to be of interest

    # The rest is called with the lock held.

    def _next(self, lane: Lane) -> Lookup | None:
        """Take the address that a thread of the lane may be busy with now."""
        waiting = self._waiting[lane]
        busy = sum(one.lane is lane for one in self._busy.values())
        if not waiting or busy >= THREADS[lane] or self._endless >= ENDLESS_LIMIT:
            return None
        address = next(iter(waiting))
        del waiting[address]
        self._busy[address] = Lookup(address, lane, time.monotonic())
        return self._busy[address]

    def _write_off(self) -> None:
        """Give up on lookups without end, for others to be taken up in their place."""
        oldest = time.monotonic() - ENDLESS_SECONDS
        for lookup in [one for one in self._busy.values() if one.begun < oldest]:
            self._endless += 1
            trouble = f"looking up {lookup.address}: its name server does not come to an end"
            self._release(lookup, Answer(lookup.address, UNKNOWN, trouble))

    def _release(self, lookup: Lookup, answer: Answer) -> None:
        del self._busy[lookup.address]
        self._finished.append((answer, time.monotonic() - lookup.begun))
        os.eventfd_write(self._wake, 1)
