"""succession - what a master has, as a State, and back

DESCRIPTION
    state_of() writes down everything that a program which takes over needs to
    know; inherited_...() make of it, in that program, what was there before.

SEE ALSO
    master.state, docs/state.md
"""

import os
from collections.abc import Iterator

from common.log import Log, Unsent
from common.params import POSTROOM_VERSION
from master.channel import Channel
from master.children import Nursery
from master.control import Control
from master.events import Loop
from master.installation import Installation
from master.listeners import Listeners
from master.plan import Plan, fixed_values
from master.pool import Pool
from master.services import Service
from master.state import FORMAT, ChannelState, ListenerState, LogState, ServiceState, State
from master.supervisor import Supervisor


def state_of(supervisor: Supervisor, control: Control, installation: Installation) -> State:
    """Return all that another program must know to take over."""
    configuration, log = supervisor.configuration, supervisor.log
    return State(
        format=FORMAT,
        version=POSTROOM_VERSION,
        installation=installation,
        pid=os.getpid(),
        started=supervisor.started,
        verbose=supervisor.nursery.verbose,
        fixed=fixed_values(configuration.main_cf),
        names=supervisor.names.known,
        running=configuration.reading,
        generation=supervisor.nursery.generation,
        flow=list(supervisor.nursery.flow),
        locks=list(supervisor.locks),
        control=control.fileno(),
        listeners=[ListenerState(*one) for one in supervisor.listeners.addresses.items()],
        services=[service_state(pool) for pool in supervisor.all_pools()],
        clients=[client.state for client in control.clients],
        log_descriptor=supervisor.journal.descriptor,
        log=log_state(log),
        collector=log_state(log.copy) if log.copy else LogState(),
        notify=supervisor.manager.address,
        watchdog=supervisor.manager.watchdog,
    )


def service_state(pool: Pool) -> ServiceState:
    """Return a service and its processes."""
    service = pool.plan.service
    current = [pool.channel] if pool.channel else []
    return ServiceState(
        name=service.name,
        transport=service.transport,
        private=service.private,
        command=service.command,
        process_limit=service.process_limit,
        origin=service.origin,
        program_path=pool.plan.program_path,
        endpoints=pool.plan.endpoints,
        channels=[channel_state(one) for one in [*pool.retired, *current]],
        throttled_until=pool.tally.throttled_until,
        stressed_until=pool.stress.until,
        warned_at=pool.stress.warned_at,
    )


def channel_state(channel: Channel) -> ChannelState:
    """Return a status channel; a descriptor that is closed is none."""
    ours, theirs = channel.ours.fileno(), channel.theirs.fileno()
    return ChannelState(
        native=channel.native,
        ours=ours if ours >= 0 else None,
        theirs=theirs if theirs >= 0 else None,
        processes=list(channel.processes.values()),
    )


def log_state(log: Log) -> LogState:
    """Return the lines that a log still has."""
    lines, lost = log.unsent()
    texts = [line.decode("utf-8", "surrogateescape") for _, line in lines]
    return LogState([severity for severity, _ in lines], texts, lost)


def unsent(state: LogState) -> Unsent:
    """Return such lines for a log to take over."""
    lines = (line.encode("utf-8", "surrogateescape") for line in state.lines)
    return Unsent(tuple(zip(state.severities, lines, strict=True)), state.lost)


def inherited_listeners(state: State, listeners: Listeners) -> Listeners:
    """Return the listeners, those that are open included."""
    listeners.adopt({one.endpoint: one.descriptor for one in state.listeners})
    return listeners


def inherited_pools(state: State, nursery: Nursery, loop: Loop, log: Log) -> Iterator[Pool]:
    """Yield the services and their processes."""
    for one in state.services:
        pool = Pool(inherited_plan(one), nursery, loop, log)
        pool.tally.throttled_until = one.throttled_until
        pool.stress.until, pool.stress.warned_at = one.stressed_until, one.warned_at
        pool.adopt(
            Channel.adopt(of.ours, of.theirs, of.processes, native=of.native) for of in one.channels
        )
        yield pool


def inherited_plan(state: ServiceState) -> Plan:
    """Return a plan by which nothing is started: it tells whose processes these are."""
    service = Service(
        name=state.name,
        transport=state.transport,
        private=state.private,
        unprivileged=True,
        chroot=False,
        wakeup=0,
        wakeup_if_used=False,
        process_limit=state.process_limit,
        command=state.command,
        arguments=(),
        origin=state.origin,
    )
    return Plan(
        service=service,
        endpoints=state.endpoints,
        program_path=state.program_path,
        throttle_time=0.0,
    )
