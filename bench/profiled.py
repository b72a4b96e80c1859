"""profiled - an instance of ours whose workers write down where their time goes

SYNOPSIS
    python -P -m bench.profiled CONFIG_DIR FOLDER

DESCRIPTION
    The mail system in the foreground, as postroom start-fg has it, but that
    each qmqpd and cleanup writes its profile to a file in FOLDER when it
    leaves. What is counted is processor time: waiting is not.
"""

import cProfile
import marshal
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Self

import cleanup.__main__
import qmqpd.__main__
from commands import start
from common.child import Child
from tests.suite.instance import Postroom
from tests.suite.peers import ROOT
from tests.suite.waiting import wait_for

START_TIMEOUT = 20.0
STOP_TIMEOUT = 20.0


class Profiled(Postroom):
    """An instance whose workers leave profiles in a folder when they end."""

    def __init__(self, settings: Mapping[str, str], folder: Path) -> None:
        super().__init__(settings)
        folder.chmod(0o777)  # for workers without privileges
        self._folder = folder
        self._system: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        command = [sys.executable, "-P", "-m", "bench.profiled"]
        command += [str(self.config_dir), str(self._folder)]
        # Neither its output nor its signals are ours.
        self._system = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for(lambda: self.children("cleanup"), START_TIMEOUT, "the profiled instance")
        self.drain_trigger()
        self.note_processes()
        return self

    def close(self) -> None:
        super().close()
        if self._system:
            self._system.wait(STOP_TIMEOUT)


def main() -> int:
    """Be the mail system."""
    config_dir, folder = sys.argv[1:]
    for module in (cleanup.__main__, qmqpd.__main__):
        profile(module, folder)
    return start.foreground(Path(config_dir), 0, [])


def profile(module: ModuleType, folder: str) -> None:
    """Let a daemon write its profile when it has served."""
    serve = module.serve

    def serve_profiled(child: Child) -> None:
        found = cProfile.Profile(time.thread_time)
        # Opened here: a daemon that serves has shut itself in.
        with open(f"{folder}/{child.command}.{os.getpid()}", "wb") as file:
            try:
                found.runcall(serve, child)
            finally:
                found.create_stats()
                marshal.dump(found.stats, file)

    module.serve = serve_profiled  # type: ignore[attr-defined]


if __name__ == "__main__":
    sys.exit(main())
