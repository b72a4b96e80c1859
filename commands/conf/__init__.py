"""conf - show and change main.cf and master.cf, as postconf does

SYNOPSIS
    postroom conf [-dfhHjnopvx] [-c config_dir] [-C class,...] [name ...]
    postroom conf [-e] [-c config_dir] name=value ...
    postroom conf -# | -X [-c config_dir] name ...
    postroom conf -M [-fjovx] [service[/type] ...]
    postroom conf -M [-e] service/type=value ... | -M# | -MX service/type ...
    postroom conf -F [-fhHjovx] [service[/type[/field]] ...]
    postroom conf -F [-e] service/type/field=value ...
    postroom conf -P [-fhHjovx] [service[/type[/parameter]] ...]
    postroom conf -P [-e] service/type/parameter=value ... | -PX service/type/parameter ...
    postroom conf -l | -m

DESCRIPTION
    Without -M, -F, -P: parameters of main.cf. -M: services of master.cf; -F:
    their fields; -P: the parameters that their "-o" options set.

    -d  defaults, not what main.cf says
    -n  only what main.cf sets
    -x  with references expanded
    -o  name=value: as if main.cf said so
    -C  only parameters of these classes: builtin, service, user, all
    -f  long lines folded; -h: no names; -H: no values; -j: one JSON object a line
    -e  change, -X remove, -# comment out
    -l  ways to lock mailboxes; -m: types of lookup tables

    An edit keeps comments and the order of lines; the file is replaced as a
    whole or not at all.

DIAGNOSTICS
    Exit status 0, or 1 if it could not be done.

SEE ALSO
    postconf(1)
    docs/differences.md
"""

import sys
from pathlib import Path

from commands.complaints import Complaints
from commands.conf.perform import perform
from commands.conf.request import USAGE, UsageError, parse
from common.errors import ConfigError
from common.macro import MacroError


def main(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Run "postroom conf"; return the exit status."""
    return run("postroom conf", config_dir, arguments)


def postconf(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Run the command under Postfix's name for it; return the exit status."""
    return run("postconf", config_dir, arguments)


def run(program: str, config_dir: Path, arguments: list[str]) -> int:
    """Do what the arguments say; return the exit status."""
    complaints = Complaints(program)
    try:
        # A stream of our own: one that a closed pipe stopped is not flushed again at exit.
        with open(sys.stdout.fileno(), "wb", closefd=False) as output:
            perform(parse(arguments, config_dir), complaints, output)
            return 0
    except UsageError as error:
        complaints.plain(str(error))
        complaints.fatal(f"usage: {program} {USAGE}")
    except MacroError as error:
        complaints.warning(str(error))
        complaints.fatal("macro processing error")
    except ConfigError as error:
        complaints.fatal(str(error))
    except BrokenPipeError:
        pass  # the reader has seen enough
    return 1
