"""stress - overload of a service: told to its processes, and to the operator

DESCRIPTION
    A service is overloaded when a client needs the last process that it may
    have. That is remembered for a while: processes started meanwhile get the
    parameters of overload. When all are taken the log says so, not too often.

SEE ALSO
    spec/master-protocol.md, section 4
    http://www.postfix.org/STRESS_README.html
"""

from common.log import Log
from master.services import Service

STRESS_SECONDS = 1000.0  # how long overload is remembered, and the least time between warnings
README = "http://www.postfix.org/STRESS_README.html"


class Stress:
    """Overload of one service; times are monotonic seconds."""

    def __init__(self) -> None:
        self.until = 0.0
        self.warned_at = -STRESS_SECONDS

    def lasts(self, now: float) -> bool:
        """Tell whether there was overload a while ago."""
        return now < self.until

    def note(self, now: float) -> bool:
        """Remember overload; tell whether it has just begun."""
        begins, self.until = not self.lasts(now), now + STRESS_SECONDS
        return begins

    def warn(self, service: Service, log: Log, now: float) -> None:
        """Say that all processes of the service are taken, unless that was said a while ago."""
        if now - self.warned_at < STRESS_SECONDS:
            return
        self.warned_at = now
        log.warning(
            f'service "{service.name}" ({service.endpoint}) has reached its process limit'
            f' "{service.process_limit}": new clients may experience noticeable delays'
        )
        log.warning(
            "to avoid this condition, increase the process count in master.cf"
            " or reduce the service time per client"
        )
        log.warning(f"see {README} for settings that adapt to stress")
