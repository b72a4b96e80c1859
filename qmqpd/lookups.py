"""lookups - threads that ask the name service about clients

DESCRIPTION
    A name counts only if it resolves back to the client's address; else the
    client is "unknown". Lookups run in threads, since the system's resolver
    blocks; the loop watches fileno() and takes what is finished().

    A name server may let a lookup last as long as it likes, so there are few
    threads for addresses of which nothing good is known: a client that is
    expected finds one free, whoever else is at the door. Threads are started
    when they are needed and end when nothing is to be done.

SEE ALSO
    spec/qmqp.md, section 2
    spec/logging.md, section 2
"""

import enum
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from common import host_name
from common.client import UNKNOWN

# Longer than the system's resolver tries: 5 seconds, twice, with three servers.
ENDLESS_SECONDS = 60.0
ENDLESS_LIMIT = 100  # threads that may be stuck for ever


class Lane(enum.Enum):
    """Who is served first; the value is how many threads may be busy when one is taken up."""

    EXPECTED = 16  # it may use the service whatever its name is, or it had a name before
    STRANGER = 12  # its name will tell
    REFUSED = 4  # it may not, whatever its name is: the name is for the log


@dataclass(frozen=True, slots=True)
class Answer:
    """What a lookup found."""

    address: str
    name: str
    warning: str = ""


def verified_name(address: str) -> Answer:
    """Return the client's name if it resolves to the client's address."""
    try:
        name, _ = socket.getnameinfo((address, 0), socket.NI_NAMEREQD)
    except OSError:
        return Answer(address, UNKNOWN)
    # Bytes from here on: text would be encoded by a codec that may have to be imported, too late
    # for that.
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
    begun: float  # monotonic


class Lookups:
    """Threads that look names up, no more of them than the lanes allow.

    Each is started for an address and goes on with those that wait. One that
    does not come to an end is written off: the system's resolver waits for
    ever for the end of an answer by TCP.
    """

    def __init__(self) -> None:
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.Lock()
        # In the order of arrival; a dictionary, since any of them may be dropped.
        self._waiting: dict[Lane, dict[str, None]] = {lane: {} for lane in Lane}
        self._busy: dict[str, Lookup] = {}  # by address
        self._endless = 0  # threads that were written off
        self._finished: deque[tuple[Answer, float]] = deque()

    def fileno(self) -> int:
        """Return the descriptor that is readable when finished() has something."""
        return self._wake

    def ask(self, address: str, lane: Lane) -> None:
        """Look an address up, as soon as there is a thread for its lane."""
        with self._lock:
            self._waiting[lane][address] = None
            self._write_off()
            lookup = self._next()
        if lookup is None:
            return
        try:
            threading.Thread(target=self._work, args=[lookup], daemon=True).start()
        except RuntimeError as error:  # the system has no thread for us now
            trouble = f"looking up {lookup.address}: {error}"
            self._finish(lookup, Answer(lookup.address, UNKNOWN, trouble))

    def drop(self, address: str) -> bool:
        """Forget an address that still waits; tell whether there was one."""
        with self._lock:
            return any(waiting.pop(address, 0) is None for waiting in self._waiting.values())

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

    def _work(self, lookup: Lookup | None) -> None:
        while lookup:
            try:
                answer = verified_name(lookup.address)
            except Exception as error:  # whatever it is, the next client needs an answer
                trouble = f"looking up {lookup.address}: {type(error).__name__}: {error}"
                answer = Answer(lookup.address, UNKNOWN, trouble)
            self._finish(lookup, answer)
            with self._lock:
                lookup = self._next()

    def _finish(self, lookup: Lookup, answer: Answer) -> None:
        """Hand an answer over."""
        with self._lock:
            if self._busy.get(lookup.address) is lookup:
                self._release(lookup, answer)
            else:
                self._endless -= 1  # it came to an end after all, too late to be of interest

    # The rest is called with the lock held.

    def _next(self) -> Lookup | None:
        """Take the address that a thread may be busy with now."""
        for lane, waiting in self._waiting.items():
            if waiting and len(self._busy) < lane.value and self._endless < ENDLESS_LIMIT:
                address = next(iter(waiting))
                del waiting[address]
                self._busy[address] = Lookup(address, time.monotonic())
                return self._busy[address]
        return None

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
