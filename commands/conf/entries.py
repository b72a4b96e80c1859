"""entries - the lines of master.cf as they are shown and changed

DESCRIPTION
    An Entry is seven fields and the words of a command. Unlike master, which
    refuses what it cannot run, this takes whatever has the right shape, so
    that it can be looked at and repaired.

SEE ALSO
    master.services, where the fields get their meaning
    spec/config-syntax.md, section 3
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from commands.conf.folding import LIMIT, Line
from common.config import BLANKS, encoded, logical_lines, parse_assignment, read_text, strange_start
from common.errors import ConfigError
from master.arguments import brace_words
from master.services import COLUMNS, Transport

FIELDS = (
    *("service", "type", "private", "unprivileged", "chroot"),
    *("wakeup", "process_limit", "command"),
)
STOPS = (0, 11, 17, 25, 33, 41, 49, 57)  # where each column begins, unless one before is longer
FLAG = re.compile(r"[yn-]\Z")
FORMS = {
    "type": re.compile("|".join(one.value for one in Transport) + r"\Z"),
    "private": FLAG,
    "unprivileged": FLAG,
    "chroot": FLAG,
    "wakeup": re.compile(r"-\Z|[0-9]*\??\Z", re.ASCII),
    "process_limit": re.compile(r"-\Z|[0-9]+\Z", re.ASCII),
}

Warn = Callable[[str], None]


@dataclass(slots=True, eq=False)
class Entry:
    """One service."""

    fields: list[str]  # all but the command
    words: list[str]  # the command's; "-o" and what it sets are two of them
    origin: str = ""  # "FILE, line N"

    @property
    def name(self) -> str:
        """The first field."""
        return self.fields[0]

    @property
    def kind(self) -> str:
        """The second field."""
        return self.fields[1]

    @property
    def key(self) -> str:
        """How it is called in requests and answers."""
        return f"{self.name}/{self.kind}"

    def field(self, name: str, *, label: str = "", fold: bool = False) -> str:
        """Return the text of a field, behind a label."""
        if name != "command":
            return f"{label} {self.fields[FIELDS.index(name)]}".lstrip()
        line = Line(label, fold=fold, limit=LIMIT - 1)
        self._add_words(line)
        return str(line)

    def shown(self, *, fold: bool = False) -> str:
        """Return the whole line, in columns."""
        text = ""
        for stop, one in zip(STOPS, self.fields, strict=False):
            text = text.ljust(stop) if len(text) < stop else f"{text} " if text else ""
            text += one
        line = Line(text.ljust(STOPS[-1] - 1), fold=fold, limit=LIMIT - 1)
        self._add_words(line)
        return str(line)

    def settings(self) -> list[tuple[int, str, str]]:
        """Return place, name and value of what "-o" options set, in order."""
        found = []
        for place, word in self._options():
            if word == "-o":
                name, equals, value = self.words[place + 1].partition("=")
                if name and equals and not any(blank in name for blank in BLANKS):
                    found.append((place, name, value))
        return found

    def parameters(self) -> dict[str, str]:
        """Return what "-o" options set, by name; the last one counts."""
        return {name: value for _, name, value in self.settings()}

    def set_parameter(self, name: str, value: str) -> None:
        """Change what an "-o" option sets, or add one behind the last option."""
        places = [place for place, other, _ in self.settings() if other == name]
        for place in places:
            self.words[place + 1] = f"{name}={value}"
        if not places:
            end = max((place + 1 + (word == "-o") for place, word in self._options()), default=1)
            self.words[end:end] = ["-o", f"{name}={value}"]

    def remove_parameter(self, name: str) -> None:
        """Remove each "-o" option that sets it."""
        for place in [place for place, other, _ in reversed(self.settings()) if other == name]:
            del self.words[place : place + 2]

    def _options(self) -> Iterator[tuple[int, str]]:
        """Yield place and word of each option, up to the first word that is none."""
        place = 1
        while place < len(self.words) and is_option(self.words[place]):
            word = self.words[place]
            if word == "-o" and place + 1 == len(self.words):
                return
            yield place, word
            place += 1 + (word == "-o")

    def _add_words(self, line: Line) -> None:
        options = {place for place, word in self._options() if word == "-o"}
        line.add(self.words[0])
        place, paired = 1, False
        while place < len(self.words):
            if place in options:
                line.add(f"-o {braced(self.words[place + 1])}", break_before=True)
                place, paired = place + 2, True
            else:
                line.add(braced(self.words[place]), break_before=paired)
                place, paired = place + 1, False


def is_option(word: str) -> bool:
    """Tell whether a word is an option, and not the end of them."""
    return word[:1] == "-" and word not in ("-", "--")


def braced(word: str) -> str:
    """Return a word so that it stays one."""
    return f"{{{word}}}" if not word or any(blank in word for blank in BLANKS) else word


def read(path: object, warn: Warn) -> list[Entry]:
    """Return the services of a file.

    Raises:
        ConfigError: it cannot be read, or a line is none.
    """
    found = []
    for line in logical_lines(read_text(path)):  # type: ignore[arg-type]
        text = line.text.partition("\0")[0]
        if line.text[0] in BLANKS:
            warn(f"{path}: {strange_start(line)}")
            continue
        entry = parse(text, f"file {path}: line {line.number}: bad field count", warn)
        entry.origin = f"{path}, line {line.number}"
        found.append(entry)
    return found


def parse(text: str, complaint: str, warn: Warn) -> Entry:
    """Return the service of one logical line.

    Raises:
        ConfigError: complaint, if a field is missing; or a field is wrong.
    """
    fields = re.split(f"[{BLANKS}]+", text.strip(BLANKS), maxsplit=COLUMNS - 1)
    if len(fields) < COLUMNS:
        raise ConfigError(complaint)
    for name, one in zip(FIELDS, fields[:-1], strict=False):
        check_field(name, one, text)
    return Entry(fields[:-1], list(command_words(fields[-1], warn)))


def check_field(name: str, value: str, where: str) -> None:
    """Check the form of a field.

    Raises:
        ConfigError: master would not understand it.
    """
    form = FORMS.get(name)
    if not value or (form and not form.match(value)):
        raise ConfigError(f'invalid {name} field "{value}" in "{where}"')


def command_words(text: str, warn: Warn) -> Iterator[str]:
    """Yield the words of a command; options that set parameters are two words each."""
    words = brace_words(text)
    yield next(words, "")
    rest = (unbraced(word, warn) for word in words)
    for word, _ in rest:
        if not is_option(word):
            yield word
            break
        letters, option, value = word.partition("o")
        if not option:
            yield word
            continue
        if letters != "-":
            yield letters
        yield "-o"
        if value:
            yield assignment(*unbraced(value, warn), warn)
            continue
        following = next(rest, None)
        if following is not None:
            yield assignment(*following, warn)
    yield from (word for word, _ in rest)


def unbraced(word: str, warn: Warn) -> tuple[str, bool]:
    """Return what "{ ... }" holds, or the word as it is; and whether there were braces."""
    if not word.startswith("{"):
        return word, False
    level = 0
    for place, letter in enumerate(word):
        level += (letter == "{") - (letter == "}")
        if level == 0:
            if place + 1 < len(word):
                warn(f"master.cf: syntax error after '}}' in \"{word}\"")
            return word[1:place].strip(BLANKS), True
    warn(f"master.cf: missing '}}' in \"{word}\"")
    return word[1:].strip(BLANKS), True


def assignment(text: str, was_braced: bool, warn: Warn) -> str:
    """Return what an "-o" option sets, without blanks around the equals sign."""
    if was_braced:
        try:
            text = "=".join(parse_assignment(text, "master.cf"))
        except ConfigError as error:
            warn(str(error))
    return text


def matching(entries: Iterable[Entry], name: str, kind: str) -> list[Entry]:
    """Return the services of this name and type; "*" stands for any."""
    return [one for one in entries if name in ("*", one.name) and kind in ("*", one.kind)]


def parameters_of_all(entries: Iterable[Entry]) -> dict[str, dict[str, str]]:
    """Return what "-o" options set, by key of the service; those with one name share it."""
    found: dict[str, dict[str, str]] = {}
    for entry in entries:
        found.setdefault(entry.key, {}).update(entry.parameters())
    return found


def as_bytes(text: str) -> bytes:
    """Return a line of output."""
    return encoded(f"{text}\n")
