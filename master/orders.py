"""orders - what operators ask of the running mail system

DESCRIPTION
    Orders come as signals, without an answer, or as requests on the control
    socket, with one. An order that cannot be carried out is answered with the
    reason; it never ends the mail system.

    reload answers when the new configuration is in force: every process of
    the old one has stopped accepting connections. upgrade does the same, in
    another program; a reload that is asked for meanwhile follows it.
"""

import os
import signal
import time
from collections.abc import Iterable

from common.errors import ConfigError
from common.params import POSTROOM_VERSION
from common.sandbox.layers import NAMES, Layer
from master import changes
from master.channel import Channel, Process
from master.configuration import Configuration
from master.control import Facts, Handler, Reply, Request
from master.plan import NativePlan
from master.pool import Pool
from master.state import State
from master.supervisor import ABORT_GRACE, SIGNAL_GRACE, STOP_GRACE, Grace, Phase, Supervisor
from master.upgrade import Upgrade


class Orders:
    """The orders that a supervisor understands."""

    def __init__(self, supervisor: Supervisor, upgrade: Upgrade) -> None:
        self._supervisor = supervisor
        self._log = supervisor.log
        self._upgrade = upgrade
        self._requests: dict[str, Handler] = {
            "reload": lambda _, reply: self._reload(reply),
            "upgrade": self._start_upgrade,
            "drain": lambda _, reply: self._drain(reply),
            "stop": lambda _, reply: self._stop(reply, STOP_GRACE),
            "abort": lambda _, reply: self._stop(reply, ABORT_GRACE),
            "status": lambda _, reply: reply({"ok": True, **status(supervisor)}),
        }

    def listen_to_signals(self) -> None:
        """Take signals as orders, and bury children."""

        def stop(number: signal.Signals) -> None:
            self._supervisor.stop(number, SIGNAL_GRACE)

        self._supervisor.loop.handle_signals(
            {
                signal.SIGCHLD: self._supervisor.reap,
                signal.SIGHUP: self.reload_by_signal,
                signal.SIGTERM: lambda: stop(signal.SIGTERM),
                signal.SIGINT: lambda: stop(signal.SIGINT),
                signal.SIGQUIT: lambda: stop(signal.SIGQUIT),
            }
        )

    def handle(self, request: Request, reply: Reply) -> None:
        """Carry out one order."""
        try:
            if request.name not in self._requests:
                raise ConfigError(f"unknown request {request.name}")
            self._requests[request.name](request, reply)
        except ConfigError as error:
            reply({"ok": False, "error": str(error)})
        except Exception as error:
            # A bug, but the mail goes on.
            text = f"{request.name}: {type(error).__name__}: {error}"
            self._log.error(text)
            reply({"ok": False, "error": text})

    def reload_by_signal(self) -> None:
        """Reload; nobody waits for the answer."""
        self.handle(Request("reload"), ignore_reply)

    def finish_upgrade(
        self, state: State, before: Configuration | None, replies: Iterable[Reply]
    ) -> None:
        """Tell how the upgrade went by which this program came to run."""

        def reply(facts: Facts) -> None:
            for one in replies:
                one(facts)

        if state.refused:
            self._log.error(f"upgrade failed, version {POSTROOM_VERSION} goes on: {state.refused}")
            self._supervisor.tell_manager()
            reply({"ok": False, "error": state.refused})
            return
        configuration = self._supervisor.configuration
        done = changes.between(before, configuration) if before else changes.Changes()
        self._log.info(f"upgrade: version {state.version} replaced by {POSTROOM_VERSION}; {done}")
        versions = {"version_before": state.version, "version": POSTROOM_VERSION}
        warnings = list(configuration.warnings)
        self._answer_later("upgrade", reply, {**versions, **done.report(), "warnings": warnings})

    def _start_upgrade(self, request: Request, reply: Reply) -> None:
        self._require_running()
        try:
            self._upgrade.start(request, reply)
        except ConfigError as error:
            self._log.error(f"upgrade refused, the running program stays: {error}")
            raise

    def _require_running(self) -> None:
        phase = self._supervisor.phase
        if phase is not Phase.RUNNING:
            raise ConfigError(f"the mail system is {phase.value}")

    def _reload(self, reply: Reply) -> None:
        supervisor = self._supervisor
        self._require_running()
        if self._upgrade.under_way:
            request = Request("reload")
            by_signal = reply is ignore_reply
            self._upgrade.postpone(lambda: self.handle(request, reply), by_signal=by_signal)
            return
        supervisor.manager.reloading()
        try:
            done = supervisor.reload()
        except ConfigError as error:
            supervisor.tell_manager()
            self._log.error(f"reload refused, the running configuration stays: {error}")
            raise
        self._log.info(f"reload: {done}")
        warnings = list(supervisor.configuration.warnings)
        self._answer_later("reload", reply, {**done.report(), "warnings": warnings})

    def _drain(self, reply: Reply) -> None:
        self._log.info("draining: no new connections")
        self._supervisor.drain()
        self._answer_later("drain", reply, {})

    def _stop(self, reply: Reply, grace: Grace) -> None:
        reply({"ok": True})
        self._supervisor.stop(signal.SIGTERM, grace)

    def _answer_later(self, request: str, reply: Reply, facts: Facts) -> None:
        """Reply when processes that were told to leave accept no more connections."""

        def answer(missing: list[int]) -> None:
            if missing:
                named = ", ".join(map(str, missing))
                self._log.warning(f"{request}: no confirmation from old processes: {named}")
            if self._supervisor.phase is Phase.RUNNING:
                self._supervisor.tell_manager()
            reply({"ok": True, **facts, "unconfirmed": missing})

        self._supervisor.hand_over(answer)


def ignore_reply(facts: Facts) -> None:
    """Answer an order that came as a signal."""


def status(supervisor: Supervisor) -> Facts:
    """Return what is known of the running mail system, without asking anybody."""
    configuration = supervisor.configuration
    now = time.monotonic()
    pools = list(supervisor.all_pools())
    return {
        "pid": os.getpid(),
        "phase": supervisor.phase.value,
        "version": POSTROOM_VERSION,
        "mail_version": configuration.params.mail_version,
        "config_directory": configuration.params.config_directory,
        "queue_directory": configuration.params.queue_directory,
        "started": supervisor.started,
        "services": [service_facts(pool, now) for pool in pools],
        "processes": [
            process_facts(pool, channel, process, now)
            for pool in pools
            for channel, process in pool.processes
        ],
    }


def service_facts(pool: Pool, now: float) -> Facts:
    """Return the state of one service."""
    service, tally = pool.plan.service, pool.tally
    return {
        "name": service.name,
        "type": service.transport.value,
        "command": service.command,
        "native": isinstance(pool.plan, NativePlan),
        "endpoints": [str(endpoint) for endpoint in pool.plan.endpoints],
        "origin": service.origin,
        "processes": sum(1 for _ in pool.processes),
        "available": tally.available,
        "process_limit": service.process_limit,
        "prefork": tally.prefork,
        "throttled_seconds": round(max(0.0, tally.throttled_until - now), 1),
        "ended": pool.channel is None,
        "sandbox": sandbox_facts(pool.layers),
    }


def sandbox_facts(layers: Layer | None) -> Facts | None:
    """Return which layers hold, by name; None if nobody knows."""
    return None if layers is None else {name: one in layers for one, name in NAMES.items()}


def process_facts(pool: Pool, channel: Channel, process: Process, now: float) -> Facts:
    """Return the state of one process."""
    state = "taken" if process.taken else "available"
    return {
        "pid": process.pid,
        "service": pool.plan.service.name,
        "command": pool.plan.service.command,
        "generation": process.generation,
        "age": round(now - process.born, 1),
        "state": "leaving" if channel.retired else state,
        "requests": process.requests,
    }
