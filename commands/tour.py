"""tour - the mail system in a minute, for "make run" and "make demo"

SYNOPSIS
    python -P -m commands.tour [--instance DIR] [--port N] [--serve]

DESCRIPTION
    Makes a private instance in DIR and shows each step as the command that a
    user would type. The tour sends three messages, looks at the queue,
    reloads, stops, and ends with status 0 only if every step worked.

    With --serve the instance runs in the foreground, its log on standard
    output, until Ctrl-C; one that was made that way before is taken up again.
    A port that is in use is replaced by a free one.

    Nothing outside DIR is touched, and in it only an instance of ours that
    does not run.
"""

import argparse
import contextlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from commands.init import DEFAULT_PORT
from commands.inject import LOOPBACK, own_server
from common.config import MainCf
from common.errors import ConfigError
from common.params import SuiteParams

POSTROOM = Path(sys.executable).parent / "postroom"
SENDER, RECIPIENT = "alice@example.com", "bob@example.com"
MESSAGE = "Subject: message {number}\n\nHello from the tour.\n"
MADE_BY_INIT = ("etc", "spool", "data", "log")
STANDARD_OUTPUT = "/dev/stdout"
ENDING = {signal.SIGINT, signal.SIGTERM}
START_SECONDS = 30.0
STOP_SECONDS = 20.0


class StepError(Exception):
    """A step did not work."""


def main() -> int:
    """Run the tour; return the exit status."""
    parser = argparse.ArgumentParser(prog="tour")
    parser.add_argument("--instance", type=Path, default=Path("run"))
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--serve", action="store_true")
    options = parser.parse_args()
    tour = Tour(options.instance)
    try:
        if options.serve:
            tour.serve(options.port)
        else:
            tour.demonstrate(options.port)
    except (StepError, ConfigError) as error:
        print(f"tour: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return 0


class Tour:
    """An instance in a directory, and what is done with it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.configuration = ("-c", f"{directory}/etc")

    def demonstrate(self, port: int) -> None:
        """Go through all steps."""
        self._refuse_running()
        self._make(free_port(port))
        self._show(*self.configuration, "start")
        try:
            for number in range(1, 4):
                self._inject(number)
            self._show(*self.configuration, "queue", "-p")
            listing = self._show(*self.configuration, "queue", "-j")
            queue_id = listing.partition('"queue_id": "')[2].partition('"')[0]
            self._show(*self.configuration, "cat", "-q", queue_id)
            self._show(*self.configuration, "reload")
            self._show(*self.configuration, "status")
        finally:
            self._show(*self.configuration, "stop")

    def serve(self, wanted: int) -> None:
        """Serve until Ctrl-C, with one sample message in the queue."""
        self._refuse_running()
        port = free_port(wanted)
        if not self._serves_on(port):
            self._make(port, "-o", f"maillog_file={STANDARD_OUTPUT}")
        # Ctrl-C reaches the whole terminal group: the mail system ends by it, we wait for that.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        server = self._start_foreground()
        try:
            self._wait_until_running(server)
            self._inject(1)
            self._show(*self.configuration, "queue", "-p")
            self._explain(port)
            wait_for_signal(server)
        finally:
            stop(server)

    def _refuse_running(self) -> None:
        """Leave an instance alone that is at work.

        Raises:
            StepError: it is.
        """
        made = (self.directory / "etc").exists()
        if made and run(*self.configuration, "status").returncode == 0:
            stop_it = shown(*self.configuration, "stop")
            raise StepError(f"{self.directory} is running: stop it first, with {stop_it}")

    def _serves_on(self, port: int) -> bool:
        """Tell whether there is an instance that logs to standard output, on that port."""
        etc = self.directory / "etc"
        if not (etc / "main.cf").exists():
            return False
        logs_there = MainCf.read(etc).text("maillog_file") == STANDARD_OUTPUT
        return logs_there and own_server(etc).port == str(port)

    def _make(self, port: int, *settings: str) -> None:
        """Make the instance, in place of an older one."""
        if self.directory.exists():
            self._remove()
        self._show("init", str(self.directory), "--port", str(port), *settings)

    def _remove(self) -> None:
        """Remove an older instance, which must really be one.

        Raises:
            StepError: it is something else, or belongs to somebody else.
        """
        etc = self.directory / "etc"
        if not (etc / "main.cf").exists():
            return
        params = MainCf.read(etc).load(SuiteParams)
        if Path(params.queue_directory) != self.directory.absolute() / "spool":
            raise StepError(f"{self.directory} is no instance made here: move it away")
        try:
            for name in MADE_BY_INIT:
                with contextlib.suppress(FileNotFoundError):
                    shutil.rmtree(self.directory / name)
        except OSError as error:
            raise StepError(f"remove {error.filename}: {error.strerror}") from None

    def _inject(self, number: int) -> None:
        arguments = (*self.configuration, "inject", "-f", SENDER, RECIPIENT)
        self._show(*arguments, text=MESSAGE.format(number=number))

    def _show(self, *arguments: str, text: str = "") -> str:
        """Run one command before the user's eyes; return its output.

        Raises:
            StepError: it failed.
        """
        echo(*arguments, text=text)
        done = run(*arguments, text=text)
        print(done.stdout + done.stderr, flush=True)
        if done.returncode:
            raise StepError(f"{shown(*arguments)}: exit status {done.returncode}")
        return done.stdout

    def _start_foreground(self) -> subprocess.Popen[bytes]:
        """Start the mail system as a child that shares our standard output."""
        echo(*self.configuration, "start-fg")
        command = [str(POSTROOM), *self.configuration, "start-fg"]

        def take_signals() -> None:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

        return subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=take_signals)

    def _wait_until_running(self, server: subprocess.Popen[bytes]) -> None:
        """Return once the mail system answers, which is when it accepts connections.

        Raises:
            StepError: the server ended, or did not answer in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and server.poll() is None:
            if run(*self.configuration, "status").returncode == 0:
                return
        raise StepError("the mail system does not accept connections")

    def _explain(self, port: int) -> None:
        server = f"{LOOPBACK}:{port}"
        packet = raw_packet(MESSAGE.format(number=2), SENDER, RECIPIENT)
        lines = [
            "Serving. Another message, from another terminal:",
            f"  {source(MESSAGE.format(number=2))} | "
            + shown("inject", "--server", server, "-f", SENDER, RECIPIENT),
            "or without any client, netstrings by hand:",
            f"  {source(packet)} | nc {LOOPBACK} {port}",
            "Look at the queue:",
            f"  {shown(*self.configuration, 'queue', '-p')}",
            "Ctrl-C stops it.",
        ]
        print("\n".join(lines) + "\n", flush=True)


def raw_packet(message: str, *addresses: str) -> str:
    """Return a QMQP packet as text."""
    inner = "".join(f"{len(part)}:{part}," for part in (message, *addresses))
    return f"{len(inner)}:{inner},"


def source(text: str) -> str:
    """Return a shell command that prints text."""
    return "printf " + shlex.quote(re.sub(r"\n", r"\\n", text))


def shown(*arguments: str) -> str:
    """Return a command as one types it at the project's top."""
    return shlex.join([".venv/bin/postroom", *arguments])


def echo(*arguments: str, text: str = "") -> None:
    """Print a command as a shell would show it."""
    print(f"$ {source(text) + ' | ' if text else ''}{shown(*arguments)}", flush=True)


def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run one postroom command to its end."""
    command = [str(POSTROOM), *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def free_port(wanted: int) -> int:
    """Return the port if it is free, else one that is, and say so."""
    with socket.socket() as probe:
        # As a listener does it: connections that ended here a moment ago do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind((LOOPBACK, wanted))
            return wanted
        probe.bind((LOOPBACK, 0))
        port = int(probe.getsockname()[1])
    print(f"port {wanted} is in use: taking {port}", flush=True)
    return port


def wait_for_signal(server: subprocess.Popen[bytes]) -> None:
    """Wait for Ctrl-C or SIGTERM.

    Raises:
        StepError: the server ended by itself.
    """
    while signal.sigtimedwait(ENDING, 0.5) is None:
        if server.poll() is not None:
            raise StepError(f"start-fg ended with status {server.returncode}")


def stop(server: subprocess.Popen[bytes]) -> None:
    """Let the server stop cleanly, and see that it does.

    Raises:
        StepError: it does not.
    """
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
    try:
        status = server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
        raise StepError("the mail system did not stop: killed") from None
    if status:
        raise StepError(f"start-fg ended with status {status}")


if __name__ == "__main__":
    sys.exit(main())
