"""scan - which settings mean something, and which references

DESCRIPTION
    A setting whose name no program reads still counts if a value refers to
    it, if smtpd_restriction_classes names it, or if it belongs to a database
    that a value names; any other is unused: misspelt, perhaps. A reference to
    a name that nobody knows and nothing sets is undefined.

    In master.cf, what "-o" options set is known to their service only.

SEE ALSO
    commands.conf.databases
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from commands.conf import databases
from commands.conf.entries import Entry, parameters_of_all
from commands.conf.settings import READ_ONLY, Settings
from common import macro

SET_BY_MASTER = {"stress"}  # on the command line of its services
CLASSES = "smtpd_restriction_classes"


@dataclass(slots=True)
class Scope:
    """A file, or a service in it: what it sets, and how to look a name up from there."""

    file: str
    texts: Mapping[str, str]
    outer: "Scope | None" = None
    places: Mapping[str, str] = field(default_factory=dict)  # of single settings, if asked for
    used: set[str] = field(default_factory=set)

    def place(self, name: str) -> str:
        """Return where a setting stands."""
        return self.places.get(name, self.file)

    def use(self, name: str) -> bool:
        """Note that something refers to a name; tell whether it is set."""
        if name in self.texts:
            self.used.add(name)
            return True
        return self.outer is not None and self.outer.use(name)


def origins_of(key: str, entries: Iterable[Entry], lines: bool) -> dict[str, str]:
    """Return the places of what the services of one name set, if they are wanted."""
    named = [entry for entry in entries if lines and entry.key == key]
    return {name: entry.origin for entry in named for name in entry.parameters()}


class Scan:
    """One look at all values; settings learns which names the operator made up."""

    def __init__(
        self,
        settings: Settings,
        entries: Iterable[Entry],
        warn: Callable[[str], None],
        *,
        lines: bool = False,
    ) -> None:
        """Prepare a look.

        lines: complaints name the line, too.
        """
        self._settings = settings
        self._warn = warn
        directory = settings.main_cf.directory
        texts = {name: entry.text for name, entry in settings.main_cf.entries.items()}
        entries = list(entries)
        origins = {name: entry.origin for name, entry in settings.main_cf.entries.items()}
        self._main = Scope(f"{directory}/main.cf", texts, places=origins if lines else {})
        self._services = [
            Scope(f"{directory}/master.cf", texts, self._main, origins_of(key, entries, lines))
            for key, texts in parameters_of_all(entries).items()
        ]
        self._seen_databases: set[str] = set()

    @property
    def _scopes(self) -> list[Scope]:
        return [self._main, *self._services]

    def run(self) -> None:
        """Find out which names count, and say which references lead nowhere.

        Raises:
            MacroError, ConfigError: a value that somebody reads cannot be expanded.
        """
        for scope in self._scopes:
            self._follow_references(scope)
            self._follow_classes(scope)
        self._settings.made_up |= {
            name for name in self._main.used if not self._settings.is_known(name)
        }
        for scope in self._scopes:
            self._follow_databases(scope)

    def tell(self, *, main: bool) -> None:
        """Say which settings cannot be set, and which nobody reads; of main.cf only if asked."""
        for scope in self._scopes:
            for name, text in scope.texts.items():
                if name in READ_ONLY:
                    self._warn(
                        f"{scope.place(name)}: read-only parameter assignment: {name}={text}"
                    )
                elif (main or scope is not self._main) and not self._counts(scope, name):
                    self._warn(f"{scope.place(name)}: unused parameter: {name}={text}")

    def _counts(self, scope: Scope, name: str) -> bool:
        return self._settings.is_known(name) or name in scope.used

    def _follow_references(self, scope: Scope) -> None:
        for owner, text in scope.texts.items():
            if "$" not in text or self._settings.is_raw(owner):
                continue
            try:
                for name in macro.names(text):
                    self._refer(scope, name, owner)
            except macro.MacroError as error:
                self._warn(str(error))

    def _follow_classes(self, scope: Scope) -> None:
        text = scope.texts.get(CLASSES)
        if text is not None:
            for name in self._expanded(scope, text).replace(",", " ").split():
                self._refer(scope, name, CLASSES)

    def _refer(self, scope: Scope, name: str, owner: str) -> None:
        if scope.use(name) or self._settings.is_known(name) or name in SET_BY_MASTER:
            return
        if scope is self._main and [one for one in self._services if one.use(name)]:
            return  # each service has a value of its own
        self._warn(f"{scope.place(owner)}: undefined parameter: {name}")

    def _follow_databases(self, scope: Scope) -> None:
        """Let count what belongs to the databases that values of known parameters name."""
        for name in self._owners(scope):
            if self._settings.is_raw(name):
                continue
            text = scope.texts[name] if name in scope.texts else self._settings.raw(name)
            value = self._expanded(scope, text or "")
            if ":" in value:
                self._visit(scope, value)

    def _owners(self, scope: Scope) -> list[str]:
        known = self._settings.built_in
        declared = set(known) | set(self._settings.of_services)
        names = declared if scope is self._main else declared & set(scope.texts)
        # What is made from other values comes last: their mistakes are theirs.
        return sorted(
            names,
            key=lambda name: (name in known and callable(known[name].default), name),
        )

    def _visit(self, scope: Scope, value: str) -> None:
        for found in databases.named(value, scope.file.rpartition("/")[2], self._warn):
            if not found.is_file:
                for suffix in databases.SUFFIXES[found.kind]:
                    if scope.use(name := f"{found.name}_{suffix}") and name in self._main.used:
                        self._settings.made_up.add(name)
            elif found.title not in self._seen_databases:
                self._seen_databases.add(found.title)
                databases.check_file(found, self._warn)

    def _expanded(self, scope: Scope, text: str) -> str:
        def look_up(name: str) -> str | None:
            return scope.texts[name] if name in scope.texts else self._settings.raw(name)

        if scope is self._main:
            return macro.expand(text, self._settings.raw, depth=1)  # the value is one's own
        return macro.expand(text, look_up)
