"""stand - instances for scenarios that concern one as a whole"""

import enum
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.suite.instance import Instance, Postroom, free_port
from tests.suite.qmqp import submit
from tests.suite.queue_file import read_records
from tests.suite.reference import Postfix
from tests.suite.waiting import POLL

PATIENCE = 10.0  # seconds for a change to show
# What the scenarios look at, in all instances: one that says where its configuration is, one
# service on all interfaces, one that fails at its start.
SETTINGS = {
    "inet_interfaces": "all",
    "inet_protocols": "all",
    "content_filter": "shown:$config_directory",
}
EVERY = "{port} inet n - n - - qmqpd\n"
BROKEN = "broken unix - - n - 1 cleanup -o mail_owner=nosuchuser\n"  # if root starts it

SET_BY_COMMAND = ""  # in place of a value: -c gives the configuration directory

Look = Callable[["Stand"], object]


class When(enum.Enum):
    """When a new value counts."""

    RELOAD = "after a reload"
    START = "from the start on"
    COMMAND = "when a command runs"


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """How a parameter shows, as a Scenario does. <TOP> in the value is the instance's folder."""

    parameter: str
    value: str  # not the default
    when: When
    look: Look  # returns what is seen
    default: object
    changed: object
    reference: bool = True  # the real Postfix shows the same
    root: bool = False  # only root can have it otherwise
    ipv6: bool = False  # shows only where there is IPv6

    def given(self, instance: Instance) -> dict[str, str]:
        """Return the parameter with its value for an instance, if that stands in main.cf."""
        if self.value == SET_BY_COMMAND:
            return {}
        return {self.parameter: self.value.replace("<TOP>", str(instance.top))}


@dataclass(slots=True)
class Stand:
    """An instance to look at."""

    instance: Instance
    every_port: int  # of a service without a host
    settings: Mapping[str, str] = field(default_factory=dict)  # for the commands that are run

    def records(self) -> list[str]:
        """Submit a message; return the records of its queue file, the type in front."""
        path = self.queue_file()
        return [f"{one.kind}{one.value}" for one in read_records(path)]

    def queue_file(self) -> Path:
        """Submit a message; return its queue file, wherever it is."""
        queue_id = submit(self.instance.port).queue_id
        (path,) = self.instance.top.rglob(queue_id)
        return path

    def below_top(self, path: Path) -> str:
        """Return a path of the instance without its beginning."""
        return str(path.relative_to(self.instance.top))

    def configuration(self) -> Path:
        """Return a configuration directory of its own, with the settings in place of others."""
        folder = self.instance.top / "configuration"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.instance.config_dir, folder)
        path = folder / "main.cf"
        lines = path.read_text().splitlines(keepends=True)
        kept = [line for line in lines if line.partition("=")[0].strip() not in self.settings]
        given = [f"{name} = {value}\n" for name, value in self.settings.items() if value]
        path.write_text("".join(kept + given))
        return folder


class Pair:
    """Two instances: one with the defaults, one where all that counts from the start differs."""

    def __init__(self, scenarios: Sequence[Whole], *, reference: bool) -> None:
        self._kind: type[Instance] = Postfix if reference else Postroom
        self._scenarios = [one for one in scenarios if one.reference or not reference]
        self._changed: Stand | None = None
        self._default = self._made()
        try:
            self._default.instance.start()
            self._main_cf = (self._default.instance.config_dir / "main.cf").read_text()
            # Before the first reload.
            self._seen = {
                one: seen(one, self._default, one.default)
                for one in self._scenarios
                if one.when is When.RELOAD and may_play(one)
            }
        except BaseException:
            self.close()
            raise

    def play(self, scenario: Whole) -> tuple[object, object]:
        """Return what is seen with the default and with the value."""
        instance = self._default.instance
        if scenario.when is When.RELOAD:
            self._reload(scenario.given(instance))
            return self._seen[scenario], seen(scenario, self._default, scenario.changed)
        self._reload({})
        match scenario.when:
            case When.START:
                return scenario.look(self._default), scenario.look(self._second())
            case When.COMMAND:
                plain = Stand(instance, 0, {scenario.parameter: ""})
                return scenario.look(plain), scenario.look(
                    Stand(instance, 0, scenario.given(instance))
                )

    def close(self) -> None:
        """Stop both."""
        for stand in (self._default, self._changed):
            if stand:
                stand.instance.close()

    def _reload(self, settings: Mapping[str, str]) -> None:
        """Let the first instance run with these settings on top of its own, and no others."""
        instance = self._default.instance
        path = instance.config_dir / "main.cf"
        before = path.read_text()
        path.write_text(self._main_cf)
        instance.configure(settings)
        if path.read_text() != before:
            instance.renew()

    def _second(self) -> Stand:
        if self._changed is None:
            self._changed = stand = self._made()
            instance = stand.instance
            for one in self._scenarios:
                if one.when is When.START and may_play(one):
                    instance.configure(one.given(instance))
            instance.config_dir = instance.config_dir.rename(instance.top / "config")
            instance.spool = instance.top / "queue"
            instance.spool.mkdir()
            instance.start()
        return self._changed

    def _made(self) -> Stand:
        instance = self._kind(SETTINGS)
        stand = Stand(instance, free_port())
        with (instance.config_dir / "master.cf").open("a") as master_cf:
            master_cf.write(EVERY.format(port=stand.every_port))
            master_cf.write(BROKEN if os.geteuid() == 0 else "")
        return stand


def seen(scenario: Whole, stand: Stand, expected: object) -> object:
    """Return what is expected as soon as it is seen, in the end what is seen in its place."""
    deadline = time.monotonic() + PATIENCE
    while (found := scenario.look(stand)) != expected and time.monotonic() < deadline:
        time.sleep(POLL)
    return found


def may_play(scenario: Whole) -> bool:
    """Tell whether the scenario can be played here."""
    return not scenario.root or os.geteuid() == 0
