"""name_service - what the system's resolver would say, and when"""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

PATIENCE = 10.0  # seconds


@dataclass
class Clock:
    """A time that the test sets."""

    now: float = 1000.0


@dataclass
class NameService:
    """Names by address, addresses by name; what is missing does not exist.

    After hold() nothing is answered but what is free, until release().
    """

    names: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    families: list[int] = field(default_factory=list)  # of addresses asked for
    free: set[str] = field(default_factory=set)
    most_at_a_time: int = 0
    _now: int = 0
    _held: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def hold(self) -> None:
        """Answer nobody."""
        self._held = True

    def release(self) -> None:
        """Answer everybody."""
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def busy(self, count: int) -> int:
        """Wait until so many are being looked up; return how many that are then."""
        self._wait(lambda: self._now >= count)
        return self._now

    def gethostbyaddr(self, encoded: bytes) -> tuple[str, list[str], list[str]]:
        """Return a name, as the function of the same name does.

        Of bytes only: for text it needs a codec that may not be there.
        """
        address = encoded.decode()
        with self._changed:
            self.asked.append(address)
            self._now += 1
            self.most_at_a_time = max(self.most_at_a_time, self._now)
            self._changed.notify_all()
        self._wait(lambda: not self._held or address in self.free)
        with self._changed:
            self._now -= 1
        if address not in self.names:
            raise socket.herror(1, "Unknown host")
        return self.names[address], [], [address]

    def getaddrinfo(self, name: bytes, port: None, family: int, kind: int) -> list[Any]:
        """Return addresses, as the function of the same name does."""
        self.families.append(family)
        if name.decode() not in self.addresses:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [
            (found, kind, 6, "", (address, 0))
            for address in self.addresses[name.decode()]
            if family == (found := socket.AF_INET6 if ":" in address else socket.AF_INET)
        ]

    def _wait(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE)
