"""stage - the instance that all scenarios share

DESCRIPTION
    Each side of a scenario has a qmqpd of its own, on a loopback address of
    its own, with a cleanup of its own behind it; what differs stands as "-o"
    in master.cf. Processes start when a client comes and leave soon after.

    What main.cf of the instance sets is set back to the default in the trial
    of the default.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from common.params import PARAMETERS
from tests.suite.instance import Instance, Postroom
from tests.suite.parameters.scenario import Collector, Scenario, Trial, host
from tests.suite.reference import Postfix
from tests.suite.surroundings import Surroundings

# Of many processes that serve once, few shall lie about.
SETTINGS = {"default_prefork_count": "0", "max_idle": "3s"}
OTHER_CLEANUP = "other"
SERVICES = """\
{address}:{port} inet n - n - {limit} qmqpd
{qmqpd}
cleanup{number} unix n - n - 0 cleanup
{cleanup}
"""
REWRITE = """\
rewrite{number} unix - - n - - trivial-rewrite
{settings}
"""
DEFAULT_PATIENCE = 1.5  # seconds that show that what the value brings about does not happen
CHANGED_PATIENCE = 10.0  # seconds within which it must


class Stage:
    """A running instance with two trials for each scenario."""

    def __init__(self, scenarios: Sequence[Scenario], *, reference: bool, root: bool) -> None:
        self._scenarios = scenarios
        self._collector = Collector()
        self.instance: Instance = Postfix(SETTINGS) if reference else Postroom(SETTINGS)
        self._surroundings = Surroundings(self.instance.top) if root else None
        try:
            if self._surroundings:
                self.instance.within = self._surroundings.prefix
            self._add_services(reference=reference)
            self.instance.start()
        except BaseException:
            self.close()
            raise

    def play(self, scenario: Scenario) -> tuple[object, object]:
        """Return what is seen with the default and with the value; both play at once."""
        number = 2 * self._scenarios.index(scenario)
        trials = (
            self._trial(scenario, number, DEFAULT_PATIENCE),
            self._trial(scenario, number + 1, CHANGED_PATIENCE),
        )
        with ThreadPoolExecutor(2) as pool:
            default, changed = pool.map(scenario.play, trials)
        return default, changed

    def close(self) -> None:
        """Stop the instance."""
        self.instance.close()
        self._collector.close()
        if self._surroundings:
            self._surroundings.close()

    def settings(self, scenario: Scenario, number: int) -> dict[str, str]:
        """Return all that is set in a trial, as "-o name=value" in both of its services."""
        own = {
            "cleanup_service_name": f"cleanup{number}",
            "rewrite_service_name": f"rewrite{number}",
        }
        if scenario.tagged:
            own["syslog_name"] = f"postfix/s{number}"
        if number % 2 == 0:
            own.pop(scenario.parameter, None)
            default = PARAMETERS[scenario.parameter].default
            if scenario.parameter in self._set_in_main_cf() and isinstance(default, str):
                own[scenario.parameter] = default
            own |= scenario.beside
        else:
            own |= {**scenario.beside, scenario.parameter: scenario.value}
        return {name: self._filled(value, number) for name, value in own.items()}

    def _trial(self, scenario: Scenario, number: int, patience: float) -> Trial:
        tag = self.settings(scenario, number).get("syslog_name", "postfix")
        return Trial(self.instance, number, tag, patience, self._collector, self._surroundings)

    def _add_services(self, *, reference: bool) -> None:
        lines = [f"{OTHER_CLEANUP} unix n - n - 0 cleanup -o syslog_name=postfix/{OTHER_CLEANUP}\n"]
        for index, scenario in enumerate(self._scenarios):
            if reference and not scenario.reference:
                continue
            for number in (2 * index, 2 * index + 1):
                lines.append(self._services(scenario, number))
                if reference:
                    settings = options(self.settings(scenario, number))
                    lines.append(REWRITE.format(number=number, settings=settings))
        with (self.instance.config_dir / "master.cf").open("a") as master_cf:
            master_cf.writelines(lines)

    def _services(self, scenario: Scenario, number: int) -> str:
        settings = self.settings(scenario, number)
        without = {name: text for name, text in settings.items() if name != scenario.parameter}
        readers = {
            reader: options(settings if scenario.reader in ("", reader) else without)
            for reader in ("qmqpd", "cleanup")
        }
        port, limit = self.instance.port, scenario.limit
        return SERVICES.format(
            address=host(number), port=port, limit=limit, number=number, **readers
        )

    def _set_in_main_cf(self) -> set[str]:
        text = (self.instance.config_dir / "main.cf").read_text()
        return {line.partition("=")[0].strip() for line in text.splitlines() if "=" in line}

    def _filled(self, value: str, number: int) -> str:
        collector = f"udp:127.0.0.1:{self._collector.port}"
        for mark, text in (
            ("<N>", str(number)),
            ("<TOP>", str(self.instance.top)),
            ("<COLLECTOR>", collector),
        ):
            value = value.replace(mark, text)
        return value


def options(settings: dict[str, str]) -> str:
    """Return them as a continuation of a line of master.cf."""
    return "".join(f"    -o {{ {name} = {value} }}\n" for name, value in settings.items())
