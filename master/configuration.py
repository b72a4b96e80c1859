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
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common import macro
from common.child import Child
from common.cleanup_client import native_path
from common.config import MainCf, read_text
from common.errors import ConfigError
from common.params import MasterParams, SuiteParams
from common.rfc5424 import Target
from common.sinks import check_openable, check_place
from master import services
from master.arguments import Options, parse_options
from master.endpoints import Endpoint, Names, Network
from master.services import Defaults, Service, Transport

SERVED = (Transport.INET, Transport.UNIX)
STRESS = {"stress": "yes"}
NO_CHROOT_LEVEL = (1, 0, 0)  # from here on "-" in the chroot column means no

# Directories, locks and sockets hang on these; they change with a stop and a start.
FIXED = (
    *("queue_directory", "process_id_directory", "data_directory"),
    *("mail_owner", "setgid_group", "inet_interfaces", "inet_protocols"),
)


@dataclass(frozen=True, slots=True)
class Program:
    """One of our daemons, imported."""

    params: type[SuiteParams]
    serve: Callable[[Child], None]
    # Makes what all processes need of the parameters: once, before they are forked.
    prepare: Callable[[Any], object]
    native: bool = False  # it has a second socket, for our own daemons' form of its protocol


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is needed to run one service."""

    service: Service
    program: Program
    main_cf: MainCf  # with the service's own settings
    params: SuiteParams
    prepared: object  # by the program, of its parameters
    options: Options
    endpoints: tuple[Endpoint, ...]
    prefork: int
    program_path: str  # as in Postfix's log lines
    throttle_time: float
    stress: str = ""  # "yes" in a plan for processes that are told of overload
    stressed: "Plan | None" = None  # that plan

    @property
    def stressable(self) -> bool:
        """Whether its processes are told of overload: remote clients, and several workers."""
        remote = any(endpoint.remote for endpoint in self.endpoints)
        return remote and self.service.process_limit > 1

    def title(self, *, verbose: bool) -> str:
        """Return the command line that its processes show."""
        return self.service.title(
            sockets=len(self.endpoints) - self.program.native,
            verbose=verbose,
            stress=self.stress if self.stressable else None,
        )

    def with_stress(self) -> "Plan":
        """Return the plan with one for processes that are told of overload, if it needs one.

        Raises:
            ConfigError: a value is wrong under stress.
        """
        if not self.stressable:
            return self
        return replace(self, stressed=replace(self, stress="yes")._with(self.main_cf))

    def fresh(self) -> "Plan":
        """Return the plan with main.cf as it is on disk now.

        Raises:
            ConfigError: it has become unusable.
        """
        if not self.main_cf.changed():
            return self
        main_cf, _ = read_main_cf(self.main_cf.directory, self.main_cf)
        return self._with(main_cf)

    def _with(self, main_cf: MainCf) -> "Plan":
        """Return the plan with another main.cf, the service's own settings on top of all."""
        settings = STRESS if self.stress else {}
        settings = {**settings, **own_settings(self.service, self.options)}
        main_cf = main_cf.override(settings, self.service.origin)
        params = main_cf.load(self.program.params)
        check_log(main_cf, params)
        prepared = self.program.prepare(params)
        return replace(self, main_cf=main_cf, params=params, prepared=prepared)

    def same_as(self, other: "Plan") -> bool:
        """Whether master.cf and the addresses say the same in both."""
        return (self.service, self.endpoints, self.prefork) == (
            other.service,
            other.endpoints,
            other.prefork,
        )


@dataclass(frozen=True, slots=True)
class Configuration:
    """One reading of both files, complete and checked."""

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
        main_cf, postponed = read_main_cf(directory, running)
        params = main_cf.load(MasterParams)
        check_log(main_cf, params)
        path = directory / "master.cf"
        found = services.parse(read_text(path), path, defaults(main_cf, params))
        network = Network.of(main_cf, params, names)
        plans, notices = {}, list[str]()
        for service in found.services:
            if services.disabled(service, params.master_service_disable):
                continue
            if reason := not_ours(service, params):
                notices.append(f"service {service.name}: {reason} and is not started yet")
                continue
            if service.wakeup:
                notices.append(f"service {service.name}: our {service.command} needs no wakeup")
            plans[service.key] = plan(service, main_cf, params, network)
        refuse_shared_endpoints(plans.values())
        warnings = (*main_cf.warnings, *found.warnings, *notices)
        return cls(main_cf, params, plans, warnings, postponed)

    @property
    def directory(self) -> Path:
        """Where the two files are."""
        return self.main_cf.directory


def read_main_cf(directory: Path, running: MainCf | None) -> tuple[MainCf, tuple[str, ...]]:
    """Return main.cf with fixed values kept, and the names of those that wanted to change."""
    fresh = MainCf.read(directory)
    if running is None:
        return fresh, ()
    kept = {name: running.text(name) for name in FIXED if fresh.text(name) != running.text(name)}
    return fresh.override(kept, "kept until the next start"), tuple(kept)


def defaults(main_cf: MainCf, params: MasterParams) -> Defaults:
    """Return what "-" stands for in master.cf."""
    try:
        level = macro.level(params.compatibility_level)
    except macro.MacroError as error:
        origin = main_cf.origin("compatibility_level")
        raise ConfigError(f"{origin}: parameter compatibility_level: {error}") from None
    return Defaults(params.default_process_limit, chroot=level < NO_CHROOT_LEVEL)


def not_ours(service: Service, params: MasterParams) -> str:
    """Return why a service is left alone, nothing if it is one to run."""
    if service.command not in params.native_services:
        return f"command {service.command} is not one of ours"
    if service.transport not in SERVED:
        return f"type {service.transport.value} is not served by our {service.command}"
    return ""


def plan(service: Service, main_cf: MainCf, params: MasterParams, network: Network) -> Plan:
    """Return how to run a service.

    Raises:
        ConfigError: its program, options, parameters or addresses are wrong.
    """
    program = load_program(service)
    options = parse_options(service.arguments, f"{service.origin}: command {service.command}")
    endpoints = network.endpoints(service)
    if program.native:
        endpoints += (Endpoint(socket.AF_UNIX, native_path(service.name)),)
    own = main_cf.override(own_settings(service, options), service.origin)
    own_params = own.load(program.params)
    check_log(own, own_params)
    prefork = getattr(params, f"{service.command}_prefork_count", params.default_prefork_count)
    made = Plan(
        service=service,
        program=program,
        main_cf=own,
        params=own_params,
        prepared=program.prepare(own_params),
        options=options,
        endpoints=endpoints,
        prefork=min(prefork, service.process_limit or prefork),
        program_path=f"{params.daemon_directory}/{service.command}",
        throttle_time=params.service_throttle_time,
    )
    return made.with_stress()


def check_log(main_cf: MainCf, params: SuiteParams) -> None:
    """Check where log lines shall go, before anything is opened.

    Raises:
        ConfigError: they cannot go there.
    """
    name = "maillog_file"
    try:
        check_place(params)
        check_openable(params)
        name = "syslog_network_target"
        if params.syslog_network_target:
            Target.parse(params.syslog_network_target)
    except ConfigError as error:
        raise ConfigError(f"{main_cf.origin(name)}: {error}") from None


def own_settings(service: Service, options: Options) -> dict[str, str]:
    """Return what a service sets on top of main.cf: its names, and the options of its line."""
    names = {"service_name": service.name, "process_name": service.command}
    return {**names, **options.settings}


def load_program(service: Service) -> Program:
    """Return the daemon that a service names, imported with all it needs.

    Raises:
        ConfigError: there is no such daemon, or it is broken.
    """
    command = service.command
    try:
        if not command.isidentifier():
            raise ImportError(f"{command} is no name of a daemon of ours")
        module = importlib.import_module(f"{command}.__main__")
        prepare = getattr(module, "prepare", lambda params: None)
        return Program(module.PARAMS, module.serve, prepare, getattr(module, "NATIVE", False))
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{service.origin}: command {command} cannot be used: {error}") from None


def refuse_shared_endpoints(plans: Iterable[Plan]) -> None:
    """Check that no two services listen on one address.

    Raises:
        ConfigError: two do.
    """
    owners: dict[Endpoint, Service] = {}
    for one in plans:
        for endpoint in one.endpoints:
            other = owners.setdefault(endpoint, one.service)
            if other is not one.service:
                raise ConfigError(
                    f"{one.service.origin}: service {one.service.name}:"
                    f" {endpoint} belongs to service {other.name} already"
                )
