"""policy - how many processes a service has, and when it gets one more

DESCRIPTION
    decide() looks at the Tally of a service and says how many processes to
    start now, whether to wait for a client in their place, and when to look
    again. REACTIONS says what the end of a process means. No clock, no
    sockets, no processes here.

    Only a process that ends by its own fault before it has served anybody
    throttles its service: it would fail again. One that somebody killed is
    replaced soon: a minute's pause would turn one lost worker into an outage.
    So is one that leaves at once without a word: replaced for each client that
    waits, such processes would be all that the machine does.

SEE ALSO
    spec/master-protocol.md, section 4
    ARCHITECTURE.md
"""

import enum
import os
import signal
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

FORKS_PER_SECOND = 10  # a service, beyond what clients ask for and what recycling takes
FIRST_BACK_OFF = 0.05  # seconds; doubled with each death in a row
LONGEST_BACK_OFF = 0.5  # a killed service is back within a second, whatever happened before
CALM = 10.0  # seconds without such a death: the row is over
HASTY = 1.0  # seconds; who leaves sooner, unused, did not come to work

# Signals that a process brings upon itself.
FAULTS = {
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE),
    *(signal.SIGABRT, signal.SIGSYS, signal.SIGTRAP),
}


class Ending(enum.Enum):
    """How a process ended."""

    CLEAN = "exit 0"
    FAILED = "any other exit, or a crash"
    KILLED = "a signal from somebody else"


class Use(enum.Enum):
    """What a process had done until then."""

    SERVED = "finished a request"
    IDLE = "waited for one"
    HASTY = "was gone within a second"


class Reaction(enum.Enum):
    """What master does about it."""

    NOTHING = "nothing"
    PAUSE = "a short pause"
    WARN = "a line in the log"
    BACK_OFF = "a line, and a short pause"
    THROTTLE = "a line, and a long pause"


REACTIONS: dict[tuple[Ending, Use], Reaction] = {
    (Ending.CLEAN, Use.SERVED): Reaction.NOTHING,
    (Ending.CLEAN, Use.IDLE): Reaction.NOTHING,
    (Ending.CLEAN, Use.HASTY): Reaction.PAUSE,
    (Ending.FAILED, Use.SERVED): Reaction.WARN,
    (Ending.FAILED, Use.IDLE): Reaction.THROTTLE,
    (Ending.FAILED, Use.HASTY): Reaction.THROTTLE,
    (Ending.KILLED, Use.SERVED): Reaction.WARN,
    (Ending.KILLED, Use.IDLE): Reaction.BACK_OFF,
    (Ending.KILLED, Use.HASTY): Reaction.BACK_OFF,
}


def ending(status: int) -> Ending:
    """Return how a process ended, by its wait status."""
    if os.WIFSIGNALED(status):
        return Ending.FAILED if os.WTERMSIG(status) in FAULTS else Ending.KILLED
    if os.WEXITSTATUS(status) == signal.SIGTERM:
        return Ending.KILLED  # cleanup tidies up first, ours and Postfix's, and leaves with this
    return Ending.FAILED if os.WEXITSTATUS(status) else Ending.CLEAN


def described(status: int) -> str:
    """Return how a process ended, in the words of the log."""
    if os.WIFSIGNALED(status):
        return f"killed by signal {os.WTERMSIG(status)}"
    return f"exit status {os.WEXITSTATUS(status)}"


def use(requests: int, age: float) -> Use:
    """Return what a process had done that lived for so many seconds."""
    if requests:
        return Use.SERVED
    return Use.HASTY if age < HASTY else Use.IDLE


@dataclass(slots=True)
class Tally:
    """What policy knows of a service. Times are monotonic seconds."""

    prefork: int
    limit: int  # 0 for none
    total: int = 0
    available: int = 0
    leaving: int = 0  # processes of an earlier configuration that count against the limit
    throttled_until: float = 0.0
    backing_off_until: float = 0.0
    deaths: int = 0  # by signal, in a row
    earned: int = 0  # successors for processes that left when their work was done
    orphaned: bool = False  # a client waits whose wake-up went to a process that ended
    replaced: deque[float] = field(default_factory=deque)  # when, in the last second

    def note_start(self, now: float) -> None:
        """Account for a process that policy asked for."""
        if self.earned:
            self.earned -= 1
        else:
            self.replaced.append(now)

    def throttle(self, now: float, seconds: float) -> bool:
        """Start nothing for so long; False if that was so before."""
        already = now < self.throttled_until
        self.throttled_until = max(self.throttled_until, now + seconds)
        return not already

    def back_off(self, now: float) -> bool:
        """Wait before the next start, longer each time; deaths at one time count once."""
        if now < self.backing_off_until:
            return False
        if now - self.backing_off_until > CALM:
            self.deaths = 0
        pause = min(FIRST_BACK_OFF * 2**self.deaths, LONGEST_BACK_OFF)
        self.backing_off_until = now + pause
        self.deaths += 1
        return True

    def room(self) -> bool:
        """Tell whether one more process is allowed."""
        return not self.limit or self.total + self.leaving < self.limit


class Decision(NamedTuple):
    """What to do now."""

    forks: int = 0
    watch: bool = False  # start one more when a client comes
    look_again: float | None = None  # when something may have become possible


def decide(tally: Tally, now: float) -> Decision:
    """Return what the service needs at this time."""
    held_until = max(tally.throttled_until, tally.backing_off_until)
    if now < held_until:
        return Decision(look_again=held_until)
    while tally.replaced and tally.replaced[0] <= now - 1.0:
        tally.replaced.popleft()
    missing = max(0, tally.prefork - tally.total, tally.orphaned and tally.room())
    forks = min(missing, tally.earned + FORKS_PER_SECOND - len(tally.replaced))
    look_again = tally.replaced[0] + 1.0 if tally.replaced and forks < missing else None
    return Decision(forks, tally.available + forks == 0 and tally.room(), look_again)
