"""upgrade - another program takes the place of this one, and nobody notices

DESCRIPTION
    1. The new program rehearses as a child. If it is not ready, nothing has
       happened.
    2. What it needs and is not there yet is opened: after the exec nothing
       can fail that depends on others.
    3. master waits until an earlier reload is confirmed, so that no answer is
       owed to anybody.
    4. With signals held back, so that none is lost or kills a program that
       has no handlers yet, master writes down its state and executes the new
       program. Process, children, locks and listeners stay.

    The new program first makes everything ready. Should it stumble there, it
    executes the old one again, with the reason. Then it starts processes of
    its own, and tells those of before to leave, as a reload does.

SEE ALSO
    ARCHITECTURE.md
    master.rehearsal, master.succession
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NoReturn

from common.errors import ConfigError
from master import guard
from master.configuration import Configuration
from master.control import Control, Reply, Request
from master.foreign import ExecError
from master.installation import Installation
from master.rehearsal import Ready, Rehearsal
from master.state import State, into_memory
from master.succession import state_of
from master.supervisor import Phase, Supervisor

STANDARD = (0, 1, 2)  # stay open, or other files would get these numbers
# What would end, or be lost on, a program that has no handlers yet.
HELD = {signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGCHLD}

Order = Callable[[], None]


class Upgrade:
    """How this program makes way for another."""

    def __init__(self, supervisor: Supervisor, control: Control, own: Installation) -> None:
        self.under_way = False
        self.own = own
        self._supervisor = supervisor
        self._control = control
        self._log = supervisor.log
        self._postponed: list[Order] = []
        self._reload = False

    def start(self, request: Request, reply: Reply) -> None:
        """Begin; the reply comes if this program stays, else its successor answers.

        Raises:
            ConfigError: it cannot be tried.
        """
        if self.under_way:
            raise ConfigError("an upgrade is under way")
        supervisor, arguments = self._supervisor, request.arguments
        target = Installation(
            arguments.get("interpreter") or self.own.interpreter,
            arguments.get("path", self.own.path),
        )
        check_target(supervisor.configuration, target)
        words = ["-c", str(supervisor.configuration.directory)]

        def done(ready: Ready | None, reason: str) -> None:
            if ready:
                with self._staying_otherwise(reply):
                    self._prepare(target, ready, reply)
            else:
                self._stay(reply, reason)
            supervisor.helper_left()

        rehearsal = Rehearsal(supervisor.loop, target, words, done)
        try:
            rehearsal.start(self._state())
        except (ExecError, OSError) as error:
            raise ConfigError(str(error)) from None
        supervisor.helper, self.under_way = rehearsal, True
        self._log.info(f"upgrade: {target.interpreter} rehearses")

    def postpone(self, order: Order, *, by_signal: bool) -> None:
        """Carry an order out when the upgrade has failed; else the successor will."""
        self._postponed.append(order)
        self._reload |= by_signal

    def _prepare(self, target: Installation, ready: Ready, reply: Reply) -> None:
        """Do what can fail, and wait for what is not finished."""
        supervisor = self._supervisor
        self._require_running()
        supervisor.listeners.open(ready.listeners)

        def go(missing: list[int]) -> None:
            # From the loop itself: nothing is half done there.
            supervisor.loop.call_later(0, lambda: self._go(target, ready, reply))

        supervisor.hand_over(go)

    def _go(self, target: Installation, ready: Ready, reply: Reply) -> None:
        """Execute the new program; return only if that failed."""
        supervisor = self._supervisor
        with self._staying_otherwise(reply), signals_held():
            self._require_running()
            if supervisor.loop.signals_waiting():  # first what we have been told
                supervisor.loop.call_later(0, lambda: self._go(target, ready, reply))
                return
            self._log.info(f"upgrade: version {ready.version} takes over")
            state = replace(
                self._state(), names=ready.names, following=ready.reading, reload=self._reload
            )
            supervisor.manager.reloading()
            try:
                execute(target, state)
            except OSError as error:
                supervisor.tell_manager()
                raise ConfigError(f"exec {target.interpreter}: {error.strerror}") from None

    @contextmanager
    def _staying_otherwise(self, reply: Reply) -> Iterator[None]:
        """Stay the program that runs if something goes wrong, be it a bug."""
        try:
            yield
        except ConfigError as error:
            self._stay(reply, str(error))
        except Exception as error:
            self._stay(reply, f"{type(error).__name__}: {error}")

    def _require_running(self) -> None:
        phase = self._supervisor.phase
        if phase is not Phase.RUNNING:
            raise ConfigError(f"the mail system is {phase.value}")

    def _stay(self, reply: Reply, reason: str) -> None:
        """Answer that nothing has happened, and do what had to wait."""
        self.under_way = False
        self._log.error(f"upgrade refused, the running program stays: {reason}")
        if self._supervisor.phase is Phase.RUNNING:
            self._supervisor.close_needless()
        reply({"ok": False, "error": reason})
        postponed, self._postponed, self._reload = self._postponed, [], False
        for order in postponed:
            order()

    def _state(self) -> State:
        return state_of(self._supervisor, self._control, self.own)


@contextmanager
def signals_held() -> Iterator[None]:
    """Let no signal through meanwhile; a program that is executed lets them in by itself."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)


def check_target(configuration: Configuration, target: Installation) -> None:
    """Refuse what could be found in the queue directory, where we work, or changed by others.

    Raises:
        ConfigError: the first such place.
    """
    for path in target.files:
        if not path.is_absolute():
            raise ConfigError(f"not an absolute path: {path}")
    guard.check_files(configuration, target.files)


def execute(target: Installation, state: State) -> NoReturn:
    """Become that program, with everything that the state names.

    Raises:
        OSError: the system cannot execute it; everything is as before.
    """
    memory = into_memory(state.encode())
    kept = [*STANDARD, *state.descriptors, memory]
    before = [os.get_inheritable(descriptor) for descriptor in kept]
    try:
        for descriptor in kept:
            os.set_inheritable(descriptor, True)
        words = target.words("-c", state.running.directory, "--take-over", str(memory))
        os.execve(words[0], words, target.environment())
    finally:
        for descriptor, inheritable in zip(kept, before, strict=True):
            os.set_inheritable(descriptor, inheritable)
        os.close(memory)
