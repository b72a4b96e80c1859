"""map - make, query and change lookup tables, as postmap does

SYNOPSIS
    postroom map [-bfFhimnNoprsuUvw] [-c config_dir] [-d key] [-q key] [type:]file...

DESCRIPTION
    Without -d, -q or -s: makes each table anew from its source file.

    -q key  print the first value found; - reads keys from standard input
    -d key  remove the entry from each table; - likewise
    -s      print all entries of a table
    -i      add entries from standard input, make no new table
    -r, -w  replace entries that are there; leave them, without a warning
    -f      do not fold keys to lower case
    -F      values are contents of the files that the source names
    -n, -N  keys and values in the file end without, with a NUL byte
    -o      keep root's rights even if the source file is another's
    -p      do not take the permissions of the source file
    -u      no UTF-8; -U: UTF-8 also with -b and -h
    -b, -h  with "-q -": the input is a message; its body lines, its headers are keys
    -m      with -b or -h: parts of the message have headers and bodies too

DIAGNOSTICS
    Exit status 0 if something was found, or everything was done; else 1.

SEE ALSO
    postmap(1)
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from commands.complaints import Complaints
from commands.map_making import add_entries, make_table
from commands.map_message import message_keys
from commands.map_queries import Queries
from common.config import MainCf, decoded
from common.errors import ConfigError
from common.params import MapParams, Words
from common.tables.table import Duplicates, Options

USAGE = "[-bfFhimnNoprsuUvw] [-c config_dir] [-d key] [-q key] [map_type:]file..."
LETTERS, WITH_VALUE = "bcdfFhimnNopqrsuUvw", "cdq"
EITHER = {"n": "N", "N": "n", "r": "w", "w": "r"}  # of these the last one counts
STDIN = "-"  # as a key: the keys are on standard input
DUPLICATES = {"r": Duplicates.REPLACE, "w": Duplicates.IGNORE}


class UsageError(Exception):
    """The command line names no table."""


class OptionError(Exception):
    """An option that is not known, or has no value."""


@dataclass(slots=True)
class Request:
    """What the command line asks for."""

    config_dir: Path
    flags: set[str] = field(default_factory=set)
    query: str | None = None
    delete: str | None = None
    tables: list[str] = field(default_factory=list)


def main(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Run "postroom map"; return the exit status."""
    return run("postroom map", config_dir, arguments)


def postmap(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Run the command under Postfix's name for it; return the exit status."""
    return run("postmap", config_dir, arguments)


def run(program: str, config_dir: Path, arguments: list[str]) -> int:
    """Do what the arguments say; return the exit status."""
    complaints = Complaints(program)
    try:
        # A stream of our own: one that a closed pipe stopped is not flushed again at exit.
        with open(sys.stdout.fileno(), "wb", closefd=False) as output:
            request = parse(config_dir, arguments)
            return perform(request, complaints, output)
    except OptionError as error:
        complaints.plain(str(error))
        complaints.fatal(f"usage: {program} {USAGE}")
    except UsageError:
        complaints.fatal(f"usage: {program} {USAGE}")
    except BrokenPipeError:
        pass  # the reader has seen enough
    except ConfigError as error:
        complaints.fatal(str(error))
    return 1


def parse(config_dir: Path, arguments: list[str]) -> Request:
    """Return what the command line asks for.

    Raises:
        OptionError: an unknown option, or one without its argument.
        ConfigError: options that exclude each other.
    """
    request = Request(config_dir)
    for letter, value in options_of(arguments, request.tables):
        chosen = {request.query is not None, request.delete is not None}
        if letter in "dq" and (True in chosen or "s" in request.flags):
            raise ConfigError("specify only one of -s -q or -d")
        if letter == "s" and True in chosen:
            raise ConfigError("specify only one of -s or -q or -d")
        if letter == "c":
            request.config_dir = Path(value)
        elif letter == "d":
            request.delete = value
        elif letter == "q":
            request.query = value
        else:
            request.flags.discard(EITHER.get(letter, ""))
            request.flags.add(letter)
    return request


def options_of(arguments: list[str], rest: list[str]) -> Iterator[tuple[str, str]]:
    """Yield letter and value of each option as it comes; what follows them is added to rest.

    Raises:
        OptionError: in the words of the C library.
    """
    left = list(arguments)
    while left and left[0].startswith("-") and left[0] != "-":
        word = left.pop(0)
        if word == "--":
            break
        for place, letter in enumerate(word[1:], 2):
            if letter not in LETTERS:
                raise OptionError(f"invalid option -- '{letter}'")
            if letter not in WITH_VALUE:
                yield letter, ""
                continue
            if not word[place:] and not left:
                raise OptionError(f"option requires an argument -- '{letter}'")
            yield letter, word[place:] or left.pop(0)
            break
    rest += left


def perform(request: Request, complaints: Complaints, output: BinaryIO) -> int:
    """Do it; return the exit status.

    Raises:
        UsageError: no table is named.
        ConfigError: it cannot be done.
    """
    main_cf = MainCf.read(request.config_dir)
    complaints.utf8 = main_cf.text("smtputf8_enable").lower() == "yes"
    complaints.join_log(main_cf)
    params = main_cf.load(MapParams)
    if request.flags & set("bhm") and request.query != STDIN:
        raise ConfigError('specify -b -h or -m only with "-q -"')
    if not request.tables and "s" not in request.flags:
        raise UsageError
    update_environment(params.import_environment)
    options = table_options(request.flags, main_cf, complaints)
    tables = [
        name if ":" in name else f"{params.default_database_type}:{name}" for name in request.tables
    ]
    if request.query is not None or request.delete is not None or "s" in request.flags:
        return ask(request, Queries(tables, options, output), params)
    for table in tables:
        if "i" in request.flags:
            add_entries(table, options)
        else:
            make_table(
                table, options, keep_root="o" in request.flags, own_mode="p" in request.flags
            )
    return os.EX_OK


def ask(request: Request, queries: Queries, params: MapParams) -> int:
    """Look up, remove or list; return the exit status."""
    if "s" in request.flags:
        return queries.list_entries()
    if request.query == STDIN:
        flags = request.flags & set("bhm")
        if flags == {"m"}:
            queries.options.log.warning("ignoring -m option without -b or -h")
        if flags & set("bh"):
            return queries.look_up_all(message_keys(sys.stdin.buffer, flags, params))
        return queries.look_up_all(standard_input())
    if request.query is not None:
        return queries.look_up(request.query)
    if request.delete == STDIN:
        return queries.delete_all(standard_input())
    return queries.delete(request.delete or "")


def standard_input() -> Iterator[str]:
    """Yield the lines of standard input as keys."""
    for line in sys.stdin.buffer:
        yield decoded(line.removesuffix(b"\n").partition(b"\0")[0])


def table_options(flags: set[str], main_cf: MainCf, complaints: Complaints) -> Options:
    """Return how tables are opened for these options of the command line."""
    reads_message = bool(flags & set("bh")) and "U" not in flags
    return Options(
        complaints,
        main_cf,
        strict=True,
        fold="f" not in flags,
        utf8=complaints.utf8 and "u" not in flags and not reads_message,
        with_nul="n" not in flags,
        without_nul="N" not in flags,
        duplicates=next((DUPLICATES[flag] for flag in "rw" if flag in flags), Duplicates.WARN),
        files="F" in flags,
    )


def update_environment(settings: Words) -> None:
    """Set the variables that import_environment gives a value."""
    for name, equals, value in (setting.partition("=") for setting in settings):
        if equals:
            os.environ[name] = value
