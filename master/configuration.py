"""configuration - main.cf and master.cf as one, checked before it is used

DESCRIPTION
    load() reads both files, imports the programs of our own services, checks
    every parameter that those will read, and finds their addresses. Whatever
    is wrong comes out here, before anything running is touched.

    Some parameters cannot change while the mail system runs: after a reload
    their old values stay, and the configuration says which ones.

SEE ALSO
    ARCHITECTURE.md
"""

import importlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from common import fast, macro
from common.cleanup_links import native_path
from common.config import MainCf
from common.errors import ConfigError
from common.options import Options
from common.params import MasterParams
from common.program import Program, own_settings
from common.sandbox import shelter
from master import services
from master.arguments import parse_options
from master.endpoints import Endpoint, Names, Network
from master.plan import NativePlan, Plan, check_log, fixed_values, keep_fixed
from master.reading import Reading
from master.services import Defaults, Service, Transport

NO_CHROOT_LEVEL = (1, 0, 0)  # from here on "-" in the chroot column means no


@dataclass(frozen=True, slots=True)
class Configuration:
    """One reading of both files, complete and checked."""

    reading: Reading
    main_cf: MainCf
    params: MasterParams
    plans: dict[tuple[str, Transport], Plan]
    warnings: tuple[str, ...]
    postponed: tuple[str, ...] = ()  # parameters whose new values wait for a restart

    @classmethod
    def load(cls, directory: Path, names: Names, running: MainCf | None = None) -> "Configuration":
        """Read and check everything; with a running main.cf, what is fixed stays as it is.

        Raises:
            ConfigError: file, line and parameter of the first mistake.
        """
        fixed = fixed_values(running) if running else {}
        return cls.of(Reading.of(directory), names, fixed)

    @classmethod
    def of(cls, reading: Reading, names: Names, fixed: Mapping[str, str]) -> "Configuration":
        """Check what was read; the fixed values stay, whatever it says.

        Raises:
            ConfigError: file, line and parameter of the first mistake.
        """
        main_cf, postponed = keep_fixed(reading.parse_main_cf(), fixed)
        params = main_cf.load(MasterParams)
        check_log(main_cf, params)
        load_fast(main_cf, params)
        path = reading.services_path
        found = services.parse(reading.master_cf, path, defaults(main_cf, params))
        network = Network.of(main_cf, params, names)
        plans, notices = dict[tuple[str, Transport], Plan](), list[str]()
        for service in found.services:
            if services.disabled(service, params.master_service_disable):
                continue
            plans[service.key] = made = plan(service, main_cf, params, network)
            notices += remarks(made)
        refuse_shared_endpoints(plans.values())
        notices += log_remarks(plans.values(), params)
        warnings = (*main_cf.warnings, *found.warnings, *notices)
        return cls(reading, main_cf, params, plans, warnings, postponed)

    @property
    def foreign(self) -> list[Plan]:
        """The services that are run by programs of Postfix."""
        return [one for one in self.plans.values() if not isinstance(one, NativePlan)]

    @property
    def unsheltered(self) -> str:
        """What this machine lacks for daemons to shut themselves in; nothing if none would."""
        native = (one for one in self.plans.values() if isinstance(one, NativePlan))
        if not any(shelter.wanted(one.params) for one in native):
            return ""
        return "; ".join(shelter.missing())

    @property
    def directory(self) -> Path:
        """Where the two files are."""
        return self.main_cf.directory


def load_fast(main_cf: MainCf, params: MasterParams) -> None:
    """Import what our workers shall have beside what they need, if that is asked for.

    Raises:
        ConfigError: it is not installed.
    """
    if params.fast_short_lines and not fast.load():
        origin = main_cf.origin("fast_short_lines")
        raise ConfigError(f"{origin}: parameter fast_short_lines: there is no numpy (extra fast)")


def defaults(main_cf: MainCf, params: MasterParams) -> Defaults:
    """Return what "-" stands for in master.cf."""
    try:
        level = macro.level(params.compatibility_level)
    except macro.MacroError as error:
        origin = main_cf.origin("compatibility_level")
        raise ConfigError(f"{origin}: parameter compatibility_level: {error}") from None
    return Defaults(params.default_process_limit, chroot=level < NO_CHROOT_LEVEL)


def plan(service: Service, main_cf: MainCf, params: MasterParams, network: Network) -> Plan:
    """Return how to run a service.

    Raises:
        ConfigError: its addresses are wrong, or the settings of a daemon of ours.
    """
    foreign = Plan(
        service=service,
        endpoints=network.endpoints(service),
        program_path=f"{params.daemon_directory}/{service.command}",
        throttle_time=params.service_throttle_time,
    )
    if service.command not in params.native_services:
        return foreign.with_stress()
    program = load_program(service)
    kind = service.transport.value
    if kind not in program.transports:
        reason = f"{service.origin}: our {service.command} does not serve type {kind}"
        if not executable(foreign.program_path):
            raise ConfigError(f"{reason}, and there is no {foreign.program_path}")
        return replace(foreign, substitute_for=reason).with_stress()
    options = parse_options(service.arguments, f"{service.origin}: command {service.command}")
    settings = own_settings(service.command, service.name, options.settings)
    own = main_cf.override(settings, service.origin)
    return native_plan(foreign, program, options, own, params).with_stress()


def native_plan(
    foreign: Plan, program: Program, options: Options, own: MainCf, params: MasterParams
) -> NativePlan:
    """Return how to run a service by a daemon of ours that takes the place of Postfix's.

    Raises:
        ConfigError: its parameters are wrong.
    """
    service, endpoints = foreign.service, foreign.endpoints
    if program.native:
        endpoints += (Endpoint(Transport.UNIX, native_path(service.name)),)
    own_params = own.load(program.params)
    check_log(own, own_params)
    prepared, locks = program.made_ready(own_params)
    prefork = getattr(params, f"{service.command}_prefork_count", params.default_prefork_count)
    return NativePlan(
        service=service,
        endpoints=endpoints,
        program_path=foreign.program_path,
        throttle_time=foreign.throttle_time,
        prefork=min(prefork, service.process_limit or prefork),
        program=program,
        main_cf=own,
        params=own_params,
        prepared=prepared,
        shelter=locks,
        personal=own.refers_to("process_id"),
        options=options,
    )


def remarks(made: Plan) -> Iterator[str]:
    """Yield what an operator may want to know of a service that can be run nevertheless."""
    service = made.service
    native = isinstance(made, NativePlan)
    if native and service.wakeup:
        yield f"service {service.name}: our {service.command} needs no wakeup"
    elif service.wakeup and service.transport is Transport.DATAGRAM:
        yield f"service {service.name}: type {service.transport.value} cannot be woken up"
    if made.substitute_for:
        yield f"{made.substitute_for}: {made.program_path} is used"
    if not native and not executable(made.program_path):
        yield f"service {service.name}: cannot execute {made.program_path}"


def executable(path: str) -> bool:
    """Tell whether this is a program."""
    return os.path.isfile(path) and os.access(path, os.X_OK)


def log_remarks(plans: Iterable[Plan], params: MasterParams) -> Iterator[str]:
    """Yield what an operator may want to know of the log."""
    name = f"{params.postlog_service_name}/{Transport.DATAGRAM.value}"
    served = {f"{one.service.name}/{one.service.transport.value}" for one in plans}
    foreign = any(not isinstance(one, NativePlan) for one in plans)
    if params.maillog_file and foreign and name not in served:
        yield f"service {name} is missing: Postfix's programs cannot log to maillog_file"


def load_program(service: Service) -> Program:
    """Return the daemon that a service names, imported with all it needs.

    Raises:
        ConfigError: there is no such daemon, or it is broken.
    """
    command = service.command
    try:
        if not command.isidentifier():
            raise ImportError(f"{command} is no name of a daemon of ours")
        return Program.of(importlib.import_module(f"{command}.__main__"))
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{service.origin}: command {command} cannot be used: {error}") from None


def refuse_shared_endpoints(plans: Iterable[Plan]) -> None:
    """Check that no two services listen on one address, be it by different types.

    Raises:
        ConfigError: two do.
    """
    owners: dict[str | tuple[str, int], Service] = {}
    for one in plans:
        for endpoint in one.endpoints:
            other = owners.setdefault(endpoint.address, one.service)
            if other is not one.service:
                raise ConfigError(
                    f"{one.service.origin}: service {one.service.name}:"
                    f" {endpoint} belongs to service {other.name} already"
                )
