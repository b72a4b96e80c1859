"""request - what the command line asks for

DESCRIPTION
    Options end at the first argument that is none. Some exclude each other;
    complaints name them in the order of OPTIONS.

SEE ALSO
    postconf(1)
"""

import enum
import getopt
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import ConfigError

LETTERS = "aAbc:C:deEfFhHjlmMno:pPtT:vxX#"
OPTIONS = "aAbCdefFhHlmMnopPtTxX#"
USAGE = (  # word for word what people know
    "[-a (server SASL types)] [-A (client SASL types)] [-b (bounce templates)] [-c config_dir]"
    " [-c param_class] [-d (parameter defaults)] [-e (edit configuration)] [-f (fold lines)]"
    " [-F (master.cf fields)] [-h (no names)] [-H (no values)] [-l (lock types)] [-m (map types)]"
    " [-M (master.cf)] [-n (non-default parameters)] [-o name=value (override parameter value)]"
    " [-p (main.cf, default)] [-P (master.cf parameters)] [-t (bounce templates)]"
    " [-T compile-version|run-version|public-key-algorithms] [-v (verbose)]"
    " [-x (expand parameter values)] [-X (exclude)] [-# (comment-out)] [name...]"
)

# Of each of these sets one option only may be given; the first set that has more is told.
EXCLUSIVE = ("aAblmMFPptT", "denX#", "efX#", "exX#", "deoX#", "ehHX#")
LISTS = dict.fromkeys("aAbltTm", "#HXdefhnox")
# What makes no sense together with one of the first set.
SENSELESS = {**LISTS, "F": "dnX#", "M": "dhHn", "P": "dn#"}
NOT_OURS = {
    "a": "SASL",
    "A": "SASL",
    "T": "TLS",
    "b": "bounce templates",
    "t": "bounce templates",
}


class UsageError(Exception):
    """The command line cannot be understood."""


class Class(enum.Flag):
    """Kinds of parameters of main.cf."""

    BUILTIN = enum.auto()
    SERVICE = enum.auto()
    USER = enum.auto()
    ALL = BUILTIN | SERVICE | USER


@dataclass(slots=True)
class Request:
    """The command line."""

    config_dir: Path
    letters: set[str] = field(default_factory=set)
    classes: Class = Class.ALL
    overrides: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)

    def __contains__(self, letter: str) -> bool:
        return letter in self.letters

    @property
    def edits(self) -> bool:
        """Whether a file is to be changed."""
        return bool(self.letters & set("eX#"))


def parse(arguments: list[str], config_dir: Path) -> Request:
    """Return what the arguments ask for.

    Raises:
        UsageError: an unknown option, or one without its value.
        ConfigError: options that exclude each other.
    """
    request = Request(config_dir)
    try:
        options, request.arguments = getopt.getopt(arguments, LETTERS)
    except getopt.GetoptError as error:
        # The C library takes "--word" for the option "-".
        letter = error.opt if len(error.opt) == 1 else "-"
        if letter in LETTERS.replace(":", ""):
            raise UsageError(f"option requires an argument -- '{letter}'") from None
        raise UsageError(f"invalid option -- '{letter}'") from None
    for option, value in options:
        letter = option[1]
        if letter == "c":
            request.config_dir = Path(value)
            continue
        if letter == "C":
            request.classes = parse_classes(value)
        elif letter == "o":
            request.overrides.append(value)
        request.letters.add(letter)
    if takes_values(request):
        request.letters.add("e")
    refuse_contradictions(request.letters)
    return request


def parse_classes(text: str) -> Class:
    """Return the classes of a list.

    Raises:
        ConfigError: one is none.
    """
    found = Class(0)
    for word in text.replace(",", " ").split():
        try:
            found |= Class[word.upper()]
        except KeyError:
            raise ConfigError(f'unknown -C option value "{word}" in "{text}"') from None
    return found


def takes_values(request: Request) -> bool:
    """Tell whether the first argument sets something, so that -e is meant."""
    return not request.letters & set("aAblmtT") and "=" in "".join(request.arguments[:1])


def refuse_contradictions(letters: set[str]) -> None:
    """Check that options go together.

    Raises:
        ConfigError: they do not.
    """
    if {"b", "t"} <= letters:
        raise ConfigError("specify one of -b and -t")
    for group in EXCLUSIVE:
        given = shown(letters & set(group))
        if len(given) > 1:
            raise ConfigError(f"specify one of {' '.join(given)}")
    for letter, others in SENSELESS.items():
        given = shown(letters & set(others))
        if letter in letters and given:
            raise ConfigError(f"with option -{letter}, do not specify {' '.join(given)}")
    for letter, what in NOT_OURS.items():
        if letter in letters:
            raise ConfigError(f"-{letter}: no {what} in this suite; ask Postfix's postconf")


def shown(letters: set[str]) -> list[str]:
    """Return options as they are typed, in their order."""
    return [f"-{letter}" for letter in OPTIONS if letter in letters]
