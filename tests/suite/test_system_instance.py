"""test_system_instance - "postroom start", and nothing else, on a Debian relay host

DESCRIPTION
    Debian's configuration, folders and port 25, in namespaces of the test's
    own: our programs where they are named, the rest Postfix's.

SEE ALSO
    tests.suite.system_host, what happens there
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from common import guard
from tests.suite import peers
from tests.suite.instance import run

NAMESPACES = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened on that host."""
    peers.superuser("namespaces")
    peers.program("postfix")
    folder = tmp_path_factory.mktemp("host")
    for path in (folder, *folder.parents[:2]):
        path.chmod(0o755)  # daemons without privileges pass through
    program = [sys.executable, "-P", "-m", "tests.suite.system_host", str(folder)]
    done = run([*NAMESPACES, *program])
    assert done.returncode == 0, done.stderr
    found = dict(json.loads(done.stdout))
    print(found["log"])
    return found


def own_programs_are_safe() -> bool:
    """Tell whether nobody but root can write to this checkout: else root must not run it."""
    return not list(guard.exposed(guard.with_folders(guard.program_files())))


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
    assert (facts["arrived"], facts["empty"]) == (25, True), facts["log"]
    assert facts["gone"][0] != 0
    assert facts["left"] == []
    assert not [line for line in facts["log"].splitlines() if "]: warning: " in line]


def test_the_real_host_was_not_touched(facts: dict[str, Any]) -> None:
    assert not Path("/var/spool/postfix/pid/control").exists()
