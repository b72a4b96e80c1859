"""master - the mail system's supervisor

SYNOPSIS
    python -P -m master [-c config_dir] [-v]

DESCRIPTION
    master opens every listener, keeps workers ready, replaces those that
    leave, and reloads without refusing a client. It reads main.cf and
    master.cf only; it never parses mail, and waits for no child, no name
    server and no logger.

    run() is the life of a master, however it was started: "postroom start"
    calls it in a process of its own, "postroom start-fg" and this program in
    the foreground.

SEE ALSO
    master(8)
    ARCHITECTURE.md
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import setproctitle

from common.child import DESCRIPTOR_LIMIT
from common.environment import config_directory
from common.errors import ConfigError
from common.log import log_end
from master import environment, guard, jail, spool
from master.configuration import Configuration
from master.control import Control
from master.endpoints import Names
from master.journal import Journal
from master.lock import LockedError
from master.orders import Orders
from master.supervisor import Supervisor

UMASK = 0o077


def run(
    configuration: Configuration, names: Names, *, verbose: bool, ready: Callable[[], None]
) -> None:
    """Run the mail system until it is stopped; ready is called once clients are served.

    Raises:
        LockedError: it runs already.
        ConfigError: it cannot be started.
    """
    params = configuration.params
    guard.check(configuration)
    os.umask(UMASK)
    owner = spool.mail_owner(params)
    spool.prepare(params, owner)
    plans = configuration.plans.values()
    complaints = jail.refresh(Path(params.queue_directory), plans, configuration.main_cf)
    os.chdir(params.queue_directory)
    journal = Journal(params)
    for complaint in [*complaints, *spool.problems(params, owner)]:
        journal.log.warning(complaint)
    environment.adopt(params)
    setproctitle.setproctitle(f"master -c {params.config_directory}")
    supervisor = Supervisor(configuration, names, journal, verbose=verbose)
    orders = Orders(supervisor)
    orders.listen_to_signals()
    supervisor.open(owner)
    control = f"{params.process_id_directory}/control"
    Control(supervisor.loop, control, orders.handle, journal.log)
    ready()
    try:
        supervisor.run()
    except Exception as error:
        log_end(journal.log, error, verbose=True)  # a bug; our processes see our end, and leave
        raise
    finally:
        journal.log.flush()


def stay_in_foreground() -> None:
    """Keep standard output and error, and nothing else of what was open."""
    hold_standard_streams()
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.closerange(3, DESCRIPTOR_LIMIT)


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
    options = parser.parse_args()
    stay_in_foreground()
    names = Names()
    try:
        configuration = Configuration.load(options.config_dir.absolute(), names)
        run(configuration, names, verbose=options.verbose, ready=lambda: None)
    except (ConfigError, LockedError) as error:
        print(f"master: fatal: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
