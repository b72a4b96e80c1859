"""postroom - the command of the mail system

SYNOPSIS
    postroom [-c config_dir] [-v] command [arguments]

DESCRIPTION
    Each command is a module of its own, imported when it is asked for. -c and
    -v may stand behind the command as well.

SEE ALSO
    ARCHITECTURE.md
"""

import argparse
import importlib
import sys
from pathlib import Path

from common.environment import config_directory
from common.errors import ConfigError

# The function behind each command, and what it does.
COMMANDS = {
    "init": ("commands.init:main", "make a private instance in a directory"),
    "start": ("commands.start:main", "start the mail system"),
    "start-fg": ("commands.start:foreground", "run it in the foreground"),
    "stop": ("commands.control:stop", "stop it: let work finish for 5 seconds"),
    "abort": ("commands.control:abort", "stop it at once"),
    "drain": ("commands.control:drain", "accept nothing more, stop when all work is done"),
    "reload": ("commands.control:reload", "put a changed configuration in force"),
    "upgrade": ("commands.control:upgrade", "put this version in force, without a pause"),
    "flush": ("commands.flush:main", "let the queue manager try all mail again"),
    "logrotate": ("commands.logrotate:main", "begin a new log file, compress the old one"),
    "status": ("commands.status:main", "show services and processes"),
    "check": ("commands.check:main", "look for mistakes without starting"),
    "daemons": ("commands.daemons:main", "make programs of our daemons for Postfix's master"),
    "inject": ("commands.inject:main", "submit a message by QMQP"),
    "queue": ("commands.queue:main", "list the queue"),
    "cat": ("commands.cat:main", "show a queue file"),
    "conf": ("commands.conf:main", "show and change main.cf and master.cf"),
    "super": ("commands.super:main", "purge and repair the queue directory"),
    "map": ("commands.map:main", "make, query and change lookup tables"),
}
# Names of Postfix's commands, for links to this one.
LINKS = {"postconf": "commands.conf:postconf", "postmap": "commands.map:postmap"}
# Commands that take -c and -v among their own options, as Postfix's do.
GETOPT_COMMANDS = {"conf", "map"}
USAGE = "usage: postroom [-c config_dir] [-v] command [arguments]"


def main() -> int:
    """Run one command; return its exit status."""
    name = Path(sys.argv[0]).name
    if name in LINKS:
        return call(name, LINKS[name], config_directory(), 0, sys.argv[1:])
    options, rest = global_options(sys.argv[1:])
    if options.command is None:
        print(usage(), file=sys.stderr)
        return 1
    if options.command not in COMMANDS:
        known = ", ".join(COMMANDS)
        return fail(f"unknown command: '{options.command}'. Usage: postroom COMMAND, of {known}")
    where = COMMANDS[options.command][0]
    return call(options.command, where, options.config_dir.absolute(), options.verbose, rest)


def call(command: str, where: str, config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Run a command, the function "module:name"; return its exit status."""
    module, _, function = where.partition(":")
    try:
        run = getattr(importlib.import_module(module), function)
        return int(run(config_dir, verbose, arguments))
    except ConfigError as error:
        return fail(str(error))
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return fail(f"the command {command} is not part of this installation")
    except KeyboardInterrupt:
        return 1


def global_options(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return -c, -v and the command's name, and the arguments of the command itself."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, usage=USAGE[7:])
    parser.add_argument("-c", dest="config_dir", type=Path, default=config_directory())
    parser.add_argument("-v", dest="verbose", action="count", default=0)
    parser.add_argument("command", nargs="?")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    # Only up to "--": what follows belongs to the command, whatever it looks like.
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = parser.parse_args(arguments[:end])
    rest = options.arguments
    if options.command not in GETOPT_COMMANDS:
        rest = take_global(options, rest)
    return options, rest + arguments[end:]


def take_global(options: argparse.Namespace, words: list[str]) -> list[str]:
    """Take -c DIR and -v, each a word of its own, out of a command's arguments."""
    rest = []
    left = iter(words)
    for word in left:
        if word in ("-v", "-vv"):
            options.verbose += word.count("v")
        elif word == "-c":
            options.config_dir = Path(next(left, ""))
        else:
            rest.append(word)
    return rest


def usage() -> str:
    """Return the usage text, with all commands."""
    lines = [f"  {name:10}{what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join([USAGE, "", *lines])


def fail(text: str) -> int:
    """Say why it did not work."""
    print(f"postroom: fatal: {text}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
