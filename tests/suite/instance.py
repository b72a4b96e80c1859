"""instance - a private mail system for one test

DESCRIPTION
    An Instance lives in a short folder of its own, serves QMQP on a free port
    of 127.0.0.1, logs to a file, and has no queue manager: the wake-up FIFO is
    drained, so that queue files stay where cleanup left them. Postroom is the
    product; reference.Postfix is the same with Debian's real programs.

    Leaving the context stops it, then kills by pid whatever it started and is
    still there: master, its children, and anything that works in its folder.

SEE ALSO
    conformance/README.md, "Base settings"
"""

import abc
import contextlib
import os
import random
import re
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from bench import MEMORY
from commands import instance as control
from tests.suite import peers, processes
from tests.suite.processes import Process
from tests.suite.trigger import Trigger
from tests.suite.waiting import holds_within, wait_for

BASE: Mapping[str, str] = {
    "compatibility_level": "3.6",
    "myhostname": "mx.example.test",
    "myorigin": "$myhostname",
    "mydestination": "",
    "mynetworks": "127.0.0.0/8",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "qmqpd_authorized_clients": "127.0.0.0/8",
    "alias_maps": "",
    "alias_database": "",
    "local_recipient_maps": "",
    "in_flow_delay": "0",
    "qmqpd_error_delay": "0s",
}
QUEUES = ("maildrop", "incoming", "active", "deferred", "hold", "corrupt")
COMMAND_TIMEOUT = 120.0  # seconds; above the 100 s that `start` may take
STOP_TIMEOUT = 15.0
RENEWAL_TIMEOUT = 10.0
REPORT_LINES = 20
COMPLAINT = re.compile(r"\]: (?:warning|error|fatal|panic): ")
LATE_IMPORT = "error: import of "  # by a daemon that serves: a bug, whatever the test is about
COMPLETE = 0o700  # the mode that tells a whole queue file from one being written
GONE = 0  # in place of the mode of a file that is no longer there


class Instance(abc.ABC):
    """A private mail system, from its folder to its last process."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="pr-"))
        self.top.chmod(0o755)  # workers without privileges pass through
        self.port = free_port()
        self.config_dir = self.top / "etc"
        self.spool = self.top / "spool"
        self.log_path = self.top / "log/mail.log"
        self.within: list[str] = []  # a command in front of the commands of the instance
        self._known: set[Process] = set()
        self._trigger: Trigger | None = None
        try:
            self.create({**BASE, **(settings or {})})
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abc.abstractmethod
    def create(self, settings: Mapping[str, str]) -> None:
        """Write the configuration and the folders."""

    @abc.abstractmethod
    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the control command (start, stop, reload...) on this instance."""

    def start(self) -> Self:
        """Start it; return when it accepts connections."""
        done = self.command("start")
        if done.returncode != 0:
            pytest.fail(f"start: exit {done.returncode}: {done.stdout}{done.stderr}{self.report()}")
        self.drain_trigger()
        self.note_processes()
        return self

    def stop(self) -> None:
        """Stop it; fail unless every process is gone when the command returns."""
        self.note_processes()
        done = self.command("stop")
        assert done.returncode == 0, f"stop: exit {done.returncode}: {done.stdout}{done.stderr}"
        assert not [each.command() for each in self._known if each.alive()]

    def renew(self) -> None:
        """Reload, and return when every process of before has left."""
        old = self.children()
        self.refresh()
        wait_for(
            lambda: not any(each.alive() for each in old), RENEWAL_TIMEOUT, "old processes to leave"
        )

    def refresh(self) -> None:
        """Reload."""
        done = self.command("reload")
        assert done.returncode == 0, f"reload: exit {done.returncode}: {done.stdout}{done.stderr}"

    def close(self) -> None:
        """Undo everything, whatever state it is in."""
        self.note_processes()
        report = self.report()
        if any(process.alive() for process in self._known):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.command("stop")
        remains = {each for each in self._known if each.alive()}
        for process in remains | set(processes.inhabitants(self.top)):
            process.kill()
        holds_within(lambda: not processes.inhabitants(self.top), STOP_TIMEOUT)
        if self._trigger is not None:
            self._trigger.close()
        print(report)  # shown by pytest beside a failure
        late = [line for line in self.log_lines() if LATE_IMPORT in line]
        shutil.rmtree(self.top, ignore_errors=True)
        assert not late, late

    # Configuration.

    def configure(self, settings: Mapping[str, str]) -> None:
        """Give parameters of main.cf new values; takes effect at start or reload."""
        path = self.config_dir / "main.cf"
        text = path.read_text()
        for name, value in settings.items():
            # One logical line: the assignment and the lines that continue it.
            text = re.sub(rf"(?m)^{re.escape(name)}\s*=.*\n(?:[ \t]+.*\n)*", "", text)
            text += f"{name} = {value}\n"
        path.write_text(text)

    def remove_service(self, name: str) -> None:
        """Take a service and its continuation lines out of master.cf."""
        path = self.config_dir / "master.cf"
        path.write_text(
            re.sub(rf"(?m)^{re.escape(name)}\s.*\n(?:[ \t]+.*\n)*", "", path.read_text())
        )

    # Processes.

    def master(self) -> Process | None:
        """Return the running master, by its pid file; never a stranger with an old pid."""
        try:
            found = processes.process(int((self.spool / "pid/master.pid").read_text()))
        except (OSError, ValueError):
            return None
        return found if found and found in processes.inhabitants(self.top) else None

    def children(self, program: str = "") -> list[Process]:
        """Return master's children, or those that run one program."""
        master = self.master()
        found = processes.children(master) if master else []
        return [each for each in found if not program or runs(each, program)]

    def note_processes(self) -> set[Process]:
        """Remember what runs now, return all that was ever remembered."""
        master = self.master()
        if master:
            self._known |= {master, *processes.children(master)}
        return self._known

    # Queue.

    def queue_files(self, queue: str = "incoming") -> dict[str, Path]:
        """Return the whole queue files of one queue, by queue id."""
        return {path.name: path for path in self.files(queue) if _mode(path) == COMPLETE}

    def unfinished_files(self) -> list[Path]:
        """Return the files where messages arrive that are not whole; one that moves on is whole."""
        return [
            path for path in self.files("incoming", "hold") if _mode(path) not in (COMPLETE, GONE)
        ]

    def files(self, *queues: str) -> list[Path]:
        """Return every file of the queues named, or of all: finished or not."""
        return [
            path
            for queue in queues or QUEUES
            for path in (self.spool / queue).rglob("*")
            if not path.is_dir()
        ]

    def drain_trigger(self) -> None:
        """Stand in for the queue manager: a FIFO that swallows its wake-ups."""
        if self._trigger is None:
            self._trigger = Trigger(self.spool / "public/qmgr")

    # Log.

    def log_position(self) -> int:
        """Return where the log ends now."""
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    def log_lines(self, since: int = 0) -> list[str]:
        """Return the whole lines logged since a position, byte for code point."""
        if not self.log_path.exists():
            return []
        with self.log_path.open("rb") as log:
            log.seek(since)
            text = log.read().decode("latin-1")
        return text.split("\n")[:-1]

    def wait_for_log(self, pattern: str, since: int = 0, seconds: float = 10) -> str:
        """Return the first line since a position in which pattern is found."""

        def look() -> str | None:
            return next((ln for ln in self.log_lines(since) if re.search(pattern, ln)), None)

        return str(wait_for(look, seconds, f"a log line like {pattern!r}{self.report()}"))

    def report(self) -> str:
        """Return what explains a failure: is it alive, its complaints, the end of its log."""
        master = self.master()
        lines = self.log_lines()
        complaints = [line for line in lines if COMPLAINT.search(line)]
        parts = {
            "master": [str(master or "is not running")],
            f"complaints in {self.log_path}": complaints[-REPORT_LINES:],
            "the log ends": lines[-REPORT_LINES:],
        }
        return "\n".join(text for title, part in parts.items() for text in ["", title, *part])


class Postroom(Instance):
    """An instance of the product, made and run through its own command."""

    def create(self, settings: Mapping[str, str]) -> None:
        # The corpus was recorded from Postfix: the name shows in Received headers.
        named = {"mail_name": "Postfix", **settings}
        options = [part for name, value in named.items() for part in ("-o", f"{name}={value}")]
        done = self.tool("init", str(self.top), "--port", str(self.port), *options)
        assert done.returncode == 0, f"init: exit {done.returncode}: {done.stdout}{done.stderr}"
        self._made = (self.config_dir / "main.cf").read_text()

    def configure_anew(self, settings: Mapping[str, str]) -> None:
        """Give parameters new values, and all others those that the instance was made with."""
        (self.config_dir / "main.cf").write_text(self._made)
        self.configure(settings)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.tool("-c", str(self.config_dir), *arguments)

    def refresh(self) -> None:
        ask_for_reload(self.config_dir)

    def tool(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run the postroom command as it is."""
        return run([*self.within, str(peers.postroom()), *arguments], text)

    def reload(self) -> subprocess.CompletedProcess[str]:
        """Reload; when it returns with 0, the new configuration is in force."""
        return self.command("reload")

    def inject(
        self, message: bytes, *recipients: str, port: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Submit one message with `postroom inject`."""
        server = ("--server", f"127.0.0.1:{port or self.port}")
        options = (*server, "-f", "s@from.test")
        return self.tool("inject", *options, *recipients, text=message.decode("latin-1"))


def ask_for_reload(config_dir: Path) -> None:
    """Do what the command does, without a process of its own."""
    answer = control.Instance.of(config_dir).ask("reload")
    assert answer["ok"], answer


@contextlib.contextmanager
def in_memory() -> Iterator[None]:
    """Let instances live on tmpfs, where what disks do is of no interest."""
    tempfile.tempdir = MEMORY
    try:
        yield
    finally:
        tempfile.tempdir = None


def run(
    command: list[str],
    text: str | None = None,
    *,
    user: int | None = None,
    group: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end, its output captured, its time limited."""
    return subprocess.run(
        command,
        input=text or "",
        capture_output=True,
        encoding="latin-1",
        timeout=COMMAND_TIMEOUT,
        check=False,
        env={**os.environ, "TZ": "UTC"},
        user=user,
        group=group,
        extra_groups=None if user is None else [],
    )


# Not the shared generator: a test may seed that, and so may the one that runs beside it.
RANDOM = random.SystemRandom()
GIVEN: set[int] = set()  # ports, to tests of this process


def free_port() -> int:
    """Return a free TCP port that no outgoing connection will take by chance.

    Recorded cases name 21199 as one where nobody listens.
    """
    for _ in range(100):
        port = RANDOM.randrange(21200, 32000)  # below Linux's ephemeral range
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in GIVEN:  # to somebody who has not bound it yet
                GIVEN.add(port)
                return port
    pytest.fail("no free port in 100 tries")


def runs(process: Process, program: str) -> bool:
    """Tell whether a process is an instance of program, by its first word."""
    return Path(process.command().split(" ", 1)[0]).name == program


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.lstat().st_mode)
    except FileNotFoundError:
        return GONE  # between the listing and the look
