"""Promises of start that need no daemon: the tool that puts the queue in order."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from commands import start

TOOL = """\
#!/bin/sh
echo "$@" > {seen}
wc -c >> {seen}
exit {status}
"""


@pytest.mark.parametrize("status", [0, 3])
def test_the_tool_has_no_input_and_its_failure_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    seen, tool = tmp_path / "seen", tmp_path / "postsuper"
    tool.write_text(TOOL.format(seen=seen, status=status))
    tool.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("master.guard.check", lambda configuration: None)
    monkeypatch.setattr("master.spool.prepare", lambda params, owner: None)
    monkeypatch.setattr("master.spool.mail_owner", lambda params: None)
    warnings: list[str] = []
    script: Any = SimpleNamespace(warning=warnings.append)
    params = SimpleNamespace(command_directory=tmp_path)
    configuration: Any = SimpleNamespace(params=params, foreign=True, directory="/etc/mail")
    start.repair_queue(configuration, script)
    assert seen.read_text().split() == ["-c", "/etc/mail", "0"]
    expected = f"{tool}: exit status 3: the queue may not be in order"
    assert warnings == ([expected] if status else [])
