"""flush - let the queue manager try all mail again, now

SYNOPSIS
    postroom flush

DESCRIPTION
    The queue manager forgets which destinations failed, and looks at all of
    the queue whatever its delays; mail that was submitted on this host is
    collected, too. What comes of it shows in the log. Exit status 1 if there
    is no queue manager.

SEE ALSO
    spec/qmgr-delivery-protocols.md, section 1
"""

import argparse
import os
import stat
from contextlib import suppress
from pathlib import Path

from cleanup.trigger import write_fifo, write_socket
from commands.instance import NOT_RUNNING, Instance
from commands.script import Script

# To the queue manager: forget what failed, ignore delays, look at deferred and at new mail.
TRY_ALL = b"FADI"
COLLECT = b"W"  # to pickup


def main(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Tell both services."""
    argparse.ArgumentParser(prog="postroom flush").parse_args(arguments)
    instance = Instance.of(config_dir)
    script = Script(instance.main_cf)
    if not instance.runs():
        return script.fatal(NOT_RUNNING)
    os.chdir(instance.queue_directory)
    queue_manager = f"public/{instance.main_cf.text('queue_service_name')}"
    try:
        tell(queue_manager, TRY_ALL)
    except OSError as error:
        return script.fatal(f"cannot flush the mail queue: {queue_manager}: {error.strerror}")
    with suppress(OSError):  # a host that takes no local mail has none
        tell(f"public/{instance.main_cf.text('pickup_service_name')}", COLLECT)
    return 0


def tell(service: str, request: bytes) -> None:
    """Write a request to a service, be it a socket or a FIFO.

    Raises:
        OSError: nobody is there, or too many requests wait already.
    """
    if stat.S_ISFIFO(os.stat(service).st_mode):
        write_fifo(service, request)
    else:
        write_socket(service, request + b"\0")
