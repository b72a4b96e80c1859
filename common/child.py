"""child - a daemon process as seen from inside: what master gave it, what it owes master

DESCRIPTION
    Each child finds the same descriptors: 3 and 4 are the flow-control pipe,
    5 the status channel, 6 and up the listening sockets. It tells master when
    it can take work and when it cannot, in messages of twelve bytes, and
    leaves when descriptor 5 reports end of file.

SEE ALSO
    spec/master-protocol.md, sections 1, 3 and 5
"""

import functools
import grp
import os
import pwd
import re
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import setproctitle

from common.claim import Claim
from common.config import MainCf
from common.errors import ConfigError
from common.log import Log
from common.sandbox.layers import Told
from common.sandbox.shelter import Shelter

FLOW_READ_FD = 3
FLOW_WRITE_FD = 4
STATUS_FD = 5
LISTEN_FD = 6

DESCRIPTOR_LIMIT = 2**31 - 1

NUMBER = re.compile(r"[0-9]{1,10}\Z", re.ASCII)  # of an account or a group

STATUS_MESSAGE = struct.Struct("iIi")  # pid, generation, availability
TAKEN, AVAILABLE = 0, 1
NO_PRIORITY = os.sched_param(0)  # as the usual policy, which knows none, wants it
SEND_FLAGS = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


class Identity(NamedTuple):
    """The account that a process runs under."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]

    @classmethod
    @functools.lru_cache(16)  # asked by master, so that its children need not
    def of(cls, name: str) -> "Identity":
        """Look the account up; a number is an account without a name, as containers have.

        Raises:
            ConfigError: it does not exist.
        """
        if NUMBER.match(name):
            return cls(name, int(name), int(name), (int(name),))
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            raise ConfigError(f"parameter mail_owner: unknown user name value: {name}") from None
        groups = os.getgrouplist(name, found.pw_gid)
        return cls(name, found.pw_uid, found.pw_gid, tuple(groups))

    def assume(self) -> None:
        """Become this account for good; for root only."""
        os.setgid(self.gid)
        os.setgroups(self.groups)
        os.setuid(self.uid)


def group_id(name: str) -> int:
    """Return the number of the group in setgid_group, which may be a number itself.

    Raises:
        ConfigError: it does not exist.
    """
    if NUMBER.match(name):
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(f"parameter setgid_group: unknown group name: {name}") from None


@dataclass(slots=True, eq=False, repr=False)
class Child:
    """Everything a daemon was started with."""

    command: str  # program name in master.cf: "qmqpd"
    service: str  # first column of master.cf
    transport: str  # inet, unix
    generation: int
    listener_count: int
    title: str  # the arguments as Postfix's master would pass them
    main_cf: MainCf  # with the service's own settings on top
    log: Log
    unprivileged: bool = True
    chroot: bool = False
    native_listener: int | None = None  # the one for our own daemons' form of the protocol
    prepared: Any = None  # what the program made of its parameters before the fork
    shelter: Shelter | None = None  # what it shuts itself in with
    claim: Claim | None = None  # where a program that writes queue files notes which
    told: Told | None = None  # where it says what it has shut itself in with
    verbose: bool = False
    one_shot: bool = False  # in place of listeners there is one client, on LISTEN_FD
    # What stays until the end of the process, whose memory the system frees at once.
    lasting: Any = None
    _channel: socket.socket | None = None

    @property
    def listeners(self) -> range:
        """The descriptors that accept connections, non-blocking."""
        return range(LISTEN_FD, LISTEN_FD + self.listener_count)

    def report(self, availability: int) -> bool:
        """Tell master TAKEN or AVAILABLE; False means that master is gone or reloaded.

        A master that does not read loses messages: mail does not wait for it.
        """
        message = STATUS_MESSAGE.pack(os.getpid(), self.generation, availability)
        if self._channel is None:
            self._channel = socket.socket(fileno=STATUS_FD)
        try:
            self._channel.send(message, SEND_FLAGS)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True

    def close_status(self) -> None:
        """Give the status channel up: after a reload it tells that we accept no more."""
        if self._channel is None:
            os.close(STATUS_FD)
        else:
            self._channel.close()

    def set_title(self, state: str = "") -> None:
        """Show the arguments, and a state behind them, in process listings."""
        setproctitle.setproctitle(f"{self.title} ({state})" if state else self.title)
        setproctitle.setthreadtitle(self.command)  # the name by which pgrep and killall find it

    def drop_privileges(self, account: str, jail: str) -> None:
        """Become the account for good, inside the jail if master.cf asks for it.

        Does nothing in a process that is not root: a private instance runs
        under one account from the start.
        """
        if os.geteuid() != 0:
            return
        owner = Identity.of(account)
        if self.unprivileged:
            os.setgid(owner.gid)
            os.setgroups(owner.groups)
        if self.chroot:
            os.chroot(jail)
            os.chdir("/")
        if self.unprivileged:
            os.setuid(owner.uid)


def wait_for_turn() -> None:
    """Take no processor away by waking up: whoever has it ends its turn first.

    qmqpd and cleanup wake each other for each message; left to the usual policy they
    interrupt each other so. A policy that the administrator chose stays, and where none may
    be chosen there is the usual one.
    """
    with suppress(OSError):
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, NO_PRIORITY)


def arrange(descriptors: Sequence[int]) -> None:
    """Put these on 3, 4, 5 and so on, whatever numbers they have, and close all others."""
    end = FLOW_READ_FD + len(descriptors)
    # Out of the way first: a number we are about to take may be one that we still need.
    copies = [copy_from(end, one) for one in descriptors]
    for number, copy in enumerate(copies, FLOW_READ_FD):
        os.dup2(copy, number, False)
    os.closerange(end, DESCRIPTOR_LIMIT)


def copy_from(least: int, descriptor: int) -> int:
    """Return a copy that has no smaller number than that, the descriptor itself if it has none."""
    while descriptor < least:
        descriptor = os.dup(descriptor)  # the lowest that is free; what lies between is taken soon
    return descriptor
