"""names - client names, looked up beside the loop

DESCRIPTION
    A name counts only if it resolves back to the client's address; else the
    client is "unknown". Lookups run in a few threads, since the system's
    resolver blocks; the loop watches fileno() and takes the results.

SEE ALSO
    spec/qmqp.md, section 2
    spec/logging.md, section 2
"""

import os
import queue
import re
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass

from common.client import UNKNOWN
from common.log import Log

THREADS = 4
FOUND_SECONDS, FAILED_SECONDS = 60.0, 10.0
CACHE_LIMIT = 10_000  # addresses

HOST_NAME = re.compile(
    r"(?=.{1,255}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
    r"(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*\Z"
)


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
    if not HOST_NAME.match(name) or name.replace(".", "").isdigit():
        return Answer(address, UNKNOWN, f"malformed host name for address {address}")
    try:
        # Bytes: text would be encoded by a codec that may have to be imported, too late for that.
        found = socket.getaddrinfo(name.encode(), None, type=socket.SOCK_STREAM)
    except OSError as error:
        trouble = f"hostname {name} does not resolve to address {address}: {error.strerror}"
        return Answer(address, UNKNOWN, trouble)
    if any(str(entry[4][0]).partition("%")[0] == address for entry in found):
        return Answer(address, name)
    return Answer(address, UNKNOWN, f"hostname {name} does not resolve to address {address}")


class Resolver:
    """Lookup threads with a cache in front."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._cache: dict[str, tuple[str, float]] = {}
        self._asked: set[str] = set()
        self._questions: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._answers: deque[Answer] = deque()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def start(self) -> None:
        """Start the threads: before privileges are given up, since nothing may start later."""
        for _ in range(THREADS):
            threading.Thread(target=self._work, daemon=True).start()

    def fileno(self) -> int:
        """Return the descriptor that is readable when collect() has something."""
        return self._wake

    def name_of(self, address: str) -> str | None:
        """Return the name, None while it is being looked up."""
        known = self._cache.get(address)
        if known and known[1] > time.monotonic():
            return known[0]
        if address not in self._asked:
            self._asked.add(address)
            self._questions.put(address)
        return None

    def give_up(self, address: str) -> None:
        """Take the address for nameless for a while: its lookup lasts too long."""
        self._cache[address] = UNKNOWN, time.monotonic() + FAILED_SECONDS

    def collect(self) -> None:
        """Take finished lookups into the cache, log what was wrong with them."""
        os.eventfd_read(self._wake)
        if len(self._cache) > CACHE_LIMIT:
            self._cache.clear()
        while self._answers:
            answer = self._answers.popleft()
            self._asked.discard(answer.address)
            seconds = FAILED_SECONDS if answer.name == UNKNOWN else FOUND_SECONDS
            self._cache[answer.address] = answer.name, time.monotonic() + seconds
            if answer.warning:
                self._log.warning(answer.warning)

    def _work(self) -> None:
        while True:
            address = self._questions.get()
            try:
                answer = verified_name(address)
            except Exception as error:  # whatever it is, the next client needs this thread
                trouble = f"looking up {address}: {type(error).__name__}: {error}"
                answer = Answer(address, UNKNOWN, trouble)
            self._answers.append(answer)
            os.eventfd_write(self._wake, 1)
