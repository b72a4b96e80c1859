"""daemons - our daemons as programs that Postfix's master can start

SYNOPSIS
    postroom daemons

DESCRIPTION
    Makes native_daemon_directory, with one program for each daemon that can
    take the place of Postfix's, and prints where each is. A link to it in
    daemon_directory is what Postfix's master needs. "make setup" calls this;
    whoever installs in another way, or moves the installation, calls it again.

    Each program names its interpreter and the folders of its modules. It
    starts without the site module and without a look at its environment.

SEE ALSO
    README.md, "Swap one daemon"
    common.executable, which the programs call
"""

import argparse
import importlib.metadata
import os
import shlex
import site
import sys
from pathlib import Path

from common import guard
from common.config import MainCf
from common.errors import ConfigError

DAEMONS = ("qmqpd", "cleanup")
# What these import that is not Python's own.
LIBRARIES = ("setproctitle", "syslog-rfc5424-formatter")
FLAGS = "-IS"  # no PYTHON* variables, no working folder, no user's modules; no site module
SHEBANG_LIMIT = 255  # bytes that the kernel reads of a first line

PROGRAM = '''\
{start}
"""{name}({section}), to be started by Postfix's master; made by "postroom daemons"."""
import gc
import sys

gc.disable()  # until everything is imported
sys.path += {folders}
try:
    from common.later import lighten
    lighten()
    from {name} import __main__ as daemon
    from common.executable import main
    from common.program import Program
except ImportError as error:
    import syslog

    text = f'{name}: fatal: {{error}}: make this program again by "postroom daemons"'
    syslog.syslog(syslog.LOG_MAIL | syslog.LOG_CRIT, text)
    sys.exit(text)

main(Program.of(daemon))
'''


def main(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Make the programs, print their paths.

    Raises:
        ConfigError: one of them cannot be made.
    """
    argparse.ArgumentParser(prog="postroom daemons").parse_args(arguments)
    folder = directory(config_dir)
    for name in DAEMONS:
        path = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_program(path, source(name, sys.executable, module_folders()))
        except OSError as error:
            raise ConfigError(f"make {path}: {error.strerror}") from None
        print(path)
    for complaint in guard.exposed(guard.with_folders([*guard.program_files(), folder])):
        print(f"postroom: warning: a system instance will not run: {complaint}", file=sys.stderr)
    return 0


def directory(config_dir: Path) -> Path:
    """Return native_daemon_directory; installation may come before any configuration."""
    main_cf = MainCf(config_dir / "main.cf")
    if main_cf.path.exists():
        main_cf = MainCf.read(config_dir)
    return Path(main_cf.text("native_daemon_directory"))


def source(name: str, interpreter: str, folders: list[str]) -> str:
    """Return the text of a program."""
    return PROGRAM.format(name=name, section=8, start=first_lines(interpreter), folders=folders)


def first_lines(interpreter: str) -> str:
    """Return the lines by which the kernel finds the interpreter.

    A path that does not fit into one line, or has blanks in it, takes a shell
    on the way, to which the lines are a command and to Python a text.
    """
    line = f"#!{interpreter} {FLAGS}"
    if len(os.fsencode(line)) < SHEBANG_LIMIT and len(interpreter.split()) == 1:
        return line
    return f"#!/bin/sh\n'''exec' {shlex.quote(interpreter)} {FLAGS} \"$0\" \"$@\"\n' '''"


def module_folders() -> list[str]:
    """Return where the modules are that a daemon imports beside Python's own."""
    ours = Path(__file__).resolve().parents[1]
    found = [Path(str(importlib.metadata.distribution(one).locate_file(""))) for one in LIBRARIES]
    # Types of tables may need more, where more was installed.
    extras = [Path(one) for one in site.getsitepackages()]
    return list(dict.fromkeys(str(one) for one in (ours, *found, *extras) if one.is_dir()))


def write_program(path: Path, text: str) -> None:
    """Put a program in place, whole: one that is there may be started at any moment."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o755)
        file.write(text)
    fresh.replace(path)
