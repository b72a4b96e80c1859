"""test_hostile - a daemon that was taken over can do nothing but its work

DESCRIPTION
    Some forty acts, each under the sandbox of each daemon, and each without:
    there it must succeed, or its refusal would mean nothing. Layers are also
    left out one by one: what is refused by two of them must be refused still.

SEE ALSO
    tests.suite.hostile, what happens there; tests.suite.hostile_acts
"""

import pytest

from common.sandbox import landlock
from tests.suite.hostile import DAEMONS, acts_of
from tests.suite.namespaces import live

# What the account of the mail system may do anywhere, whatever the host's settings are: nothing
# but the sandbox is in the way of these.
FREE = {
    *("read a file that everybody may", "read /etc/passwd", "list a folder", "make a file"),
    *("write to a file that everybody may", "truncate a file", "make a folder", "make a FIFO"),
    *("make a link", "make a hard link", "rename a file", "remove a queue file", "fork"),
    *("change a file's mode", "execute a program", "import a module"),
    *("signal a process of the same account", "connect by TCP", "listen by TCP"),
    *("open a netlink socket", "connect to an abstract socket"),
}
Outcomes = dict[str, str]  # by act


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_that_was_taken_over_can_do_nothing_but_its_work(daemon: str) -> None:
    # One test a daemon: all that happens there happens once.
    manners: dict[str, Outcomes] = live("tests.suite.hostile", daemon)
    each_act_succeeds_without_the_sandbox(manners["root"])
    each_act_is_refused_under_it(manners["locked"], refused_by(daemon, "SLPI"))
    who_executes_traces_or_mounts_dies(manners["locked"])
    what_other_layers_refuse_is_refused(manners["no-seccomp"], refused_by(daemon, "LPI"))
    what_other_layers_refuse_is_refused(manners["no-landlock"], refused_by(daemon, "SPI"))
    the_account_alone_refuses_little(manners["plain"], refused_by(daemon, "P"))


def each_act_succeeds_without_the_sandbox(outcomes: Outcomes) -> None:
    assert len(outcomes) >= 25
    assert done(outcomes) == set(outcomes), outcomes


def each_act_is_refused_under_it(outcomes: Outcomes, refused: set[str]) -> None:
    assert done(outcomes) & refused == set(), outcomes
    assert {*outcomes.values()} <= {"EACCES", "EPERM", "ENOSYS", "SIGSYS", "done"}, outcomes
    if landlock.version() >= landlock.ENOUGH:
        assert set(outcomes) == refused


def who_executes_traces_or_mounts_dies(outcomes: Outcomes) -> None:
    fatal = ("execute a program", "trace a process", "mount", "become root", "load a module")
    assert {outcomes[name] for name in fatal} == {"SIGSYS"}


def what_other_layers_refuse_is_refused(outcomes: Outcomes, refused: set[str]) -> None:
    assert done(outcomes) & refused == set(), outcomes
    assert not {"failed to start", "hangs"} & set(outcomes.values()), outcomes


def the_account_alone_refuses_little(outcomes: Outcomes, refused: set[str]) -> None:
    assert done(outcomes) >= FREE, outcomes
    assert done(outcomes) & refused == set(), outcomes


def done(outcomes: Outcomes) -> set[str]:
    """Return the acts that succeeded."""
    return {name for name, outcome in outcomes.items() if outcome == "done"}


def refused_by(daemon: str, layers: str) -> set[str]:
    """Return the acts that any of these layers refuses by itself."""
    known = landlock.version()
    return {name for name, act in acts_of(daemon).items() if act.refused_by(layers, known)}
