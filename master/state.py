"""state - what a running master leaves to the program that takes its place

DESCRIPTION
    In an upgrade master executes another program in its own process. What
    both need to know stands in a State, written as JSON into a file in memory
    (memfd_create(2)) that stays open over the exec; descriptors are named by
    their numbers, and are open in both. docs/state.md tells of every field.

    FORMAT counts changes that an older or newer program could not put up
    with. A new field with a default is none.

SEE ALSO
    docs/state.md
    master.upgrade, master.succession
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from master import facts
from master.channel import Process
from master.endpoints import Endpoint
from master.facts import FactsError
from master.installation import Installation
from master.reading import Reading
from master.services import Transport

FORMAT = 1


@dataclass(frozen=True, slots=True)
class ListenerState:
    """An open listener."""

    endpoint: Endpoint
    descriptor: int


@dataclass(frozen=True, slots=True)
class ChannelState:
    """A status channel and the processes that report there."""

    native: bool
    ours: int | None  # None: it has ended
    theirs: int | None  # None: the processes were told to leave
    processes: list[Process]


@dataclass(frozen=True, slots=True)
class ServiceState:
    """A service with its processes, those of the oldest configuration first."""

    name: str
    transport: Transport
    private: bool
    command: str
    process_limit: int
    origin: str
    program_path: str
    endpoints: tuple[Endpoint, ...]
    channels: list[ChannelState]
    throttled_until: float = 0.0  # monotonic, as all times here
    stressed_until: float = 0.0
    warned_at: float = 0.0  # of the process limit


@dataclass(frozen=True, slots=True)
class LogState:
    """Lines that could not be written yet, each with its severity, and how many were lost."""

    severities: list[int] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    lost: int = 0


@dataclass(frozen=True, slots=True)
class ClientState:
    """A connection to the control socket."""

    descriptor: int
    request: str = ""  # that is being carried out
    received: str = ""
    unsent: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """Everything."""

    format: int
    version: str  # of the program that wrote this
    installation: Installation  # that it was started from
    pid: int
    started: float  # seconds since the epoch
    verbose: bool
    fixed: dict[str, str]  # parameters that cannot change
    names: dict[str, tuple[str, ...]]  # host names and their addresses
    running: Reading  # the configuration in force
    generation: int
    flow: list[int]  # both ends of the pipe
    locks: list[int]
    control: int
    listeners: list[ListenerState]
    services: list[ServiceState]
    clients: list[ClientState] = field(default_factory=list)
    reload: bool = False  # asked for by a signal, and still to be done
    log_descriptor: int | None = None
    log: LogState = field(default_factory=LogState)
    collector: LogState = field(default_factory=LogState)  # on the network
    notify: str = ""  # the service manager's socket
    watchdog: float = 0.0  # seconds within which it wants to hear of us
    following: Reading | None = None  # the configuration to be put in force
    refused: str = ""  # why the program that was to follow gave this back

    def encode(self) -> bytes:
        """Return the state as it is passed on."""
        return facts.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "State":
        """Return what was passed on.

        Raises:
            FactsError: it is none, or of a format that this program does not know.
        """
        found = facts.decode(Header, data).format
        if found != FORMAT:
            raise FactsError(f"state of format {found}, where {FORMAT} is known")
        return facts.decode(cls, data)

    @classmethod
    def read(cls, descriptor: int) -> "State":
        """Return the state that a file in memory holds, and close that.

        Raises:
            FactsError: it is none of this process.
        """
        with os.fdopen(descriptor, "rb") as file:
            state = cls.decode(file.read())
        if state.pid != os.getpid():
            raise FactsError(f"the state is that of process {state.pid}")
        return state

    @property
    def descriptors(self) -> Iterator[int]:
        """Every descriptor that the next program needs, but the standard ones."""
        yield from (*self.flow, *self.locks, self.control)
        yield from (one.descriptor for one in self.listeners)
        yield from (one.descriptor for one in self.clients)
        for channel in (channel for service in self.services for channel in service.channels):
            yield from (one for one in (channel.ours, channel.theirs) if one is not None)
        if self.log_descriptor is not None:
            yield self.log_descriptor


@dataclass(frozen=True, slots=True)
class Header:
    """What every format has."""

    format: int


def into_memory(data: bytes) -> int:
    """Return a descriptor of a file in memory that holds these bytes, closed by exec."""
    descriptor = os.memfd_create("postroom-state", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
