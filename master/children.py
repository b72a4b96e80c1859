"""children - how a process is made

DESCRIPTION
    A program of Postfix is executed. A child of our own is a fork of master,
    which has everything imported. Before anything else it puts its
    descriptors where a daemon expects them and closes all others, takes back
    the default signals, opens its own log and shows its own command line. It
    never returns from there.

    It reads main.cf again if the file has changed since master did; a broken
    one is logged, and the values of before stay in force.

SEE ALSO
    spec/master-protocol.md, section 1
    master.foreign, for programs of Postfix
    common.child, the same seen from inside
"""

import fcntl
import gc
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from common.child import FLOW_READ_FD, LISTEN_FD, Child
from common.errors import ConfigError
from common.log import Log, open_log
from master import foreign
from master.journal import log_end
from master.plan import NativePlan, Plan

UMASK = 0o077
DESCRIPTOR_LIMIT = 2**31 - 1

# SIGXFSZ stays ignored, as Python has it: a file over its limit is an error, not a death.
# SIGINT too: Ctrl-C reaches all of a foreground instance, and master alone acts on it.
IGNORED = {signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT}
CHANGEABLE = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


@dataclass(frozen=True, slots=True)
class Birth:
    """What the parent knows of a new child."""

    pid: int
    generation: int


class Nursery:
    """Where children come from: what they share, and how many there were."""

    def __init__(self, log_descriptor: int | None, *, verbose: bool) -> None:
        self.log_descriptor = log_descriptor
        self.verbose = verbose
        self.generation = 0
        self._flow = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def spawn(
        self, plan: Plan, status: int, listeners: Sequence[int], *, stressed: bool = False
    ) -> Birth:
        """Start one process of a service.

        Raises:
            ExecError: its program cannot be executed.
            OSError: the system has no room for it.
        """
        self.generation += 1
        descriptors = [*self._flow, status, *listeners]
        if isinstance(plan, NativePlan):
            pid = self._fork(plan, descriptors, stressed=stressed)
        else:
            words = plan.words(verbose=self.verbose, stress="yes" if stressed else "")
            environment = {**os.environ, "GENERATION": f"{self.generation:o}"}
            pid = foreign.execute(plan.program_path, words, environment, descriptors)
        return Birth(pid, self.generation)

    def _fork(self, plan: NativePlan, descriptors: list[int], *, stressed: bool) -> int:
        """Make a copy of master that lives as the child; return its pid."""
        # A signal for the child must not find master's handlers there: they would wake master.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            pid = os.fork()
            if pid == 0:
                self._live(plan, descriptors, stressed=stressed)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        return pid

    def _live(self, plan: NativePlan, descriptors: list[int], *, stressed: bool) -> NoReturn:
        """Be the child, from here to its end."""
        status = 1
        log: Log | None = None
        try:
            # Sockets that master forgot about must not be collected here: their numbers are ours.
            gc.freeze()
            reset_signals()
            inherited = self.log_descriptor
            arrange(descriptors if inherited is None else [*descriptors, inherited])
            os.umask(UMASK)
            os.environ["GENERATION"] = f"{self.generation:o}"
            log_fd = None if inherited is None else LISTEN_FD + len(plan.endpoints)
            log = open_log(plan.params, plan.service.command, inherited=log_fd)
            child = self._child(plan, log, stressed=stressed)
            child.set_title()
            plan.program.serve(child)
            status = 0
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code))
        except BaseException as error:
            if log:
                log_end(log, error, verbose=self.verbose or plan.options.verbose)
        finally:
            os._exit(status)

    def _child(self, plan: NativePlan, log: Log, *, stressed: bool) -> Child:
        """Return what the daemon is started with."""
        try:
            plan = plan.fresh()
        except ConfigError as error:
            log.warning(f"{error}: the values of before stay in force")
        if stressed and plan.stressable:
            plan = plan.under_stress()
        return Child(
            command=plan.service.command,
            service=plan.service.name,
            transport=plan.service.transport.value,
            generation=self.generation,
            listener_count=len(plan.endpoints),
            title=" ".join(plan.words(verbose=self.verbose, stress="yes" if stressed else "")),
            main_cf=plan.main_cf,
            log=log,
            unprivileged=plan.service.unprivileged,
            chroot=plan.service.chroot,
        )


def reset_signals() -> None:
    """Give every signal its default action, but for a few that are ignored."""
    signal.set_wakeup_fd(-1)
    for number in CHANGEABLE:
        signal.signal(number, signal.SIG_IGN if number in IGNORED else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def arrange(descriptors: Sequence[int]) -> None:
    """Put these on 3, 4, 5 and so on, whatever numbers they have, and close all others."""
    end = FLOW_READ_FD + len(descriptors)
    # Out of the way first: a number we are about to take may be one that we still need.
    copies = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, end) for one in descriptors]
    for number, copy in enumerate(copies, FLOW_READ_FD):
        os.dup2(copy, number, inheritable=False)
    os.closerange(end, DESCRIPTOR_LIMIT)
