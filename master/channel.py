"""channel - the status channel of the processes that run under one configuration

DESCRIPTION
    A pair of sockets: each process writes reports of twelve bytes into one
    end, which all of a service share, and master reads the other.

    To let processes of our own leave, master half-closes its end. They see
    the end of the file, stop accepting, and close theirs; a process that has
    nothing else to do exits, which closes it as well. When the last has done
    so, master sees the end in turn, and knows that none of them accepts any
    more.

    A program of Postfix keeps its end for as long as it lives, and accepts
    one client more if it can still report. So master closes its end for
    good, and only the death of the last process tells that none accepts.

SEE ALSO
    spec/master-protocol.md, section 3
"""

import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from common.child import AVAILABLE, STATUS_MESSAGE, TAKEN

READ_SIZE = 256 * STATUS_MESSAGE.size


@dataclass(slots=True)
class Process:
    """A child as master sees it."""

    pid: int
    generation: int
    born: float  # monotonic
    taken: bool = False
    requests: int = 0  # that it has reported; after a pause, not each


class Reading(NamedTuple):
    """What one look at the channel brought."""

    freed: int = 0  # processes that became available, less those that were taken
    served: bool = False  # somebody finished a request
    complaints: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Channel:
    """Both ends, and who reports here."""

    ours: socket.socket
    theirs: socket.socket
    native: bool = True  # whether its processes close their end when they stop accepting
    processes: dict[int, Process] = field(default_factory=dict)
    retired: bool = False
    ended: bool = False  # nothing more can come from it

    @classmethod
    def open(cls, *, native: bool = True) -> "Channel":
        """Make a channel; only master's end never blocks."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        return cls(ours, theirs, native)

    @classmethod
    def adopt(
        cls, ours: int | None, theirs: int | None, processes: Iterable[Process], *, native: bool
    ) -> "Channel":
        """Own a channel by its descriptors; no ours: it has ended, no theirs: it is retired."""
        return cls(
            own(ours),
            own(theirs),
            native,
            {one.pid: one for one in processes},
            retired=theirs is None,
            ended=ours is None,
        )

    @property
    def confirmed(self) -> bool:
        """Whether none of its processes accepts connections any more."""
        return self.ended and (self.native or not self.processes)

    def retire(self) -> None:
        """Tell the processes to leave; what those of our own report can still be read."""
        self.retired = True
        self.theirs.close()
        if self.native:
            self.ours.shutdown(socket.SHUT_WR)
        else:
            self.ended = True

    def close(self) -> None:
        """Give our end up, once it has ended."""
        self.ours.close()

    def read(self) -> Reading:
        """Take in the reports that have arrived."""
        if self.ended:
            return Reading()
        try:
            data = self.ours.recv(READ_SIZE)
        except BlockingIOError:
            return Reading()
        except OSError:
            data = b""
        if not data:
            self.ended = True
            return Reading()
        complaints: list[str] = []
        changes: list[int] = []
        whole = len(data) - len(data) % STATUS_MESSAGE.size
        for pid, generation, availability in STATUS_MESSAGE.iter_unpack(data[:whole]):
            if availability in (TAKEN, AVAILABLE):
                changes += self._note(pid, generation, taken=availability == TAKEN)
            else:
                complaints.append(f"process id {pid}: bad status {availability}")
        if whole < len(data):
            complaints.append(f"sent partial status update ({len(data) - whole} bytes)")
        return Reading(sum(changes), 1 in changes, tuple(complaints))

    def _note(self, pid: int, generation: int, *, taken: bool) -> Iterator[int]:
        """Yield 1 or -1 for a change of availability; what does not fit is gossip."""
        process = self.processes.get(pid)
        if process is None or process.generation != generation or process.taken == taken:
            return
        process.taken = taken
        process.requests += not taken
        yield -1 if taken else 1


def own(descriptor: int | None) -> socket.socket:
    """Return the socket that has this number, a closed one for none."""
    if descriptor is not None:
        return socket.socket(fileno=descriptor)
    with socket.socket(socket.AF_UNIX) as closed:
        return closed
