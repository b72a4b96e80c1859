"""namespaces - a program that has a whole host to itself"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import guard
from tests.suite import peers
from tests.suite.instance import run

NAMESPACES = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def confined(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of tests on a host of its own, which ends with it; return what came of it."""
    peers.superuser("namespaces")
    return run([*NAMESPACES, sys.executable, "-P", "-m", module, *arguments])


def live(module: str, *arguments: str) -> dict[str, Any]:
    """Run a module of tests on a host of its own; return what it prints as JSON.

    It is given a folder, and these arguments.
    """
    peers.program("postfix")
    # No folder of pytest's: those are closed to daemons without privileges, again and again.
    with tempfile.TemporaryDirectory(prefix="pr-") as folder:
        Path(folder).chmod(0o755)
        done = confined(module, folder, *arguments)
    assert done.returncode == 0, done.stderr
    found = dict(json.loads(done.stdout))
    print(found["log"], done.stderr)
    return found


def own_programs_are_safe() -> bool:
    """Tell whether nobody but root can write to this checkout: else root must not run it."""
    return not list(guard.exposed(guard.with_folders(guard.program_files())))
