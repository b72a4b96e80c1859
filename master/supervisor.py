"""supervisor - the mail system as a whole: start, reload, drain, stop

DESCRIPTION
    The Supervisor owns everything that lives as long as the mail system: the
    locks, the listeners, the pools of processes, the journal. It opens all
    that at a start, and gets it from another program in an upgrade.

    A reload first prepares all that can fail. Either the new configuration is
    in force as a whole, or the old one stays untouched.

SEE ALSO
    ARCHITECTURE.md
    spec/master-protocol.md, section 8
    master.orders, for what operators may ask
"""

import enum
import gc
import os
import signal
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from common.child import Identity
from common.errors import ConfigError
from common.params import POSTROOM_VERSION
from master import activation, changes, environment, journal, listeners, lock
from master.changes import Changes
from master.children import Nursery
from master.configuration import Configuration
from master.endpoints import Endpoint, Names
from master.events import Loop
from master.handover import Done, Handover
from master.journal import Journal
from master.leftovers import Leftovers
from master.listeners import Listeners
from master.notify import Notifier
from master.plan import NativePlan, Plan
from master.pool import Pool
from master.services import Transport

BIND_PATIENCE = 2.0  # seconds for the workers of a killed master to let go of an address


class Grace(NamedTuple):
    """How a stop goes on, in seconds."""

    drain: float  # for processes to finish, before they are told to end
    terminate: float = 3.0  # for them to do so, before they are killed
    kill: float = 1.0  # for the kernel to end them


STOP_GRACE = Grace(5.0)
ABORT_GRACE = Grace(0.0)
SIGNAL_GRACE = Grace(2.5, 1.5, 0.5)  # after five seconds "postfix stop" kills the whole group


class Phase(enum.Enum):
    """Where the mail system is in its life."""

    RUNNING = "running"
    DRAINING = "draining"  # nothing is accepted, processes finish in their own time
    STOPPING = "stopping"


class Helper(Protocol):
    """A child that is no process of a service."""

    def reap(self, pid: int, status: int) -> bool:
        """Note the end of a process; False if it is another one."""

    def end(self, reason: str) -> None:
        """Give up: it is not wanted any more."""


class Supervisor:
    """The running mail system."""

    def __init__(
        self,
        configuration: Configuration,
        names: Names,
        journal: Journal,
        nursery: Nursery,
        owner: Identity | None,
    ) -> None:
        self.configuration = configuration
        self.phase = Phase.RUNNING
        self.started = time.time()
        self.pools: dict[tuple[str, Transport], Pool] = {}
        self.leaving: list[Pool] = []  # services that have ended, while processes remain
        self.helper: Helper | None = None
        self.manager = Notifier()
        self.loop = Loop()
        self.log = journal.log
        self.nursery = nursery
        self.journal = journal
        self.names = names
        self.leftovers = Leftovers(self.loop, self.log, owner)
        self._owner = owner
        self._handovers: list[Handover] = []

    def open(self, sockets: Iterable[socket.socket] = ()) -> None:
        """Take the locks, open every listener, start the first processes.

        sockets: listeners of the service manager, to be used where they belong.

        Raises:
            LockedError: the mail system runs already.
            ConfigError: an address or a file cannot be used.
        """
        params = self.configuration.params
        self.locks: tuple[int, ...] = (
            lock.acquire(Path(params.process_id_directory, "master.pid")),
            lock.acquire(Path(params.data_directory, "master.lock"), self._owner),
        )
        self.listeners = Listeners(self._owner)
        wanted = list(listeners.wanted(self.configuration.plans.values()))
        given, complaints = activation.assign(sockets, [one.endpoint for one in wanted])
        for complaint in complaints:
            self.log.warning(complaint)
        self.listeners.adopt(given)
        self.listeners.open(wanted, BIND_PATIENCE)
        self._prepare_to_fork()
        self._run_plans()
        self.leftovers.expect()  # of whatever ended the mail system before
        self._announce("daemon started")

    def adopt(self, locks: Sequence[int], all_listeners: Listeners, pools: Iterable[Pool]) -> None:
        """Own what another program has opened and started."""
        self.locks = tuple(locks)
        self.listeners = all_listeners
        for pool in pools:
            pool.on_change = self._processes_changed
            if pool.channel:
                self.pools[pool.plan.service.key] = pool
            else:
                self.leaving.append(pool)

    def take_over(self) -> None:
        """Start processes of our own in the place of those that were adopted."""
        self._prepare_to_fork()
        self._announce("upgrade")
        self.leftovers.expect()
        self._put_in_force(lift_throttles=False)

    def helper_left(self) -> None:
        """Note that the helper has ended; a stop may have waited for that."""
        self.helper = None
        self._processes_changed()

    def run(self) -> None:
        """Do the work until the mail system has stopped."""
        self.manager.watch(self.loop)
        self.loop.after_turn = lambda: self.journal.flush(self.loop)
        self.loop.run()

    def reload(self) -> Changes:
        """Put the files' configuration in force; processes of the old one are told to leave.

        Raises:
            ConfigError: it cannot be used; nothing has changed.
        """
        old = self.configuration
        # 1. Whatever can fail, on the side.
        new = Configuration.load(old.directory, self.names, running=old.main_cf)
        log = journal.open_own_log(new.params)
        try:
            self.listeners.open(listeners.wanted(new.plans.values()))
        except ConfigError:
            journal.close(log)
            raise
        # 2. From here on nothing fails. The log first: new processes inherit it.
        self.configuration = new
        self.journal.replace(log)
        self.nursery.log_descriptor = self.journal.descriptor
        environment.adopt(new.params)
        self._announce("reload")
        self._put_in_force(lift_throttles=True)
        return changes.between(old, new)

    def tell_manager(self) -> None:
        """Let the service manager know that we serve, and what."""
        count = len(self.configuration.plans)
        self.manager.ready(f"Postroom {POSTROOM_VERSION}, {count} services")

    def close_needless(self) -> None:
        """Close listeners that no service has."""
        plans = self.configuration.plans.values()
        self.listeners.keep_only({one for plan in plans for one in plan.endpoints})

    def drain(self) -> None:
        """Accept nothing more; end when the last process has gone."""
        if self.phase is Phase.RUNNING:
            self.phase = Phase.DRAINING
        for key in self.pools.keys() - {self._log_service}:
            self._dismiss(key)
        self.leftovers.end()
        if self.helper:
            self.helper.end(f"the mail system is {self.phase.value}")
        # Whoever is still at work logs until the end.
        self.listeners.close(
            but={one for pool in self.pools.values() for one in pool.plan.endpoints}
        )
        self._processes_changed()

    def stop(self, number: signal.Signals, grace: Grace = STOP_GRACE) -> None:
        """Accept nothing more, give processes a few seconds, then end them."""
        if self.phase is Phase.STOPPING:
            return
        self.phase = Phase.STOPPING
        self.manager.stopping()
        self.log.info(f"terminating on signal {number:d}")
        self.drain()
        when = 0.0
        for delay, step in zip(grace, (self._terminate, self._kill, self.loop.stop), strict=True):
            when += delay
            self.loop.call_later(when, step)

    def reap(self) -> None:
        """Bury every dead child; as process 1 we get those of strangers too."""
        expected = self.phase is Phase.STOPPING  # we may have ended them ourselves
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self.helper and self.helper.reap(pid, status):
                continue
            if self.leftovers.reap(pid, status):
                continue
            for pool in self.all_pools():
                if pool.reap(pid, status, silently=expected):
                    break
            if status and self.phase is Phase.RUNNING:
                self.leftovers.expect()

    def hand_over(self, done: Done) -> None:
        """Call back when no process that was told to leave accepts connections any more."""

        def finish(missing: list[int]) -> None:
            done(missing)
            self._processes_changed()

        channels = [one for pool in self.all_pools() for one in pool.retired]
        self._handovers.append(Handover(self.loop, channels, finish))
        self._processes_changed()

    def all_pools(self) -> Iterator[Pool]:
        """Every service with processes, those that have ended last."""
        return iter([*self.pools.values(), *self.leaving])

    def _prepare_to_fork(self) -> None:
        self.names.closed = True
        if lacking := self.configuration.unsheltered:
            self.log.info(f"sandbox: {lacking}: daemons go on without")
        for plan in self.configuration.plans.values():
            if isinstance(plan, NativePlan):
                plan.program.rehearse(plan.prepared, plan.main_cf)
        # What exists now is shared with all children; never touched, it stays shared.
        gc.collect()
        gc.freeze()

    def _put_in_force(self, *, lift_throttles: bool) -> None:
        """Let the services be those of the configuration."""
        # 1. New processes; each pool then tells its old ones to leave.
        self._run_plans(lift_throttles=lift_throttles)
        # 2. Services that are gone.
        for key in self.pools.keys() - self.configuration.plans.keys():
            self._dismiss(key)
        self.nursery.forget_all_but(self.configuration.plans.values())
        self.close_needless()

    def _run_plans(self, *, lift_throttles: bool = True) -> None:
        for warning in self.configuration.warnings:
            self.log.warning(warning)
        for key, plan in self.configuration.plans.items():
            if key not in self.pools:
                self.pools[key] = Pool(plan, self.nursery, self.loop, self.log)
                self.pools[key].on_change = self._processes_changed
            pool = self.pools[key]
            parting = self.listeners.hide(self._parting(pool.plan))
            descriptors = self.listeners.descriptors(plan.endpoints)
            pool.run(plan, descriptors, parting, lift_throttle=lift_throttles)

    def _parting(self, before: Plan) -> list[Endpoint]:
        """Return the ports of a plan that no service has any more."""
        plans = self.configuration.plans.values()
        needed = {one for plan in plans for one in plan.endpoints}
        return [one for one in before.endpoints if not one.local and one not in needed]

    def _dismiss(self, key: tuple[str, Transport]) -> None:
        """Let a service end."""
        pool = self.pools.pop(key)
        self.leaving.append(pool)
        pool.leave()

    def _processes_changed(self) -> None:
        """See whether a wait is over, or everything."""
        for handover in self._handovers:
            handover.check()
        self._handovers = [one for one in self._handovers if not one.finished]
        self.leaving = [pool for pool in self.leaving if any(pool.processes)]
        if self.phase is Phase.RUNNING or self.leaving or self._handovers or self.helper:
            return
        if self._log_service in self.pools:
            self._dismiss(self._log_service)
            self._processes_changed()
        else:
            self.loop.stop()

    @property
    def _log_service(self) -> tuple[str, Transport]:
        """The key of the service by which programs of Postfix log, if there is one."""
        name = self.configuration.params.postlog_service_name
        return f"public/{name}", Transport.DATAGRAM

    def _terminate(self) -> None:
        self._signal(self.leaving, signal.SIGTERM)

    def _kill(self) -> None:
        self._signal(self.all_pools(), signal.SIGKILL)

    def _signal(self, pools: Iterable[Pool], number: signal.Signals) -> None:
        for pool in pools:
            for _, process in pool.processes:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, number)

    def _announce(self, event: str) -> None:
        params = self.configuration.params
        self.log.info(
            f"{event} -- version {params.mail_version}, configuration {params.config_directory}"
        )
