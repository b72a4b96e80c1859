"""test_loggers - a logger that is stopped or killed stops no mail, and what it missed is known

SEE ALSO
    tests.suite.logger_storm, for the long run
"""

import pytest

from tests.suite import peers
from tests.suite.logger_storm import LEAST_RATIO, play

pytestmark = pytest.mark.alone

# Seconds. Where lines wait, for half a second once, that has to be a small part of the time.
LONG, SHORT = 5.0, 3.0
WINDOWS = {
    ("syslog", "stopped"): LONG,
    ("syslog", "killed"): SHORT,
    ("collector", "killed"): SHORT,
    ("log service", "stopped"): SHORT,
}
TRIES = 3  # where the machine has other work


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("way", "fault"), WINDOWS)
def test_mail_goes_on_and_lost_lines_are_counted(way: str, fault: str) -> None:
    peers.superuser("a syslog of its own")
    result = play(way, fault, pairs=1, tries=TRIES, window=WINDOWS[way, fault])
    assert result.ratio >= LEAST_RATIO, result
    assert 0 <= result.unaccounted <= result.tolerated, result
    if fault == "killed":
        assert result.heard < result.said, result
        assert result.reported > 0, result
