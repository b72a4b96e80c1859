"""test_loggers - a logger that is stopped or killed stops no mail, and what it missed is known

SEE ALSO
    tests.suite.logger_storm, for the long run
"""

import os
from pathlib import Path

import pytest

from tests.suite import peers
from tests.suite.logger_storm import LEAST_RATIO, play

pytestmark = pytest.mark.alone

WINDOW = 5.0  # seconds
TRIES = 3  # where the machine has other work


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("way", "fault"),
    [
        ("syslog", "stopped"),
        ("syslog", "killed"),
        ("collector", "killed"),
        ("log service", "stopped"),
    ],
)
def test_mail_goes_on_and_lost_lines_are_counted(way: str, fault: str) -> None:
    peers.superuser("a syslog of its own")
    result = play(way, fault, pairs=1, tries=TRIES, window=WINDOW)
    assert result.ratio >= LEAST_RATIO, result
    if fault == "stopped":
        assert result.unaccounted == 0, result
    else:
        assert result.heard < result.said, result
        assert result.reported > 0, result
        # What the logger had been sent and had not read: of a collector that is in many buffers.
        allowed = unread(len(result.ratios)) if way == "syslog" else result.said // 100
        assert 0 <= result.unaccounted <= allowed, result


def unread(kills: int) -> int:
    """Return how many lines can be on their way to a logger when it is killed so often."""
    queue = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
    return kills * (queue + 1 + 2 * (os.cpu_count() or 1))
