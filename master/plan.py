"""plan - how one service is run

DESCRIPTION
    A Plan is all that is needed to run a service: its line of master.cf, its
    addresses, its program. A NativePlan is for a daemon of our own, which is
    imported and forked, and whose parameters are checked before it runs; any
    other program is executed, and reads the configuration itself.

SEE ALSO
    master.configuration, which makes plans
    master.children, which follows them
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from common.config import MainCf, wait_until_settled
from common.errors import ConfigError
from common.options import Options
from common.params import SuiteParams
from common.program import Program, own_settings
from common.sandbox.shelter import Shelter
from common.sinks import check_openable, check_place
from master.endpoints import Endpoint
from master.journal import PROGRAM
from master.services import Service, Transport

STRESS = {"stress": "yes"}

# Directories, locks and sockets hang on these; they change with a stop and a start.
FIXED = ("queue_directory", "data_directory", "mail_owner", "setgid_group")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A service and where it is reached; as it stands, for a program of Postfix."""

    service: Service
    endpoints: tuple[Endpoint, ...]
    program_path: str  # as in Postfix's log lines
    throttle_time: float
    substitute_for: str = ""  # what a daemon of ours lacks, so that Postfix's is run
    prefork: int = 0  # processes kept ready before any client comes
    parting: int = 0  # listeners behind its own that are going, for the last of their clients
    stress: str = ""  # "yes" in a plan for processes that are told of overload
    stressed: "Plan | None" = None  # that plan

    @property
    def stressable(self) -> bool:
        """Whether its processes are told of overload: remote clients, and several workers."""
        remote = any(endpoint.remote for endpoint in self.endpoints)
        return remote and self.service.process_limit > 1

    @property
    def wakeup(self) -> int:
        """Seconds between two wake-up calls, 0 for none: nobody can connect to datagrams."""
        return 0 if self.service.transport is Transport.DATAGRAM else self.service.wakeup

    @property
    def sockets(self) -> int:
        """How many listeners its processes are told of."""
        return self.listener_count

    @property
    def listener_count(self) -> int:
        """How many listeners its processes have."""
        return len(self.endpoints) + self.parting

    def words(self, *, verbose: bool) -> list[str]:
        """Return the arguments that its processes are started with, the program's name first."""
        return self.service.words(
            sockets=self.sockets,
            verbose=verbose,
            stress=self.stress if self.stressable else None,
        )

    def with_stress(self) -> Self:
        """Return the plan with one for processes that are told of overload, if it needs one.

        Raises:
            ConfigError: a value is wrong under stress.
        """
        return replace(self, stressed=self._under_stress()) if self.stressable else self

    def _under_stress(self) -> "Plan":
        return replace(self, stress="yes")

    def with_parting(self, count: int) -> "Plan":
        """Return the plan for processes that get so many listeners more."""
        stressed = self.stressed and self.stressed.with_parting(count)
        return replace(self, parting=count, stressed=stressed)

    def same_as(self, other: "Plan") -> bool:
        """Whether master.cf and the addresses say the same in both."""
        return (type(self), self.service, self.endpoints, self.prefork) == (
            type(other),
            other.service,
            other.endpoints,
            other.prefork,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NativePlan(Plan):
    """A service of our own."""

    program: Program
    main_cf: MainCf  # with the service's own settings
    params: SuiteParams
    prepared: object  # by the program, of its parameters
    shelter: Shelter | None  # of its processes, if they shut themselves in
    personal: bool  # values differ from process to process: they must be loaded after the fork
    options: Options

    @property
    def wakeup(self) -> int:
        """No daemon of ours needs to be called."""
        return 0

    @property
    def sockets(self) -> int:
        """How many listeners Postfix's master would tell it of."""
        return self.listener_count - self.program.native

    def fresh(self) -> "NativePlan":
        """Return the plan with main.cf as it is on disk now.

        Raises:
            ConfigError: it has become unusable.
        """
        main_cf = self.main_cf
        if main_cf.changed():
            wait_until_settled(main_cf.path)
            main_cf, _ = keep_fixed(MainCf.read(main_cf.directory), fixed_values(main_cf))
        elif not self.personal:
            return self
        return self._with(main_cf)

    def _under_stress(self) -> "NativePlan":
        return replace(self, stress="yes")._with(self.main_cf)

    def _with(self, main_cf: MainCf) -> "NativePlan":
        """Return the plan with another main.cf, the service's own settings on top of all."""
        service = self.service
        own = own_settings(service.command, service.name, self.options.settings)
        settings = {**STRESS, **own} if self.stress else own
        main_cf = main_cf.override(settings, self.service.origin)
        params = main_cf.load(self.program.params)
        check_log(main_cf, params)
        prepared, shelter = self.program.made_ready(params)
        return replace(self, main_cf=main_cf, params=params, prepared=prepared, shelter=shelter)


def fixed_values(main_cf: MainCf) -> dict[str, str]:
    """Return the values that stay while the mail system runs, by name."""
    return {name: main_cf.text(name) for name in FIXED}


def keep_fixed(main_cf: MainCf, fixed: Mapping[str, str]) -> tuple[MainCf, tuple[str, ...]]:
    """Return main.cf with these values kept, and the names of those that wanted to change."""
    fresh = main_cf.override({"process_name": PROGRAM}, "master")
    kept = {name: text for name, text in fixed.items() if fresh.text(name) != text}
    return fresh.override(kept, "kept until the next start"), tuple(kept)


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
            from common.rfc5424 import Target  # as common.log: most hosts have none

            Target.parse(params.syslog_network_target)
    except ConfigError as error:
        raise ConfigError(f"{main_cf.origin(name)}: {error}") from None
