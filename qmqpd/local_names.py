"""local_names - addresses whose names stand in a file of this host

DESCRIPTION
    A name server may keep silent, so threads ask for names. Where the C
    library looks into the hosts file before all else, it has the name of an
    address that stands there at once, and whoever wants it can ask himself.
    Only whose names these are is read here: what the name is, the library
    says.

    It is read in master, which looks some of the names up too. When a file has
    changed, or is another one in a jail, no address counts as local any more.

SEE ALSO
    hosts(5), nsswitch.conf(5)
"""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress

from common.client import UNKNOWN
from common.config import Stamp
from qmqpd.lookups import Answer, answer_of, verified_name

HOSTS, SOURCES = "/etc/hosts", "/etc/nsswitch.conf"
CACHE = "/var/run/nscd/socket"  # of a daemon that is asked before the file
FILES = (HOSTS, SOURCES, CACHE)
SIZE_LIMIT = 16 * 1024  # bytes; the library reads the file from its begin each time
LOOKED_UP = 16  # names in master; of others workers ask themselves


class LocalNames:
    """The addresses that stand in the hosts file, if the C library looks there first."""

    def __init__(self) -> None:
        """Read the files."""
        self._stamps = stamps()  # before they are read: what changes meanwhile is noticed
        # By address, in the order of the file; None: not looked up yet.
        self._answers: dict[str, Answer | None] = {}
        if file_is_first():
            self._answers = dict.fromkeys(local_addresses())

    def answer(self, address: str) -> Answer | None:
        """Return what the lookup of an address brings, None if it would ask a name server."""
        if address not in self._answers or stamps() != self._stamps:
            return None
        answer = self._answers[address] or answer_of(verified_name, address)
        if answer.name != UNKNOWN:  # else it may have failed for want of anything
            self._answers[address] = answer
        return answer

    def look_up(self) -> None:
        """Look the first names up, for all processes that are forked from now on."""
        for address in list(self._answers)[:LOOKED_UP]:
            self.answer(address)


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
