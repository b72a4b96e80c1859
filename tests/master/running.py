"""running - a real master for one test, in a fork of the test's own process

DESCRIPTION
    A Running lives in a short folder of its own and serves echod, a daemon
    for tests, on a local socket and a port. Times that master would wait can
    be shortened by patch, which runs in the fork before anything else.

    Leaving the context stops it; what does not end is killed by pid.
"""

import contextlib
import gc
import getpass
import grp
import json
import os
import pwd
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, Self, TextIO

from master import life
from master.configuration import Configuration
from master.endpoints import Names
from tests.suite.instance import free_port
from tests.suite.waiting import holds_within, wait_for

DAEMONS = Path(__file__).parent / "daemons"
MASTER_CF = """\
echo unix n - - - {limit} echod
{port} inet n - - - 20 echod
"""
SECONDS = 10.0


def account() -> tuple[str, str]:
    """Return a user and a group that master can hand files to."""
    if os.geteuid() == 0:
        found = pwd.getpwnam("nobody")
        return found.pw_name, grp.getgrgid(found.pw_gid).gr_name
    return getpass.getuser(), grp.getgrgid(os.getgid()).gr_name


class Running:
    """A mail system that serves nothing but echod."""

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        limit: int = 20,
        patch: Callable[[], None] = lambda: None,
    ) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="pr-"))
        self.top.chmod(0o755)
        self.patch = patch
        self.port = free_port()
        self.pid = 0
        self.verbose = False
        self.log = self.top / "mail.log"
        for name in ("etc", "spool"):
            (self.top / name).mkdir()
        owner, group = account()
        self.main_cf = {
            "compatibility_level": "3.6",
            "myhostname": "mx.test",
            "queue_directory": str(self.top / "spool"),
            "data_directory": str(self.top / "data"),
            "maillog_file": str(self.log),
            "maillog_file_prefixes": str(self.top),
            "mail_owner": owner,
            "setgid_group": group,
            "inet_interfaces": "127.0.0.1",
            "native_services": "echod",
            "default_prefork_count": "2",
            "echod_mode": "serve",
            "echod_word": "one",
            **(settings or {}),
        }
        self.configure()
        self.write_master_cf(MASTER_CF.format(limit=limit, port=self.port))

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exception: object) -> None:
        try:
            self.end()
        finally:
            print(self.log.read_text() if self.log.is_file() else "no log")
            shutil.rmtree(self.top, ignore_errors=True)

    # Configuration.

    def configure(self, **settings: str) -> None:
        """Change parameters of main.cf."""
        self.main_cf.update(settings)
        lines = [f"{name} = {value}\n" for name, value in self.main_cf.items()]
        (self.top / "etc/main.cf").write_text("".join(lines))

    def write_master_cf(self, text: str) -> None:
        """Replace master.cf."""
        (self.top / "etc/master.cf").write_text(text)

    # Life.

    def start(self) -> Self:
        """Fork a master; return when it serves."""
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self._be_master(os.fdopen(writer, "w"))
        os.close(writer)
        with os.fdopen(reader) as answers:
            answer = answers.read()
        assert answer == "ready", answer
        return self

    def _be_master(self, pipe: TextIO) -> NoReturn:
        status = 1
        try:
            gc.freeze()  # sockets of earlier tests must not be collected here: their numbers go
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - this is a fork
            os.dup2(os.open(os.devnull, os.O_RDWR), 0)
            os.closerange(3, pipe.fileno())
            os.closerange(pipe.fileno() + 1, 2**31 - 1)
            os.environ["PYTHONPATH"] = str(DAEMONS)  # for the program of an upgrade
            self.patch()
            names = Names()
            configuration = Configuration.load(self.top / "etc", names)

            def ready() -> None:
                pipe.write("ready")
                pipe.close()

            life.run(configuration, names, verbose=self.verbose, ready=ready)
            status = 0
        except BaseException as error:
            if not pipe.closed:
                pipe.write(repr(error))
                pipe.close()
        finally:
            os._exit(status)

    def wait(self) -> int:
        """Return master's exit status, once it has ended."""
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send master a signal."""
        os.kill(self.pid, number)

    def end(self) -> None:
        """Stop master, whatever state it is in."""
        if not self.pid:
            return
        children = self.child_pids()
        self.kill(signal.SIGCONT)
        self.kill(signal.SIGTERM)
        if not holds_within(self._buried, SECONDS):
            self.kill()
            self.wait()
        for pid in children:
            if not holds_within(lambda pid=pid: not alive(pid), 2.0):  # type: ignore[misc]
                os.kill(pid, signal.SIGKILL)

    def _buried(self) -> bool:
        if os.waitpid(self.pid, os.WNOHANG)[0]:
            self.pid = 0
        return not self.pid

    # Questions.

    def connect(self, name: str = "echo") -> "Visit":
        """Connect to a local socket."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(SECONDS)
        connection.connect(str(self.top / "spool/public" / name))
        return Visit(connection)

    def connect_port(self) -> "Visit":
        """Connect to the port."""
        return Visit(socket.create_connection(("127.0.0.1", self.port), SECONDS))

    def ask(self, request: str, **arguments: str) -> dict[str, Any]:
        """Send a request to the control socket; return the reply."""
        asked = json.dumps({"request": request, **arguments})
        return dict(json.loads(self.ask_raw(asked.encode() + b"\n")))

    def ask_raw(self, data: bytes) -> bytes:
        """Send anything to the control socket; return everything that comes back."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect(str(self.top / "spool/pid/control"))
            with contextlib.suppress(BrokenPipeError):
                connection.sendall(data)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := connection.recv(65536):
                    answer += piece
            return answer

    def service(self, name: str = "echo") -> dict[str, Any]:
        """Return what master says about a service."""
        return next(one for one in self.ask("status")["services"] if one["name"] == name)

    def workers(self, name: str = "echo") -> list[int]:
        """Return the pids of a service's processes, as master knows them."""
        return [
            int(one["pid"])
            for one in self.ask("status")["processes"]
            if one["service"] == name and one["state"] != "leaving"
        ]

    def child_pids(self) -> list[int]:
        """Return master's children, as the system knows them."""
        path = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def titles(self) -> list[str]:
        """Return the command lines of master's children."""
        paths = [Path(f"/proc/{pid}/cmdline") for pid in self.child_pids()]
        return [path.read_bytes().rstrip(b"\0").decode() for path in paths]

    def log_text(self) -> str:
        """Return what has been logged."""
        return self.log.read_text()

    def wait_for_log(self, text: str) -> None:
        """Wait until that has been logged."""
        wait_for(lambda: text in self.log_text(), SECONDS, f"{text!r} in the log")


class Visit:
    """One connection to an echod."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._file = connection.makefile("rb")
        line = self._file.readline()
        self.facts: dict[str, Any] = json.loads(line) if line else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def say(self, command: str) -> None:
        """Send a command."""
        self.connection.sendall(command.encode() + b"\n")

    def ended(self) -> bool:
        """Tell whether the other side closes the connection; waits for it."""
        return not self._file.read()

    def close(self) -> None:
        """Leave."""
        self._file.close()
        self.connection.close()


def alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def gone(pids: list[int]) -> Callable[[], bool]:
    """Return a condition: all of these have ended."""
    return lambda: not any(map(alive, pids))


def visits(running: Running, count: int) -> Iterator[dict[str, Any]]:
    """Yield the greetings of so many connections, one after the other."""
    for _ in range(count):
        with running.connect() as visit:
            yield visit.facts
