"""handover - waiting until no process of an old configuration accepts connections

DESCRIPTION
    Old and new processes share the listening sockets, so a reload is in force
    only when the old ones have confirmed that they stopped accepting. A
    Handover ends when the last status channel has confirmed; or after a
    second, if those that have not are all busy: a daemon that serves one
    request at a time looks at its channel before it accepts another. It ends
    in any case after five seconds, and then says who did not answer.

SEE ALSO
    master.pool, for the channels
"""

from collections.abc import Callable, Iterable

from master.channel import Channel
from master.events import Loop

BUSY_SECONDS = 1.0
LONGEST_SECONDS = 5.0

Done = Callable[[list[int]], None]


class Handover:
    """One wait; done is called once, with the pids of those that did not confirm."""

    def __init__(self, loop: Loop, channels: Iterable[Channel], done: Done) -> None:
        self.finished = False
        self._waiting = list(channels)
        self._done = done
        self._patient = False  # busy processes are no longer waited for
        self._timers = (
            loop.call_later(BUSY_SECONDS, self._lose_patience),
            loop.call_later(LONGEST_SECONDS, self._give_up),
        )

    def check(self) -> None:
        """Look whether it is over."""
        if not self.finished and self._over():
            self._finish([])

    def _over(self) -> bool:
        self._waiting = [one for one in self._waiting if not one.confirmed]
        return not self._waiting or (self._patient and not self._accepting())

    def _accepting(self) -> list[int]:
        """Return the processes that neither confirmed nor are busy."""
        processes = [process for one in self._waiting for process in one.processes.values()]
        return sorted(process.pid for process in processes if not process.taken)

    def _lose_patience(self) -> None:
        self._patient = True
        self.check()

    def _give_up(self) -> None:
        if not self.finished:
            self._finish(self._accepting())

    def _finish(self, missing: list[int]) -> None:
        self.finished = True
        for timer in self._timers:
            timer.cancel()
        self._done(missing)
