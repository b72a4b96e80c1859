"""test_swapped_host - the commands by which README.md swaps one daemon, on a Debian relay host

SEE ALSO
    tests.suite.swapped_host, what happens there
"""

from pathlib import Path
from typing import Any

import pytest

from tests.suite import peers
from tests.suite.namespaces import live, own_programs_are_safe

# What was done, and which daemons are ours from then on.
STEPS = {
    "cleanup there": ["cleanup"],
    "qmqpd there": ["cleanup", "qmqpd"],
    "cleanup back": ["qmqpd"],
    "qmqpd back": [],
}


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    """What happened on that host."""
    peers.program("dpkg-divert")
    return live("tests.suite.swapped_host")


def test_each_daemon_goes_there_and_back_and_mail_flows(facts: dict[str, Any]) -> None:
    assert facts["start"] == [0, ""]
    if not own_programs_are_safe():
        assert "fatal: refusing to run as root" in facts["log"]
        return
    for number, (step, ours) in enumerate(STEPS.items(), 1):
        assert facts[step][0] == 0, (step, facts[step])
        assert facts[f"{step}: source"] == [0, ""], step
        assert facts[f"{step}: arrived"] == 20 * number, step
        assert facts[f"{step}: ours"] == ours, step
    assert facts["check"] == [0, ""]
    assert facts["stop"] == [0, ""]
    assert facts["programs"] == []
    assert not [line for line in facts["log"].splitlines() if "]: warning: " in line]


def test_the_real_host_was_not_touched(facts: dict[str, Any]) -> None:
    assert not list(Path("/usr/lib/postfix/sbin").glob("*.distrib"))
