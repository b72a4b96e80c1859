"""local_names - addresses whose names stand in a file of this host

DESCRIPTION
    A name server may keep silent, so threads ask for names. Where the C
    library looks into the hosts file before all else, it has the name of an
    address that stands there at once, and whoever wants it can ask himself.
    Only whose names these are is read here: what the name is, the library
    says.

    It is read in master. When a file has changed, or is another one in a
    jail, no address counts as local any more.

SEE ALSO
    hosts(5), nsswitch.conf(5)
"""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress

from common.config import Stamp

HOSTS, SOURCES = "/etc/hosts", "/etc/nsswitch.conf"
CACHE = "/var/run/nscd/socket"  # of a daemon that is asked before the file
FILES = (HOSTS, SOURCES, CACHE)
SIZE_LIMIT = 16 * 1024  # bytes; the library reads the file from its begin each time


class LocalNames:
    """The addresses that stand in the hosts file, if the C library looks there first."""

    def __init__(self) -> None:
        """Read the files."""
        self._stamps = stamps()  # before they are read: what changes meanwhile is noticed
        self._addresses = frozenset(local_addresses() if file_is_first() else ())

    def __contains__(self, address: object) -> bool:
        """Tell whether the lookup of an address asks no name server, as things are now."""
        return address in self._addresses and stamps() == self._stamps


def stamps() -> list[Stamp]:
    """Return what shows whether a file has changed, has come or has gone."""
    return [Stamp.of(one) for one in FILES]


def file_is_first() -> bool:
    """Tell whether the file is looked into before all else, and its answer is the last word."""
    if os.path.lexists(CACHE):
        return False
    for line in lines(SOURCES):
        database, _, sources = line.partition(":")
        if database.strip() == "hosts":
            first, second, *_ = *sources.split(), "", ""
            return first == "files" and not second.startswith("[")
    return False


def local_addresses() -> Iterator[str]:
    """Yield the addresses in the file that have names, as the system writes them."""
    for line in lines(HOSTS):
        address, name, *_ = *line.split(), "", ""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with suppress(OSError):
            if name:
                yield socket.inet_ntop(family, socket.inet_pton(family, address))


def lines(path: str) -> list[str]:
    """Return the lines of a file without comments, none if it cannot be read or is too long."""
    try:
        with open(path, "rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except OSError:
        return []
    text = data.decode("ascii", "replace") if len(data) <= SIZE_LIMIT else ""
    return [line.partition("#")[0] for line in text.split("\n")]
