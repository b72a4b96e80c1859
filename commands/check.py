"""check - look for mistakes, start nothing

SYNOPSIS
    postroom check

DESCRIPTION
    Reads main.cf and master.cf as start does, opens the tables that they
    name, and looks at the directories of the queue. A mistake that start
    would refuse gives exit status 1; whatever else deserves attention is a
    warning. Where programs of Postfix run, a parameter counts as unused if
    its postconf does not know it either.

SEE ALSO
    spec/logging.md, section 6
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from commands import check_tables
from master import guard, spool
from master.configuration import Configuration, executable
from master.endpoints import Names
from master.plan import NativePlan

UNUSED = re.compile(r"unused parameter: ([^=\s]+)=")  # in our words and in postconf's


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
    yield from unused(configuration)
    own = [one.main_cf for one in configuration.plans.values() if isinstance(one, NativePlan)]
    yield from check_tables.complaints(configuration.main_cf, *own)
    yield from spool.problems(params, spool.mail_owner(params))
    yield from guard.complaints(configuration)
    if os.geteuid() != 0:
        yield "private instance: all processes have the rights of one account, and no jail"


def unused(configuration: Configuration) -> Iterator[str]:
    """Yield a line for each setting of main.cf that nobody reads."""
    tool = f"{configuration.params.command_directory}/postconf"
    lines = configuration.main_cf.unused()
    if lines and configuration.foreign and executable(tool):
        command = [tool, "-c", str(configuration.directory), "-n"]
        done = subprocess.run(command, capture_output=True, encoding="latin-1", check=False)
        unknown = set(UNUSED.findall(done.stderr))
        lines = [line for line in lines if unknown.intersection(UNUSED.findall(line))]
    yield from lines
