"""settings - main.cf and the parameters that there can be

DESCRIPTION
    Settings answers what a parameter's value is. Beside those that programs
    declare there are parameters of services (NAME_recipient_limit...), one
    set for each transport of master.cf, and those that the operator made up,
    which count if something refers to them; see commands.conf.scan.

SEE ALSO
    postconf(1), -C
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from commands.conf.entries import Entry
from commands.conf.request import Class
from common import macro
from common.config import Entry as Setting
from common.config import MainCf, parse_assignment, read_entries
from common.errors import ConfigError
from common.params import Parameter, every

# What each kind of program reads under the name of its service.
QUEUE_MANAGED = {
    **{
        f"_{name}": f"$default_{name}"
        for name in (
            *("delivery_slot_cost", "delivery_slot_discount", "delivery_slot_loan"),
            *("destination_concurrency_failed_cohort_limit", "destination_concurrency_limit"),
            "destination_concurrency_negative_feedback",
            "destination_concurrency_positive_feedback",
            *("destination_rate_delay", "destination_recipient_limit", "extra_recipient_limit"),
            *("minimum_delivery_slots", "recipient_limit", "recipient_refill_delay"),
            *("recipient_refill_limit", "transport_rate_delay"),
        )
    },
    "_initial_destination_concurrency": "$initial_destination_concurrency",
}
TIME_LIMIT = {"_time_limit": "$command_time_limit"}
BY_COMMAND = {
    **dict.fromkeys(("error", "lmtp", "local", "smtp", "virtual"), QUEUE_MANAGED),
    "pipe": QUEUE_MANAGED | TIME_LIMIT,
    "spawn": TIME_LIMIT,
}
READ_ONLY = {"process_id", "process_name", "service_name"}
OF_PROGRAM = {"process_name": "postconf", "service_name": ""}


def built_in() -> dict[str, Parameter]:
    """Return the parameters of programs, by name; not those that only other releases have."""
    return {one.name: one for one in every().values() if not one.releases}


def of_services(entries: Iterable[Entry]) -> dict[str, str]:
    """Return the defaults of parameters of services, by name."""
    found = {}
    for entry in entries:
        for suffix, default in BY_COMMAND.get(entry.words[0], {}).items():
            found[entry.name + suffix] = default
    return found


@dataclass(slots=True)
class Settings:
    """What is set, what is known, and what either means."""

    main_cf: MainCf
    built_in: dict[str, Parameter]
    of_services: dict[str, str]
    made_up: set[str] = field(default_factory=set)

    @property
    def entries(self) -> dict[str, Setting]:
        """What main.cf sets."""
        return dict(self.main_cf.entries)

    def is_raw(self, name: str) -> bool:
        """Tell whether the references in a value are left to its readers."""
        return name in self.built_in and self.built_in[name].raw

    def is_known(self, name: str) -> bool:
        """Tell whether somebody reads the parameter."""
        return name in self.built_in or name in self.of_services or name in self.made_up

    def is_set(self, name: str) -> bool:
        """Tell whether main.cf has it, and may have it."""
        return name in self.main_cf.entries and name not in READ_ONLY

    def raw(self, name: str) -> str | None:
        """Return a value as it is written, a default if none is; None if there is neither."""
        if name in OF_PROGRAM:
            return OF_PROGRAM[name]
        if name in self.main_cf.entries:
            return self.main_cf.entries[name].text
        value = self.main_cf.raw(name)
        return self.of_services.get(name) if value is None else value

    def expand(self, text: str) -> str:
        """Return a text with its references expanded.

        Raises:
            MacroError: they make no sense.
        """
        return macro.expand(text, self.raw)

    def names(self, classes: Class) -> list[str]:
        """Return the parameters of these classes, in order."""
        found = set[str]()
        if Class.BUILTIN in classes:
            found |= {name for name, one in self.built_in.items() if not one.legacy}
            found -= set(self.of_services)
        if Class.SERVICE in classes:
            found |= set(self.of_services)
        if Class.USER in classes:
            found |= self.made_up
            found |= {name for name in self.main_cf.entries if self._is_former(name)}
        return sorted(found)

    def _is_former(self, name: str) -> bool:
        return name in self.built_in and self.built_in[name].legacy


def read(config_dir: Path, overrides: Iterable[str], warn: Callable[[str], None]) -> MainCf:
    """Return main.cf with "-o" options on top.

    Raises:
        ConfigError: it cannot be read or understood.
    """
    path = config_dir / "main.cf"
    entries = {"config_directory": Setting(str(config_dir), str(path))}
    for line in read_entries(path, entries):
        warn(line)
    for text in overrides:
        try:
            name, value = parse_assignment(text, "")
        except ConfigError as error:
            why = str(error).removeprefix(": ").partition(":")[0]
            raise ConfigError(f"invalid parameter override: {text}: {why}") from None
        entries[name] = Setting(value, "-o")
    return MainCf(path, entries)
