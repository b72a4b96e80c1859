"""test_system_instance - "postroom start", and nothing else, on a Debian relay host

DESCRIPTION
    Debian's configuration, folders and port 25, in namespaces of the test's
    own: our programs where they are named, the rest Postfix's.

SEE ALSO
    tests.suite.system_host, what happens there
"""

from pathlib import Path
from typing import Any

import pytest

from tests.suite.namespaces import live, own_programs_are_safe


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    """What happened on that host."""
    return live("tests.suite.system_host")


def test_programs_that_others_could_change_are_refused_with_the_reason(
    facts: dict[str, Any],
) -> None:
    status, output = facts["exposed"]
    assert status == 1
    assert output.startswith("postroom: fatal: refusing to run as root: not owned by root: ")


def test_it_starts_and_mail_flows_and_postfixs_commands_act_on_it(facts: dict[str, Any]) -> None:
    if not own_programs_are_safe():
        assert "refusing to run as root" in facts["start"][1]
        return
    for step in ("start", "status", "smtp", "sendmail", "reload", "stop"):
        assert facts[step] == [0, ""], step
    status, output = facts["upgrade"]
    assert (status, " replaced by " in output) == (0, True), output
    assert (facts["arrived"], facts["empty"]) == (25, True), facts["log"]
    assert facts["gone"][0] != 0
    assert facts["left"] == []
    unhappy = ("]: warning: ", "]: error: import of ")
    assert not [line for line in facts["log"].splitlines() if any(one in line for one in unhappy)]


def test_an_upgrade_to_what_others_could_change_is_refused(facts: dict[str, Any]) -> None:
    status, output = facts["exposed upgrade"]
    assert status == 1
    if own_programs_are_safe():
        expected = "postroom: fatal: upgrade refused: refusing to run as root: not owned by root: "
        assert output.startswith(expected), output


def test_the_real_host_was_not_touched(facts: dict[str, Any]) -> None:
    assert not Path("/var/spool/postfix/pid/control").exists()
