"""needs - what a daemon still needs when it is started; all else is shut

DESCRIPTION
    A daemon names its own needs; each table that it opens adds those of its
    type. They are few words on purpose: whoever must read them to believe in
    the sandbox reads this file.

SEE ALSO
    common.sandbox.confinement, which shuts the rest
"""

import enum
import os
from typing import NamedTuple


class Access(enum.Flag):
    """What may be done to a file, or to the files of a folder at any depth."""

    READ = enum.auto()
    LIST = enum.auto()  # folders only
    WRITE = enum.auto()
    MAKE = enum.auto()  # new files, also by moving one here from another folder that may
    REMOVE = enum.auto()


FULL = Access.READ | Access.WRITE | Access.MAKE | Access.REMOVE
CHANGING = Access.WRITE | Access.MAKE | Access.REMOVE


class Needs(NamedTuple):
    """What stays open."""

    files: tuple[tuple[str, Access], ...] = ()  # by path; what is not there is passed over
    network: bool = False  # sockets of the internet, not only local ones
    ports: frozenset[int] = frozenset()  # that TCP connections may be made to
    any_port: bool = False
    threads: bool = False
    descriptors: int = 1024  # that may be open at once

    def __or__(self, other: "Needs") -> "Needs":
        """Return what serves both."""
        return Needs(
            files=(*self.files, *other.files),
            network=self.network or other.network,
            ports=self.ports | other.ports,
            any_port=self.any_port or other.any_port,
            threads=self.threads or other.threads,
            descriptors=max(self.descriptors, other.descriptors),
        )

    @property
    def changes_files(self) -> bool:
        """Whether files are made, changed or removed."""
        return any(access & CHANGING for _, access in self.files)


NOTHING = Needs()


def reading(*paths: str) -> tuple[tuple[str, Access], ...]:
    """Return these paths as files that are read."""
    return tuple((path, Access.READ) for path in paths)


# What the C library reads to look a host up. It reads them again when they have changed.
NAME_FILES = (
    *("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf"),
    *("/etc/gai.conf", "/etc/services"),
)
# Where it finds the modules that nsswitch.conf names; they are loaded when they are needed.
LIBRARY_FILES = ("/lib", "/lib64", "/usr/lib64", "/etc/ld.so.cache")
DOMAIN = 53  # the port of name servers, which are asked by TCP for a long answer

NAMES = Needs(reading(*NAME_FILES, *LIBRARY_FILES), network=True, ports=frozenset({DOMAIN}))
# Accounts of this host: the file is replaced as a whole, so its folder must be open.
ACCOUNTS = Needs(reading("/etc", *LIBRARY_FILES))
# A server by name and port.
SERVER = NAMES | Needs(any_port=True)
# A server by way of a library that reads its own settings, certificates and modules when it
# connects, wherever its makers or an operator have put them.
LIBRARY_SERVER = SERVER | Needs(reading("/"))


class NameFiles:
    """The files of name lookups, as a process that has shut itself in knows them.

    It cannot open another file of the same name.
    """

    def __init__(self) -> None:
        self._first = {path: identity(path) for path in NAME_FILES}

    def replaced(self) -> str:
        """Return the path of one that is another file by now, nothing if there is none."""
        changed = (path for path, first in self._first.items() if identity(path) != first)
        return next(changed, "")


def identity(path: str) -> tuple[int, int] | None:
    """Return device and inode, None for what is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
