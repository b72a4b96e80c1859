"""cat - print queue files, as postcat does

SYNOPSIS
    postroom cat [-bdehorv] [-s offset] [file...]
    postroom cat -q [-bdehorv] [-s offset] queue_id...

DESCRIPTION
    Prints envelope, header and body of the files named, of the queue files
    named with -q, or of standard input.

    -b, -e, -h  print the body, the envelope, the header; all without any of them
    -d          print the type of each record as a number
    -o          print the offset of each record
    -r          with -v: print records in the order of the file, follow no pointer
    -s offset   start at that offset
    -v          show what kind of text each record of the content is

DIAGNOSTICS
    A damaged file is printed up to where it breaks; the exit status is then
    1. A file that is no queue file at all is named on standard error.

SEE ALSO
    postcat(1)
    spec/queue-file.md
"""

import getopt
import os
import sys
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from commands.cat_printing import Options, Printer, complain
from common.config import MainCf
from common.errors import ConfigError
from common.params import SuiteParams
from common.queue import QueueDirectory
from common.queue_file import DamageError, RecordFile
from common.queue_id import QueueId, is_valid

USAGE = (
    "usage: postroom cat [-b (body text)] [-c config_dir] [-d (decimal record type)]"
    " [-e (envelope records)] [-h (header text)] [-o (offsets)] [-q (access queue)]"
    " [-r (file order)] [-s offset] [-v] [file(s)...]"
)

FLAGS = {
    "-b": "body", "-d": "decimal", "-e": "envelope", "-h": "header",
    "-o": "offsets", "-q": "by_id", "-r": "raw", "-v": "verbose",
}  # fmt: skip


def main(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Print the files named; return the exit status."""
    try:
        options, names = parse(config_dir, verbose, arguments)
        # A stream of our own: one that a closed pipe stopped is not flushed again at exit.
        with open(sys.stdout.fileno(), "wb", closefd=False) as output:
            for name, file in open_all(options, names):
                Printer(options, os.fsencode(name), RecordFile(file), output).print()
    except getopt.GetoptError as error:
        complain(f"fatal: {error}. {USAGE}")
    except BrokenPipeError:
        pass  # the reader has seen enough
    except (ConfigError, DamageError) as error:
        complain(f"fatal: {error}")
    else:
        return os.EX_OK
    return 1


def parse(config_dir: Path, verbose: int, arguments: list[str]) -> tuple[Options, list[str]]:
    """Return options and names out of the command line.

    Raises:
        GetoptError: an unknown option, or an offset that is no number.
    """
    options = Options(verbose=bool(verbose), config_dir=config_dir)
    pairs, names = getopt.getopt(arguments, "bc:dehoqrs:v")
    for flag, value in pairs:
        if flag == "-c":
            options.config_dir = Path(value)
        elif flag == "-s":
            if not (value.isascii() and value.isdigit()):
                raise getopt.GetoptError(f"bad offset: {value}")
            options.start = int(value)
        else:
            setattr(options, FLAGS[flag], True)
    if not (options.envelope or options.header or options.body):
        options.envelope = options.header = options.body = True
    return options, names


def open_all(options: Options, names: list[str]) -> Iterator[tuple[str, BufferedReader]]:
    """Yield each file with the name that its output shows; standard input if none is named.

    Raises:
        DamageError: one cannot be opened.
    """
    if not names:
        with open(sys.stdin.fileno(), "rb", closefd=False) as file:
            yield "stdin", file
        return
    find = queue_directory(options.config_dir).find if options.by_id else None
    for name in names:
        try:
            path, file = find(queue_id(name)) if find else (name, open_path(name))
        except OSError as error:
            what = "open queue file" if find else "open"
            raise DamageError(f"{what} {name}: {error.strerror}") from None
        with file:
            yield path, file


def open_path(path: str) -> BufferedReader:
    """Open a file that the operator named; links are his business."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb")


def queue_directory(config_dir: Path) -> QueueDirectory:
    """Return the queue directory of the instance."""
    return QueueDirectory.of(MainCf.read(config_dir).load(SuiteParams))


def queue_id(name: str) -> QueueId:
    """Return a queue id that is fit to be a file name.

    Raises:
        DamageError: it is not.
    """
    if not is_valid(name):
        raise DamageError(f"bad mail queue ID: {name}")
    return QueueId(name)
