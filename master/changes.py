"""changes - what a reload did

DESCRIPTION
    between() compares two configurations by what they say, not by where the
    lines stand, for the operator who asked for the reload.
"""

from collections.abc import Set
from dataclasses import asdict, dataclass

from common.config import MainCf
from master.configuration import Configuration


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of services and of parameters."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    postponed: tuple[str, ...] = ()  # parameters that need a stop and a start

    def report(self) -> dict[str, list[str]]:
        """Return the facts as they travel to the operator."""
        return {name: list(names) for name, names in asdict(self).items()}

    def __str__(self) -> str:
        said = [f"{name}: {', '.join(names)}" for name, names in self.report().items() if names]
        return "; ".join(said) or "nothing has changed"


def between(old: Configuration, new: Configuration) -> Changes:
    """Return what is different in new."""
    both = old.plans.keys() & new.plans.keys()
    return Changes(
        added=labels(new, new.plans.keys() - both),
        removed=labels(old, old.plans.keys() - both),
        changed=labels(new, {key for key in both if not old.plans[key].same_as(new.plans[key])}),
        parameters=tuple(sorted(different(old.main_cf, new.main_cf) - set(new.postponed))),
        postponed=tuple(sorted(new.postponed)),
    )


def labels(configuration: Configuration, keys: Set[object]) -> tuple[str, ...]:
    """Return NAME/TYPE of services, in the order of master.cf."""
    return tuple(
        f"{plan.service.name}/{plan.service.transport.value}"
        for key, plan in configuration.plans.items()
        if key in keys
    )


def different(old: MainCf, new: MainCf) -> set[str]:
    """Return the names whose texts, as written in the file, are not the same."""
    texts = [{name: entry.text for name, entry in one.entries.items()} for one in (old, new)]
    return {name for name, _ in texts[0].items() ^ texts[1].items()}
