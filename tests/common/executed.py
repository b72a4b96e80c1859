"""executed - a daemon as a program of its own, and its master's side

DESCRIPTION
    A Host has a configuration and a queue in a folder, and the socket that
    programs log to. run() starts a program of native_daemon_directory there,
    as Postfix's master does, or not quite.
"""

import os
import select
import shutil
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.common.forked import PATIENCE, Forked
from tests.suite import peers

BASE: Mapping[str, str] = {
    "myhostname": "mx.example.test",
    "mail_name": "Postfix",
    "maillog_file": "/var/log/not-written-here",
    "qmqpd_authorized_clients": "127.0.0.0/8",
    "in_flow_delay": "0",
    "qmqpd_error_delay": "0s",
    "compatibility_level": "3.6",
}
FOLDERS = ("public", "private", "incoming", "pid", "hold", "defer", "bounce", "trace")
GENERATION = 0o17
LOG_LIMIT = 4096


class Host:
    """A place where daemons can work."""

    def __init__(
        self, top: Path, settings: Mapping[str, str] | None = None, queue: str = "spool"
    ) -> None:
        self.top = top
        self.spool = top / queue
        for folder in (top / "etc", *(self.spool / name for name in FOLDERS)):
            folder.mkdir(parents=True)
        for folder in (top, *top.parents[:2]):
            folder.chmod(0o755)
        self.configure(settings or {})
        if os.geteuid() == 0:
            for name in FOLDERS:
                shutil.chown(self.spool / name, "postfix")
        self._log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._log.bind(str(self.spool / "public/postlog"))
        os.chmod(self.spool / "public/postlog", 0o666)
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            print("log:\n" + "\n".join(self.lines()))
        late = [line for line in self.lines() if "error: import of " in line]
        self._log.close()
        assert not late, late  # by a daemon that serves: a bug, whatever the test is about

    def configure(self, settings: Mapping[str, str]) -> None:
        """Write main.cf."""
        all_of_them = {**BASE, "queue_directory": str(self.spool), **settings}
        text = "".join(f"{name} = {value}\n" for name, value in all_of_them.items())
        (self.top / "etc/main.cf").write_text(text)

    def environment(self) -> dict[str, str]:
        """Return what Postfix's master would set."""
        return {
            "MAIL_CONFIG": str(self.top / "etc"),
            "MAIL_LOGTAG": "tag",
            "POSTLOG_SERVICE": str(self.spool / "public/postlog"),
            "POSTLOG_HOSTNAME": "early.example.test",
            "LANG": "C",
            "GENERATION": f"{GENERATION:o}",
        }

    def run(
        self,
        name: str,
        *words: str,
        listeners: Sequence[socket.socket] = (),
        environment: Mapping[str, str] | None = None,
        before: Callable[[], object] = lambda: None,
    ) -> "Executed":
        """Start a program; before is called in its process."""
        program = name if "/" in name else str(peers.native_daemons() / name)
        variables = {**self.environment(), **(environment or {})}
        return Executed(self, program, words, variables, listeners, before)

    def lines(self) -> list[str]:
        """Return what has been logged."""
        while select.select([self._log], [], [], 0)[0]:
            self._lines.append(self._log.recv(LOG_LIMIT).decode())
        return self._lines

    def forget_log(self) -> None:
        """Let wait_for_log() look at what comes from now on."""
        self.lines().clear()

    def wait_for_log(self, text: str, seconds: float = PATIENCE) -> str:
        """Return the first line that holds text."""
        deadline = time.monotonic() + seconds
        while not (found := [line for line in self.lines() if text in line]):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._log], [], [], left)[0]:
                pytest.fail(f"no line {text!r} among {self.lines()}")
        return found[0]

    def unix_listener(self, path: str = "public/cleanup") -> socket.socket:
        """Return a listening local socket of the queue directory."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.spool / path))
        os.chmod(self.spool / path, 0o666)
        listener.listen()
        return listener


class Executed(Forked):
    """A running program."""

    def __init__(
        self,
        host: Host,
        program: str,
        words: Sequence[str],
        environment: Mapping[str, str],
        listeners: Sequence[socket.socket],
        before: Callable[[], object],
    ) -> None:
        self._errors = host.top / f"errors.{time.monotonic_ns()}"

        def execute(child: object) -> None:
            os.dup2(os.open("/dev/null", os.O_RDWR), 0)
            os.dup2(os.open(self._errors, os.O_WRONLY | os.O_CREAT), 2)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.chdir(host.spool)
            before()
            os.execve(program, [program, *words], dict(environment))

        super().__init__(execute, listeners)

    def errors(self) -> str:
        """Return what it has written to standard error."""
        return self._errors.read_text()
