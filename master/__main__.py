"""master - the mail system's supervisor

SYNOPSIS
    python -P -m master [-c config_dir] [-v]
    python -P -m master -c config_dir --rehearse
    python -P -m master -c config_dir --take-over descriptor

DESCRIPTION
    master opens every listener, keeps workers ready, replaces those that
    leave, and reloads without refusing a client. It reads main.cf and
    master.cf only; it never parses mail, and waits for no child, no name
    server and no logger.

    With --rehearse it shows a running master that it could take over, with
    --take-over it does so; nobody but master calls it like that.

SEE ALSO
    master(8)
    ARCHITECTURE.md
    master.life, for what happens in the end
    master.upgrade, for --rehearse and --take-over
"""

import argparse
import os
import sys
from pathlib import Path

from common.child import DESCRIPTOR_LIMIT
from common.environment import config_directory
from common.errors import ConfigError
from master import activation, facts, life, rehearsal
from master.configuration import Configuration
from master.endpoints import Names
from master.facts import FactsError
from master.lock import LockedError


def stay_in_foreground() -> None:
    """Keep standard output and error, and of what else is open the service manager's sockets."""
    hold_standard_streams()
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.closerange(activation.FIRST + activation.count(os.environ), DESCRIPTOR_LIMIT)


def hold_standard_streams() -> None:
    """Open what is closed of 0, 1 and 2, so that no other file gets these numbers."""
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(null)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r+" if number else "r", closefd=False))  # noqa: SIM115


def main() -> int:
    """Run a mail system in the foreground until it is stopped."""
    parser = argparse.ArgumentParser(prog="master")
    parser.add_argument("-c", dest="config_dir", type=Path, default=config_directory())
    parser.add_argument("-v", dest="verbose", action="store_true")
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--take-over", type=int)
    options = parser.parse_args()
    try:
        if options.rehearse:
            sys.stdout.buffer.write(facts.encode(rehearsal.perform(options.config_dir)))
        elif options.take_over is not None:
            life.take_over(options.take_over)
        else:
            stay_in_foreground()
            names = Names()
            configuration = Configuration.load(options.config_dir.absolute(), names)
            life.run(configuration, names, verbose=options.verbose, ready=lambda: None)
    except (ConfigError, FactsError, LockedError) as error:
        print(f"master: fatal: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
