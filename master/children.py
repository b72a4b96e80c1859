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

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple, NoReturn

from common.child import LISTEN_FD, Child, arrange, wait_for_turn
from common.errors import ConfigError
from common.log import Log, log_end, open_log
from common.outage import Outage
from common.sinks import FileSink, SyslogSink, refers_to_socket
from master import foreign
from master.fork import Action, changed_actions, fork
from master.plan import NativePlan, Plan
from master.shared import Shared

UMASK = 0o077

# In place of a log that only the child itself can open.
NO_LOG = Log("", SyslogSink("mail"))


class Birth(NamedTuple):
    """What the parent knows of a new child."""

    pid: int
    generation: int
    shared: Shared | None = None


class Nursery:
    """Where children come from: what they share, and how many there were."""

    def __init__(
        self,
        log_descriptor: int | None,
        *,
        verbose: bool,
        flow: tuple[int, int] | None = None,
        generation: int = 0,
    ) -> None:
        self.log_descriptor = log_descriptor
        self.verbose = verbose
        self.generation = generation
        self.flow = flow or os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._outage = Outage()
        self._log_is_socket = False  # looked at here: in the child its number is another
        # By the line of master.cf: what processes of a plan are started with. It is made once.
        self._ready: dict[str, tuple[NativePlan, Child]] = {}
        self._actions: list[Action] | None = None  # looked at when master has its handlers

    def spawn(
        self, plan: Plan, status: int, listeners: Sequence[int], *, stressed: bool = False
    ) -> Birth:
        """Start one process of a service.

        Raises:
            ExecError: its program cannot be executed.
            OSError: the system has no room for it.
        """
        self.generation += 1
        descriptors = [*self.flow, status, *listeners]
        if stressed and plan.stressed:
            plan = plan.stressed
        if not isinstance(plan, NativePlan):
            words = plan.words(verbose=self.verbose)
            environment = {**os.environ, "GENERATION": f"{self.generation:o}"}
            pid = foreign.execute(plan.program_path, words, environment, descriptors)
            return Birth(pid, self.generation)
        shared = Shared(plan.program)
        pid = self._fork(plan, descriptors, shared)
        shared.keep()
        return Birth(pid, self.generation, shared)

    def _fork(self, plan: NativePlan, descriptors: list[int], shared: Shared) -> int:
        """Make a copy of master that lives as the child; return its pid."""
        if self.log_descriptor is not None:
            descriptors.append(self.log_descriptor)
        # What can be done here costs a tenth of what it costs in the child, whose memory is
        # copied page by page as it is touched; and what is done once costs nothing.
        child = self._ready_for(plan)
        own = plan.personal or child.log is NO_LOG or plan.main_cf.changed()
        if self._actions is None:
            self._actions = changed_actions()
        return fork(self._actions, lambda: self._live(plan, child, descriptors, shared, own=own))

    def _live(
        self, plan: NativePlan, child: Child, descriptors: list[int], shared: Shared, *, own: bool
    ) -> NoReturn:
        """Be the child, from here to its end; own: it must look itself what it is started with."""
        status = 1
        log: Log | None = None
        try:
            arrange(descriptors)
            wait_for_turn()
            os.umask(UMASK)
            os.environ["GENERATION"] = f"{self.generation:o}"
            if own:
                child = self._own_child(plan)
            else:
                child.log.renew()
            child.generation = self.generation
            child.claim, child.told = shared.claim, shared.told
            log = child.log
            log.share(self._outage, shared.losses)
            child.set_title()
            plan.program.serve(child)
            status = 0
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code))
        except BaseException as error:
            if log:
                log_end(log, error, verbose=child.verbose)
        finally:
            if log:
                log.finish()
            os._exit(status)

    def forget_all_but(self, plans: Iterable[Plan]) -> None:
        """Keep nothing ready for services that are no more."""
        for gone in self._ready.keys() - {one.service.origin for one in plans}:
            del self._ready[gone]

    def _ready_for(self, plan: NativePlan) -> Child:
        """Return what processes of a plan are started with."""
        before, child = self._ready.get(plan.service.origin, (None, None))
        if child is None or before is not plan:
            if self.log_descriptor is not None:
                self._log_is_socket = refers_to_socket(self.log_descriptor)
            child = self._child(plan)
            self._ready[plan.service.origin] = plan, child
        return child

    def _own_child(self, plan: NativePlan) -> Child:
        """Return what the daemon is started with, as only the process itself can tell.

        That is: by main.cf as it is now. If that has become unusable the log
        says so, and the values of before stay in force.

        Raises:
            ConfigError: the log cannot be opened in either way.
        """
        try:
            return self._with_log(plan.fresh())
        except ConfigError as error:
            child = self._with_log(plan)
            child.log.warning(f"{error}: the values of before stay in force")
            return child

    def _with_log(self, plan: NativePlan) -> Child:
        child = self._child(plan)
        child.log = self._open_log(plan)
        return child

    def _child(self, plan: NativePlan) -> Child:
        """Return what a daemon is started with."""
        last = LISTEN_FD + len(plan.endpoints) - 1
        return Child(
            command=plan.service.command,
            service=plan.service.name,
            transport=plan.service.transport.value,
            generation=self.generation,
            listener_count=plan.listener_count,
            title=" ".join(plan.words(verbose=self.verbose)),
            main_cf=plan.main_cf,
            log=self._open_log(plan) if self._log_is_simple(plan) else NO_LOG,
            unprivileged=plan.service.unprivileged,
            chroot=plan.service.chroot,
            native_listener=last if plan.program.native else None,
            prepared=plan.prepared,
            shelter=plan.shelter,
            verbose=self.verbose or plan.options.verbose,
        )

    def _log_is_simple(self, plan: NativePlan) -> bool:
        """Tell whether opening the log neither fails nor opens a descriptor."""
        own_file = self.log_descriptor is None and plan.params.maillog_file
        return not own_file and not plan.params.syslog_network_target

    def _open_log(self, plan: NativePlan) -> Log:
        """Return a child's log."""
        sink = None
        if self.log_descriptor is not None:
            inherited = LISTEN_FD + plan.listener_count
            sink = FileSink(inherited, is_socket=self._log_is_socket)
        return open_log(plan.params, plan.service.command, inherited=sink)
