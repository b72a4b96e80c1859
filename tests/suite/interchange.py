"""interchange - programs of ours in the place of Postfix's, under Postfix's master

DESCRIPTION
    daemon_directory() is a copy of Postfix's programs in which some are ours.
    OwnDaemons is the reference with qmqpd and cleanup of ours, both jailed in
    the queue directory, where nothing can be imported any more.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.suite import peers
from tests.suite.processes import Process
from tests.suite.reference import COMMON_SERVICES, Postfix, write_configuration

JAILED_SERVICES = """\
127.0.0.1:{port} inet n - y - - qmqpd
cleanup   unix  n - y - 0 cleanup
"""
# What name lookups need in a jail.
JAIL_FILES = ("hosts", "nsswitch.conf", "resolv.conf", "host.conf", "services", "localtime")


def daemon_directory(folder: Path, ours: Iterable[str]) -> Path:
    """Return a copy of Postfix's programs in which some are ours."""
    programs = folder / "daemons"
    shutil.copytree(peers.daemons(), programs)
    for name in ours:
        put_ours(programs, name)
    return programs


def put_ours(programs: Path, name: str) -> None:
    """Put our program in the place of Postfix's."""
    put(peers.native_daemons() / name, programs / name)


def put(program: Path, place: Path) -> None:
    """Put a program in a place from which another may be executed just now."""
    fresh = place.with_name("fresh")
    shutil.copy(program, fresh)
    fresh.rename(place)


def is_ours(process: Process) -> bool:
    """Tell whether a process is one of Python."""
    return "python" in os.readlink(f"/proc/{process.pid}/exe")


class OwnDaemons(Postfix):
    """A private instance of the real Postfix, but for qmqpd and cleanup."""

    def create(self, settings: Mapping[str, str]) -> None:
        peers.superuser("the real Postfix")
        services = JAILED_SERVICES.format(port=self.port) + COMMON_SERVICES
        programs = daemon_directory(self.top, ("qmqpd", "cleanup"))
        settings = {"mail_name": "Postfix", "daemon_directory": str(programs), **settings}
        write_configuration(self.top, self.spool, self.log_path, settings, services)
        (self.spool / "etc").mkdir()
        for name in JAIL_FILES:
            if (path := Path("/etc", name)).exists():
                shutil.copy(path, self.spool / "etc" / name)
