"""config - main.cf, and values by type

DESCRIPTION
    MainCf holds one reading of main.cf: texts by parameter name, each with
    the line it came from. load() turns it into the dataclass of a daemon;
    every bad value is one ConfigError that names file, line and parameter.
    Overrides ("-o name=value") make a new MainCf.

SEE ALSO
    spec/config-syntax.md, sections 1 and 2
    common.params, where the parameters are declared
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from common import macro
from common.errors import ConfigError
from common.params import PARAMETERS, Parameter, Seconds, Words, declared

P = TypeVar("P")

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
BLANKS = " \t\n\v\f\r"  # what separates words, in whatever locale
INTEGER = re.compile(r"[+-]?[0-9]+\Z", re.ASCII)
TIME = re.compile(r"([0-9]+)(?:([a-z])[a-zA-Z]*)?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """A value as written, and where."""

    text: str
    origin: str  # "FILE, line N", or what else gave the value


@dataclass(frozen=True, slots=True)
class LogicalLine:
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


@dataclass(frozen=True, slots=True)
class Stamp:
    """What shows that a file has changed."""

    mtime_ns: int = 0
    size: int = -1
    inode: int = 0

    @classmethod
    def of(cls, path: Path) -> "Stamp":
        """Return the file's stamp, an empty one if it cannot be looked at."""
        try:
            found = os.stat(path)
        except OSError:
            return cls()
        return cls(found.st_mtime_ns, found.st_size, found.st_ino)


@dataclass(frozen=True, slots=True)
class MainCf:
    """One reading of main.cf, with overrides on top."""

    path: Path
    entries: Mapping[str, Entry] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    stamp: Stamp = Stamp()
    # What was loaded already: master loads it once, and all of its children find it here.
    _loaded: dict[type, object] = field(default_factory=dict, compare=False, repr=False)

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
        entries: dict[str, Entry] = {}
        warnings: list[str] = []
        for line in logical_lines(text):
            origin = f"{path}, line {line.number}"
            name, value = parse_assignment(line.text, origin)
            if name in entries:
                warnings.append(f"{origin}: overriding earlier entry: {name}={entries[name].text}")
            entries[name] = Entry(value, origin)
        entries["config_directory"] = Entry(str(path.parent), str(path))
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

        Raises:
            ConfigError: bad macro syntax.
        """
        try:
            return macro.expand(self._raw(name) or "", self._raw)
        except macro.MacroError as error:
            raise ConfigError(f"{self.origin(name)}: parameter {name}: {error}") from None

    def expand(self, text: str, origin: str) -> str:
        """Return any text with its references expanded.

        Raises:
            ConfigError: bad macro syntax.
        """
        try:
            return macro.expand(text, self._raw)
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
            found = kind(**{one.name: self._convert(one) for one in parameters})
            self._loaded[kind] = found
        return found

    def refers_to(self, name: str) -> bool:
        """Tell whether any setting holds a reference to this parameter."""
        reference = re.compile(rf"\$[({{]?{name}\b")
        return any(reference.search(entry.text) for entry in self.entries.values())

    def unused(self) -> list[str]:
        """Return a warning for each setting that is no parameter and no other value refers to."""
        texts = [entry.text for entry in self.entries.values()]
        texts += [one.default for one in PARAMETERS.values() if isinstance(one.default, str)]
        referred = {name for text in texts for name in re.findall(r"\$[({]?([A-Za-z0-9_]+)", text)}
        return [
            f"{entry.origin}: unused parameter: {name}={entry.text}"
            for name, entry in self.entries.items()
            if name not in PARAMETERS and name not in referred
        ]

    def _raw(self, name: str) -> str | None:
        entry, parameter = self.entries.get(name), PARAMETERS.get(name)
        if entry is not None and not (parameter and parameter.fixed):
            return entry.text
        if parameter is None:
            return None
        if isinstance(parameter.default, str):
            return parameter.default
        # Its own name is empty meanwhile: what it is made from may be made from it.
        return parameter.default(self.override({name: ""}, "").text)

    def _convert(self, parameter: Parameter) -> object:
        text = self.text(parameter.name)
        try:
            return CONVERTERS[parameter.kind](parameter, text)
        except ValueError as error:
            raise ConfigError(f"{self.origin(parameter.name)}: {error}") from None


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
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or len(name.split()) > 1:
        raise ConfigError(f"{origin}: missing '=' after attribute name: \"{text.strip()}\"")
    if not name:
        raise ConfigError(f'{origin}: missing attribute name: "{text.strip()}"')
    return name, value.strip()


def split_words(text: str) -> Words:
    """Return list elements: separated by blanks or commas, {...} protecting both."""
    words: list[str] = []
    word, level = "", 0
    for letter in text:
        if level == 0 and (letter.isspace() or letter == ","):
            if word:
                words.append(word)
            word = ""
            continue
        level += (letter == "{") - (letter == "}" and level > 0)
        word += letter
    if word:
        words.append(word)
    return Words(tuple(words))


def parse_bool(parameter: Parameter, text: str) -> bool:
    """Return yes or no, in any case."""
    if text.lower() not in ("yes", "no"):
        raise ValueError(f"bad boolean configuration: {parameter.name} = {text}")
    return text.lower() == "yes"


def parse_int(parameter: Parameter, text: str) -> int:
    """Return a decimal number within the parameter's bounds."""
    if not INTEGER.match(text):
        raise ValueError(f"bad numerical configuration: {parameter.name} = {text}")
    value = int(text)
    name = parameter.name
    if parameter.least is not None and value < parameter.least:
        raise ValueError(f"invalid {name} parameter value {value} < {parameter.least}")
    if parameter.most is not None and value > parameter.most:
        raise ValueError(f"invalid {name} parameter value {value} > {parameter.most}")
    return value


def parse_time(parameter: Parameter, text: str) -> Seconds:
    """Return seconds; a number without unit has the unit of the default.

    Of a longer unit only the first letter counts, as in Postfix.
    """
    match = TIME.match(text)
    unit = (match[2] if match else None) or default_unit(parameter)
    if not match or unit not in UNIT_SECONDS:
        raise ValueError(f"parameter {parameter.name}: bad time value or unit: {text}")
    value = int(match[1]) * UNIT_SECONDS[unit]
    if parameter.least is not None and value < parameter.least:
        raise ValueError(f"invalid {parameter.name}: {value} (min {parameter.least})")
    if parameter.most is not None and value > parameter.most:
        raise ValueError(f"invalid {parameter.name}: {value} (max {parameter.most})")
    return Seconds(float(value))


def default_unit(parameter: Parameter) -> str:
    """Return the unit letter of a time parameter's default, s if it has none."""
    text = parameter.default if isinstance(parameter.default, str) else ""
    return text[-1] if text[-1:] in UNIT_SECONDS else "s"


def parse_string(parameter: Parameter, text: str) -> str:
    """Return the text; a parameter with choices takes only those, in any case."""
    if parameter.choices and text.lower() not in parameter.choices:
        raise ValueError(f"parameter {parameter.name}: unrecognized value: {text}")
    if parameter.least is not None and len(text) < parameter.least:
        raise ValueError(
            f"bad string length {len(text)} < {parameter.least}: {parameter.name} = {text}"
        )
    return text.lower() if parameter.choices else text


def parse_words(parameter: Parameter, text: str) -> Words:
    """Return a list; where the parameter has choices each element must be one."""
    words = split_words(text)
    for word in words if parameter.choices else ():
        if word.lower() not in parameter.choices:
            raise ValueError(f'unknown {parameter.name} value "{word}" in "{text}"')
    return Words(tuple(word.lower() for word in words)) if parameter.choices else words


CONVERTERS: dict[object, Callable[[Parameter, str], object]] = {
    bool: parse_bool,
    int: parse_int,
    Seconds: parse_time,
    str: parse_string,
    Words: parse_words,
}


def parse_overrides(arguments: Iterable[str], origin: str) -> dict[str, str]:
    """Return settings out of "name=value" texts.

    Raises:
        ConfigError: one of them is no assignment.
    """
    return dict(parse_assignment(text, origin) for text in arguments)
