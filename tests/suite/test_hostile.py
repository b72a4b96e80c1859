"""test_hostile - a daemon that was taken over can do nothing but its work

DESCRIPTION
    Some forty acts, each under the sandbox of each daemon, and each without:
    there it must succeed, or its refusal would mean nothing. Layers are also
    left out one by one: what is refused by two of them must be refused still.

SEE ALSO
    tests.suite.hostile, what happens there; tests.suite.hostile_acts
"""

from typing import Any

import pytest

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
KINDS = pytest.mark.parametrize("daemon", DAEMONS)
Facts = dict[str, Any]


@pytest.fixture(scope="module")
def facts() -> Facts:
    """What came of each act, by daemon and manner."""
    return live("tests.suite.hostile")


def done(outcomes: dict[str, str]) -> set[str]:
    """Return the acts that succeeded."""
    return {name for name, outcome in outcomes.items() if outcome == "done"}


def expected(daemon: str, layers: str) -> set[str]:
    """Return the acts that any of these layers refuses by itself."""
    return {name for name, act in acts_of(daemon).items() if set(act.by) & set(layers)}


@KINDS
def test_each_act_succeeds_without_the_sandbox(facts: Facts, daemon: str) -> None:
    outcomes = facts[daemon]["root"]
    assert len(outcomes) >= 25
    assert done(outcomes) == set(outcomes), outcomes


@KINDS
def test_each_act_is_refused_under_the_sandbox(facts: Facts, daemon: str) -> None:
    outcomes = facts[daemon]["locked"]
    assert done(outcomes) == set(), outcomes
    assert {*outcomes.values()} <= {"EACCES", "EPERM", "ENOSYS", "EAFNOSUPPORT", "SIGSYS"}


@KINDS
def test_who_executes_traces_or_mounts_dies(facts: Facts, daemon: str) -> None:
    outcomes = facts[daemon]["locked"]
    fatal = ("execute a program", "trace a process", "mount", "become root", "load a module")
    assert {outcomes[name] for name in fatal} == {"SIGSYS"}


@KINDS
def test_without_seccomp_the_other_layers_hold(facts: Facts, daemon: str) -> None:
    outcomes = facts[daemon]["no-seccomp"]
    assert done(outcomes) & expected(daemon, "LPI") == set(), outcomes
    assert "failed to start" not in outcomes.values()


@KINDS
def test_without_landlock_the_other_layers_hold(facts: Facts, daemon: str) -> None:
    outcomes = facts[daemon]["no-landlock"]
    assert done(outcomes) & expected(daemon, "SPI") == set(), outcomes


@KINDS
def test_without_any_layer_the_account_alone_is_in_the_way(facts: Facts, daemon: str) -> None:
    outcomes = facts[daemon]["plain"]
    assert done(outcomes) >= FREE, outcomes
    assert done(outcomes) & expected(daemon, "P") == set(), outcomes
