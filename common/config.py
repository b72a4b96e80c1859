"""config - main.cf

DESCRIPTION
    MainCf holds one reading of main.cf: texts by parameter name, each with
    the line it came from. load() turns it into the dataclass of a daemon;
    every bad value is one ConfigError that names file, line and parameter.
    Overrides ("-o name=value") make a new MainCf.

SEE ALSO
    spec/config-syntax.md, sections 1 and 2
    common.params, where the parameters are declared
    common.values, what their texts become
"""

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from common import macro
from common.errors import ConfigError
from common.params import Parameter, declared, find
from common.values import CONVERTERS

P = TypeVar("P")

SETTLE_SECONDS, SETTLE_LIMIT = 0.1, 1.0

BLANKS = macro.BLANKS  # what separates words, in whatever locale


class Entry(NamedTuple):
    """A value as written, and where."""

    text: str
    origin: str  # "FILE, line N", or what else gave the value


class LogicalLine(NamedTuple):
    """One setting, its continuation lines joined."""

    number: int  # of its first physical line
    text: str


def logical_lines(text: str) -> Iterator[LogicalLine]:
    """Yield logical lines; comments and blank lines are passed over, even inside a value."""
    number, pieces = 0, list[str]()
    for count, line in enumerate(text.split("\n"), 1):
        stripped = line.strip(BLANKS)
        if not stripped or stripped.startswith("#"):
            continue
        if line[0] in BLANKS and pieces:
            pieces.append(line)
            continue
        if pieces:
            yield LogicalLine(number, "".join(pieces))
        number, pieces = count, [line]
    if pieces:
        yield LogicalLine(number, "".join(pieces))


def read_text(path: Path) -> str:
    """Return a configuration file's text; any byte is kept.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return decoded(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"open {path}: {error.strerror}") from None


def wait_until_settled(path: Path) -> None:
    """Let somebody who writes to the file finish: half of it, or nothing, can be a configuration.

    That is over when the file is a tenth of a second old. Longer than a second nobody waits.
    """
    end = time.monotonic() + SETTLE_LIMIT
    with suppress(OSError):
        while 0 <= (age := time.time() - os.stat(path).st_mtime) < SETTLE_SECONDS:
            if time.monotonic() > end:
                return
            time.sleep(SETTLE_SECONDS - age)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What shows that a file has changed."""

    mtime_ns: int = 0
    size: int = -1
    inode: int = 0

    @classmethod
    def of(cls, path: Path | str) -> "Stamp":
        """Return the file's stamp, an empty one if it cannot be looked at."""
        try:
            found = os.stat(path)
        except OSError:
            return cls()
        return cls(found.st_mtime_ns, found.st_size, found.st_ino)


NO_STAMP = Stamp()


def read_entries(path: Path, entries: dict[str, Entry]) -> list[str]:
    """Add the settings of a file to entries; return what deserves a warning.

    Raises:
        ConfigError: unreadable, or a line that is no "name = value".
    """
    return parse_entries(path, read_text(path), entries)


def parse_entries(path: Path, text: str, entries: dict[str, Entry]) -> list[str]:
    """Add the settings in the text of a file to entries; return what deserves a warning.

    Raises:
        ConfigError: a line that is no "name = value".
    """
    warnings = []
    for line in logical_lines(text):
        origin = f"{path}, line {line.number}"
        if line.text[0] in BLANKS:
            warnings.append(f"{path}: {strange_start(line)}")
            continue
        name, value = parse_assignment(line.text, origin)
        if name in entries:
            warnings.append(f"{origin}: overriding earlier entry: {name}={entries[name].text}")
        entries[name] = Entry(value, origin)
    return warnings


def strange_start(line: LogicalLine) -> str:
    """Return what is said of a line that continues nothing."""
    return f'logical line must not start with whitespace: "{line.text.rstrip()}"'


@dataclass(slots=True, eq=False, repr=False)
class MainCf:
    """One reading of main.cf, with overrides on top."""

    path: Path
    entries: Mapping[str, Entry] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    stamp: Stamp = NO_STAMP
    # What was loaded already: master loads it once, and all of its children find it here.
    _loaded: dict[type, object] = field(default_factory=dict)

    @classmethod
    def read(cls, directory: Path) -> "MainCf":
        """Read directory/main.cf.

        Raises:
            ConfigError: unreadable, or a line that is no "name = value".
        """
        path = directory / "main.cf"
        stamp = Stamp.of(path)  # before the text: a change in between shows as one
        return cls.parse(path, read_text(path), stamp)

    @classmethod
    def parse(cls, path: Path, text: str, stamp: Stamp) -> "MainCf":
        """Return what a main.cf says whose text is at hand.

        Raises:
            ConfigError: a line that is no "name = value".
        """
        here = Entry(str(path.parent), str(path))
        entries = {"config_directory": here}
        warnings = parse_entries(path, text, entries)
        entries["config_directory"] = here  # whatever the file says
        return cls(path, entries, tuple(warnings), stamp)

    @property
    def directory(self) -> Path:
        """The configuration directory."""
        return self.path.parent

    def changed(self) -> bool:
        """Tell whether the file is no longer the one that was read."""
        return Stamp.of(self.path) != self.stamp

    def override(self, settings: Mapping[str, str], origin: str) -> "MainCf":
        """Return a copy in which these settings win, as "-o name=value" does."""
        added = {name: Entry(text, origin) for name, text in settings.items()}
        return MainCf(self.path, {**self.entries, **added}, self.warnings, self.stamp)

    def origin(self, name: str) -> str:
        """Return where the parameter's value stands, the file if only its default does."""
        entry = self.entries.get(name)
        return entry.origin if entry else str(self.path)

    def text(self, name: str) -> str:
        """Return the value with every reference expanded; unknown names are empty.

        A raw parameter keeps its references: who reads it knows what they mean.

        Raises:
            ConfigError: bad macro syntax.
        """
        text = self.raw(name) or ""
        if "$" not in text or is_raw(name):
            return text
        try:
            return macro.expand(text, self.raw)
        except macro.MacroError as error:
            raise ConfigError(f"{self.origin(name)}: parameter {name}: {error}") from None

    def expand(self, text: str, origin: str) -> str:
        """Return any text with its references expanded.

        Raises:
            ConfigError: bad macro syntax.
        """
        try:
            return macro.expand(text, self.raw)
        except macro.MacroError as error:
            raise ConfigError(f"{origin}: {error}") from None

    def load(self, kind: type[P]) -> P:
        """Return the dataclass with each declared parameter converted and checked.

        Raises:
            ConfigError: the first bad value, with file and line.
        """
        found = self._loaded.get(kind)
        if not isinstance(found, kind):
            parameters = declared(kind)  # type: ignore[arg-type]  # a class is hashable
            found = kind(**{one.name: self.value(one) for one in parameters})
            self._loaded[kind] = found
        return found

    def refers_to(self, name: str) -> bool:
        """Tell whether any setting holds a reference to this parameter."""
        reference = re.compile(rf"\$[({{]?{name}\b")
        return any(reference.search(entry.text) for entry in self.entries.values())

    def raw(self, name: str) -> str | None:
        """Return the value with its references, the default if none is set; None if unknown."""
        entry, parameter = self.entries.get(name), find(name)
        if entry is not None and not (parameter and parameter.fixed):
            return entry.text
        if parameter is None:
            return None
        if isinstance(parameter.default, str):
            return parameter.default
        # Its own name is empty meanwhile: what it is made from may be made from it.
        return parameter.default(self.override({name: ""}, "").text)

    def value(self, parameter: Parameter) -> object:
        """Return what a parameter's text becomes, checked.

        Raises:
            ConfigError: it becomes nothing.
        """
        text = self.text(parameter.name)
        try:
            return CONVERTERS[parameter.kind](parameter, text)
        except ValueError as error:
            raise ConfigError(f"{self.origin(parameter.name)}: {error}") from None


def is_raw(name: str) -> bool:
    """Tell whether the references of a parameter are left to those who read it."""
    parameter = find(name)
    return parameter is not None and parameter.raw


def encoded(text: str) -> bytes:
    """Return a value as the bytes that stand in the file."""
    return text.encode("utf-8", "surrogateescape")


def decoded(data: bytes) -> str:
    """Return bytes of a file as text, from which encoded() makes the same bytes again."""
    return data.decode("utf-8", "surrogateescape")


def parse_assignment(text: str, origin: str) -> tuple[str, str]:
    """Return name and value of "name = value".

    Raises:
        ConfigError: no name, or no equals sign behind one word.
    """
    text = text.partition("\0")[0].strip(BLANKS)
    name, equals, value = text.partition("=")
    name = name.rstrip(BLANKS)
    if not name:
        raise ConfigError(f'{origin}: missing attribute name: "{text}"')
    if not equals or any(blank in name for blank in BLANKS):
        raise ConfigError(f"{origin}: missing '=' after attribute name: \"{text}\"")
    return name, value.strip(BLANKS)


def parse_overrides(arguments: Iterable[str], origin: str) -> dict[str, str]:
    """Return settings out of "name=value" texts.

    Raises:
        ConfigError: one of them is no assignment.
    """
    return dict(parse_assignment(text, origin) for text in arguments)
