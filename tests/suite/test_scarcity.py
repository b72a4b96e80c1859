"""test_scarcity - what runs out costs clients a retry, no process its life, and is over when it is

SEE ALSO
    tests.suite.scarcity
"""

from tests.suite.namespaces import live
from tests.suite.scarcity import RECOVERY, Outcome

# What the log must tell of it, and who may tell it how often: nobody spins.
TOLD = {
    "space": "No space left on device",
    "inodes": "No space left on device",
    "writing": "Read-only file system",
    "forks": "fork: Resource temporarily unavailable: service cleanup waits",
    "descriptors": "accept connection: Too many open files",
    "memory": "out of memory",
}
LINES_LIMIT = 200
ON_DISK = ("space", "inodes", "writing")


def test_shortages_cost_nobody_more_than_a_retry() -> None:
    facts = live("tests.suite.scarcity")
    facts.pop("log")
    outcomes = {name: Outcome(**outcome) for name, outcome in facts.items()}
    assert outcomes.keys() == TOLD.keys()
    for name, outcome in outcomes.items():
        small, large = outcome.verdicts
        assert (small, large) == ("K" if name == "memory" else "Z", "Z"), name
        assert outcome.slowest < (5.0 if name in ON_DISK else 10.0), name
        assert outcome.recovery < RECOVERY, name
        assert (outcome.unfinished, outcome.astray) == (0, []), name
        assert any(TOLD[name] in line for line in outcome.lines), outcome.lines
        assert len(outcome.lines) < LINES_LIMIT, name
        if name != "descriptors":  # who has none for a client leaves
            assert outcome.died == [], name
