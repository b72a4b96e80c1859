"""tour - the mail system in a minute, for "make run" and "make demo"

SYNOPSIS
    python -P -m commands.tour [--instance DIR] [--port N] [--serve]

DESCRIPTION
    Makes a private instance and shows each step as the command that a user
    would type. With --serve the instance runs in the foreground, its log on
    standard output, until Ctrl-C; without, the tour sends three messages,
    looks at the queue, reloads, stops, and ends with status 0 only if every
    step worked.
"""

import argparse
import contextlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from commands.init import DEFAULT_PORT

POSTROOM = Path(sys.executable).parent / "postroom"
SENDER, RECIPIENT = "alice@example.com", "bob@example.com"
MESSAGE = "Subject: message {number}\n\nHello from the tour.\n"
ENDING = {signal.SIGINT, signal.SIGTERM}
START_SECONDS = 20.0
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
    tour = Tour(options.instance, free_port(options.port))
    try:
        if options.serve:
            tour.serve()
        else:
            tour.demonstrate()
    except StepError as error:
        print(f"tour: {error}", file=sys.stderr)
        return 1
    return 0


class Tour:
    """An instance in a directory, and what is done with it."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port
        self.configuration = ("-c", f"{directory}/etc")

    def demonstrate(self) -> None:
        """Go through all steps."""
        self._make_fresh()
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

    def serve(self) -> None:
        """Serve until Ctrl-C, one sample message in the queue."""
        self._make_fresh("-o", "maillog_file=/dev/stdout")
        command = [str(POSTROOM), *self.configuration, "start-fg"]
        echo(*self.configuration, "start-fg")
        with subprocess.Popen(command) as server:
            # Ctrl-C reaches the whole terminal group: the mail system ends by it, we wait.
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
            try:
                wait_until_running(self.configuration, server)
                self._inject(1)
                self._show(*self.configuration, "queue", "-p")
                self._explain()
                status = wait_for_signal(server)
            finally:
                stop(server)
        if status:
            raise StepError(f"start-fg ended with status {status}")

    def _make_fresh(self, *settings: str) -> None:
        """Make the instance anew; one that is running is left alone."""
        if (self.directory / "etc").exists():
            if run(*self.configuration, "status").returncode == 0:
                raise StepError(f"{self.directory} is running: stop it first")
            shutil.rmtree(self.directory)
        self._show("init", str(self.directory), "--port", str(self.port), *settings)

    def _inject(self, number: int) -> None:
        server = ("--server", f"127.0.0.1:{self.port}")
        arguments = ("inject", *server, "-f", SENDER, RECIPIENT)
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
            raise StepError(f"postroom {arguments[0]}: exit status {done.returncode}")
        return done.stdout

    def _explain(self) -> None:
        server = f"127.0.0.1:{self.port}"
        print(
            "Serving. Another message, from another terminal:\n"
            f"  printf 'Subject: hi\\n\\nHello.\\n' | {shown('inject', '--server', server)}"
            f" -f {SENDER} {RECIPIENT}\n"
            "or by any QMQP client, as Postfix's:\n"
            f"  qmqp-source -m 10 {server}\n"
            f"Look at the queue with: {shown(*self.configuration, 'queue', '-p')}\n"
            "Ctrl-C stops it.\n",
            flush=True,
        )


def shown(*arguments: str) -> str:
    """Return a command as one types it at the project's top."""
    return shlex.join([".venv/bin/postroom", *arguments])


def echo(*arguments: str, text: str = "") -> None:
    """Print a command as a shell would show it."""
    source = f"printf {shlex.quote(text.replace(chr(10), chr(92) + 'n'))} | " if text else ""
    print(f"$ {source}{shown(*arguments)}", flush=True)


def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run one postroom command to its end."""
    command = [str(POSTROOM), *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def free_port(wanted: int) -> int:
    """Return the port if it is free, else one that is, and say so."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", wanted))
            return wanted
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    print(f"port {wanted} is in use: taking {port}", flush=True)
    return port


def wait_until_running(configuration: tuple[str, ...], server: subprocess.Popen[bytes]) -> None:
    """Return once the mail system answers, which is when it accepts connections.

    Raises:
        StepError: the server ended, or did not answer in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if run(*configuration, "status").returncode == 0:
            return
    raise StepError("the mail system does not accept connections")


def wait_for_signal(server: subprocess.Popen[bytes]) -> int:
    """Wait for Ctrl-C, SIGTERM or the server's own end; return its status, 0 if we end it."""
    while server.poll() is None:
        if signal.sigtimedwait(ENDING, 0.5):
            return 0
    return server.returncode


def stop(server: subprocess.Popen[bytes]) -> None:
    """Let the server stop cleanly, and see that it does."""
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
        server.wait(STOP_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
