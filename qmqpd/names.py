"""names - client names, looked up beside the loop

DESCRIPTION
    A Resolver knows the names that were found lately, has the others looked
    up, and decides who must wait for that: nobody waits for a name server
    that was silent before, unless the name decides who may come in.

SEE ALSO
    qmqpd.lookups, which tells when a name counts
    spec/logging.md, section 2
"""

import time
from collections.abc import Callable

from common.client import UNKNOWN
from common.log import Log
from qmqpd.experience import Experience
from qmqpd.lookups import Answer, Lane, Lookups

FOUND_SECONDS, FAILED_SECONDS = 60.0, 10.0
SLOW_SECONDS = 1.0  # a lookup that brought nothing for so long will bring nothing
CACHE_LIMIT = 10_000  # addresses
LANES = {True: Lane.PERMITTED, None: Lane.STRANGER, False: Lane.REFUSED}


class Resolver:
    """Client names: a cache, and lookups behind it.

    permitted tells what the list of clients says of an address alone: yes,
    no, or None if that depends on the name. local tells the answers that are
    there without any delay; nobody waits for those.
    """

    def __init__(
        self,
        log: Log,
        permitted: Callable[[str], bool | None],
        experience: Experience,
        lookups: Lookups | None = None,
        local: Callable[[str], Answer | None] = lambda address: None,
    ) -> None:
        self._log = log
        self._permitted = permitted
        self._experience = experience
        self._lookups = lookups or Lookups()
        self._local = local
        self._cache: dict[str, tuple[str, float]] = {}
        self._meanwhile: dict[str, str | None] = {}  # what to say of those that are looked up

    def fileno(self) -> int:
        """Return the descriptor that is readable when collect() has something."""
        return self._lookups.fileno()

    def name_of(self, address: str) -> str | None:
        """Return the name, None while it is being looked up."""
        now = time.monotonic()
        known = self._cache.get(address)
        if known and known[1] > now:
            return known[0]
        if address not in self._meanwhile:
            if answer := self._local(address):
                return self._learn(answer, now)
            silent_until = self._experience.silent_until(address, now)
            if now < silent_until:
                return UNKNOWN
            self._ask(address, now, was_silent=silent_until > 0)
        return self._meanwhile[address]

    def give_up(self, address: str) -> None:
        """Take the address for nameless until its lookup, which lasts too long, brings more."""
        if self._lookups.drop(address):
            del self._meanwhile[address]  # nobody had time for it: that says nothing about it
        elif self._lookups.duration(address) >= SLOW_SECONDS:
            self._experience.note_silence(address, time.monotonic())
            self._meanwhile[address] = UNKNOWN

    def collect(self) -> list[str]:
        """Take finished lookups into the cache, log what was wrong; return their addresses."""
        if len(self._cache) > CACHE_LIMIT:
            self._cache.clear()
        now = time.monotonic()
        answered = []
        for answer, seconds in self._lookups.finished():
            address = answer.address
            answered.append(address)
            del self._meanwhile[address]
            if self._learn(answer, now) != UNKNOWN:
                self._experience.note_found(address, now)
            elif seconds >= SLOW_SECONDS:
                self._experience.note_silence(address, now)
        return answered

    def _learn(self, answer: Answer, now: float) -> str:
        """Take an answer into the cache, log what was wrong; return the name."""
        seconds = FOUND_SECONDS if answer.name != UNKNOWN else FAILED_SECONDS
        self._cache[answer.address] = answer.name, now + seconds
        if answer.warning:
            self._log.warning(answer.warning)
        return answer.name

    def _ask(self, address: str, now: float, *, was_silent: bool) -> None:
        """Have an address looked up."""
        permitted = self._permitted(address)
        lane = LANES[permitted]
        if lane is not Lane.REFUSED and self._experience.found(address, now):
            lane = Lane.KNOWN
        self._meanwhile[address] = UNKNOWN if was_silent and permitted is not None else None
        if was_silent:
            self._experience.note_silence(address, now)  # the other workers need not ask as well
        self._lookups.ask(address, lane)
