"""shared - memory that a child of our own and master have in common

DESCRIPTION
    One page for each child: what it has shut itself in with, how many lines
    it could not log, the queue file that it is at. It is made before the
    child is forked, and later children have no part in it: who has taken one
    over can say nothing for another.

SEE ALSO
    common.sandbox.layers, common.outage, common.claim
"""

import mmap

from common.claim import Claim
from common.log import Log
from common.outage import Losses
from common.program import Program
from common.sandbox.layers import Told

LOSSES, CLAIM = 8, 8 + Losses.SIZE  # where they begin; in front is what was told
SIZE = CLAIM + Claim.SIZE


class Shared:
    """The memory of one child; at first nothing is said in it."""

    __slots__ = ("_memory", "claim", "losses", "told")

    def __init__(self, program: Program) -> None:
        """Make it; the next process that is forked has it too.

        Raises:
            OSError: there is no memory.
        """
        self._memory = mmap.mmap(-1, SIZE)
        view = memoryview(self._memory)
        self.told = Told(view)
        self.losses = Losses(view[LOSSES:CLAIM])
        self.claim = Claim(view[CLAIM:]) if program.claims else None

    def keep(self) -> None:
        """Let processes that are forked from now on have no part in it."""
        self._memory.madvise(mmap.MADV_DONTFORK)

    def wind_up(self, pid: int, log: Log) -> None:
        """Do what the child has left undone, now that it has ended."""
        if self.claim:
            # Of this file it had told nobody that it is accepted.
            for path in self.claim.remove():
                log.info(f"removed {path}: process pid {pid} had not finished it")
        log.inherit(self.losses)
