"""rehearsal - a new program shows that it could take over, before anything is at stake

DESCRIPTION
    master runs the new program as a child. It finds master's state on
    standard input; it imports everything, reads and checks both files, and
    prints what it is, and what it would run: a Ready, as the last line of its
    output. It opens nothing. Whatever else it prints is the reason why it
    cannot do it. master waits for it as it waits for everything, in its loop.

SEE ALSO
    master.upgrade
"""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from common.params import POSTROOM_VERSION
from master import facts, guard
from master.configuration import Configuration
from master.endpoints import Names
from master.events import Loop
from master.facts import FactsError
from master.foreign import ExecError, spawn
from master.installation import Installation
from master.listeners import Wanted, wanted
from master.reading import Reading
from master.state import State, into_memory

SECONDS = 30.0  # for the rehearsal; then it has failed
OUTPUT_LIMIT = 16 * 1024 * 1024  # bytes; both files are in it
REASON_LIMIT = 500  # characters of what a failed one has said
PIECE = 65536


@dataclass(frozen=True, slots=True)
class Ready:
    """What a program says that could take over."""

    version: str
    reading: Reading  # what it would put in force
    names: dict[str, tuple[str, ...]]  # host names that it knows then
    listeners: list[Wanted]  # that it needs


def perform(config_dir: Path) -> Ready:
    """Do, as the new program, everything that can fail.

    Raises:
        ConfigError: the configuration cannot be used.
        FactsError: the state cannot be understood.
    """
    state = State.decode(sys.stdin.buffer.read())
    names = Names(dict(state.names))
    configuration = Configuration.of(Reading.of(config_dir), names, state.fixed)
    guard.check(configuration)
    needed = list(wanted(configuration.plans.values()))
    return Ready(POSTROOM_VERSION, configuration.reading, names.known, needed)


Done = Callable[[Ready | None, str], None]


class Rehearsal:
    """One trial run of another program; done is called once, with Ready or with the reason."""

    def __init__(self, loop: Loop, target: Installation, arguments: list[str], done: Done) -> None:
        self._loop = loop
        self._target = target
        self._arguments = arguments
        self._done = done
        self._output = b""
        self._reason = ""
        self._pid = 0

    def start(self, state: State) -> None:
        """Begin.

        Raises:
            ExecError: there is no such program.
            OSError: the system has no room for it.
        """
        memory = into_memory(state.encode())
        self._reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.set_blocking(writer, True)
            words = self._target.words(*self._arguments, "--rehearse")
            environment = self._target.environment()
            self._pid = spawn(words[0], words, environment, [memory, writer, writer])
        except (ExecError, OSError):
            os.close(self._reader)
            raise
        finally:
            os.close(memory)
            os.close(writer)
        self._loop.watch(self._reader, self._read)
        self._timer = self._loop.call_later(SECONDS, lambda: self.end("not ready in time"))

    def end(self, reason: str) -> None:
        """Stop it; that is why it did not succeed."""
        self._reason = self._reason or reason
        if self._pid:  # not buried yet: nobody else has the number
            os.kill(self._pid, signal.SIGKILL)

    def reap(self, pid: int, status: int) -> bool:
        """Note the end of a process; False if it is another one."""
        if pid != self._pid:
            return False
        self._pid = 0
        self._timer.cancel()
        self._read()
        self._loop.forget(self._reader)
        os.close(self._reader)
        self._done(*self._result(status))
        return True

    def _read(self) -> None:
        with suppress(BlockingIOError):
            while piece := os.read(self._reader, PIECE):
                self._output += piece
                if len(self._output) > OUTPUT_LIMIT:
                    self._output = b""
                    self.end("endless output")
            self._loop.forget(self._reader)  # the end

    def _result(self, status: int) -> tuple[Ready | None, str]:
        """Return what it said at last."""
        last = self._output.rstrip().rpartition(b"\n")[2]
        if self._reason:
            return None, self._reason
        if status:
            said = last.decode(errors="replace").removeprefix("master: fatal: ")
            return None, said[:REASON_LIMIT] or f"exit status {os.waitstatus_to_exitcode(status)}"
        try:
            return facts.decode(Ready, last), ""
        except FactsError as error:
            return None, str(error)
