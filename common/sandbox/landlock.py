"""landlock - files, ports and processes that are out of reach from now on

DESCRIPTION
    What is not named in a ruleset cannot be opened, made, removed or
    connected to any more, by this process and all that it may start. What is
    open stays open. Paths of local sockets are not looked at, nor is it of
    any concern who may read the facts about a file.

    Kernels learn of more to forbid with each version: what this one does not
    know is left out. Before version 2 no file could be moved to another
    folder by anybody who uses it at all, so that one counts as none.

SEE ALSO
    landlock(7), landlock_create_ruleset(2)
"""

import ctypes
import os
import stat
import struct
from typing import NamedTuple

from common.sandbox.layers import NONE, Layer
from common.sandbox.libc import system_call
from common.sandbox.needs import Access, Needs

# Their numbers are the same on every architecture.
create_ruleset = system_call(444, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint32)
add_rule = system_call(445, ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
restrict_self = system_call(446, ctypes.c_int, ctypes.c_uint32)
ASK_VERSION = 1
RULE_PATH, RULE_PORT = 1, 2

(EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE) = (1 << n for n in range(6))
(MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO) = (1 << n for n in range(6, 11))
(MAKE_BLOCK, MAKE_SYM, REFER, TRUNCATE, IOCTL_DEVICE) = (1 << n for n in range(11, 16))
BIND_TCP, CONNECT_TCP = 1, 2
ABSTRACT_SOCKETS, SIGNALS = 1, 2

LEAST_VERSION, VERSION_OF_PORTS, VERSION_OF_SCOPES = 2, 4, 6
ENOUGH = VERSION_OF_SCOPES  # for all layers
# By version: what it knows of files beside that of the version before.
FILE_RIGHTS = {1: REFER - 1, 2: REFER, 3: TRUNCATE, 5: IOCTL_DEVICE}
OF_ONE_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE
RIGHTS = {
    Access.READ: READ_FILE | READ_DIR,
    Access.LIST: READ_DIR,
    Access.WRITE: WRITE_FILE | TRUNCATE,
    Access.MAKE: MAKE_REG | REFER,
    Access.REMOVE: REMOVE_FILE,
}

RULESET = struct.Struct("=QQQ")  # rights that are governed: files, TCP; scopes
PATH_RULE = struct.Struct("=Qi")  # rights that are given, descriptor
PORT_RULE = struct.Struct("=QQ")  # rights that are given, port


class Rules(NamedTuple):
    """What stays within reach, as the kernel takes it; made in master."""

    ruleset: bytes
    paths: tuple[tuple[str, int], ...]  # and the rights that are given if it is a folder
    ports: tuple[bytes, ...]

    @classmethod
    def of(cls, needs: Needs, known: int) -> "Rules":
        """Return the rules for these needs; known: the version of the kernel."""
        rights = sum(more for since, more in FILE_RIGHTS.items() if since <= known)
        ports = BIND_TCP if needs.any_port else BIND_TCP | CONNECT_TCP
        knows_ports = known >= VERSION_OF_PORTS
        return cls(
            RULESET.pack(
                rights,
                ports if knows_ports else 0,
                ABSTRACT_SOCKETS | SIGNALS if known >= VERSION_OF_SCOPES else 0,
            ),
            tuple((path, rights & rights_of(access)) for path, access in needs.files),
            tuple(
                PORT_RULE.pack(CONNECT_TCP, port)
                for port in needs.ports
                if knows_ports and not needs.any_port
            ),
        )


def version() -> int:
    """Return how much of it this kernel knows, 0 for nothing that is of use."""
    try:
        found = create_ruleset(None, 0, ASK_VERSION)
    except OSError:
        return 0
    return found if found >= LEAST_VERSION else 0


def layers(known: int) -> Layer:
    """Return what a kernel of that version locks."""
    found = Layer.FILES if known else NONE
    found |= Layer.PORTS if known >= VERSION_OF_PORTS else NONE
    return found | (Layer.SCOPES if known >= VERSION_OF_SCOPES else NONE)


def restrict(rules: Rules) -> None:
    """Put everything else out of reach.

    Raises:
        OSError: the system refuses.
    """
    ruleset = create_ruleset(rules.ruleset, RULESET.size, 0)
    try:
        for path, rights in rules.paths:
            give_path(ruleset, path, rights)
        for port in rules.ports:
            add_rule(ruleset, RULE_PORT, port, 0)
        restrict_self(ruleset, 0)
    finally:
        os.close(ruleset)


def give_path(ruleset: int, path: str, rights: int) -> None:
    """Leave a file or folder open; nothing happens if we have no way to it."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= OF_ONE_FILE
        add_rule(ruleset, RULE_PATH, PATH_RULE.pack(rights, descriptor), 0)
    finally:
        os.close(descriptor)


def rights_of(access: Access) -> int:
    """Return the rights that some access takes."""
    found = 0
    for one, rights in RIGHTS.items():
        if one in access:
            found |= rights
    return found
