"""check - look for mistakes, start nothing

SYNOPSIS
    postroom check

DESCRIPTION
    Reads main.cf and master.cf as start does, looks for settings that mean
    nothing, opens the tables that they name, and looks at the directories
    of the queue. A mistake that start would refuse gives exit status 1;
    whatever else deserves attention is a warning, such as a value that a
    program of Postfix would die of.

SEE ALSO
    spec/logging.md, section 6
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from commands import check_settings, check_tables
from common.config import MainCf
from master import guard, spool
from master.configuration import Configuration
from master.endpoints import Names
from master.plan import NativePlan


def main(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Print what is wrong.

    Raises:
        ConfigError: start would refuse this configuration.
    """
    argparse.ArgumentParser(prog="postroom check").parse_args(arguments)
    configuration = Configuration.load(config_dir, Names())
    spool.require_queue(configuration.params)
    for line in warnings(configuration):
        print(f"postroom: warning: {line}", file=sys.stderr)
    guard.check(configuration)
    return 0


def warnings(configuration: Configuration) -> Iterator[str]:
    """Yield a line for everything that start would put up with."""
    params = configuration.params
    yield from configuration.warnings
    yield from check_settings.complaints(MainCf.read(configuration.directory))
    own = [one.main_cf for one in configuration.plans.values() if isinstance(one, NativePlan)]
    yield from check_tables.complaints(configuration.main_cf, *own)
    yield from spool.problems(params, spool.mail_owner(params))
    yield from guard.complaints(configuration)
    if os.geteuid() != 0:
        yield "private instance: all processes have the rights of one account, and no jail"
