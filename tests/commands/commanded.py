"""commanded - a mail system of echod's that is run by the real command"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.master.running import DAEMONS, Running, alive, visits
from tests.suite.waiting import wait_for

POSTROOM = Path(sys.executable).parent / "postroom"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(DAEMONS), "TZ": "UTC"}
NOT_RUNNING = "the Postfix mail system is not running"


class Commanded(Running):
    """A mail system that only the command touches."""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        return subprocess.run(
            [POSTROOM, "-c", self.top / "etc", *arguments],
            env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def foreground(self, **streams: Any) -> subprocess.Popen[bytes]:
        """Run start-fg; return when it serves."""
        process = subprocess.Popen(
            [POSTROOM, "-c", self.top / "etc", "start-fg"], env=ENVIRONMENT, **streams
        )
        wait_for(self.serves, 20, "the foreground instance")
        return process

    def serves(self) -> bool:
        try:
            return bool(list(visits(self, 1)))
        except OSError:
            return False

    def master_pid(self) -> int:
        """Return what the pid file says."""
        return int((self.top / "spool/pid/master.pid").read_text())

    def end(self) -> None:
        """Stop it, whatever state it is in."""
        self.pid = 0
        with suppress(OSError, ValueError):
            pid = self.master_pid()
            # A master in another process namespace wrote a number that is somebody else's here.
            if os.path.samefile(f"/proc/{pid}/cwd", self.top / "spool"):
                self.pid = pid
        if not self.pid:
            return
        children = self.child_pids()
        self.run("stop")
        for pid in [self.pid, *children]:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
