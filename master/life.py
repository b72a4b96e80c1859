"""life - of a master: it starts or takes over, serves, and ends

DESCRIPTION
    run() is the life of a master that was started, however that was:
    "postroom start" calls it in a process of its own, "postroom start-fg" and
    the program itself in the foreground. take_over() is the life of one that
    was executed in the place of another: the same, from the state that it
    finds.

SEE ALSO
    ARCHITECTURE.md
    master.upgrade
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import setproctitle

from common.errors import ConfigError
from common.log import Log, log_end
from master import activation, environment, guard, jail, spool, upgrade
from master.children import Nursery
from master.configuration import Configuration
from master.control import Control, Reply, Request
from master.endpoints import Names
from master.installation import Installation
from master.journal import Journal
from master.listeners import Listeners
from master.notify import Notifier
from master.orders import Orders
from master.state import State
from master.succession import inherited_listeners, inherited_pools, unsent
from master.supervisor import Supervisor
from master.upgrade import Upgrade

UMASK = 0o077


def run(
    configuration: Configuration, names: Names, *, verbose: bool, ready: Callable[[], None]
) -> None:
    """Run the mail system until it is stopped; ready is called once clients are served.

    Raises:
        LockedError: it runs already.
        ConfigError: it cannot be started.
    """
    params = configuration.params
    # Before the environment is cleaned:
    own, manager = Installation.own(), Notifier.of(os.environ)
    sockets = activation.passed(os.environ)
    guard.check(configuration)
    os.umask(UMASK)
    owner = spool.mail_owner(params)
    spool.prepare(params, owner)
    plans = configuration.plans.values()
    complaints = jail.refresh(Path(params.queue_directory), plans, configuration.main_cf)
    os.chdir(params.queue_directory)
    journal = Journal(params)
    for complaint in [*complaints, *spool.problems(params, owner)]:
        journal.log.warning(complaint)
    adopt_environment(configuration)
    nursery = Nursery(journal.descriptor, verbose=verbose)
    supervisor = Supervisor(configuration, names, journal, nursery, owner)
    supervisor.manager = manager
    control = Control(supervisor.loop, journal.log)
    orders = Orders(supervisor, Upgrade(supervisor, control, own))
    orders.listen_to_signals()
    supervisor.open(sockets)
    control.open(f"{params.process_id_directory}/control", orders.handle)
    ready()
    supervisor.tell_manager()
    with logged(journal.log):
        supervisor.run()


def take_over(memory: int) -> None:
    """Run the mail system on from the state that this descriptor holds, until it is stopped.

    If this program cannot do that, it executes the one before once more.

    Raises:
        FactsError: there is no state that can be understood.
        ConfigError: neither this program nor the one before can go on.
    """
    state = State.read(memory)
    try:
        successor = Successor(state)
    except Exception as error:
        give_back(state, error)
    with logged(successor.supervisor.log):
        successor.begin(state)
        successor.supervisor.run()


class Successor:
    """A master that was made from the state of another; nothing of that has changed yet."""

    def __init__(self, state: State) -> None:
        own = Installation.own()  # before the environment is cleaned
        for descriptor in state.descriptors:
            os.set_inheritable(descriptor, False)
        names = Names(dict(state.names), closed=True)
        reading = state.following or state.running
        self.before = previous(state, names)
        self.configuration = configuration = Configuration.of(reading, names, state.fixed)
        params = configuration.params
        os.umask(UMASK)
        owner = spool.mail_owner(params)
        spool.prepare(params, owner)
        self.journal = journal = Journal(params, state.log_descriptor)
        take_over_lines(journal.log, state)
        adopt_environment(configuration)
        nursery = Nursery(
            journal.descriptor,
            verbose=state.verbose,
            flow=(state.flow[0], state.flow[1]),
            generation=state.generation,
        )
        self.supervisor = supervisor = Supervisor(configuration, names, journal, nursery, owner)
        supervisor.started = state.started
        supervisor.manager = Notifier(state.notify, state.watchdog)
        self.control = Control(supervisor.loop, journal.log)
        self.orders = Orders(supervisor, Upgrade(supervisor, self.control, own))
        listeners = inherited_listeners(state, Listeners(owner))
        pools = inherited_pools(state, nursery, supervisor.loop, journal.log)
        supervisor.adopt(state.locks, listeners, pools)
        for plan in configuration.plans.values():
            listeners.descriptors(plan.endpoints)  # all there: from here on nothing may be missing

    def begin(self, state: State) -> None:
        """Put processes in the place of those of before, and answer who waits."""
        if state.log_descriptor not in (None, self.journal.descriptor):
            os.close(state.log_descriptor)
        self.orders.listen_to_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, upgrade.HELD)
        self.supervisor.take_over()
        waiting: list[Reply] = []

        def take_up(request: Request, reply: Reply) -> None:
            if request.name == "upgrade":
                waiting.append(reply)
            else:
                self.orders.handle(request, reply)

        self.control.adopt(state.control, state.clients, take_up)
        self.control.handler = self.orders.handle
        self.orders.finish_upgrade(state, self.before, waiting)
        if state.reload:
            self.orders.reload_by_signal()


def previous(state: State, names: Names) -> Configuration | None:
    """Return the configuration that was in force, None if this program cannot use it."""
    try:
        return Configuration.of(state.running, names, state.fixed)
    except ConfigError:
        return None


def take_over_lines(log: Log, state: State) -> None:
    """Write what the program before could not write."""
    log.take_over(unsent(state.log))
    if log.copy:
        log.copy.take_over(unsent(state.collector))


def give_back(state: State, error: Exception) -> NoReturn:
    """Let the program before go on, with the configuration of before.

    Raises:
        ConfigError: that is the one that gave up now, or it is gone.
    """
    reason = str(error) if isinstance(error, ConfigError) else f"{type(error).__name__}: {error}"
    if not state.refused:
        try:
            upgrade.execute(state.installation, replace(state, refused=reason, following=None))
        except OSError as trouble:
            reason = f"{reason}; exec {state.installation.interpreter}: {trouble.strerror}"
    raise ConfigError(f"upgrade: {reason}") from error


def adopt_environment(configuration: Configuration) -> None:
    """Have the variables and the title of a master."""
    environment.adopt(configuration.params)
    setproctitle.setproctitle(f"master -c {configuration.params.config_directory}")


@contextmanager
def logged(log: Log) -> Iterator[None]:
    """Log a bug that ends us; our processes see that, and leave."""
    try:
        yield
    except Exception as error:
        log_end(log, error, verbose=True)
        raise
    finally:
        log.finish()
