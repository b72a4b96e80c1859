"""load - numbered messages from many threads, and the account of them

DESCRIPTION
    Each submission carries a number of its own in an X-Number header, on a
    connection of its own. What was answered is kept with its time, so that a
    test can hold it against what the queue holds.
"""

import itertools
import re
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.suite.instance import Instance
from tests.suite.qmqp import submit

LIMIT = 50_000  # submissions, so that no load runs for ever
JOIN_TIMEOUT = 60.0
NUMBER = re.compile(rb"X-Number: (\d{8})")


@dataclass(frozen=True, slots=True)
class Sent:
    """One submission: its number, the verdict or why there is none, and when it was known."""

    number: int
    verdict: str  # K, Z or D; empty if the server closed without a reply
    detail: str
    at: float  # time.monotonic()
    took: float  # seconds


class Load:
    """Threads that submit numbered messages for as long as the context is entered."""

    def __init__(
        self,
        port: int,
        *,
        threads: int = 4,
        limit: int = LIMIT,
        body: bytes = b"body\n",
        recipient: str = "r@to.test",
        sources: Sequence[str] = ("",),
    ) -> None:
        self.sent: list[Sent] = []
        self._port = port
        self._body = body
        self._recipient = recipient.encode()
        self._sources = sources  # addresses that the clients have in turn
        self._numbers = iter(range(limit))
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self.join()

    def join(self) -> None:
        """Wait until every thread has ended: told to, or out of numbers."""
        for thread in self._threads:
            thread.join(JOIN_TIMEOUT)
        assert not any(thread.is_alive() for thread in self._threads), "a submission hangs"

    def acknowledged(self) -> set[int]:
        """Return the numbers that were answered K."""
        return {sent.number for sent in self.sent if sent.verdict == "K"}

    def failed(self) -> list[Sent]:
        """Return the submissions that were not answered K."""
        return [sent for sent in self.sent if sent.verdict != "K"]

    def longest_gap(self) -> float:
        """Return the longest time in seconds between two successes."""
        times = sorted(sent.at for sent in self.sent if sent.verdict == "K")
        return max((later - at for at, later in itertools.pairwise(times)), default=float("inf"))

    def slowest(self, share: float = 0.99) -> float:
        """Return the time in seconds that this share of the submissions did not exceed."""
        times = sorted(sent.took for sent in self.sent)
        return times[int(share * (len(times) - 1))]

    def message(self, number: int) -> bytes:
        """Return the message of this number."""
        return numbered(number, self._body)

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                number = next(self._numbers, None)
            if number is None:
                return
            sent = self._submit(number)
            with self._lock:
                self.sent.append(sent)

    def _submit(self, number: int) -> Sent:
        begin = time.monotonic()
        try:
            message = self.message(number)
            source = self._sources[number % len(self._sources)]
            answer = submit(self._port, message, b"s@from.test", self._recipient, source=source)
        except OSError as error:
            verdict, detail = "", repr(error)
        else:
            verdict, detail = answer.verdict, repr(answer)
        now = time.monotonic()
        return Sent(number, verdict, detail, now, now - begin)


def numbered(number: int, body: bytes = b"body\n") -> bytes:
    """Return a message that carries a number."""
    return b"X-Number: %08d\nSubject: numbered\n\n%b" % (number, body)


def stored_numbers(instance: Instance) -> Counter[int]:
    """Return how often each number stands in a whole queue file of incoming."""
    return Counter(
        number
        for path in instance.queue_files().values()
        if (number := stored_number(path)) is not None
    )


def stored_number(path: Path) -> int | None:
    """Return the number of the message in one file, None if there is none."""
    found = NUMBER.search(path.read_bytes())
    return int(found[1]) if found else None


def lost(acknowledged: set[int], instance: Instance) -> set[int]:
    """Return the numbers that were acknowledged and are not in the queue."""
    return acknowledged - set(stored_numbers(instance))
