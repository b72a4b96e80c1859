"""layers - what a process has shut itself in with, for its master to read

SEE ALSO
    common.outage, by which a process tells what it could not log
"""

import enum


class Layer(enum.Flag):
    """One lock on the door; each holds by itself."""

    CAPABILITIES = enum.auto()  # none, and none to be had
    NO_NEW_PRIVILEGES = enum.auto()
    LIMITS = enum.auto()  # of the system's resources
    FILES = enum.auto()  # Landlock: those that are needed
    PORTS = enum.auto()  # Landlock: TCP, those that are needed
    SCOPES = enum.auto()  # Landlock: signals and abstract sockets, of this process only
    SYSTEM_CALLS = enum.auto()  # seccomp: those that are needed


NAMES = {
    Layer.CAPABILITIES: "capabilities",
    Layer.NO_NEW_PRIVILEGES: "no_new_privs",
    Layer.LIMITS: "rlimits",
    Layer.FILES: "landlock-files",
    Layer.PORTS: "landlock-tcp",
    Layer.SCOPES: "landlock-scopes",
    Layer.SYSTEM_CALLS: "seccomp",
}
NONE, ALL = Layer(0), ~Layer(0)
TOLD = 0x80  # a process that says "none" has said something


class Told:
    """What a process says of itself, in memory that it shares with its master."""

    __slots__ = ("_memory",)

    def __init__(self, memory: memoryview) -> None:
        """Say it in the first byte of this memory, where nothing is said yet."""
        self._memory = memory

    def tell(self, layers: int) -> None:
        """Say which layers are in force, as the sum of their values."""
        self._memory[0] = layers | TOLD

    def heard(self) -> Layer | None:
        """Return what was said, None if nothing was."""
        value = self._memory[0]
        return Layer(value & ~TOLD) if value else None
