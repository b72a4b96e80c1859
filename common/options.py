"""options - the command line of a daemon of ours

DESCRIPTION
    Options.parse() reads what Postfix's master gives a program: its own
    options, and behind them those that an operator wrote into master.cf. No
    word is ignored silently.

SEE ALSO
    spec/master-protocol.md, section 1.4
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from common.config import parse_assignment
from common.errors import ConfigError

FLAGS, VALUED = "cdDlSuvVz", "imnorst"

# Options with a value that stand for a parameter.
SETTINGS = {"i": "max_idle", "m": "max_use"}
TRANSPORTS = ("inet", "unix", "unix-dgram", "fifo", "pass")


class Options(NamedTuple):
    """What a daemon was asked for."""

    settings: dict[str, str]  # -o, -i, -m
    verbose: bool = False  # -v
    service: str = ""  # -n; without it, the name of the program
    transport: str = "unix"  # -t
    sockets: int = 1  # -s
    unprivileged: bool = False  # -u
    chroot: bool = False  # -c
    one_shot: bool = False  # -S: one client, on standard input and output
    debug: bool = False  # -D: run debugger_command
    to_stderr: bool = False  # -V: log there
    terminal: bool = False  # -d: standard input may be a terminal

    @classmethod
    def parse(cls, words: Iterable[str]) -> "Options":
        """Return what the words ask for.

        Raises:
            ConfigError: one of them is no option of a daemon.
        """
        settings: dict[str, str] = {}
        found: dict[str, str] = {}
        for letter, text in split_options(words, FLAGS, VALUED, "command line"):
            if letter == "o":
                name, value = parse_assignment(text, "command line")
                settings[name] = value
            elif letter in SETTINGS:
                settings[SETTINGS[letter]] = text
            else:
                found[letter] = text
        if "r" in found:
            raise ConfigError("command line: our daemons do not retire: -r is not supported")
        return cls(
            settings=settings,
            verbose="v" in found,
            service=found.get("n", ""),
            transport=transport(found.get("t", "unix")),
            sockets=positive(found.get("s", "1")),
            unprivileged="u" in found,
            chroot="c" in found,
            one_shot="S" in found,
            debug="D" in found,
            to_stderr="V" in found,
            terminal="d" in found,
        )


def split_options(
    words: Iterable[str], flags: str, valued: str, where: str
) -> Iterator[tuple[str, str]]:
    """Yield each option's letter and its value, empty if it takes none.

    Raises:
        ConfigError: an option that is not among these, or no option at all.
    """
    rest = iter(words)
    for word in rest:
        if word[0:1] != "-" or word == "-":
            raise ConfigError(f'{where}: unexpected argument "{word}"')
        for place, letter in enumerate(word[1:], 2):
            if letter in flags:
                yield letter, ""
            elif letter in valued:
                text = word[place:] or next(rest, "")
                if not text:
                    raise ConfigError(f"{where}: -{letter} needs a value")
                yield letter, text
                break
            else:
                raise ConfigError(f'{where}: unsupported option "{word}"')


def transport(text: str) -> str:
    """Return the type of a service."""
    if text not in TRANSPORTS:
        raise ConfigError(f"command line: unsupported transport type: {text}")
    return text


def positive(text: str) -> int:
    """Return the number of sockets."""
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise ConfigError(f"command line: bad socket count: {text}")
    return int(text)
