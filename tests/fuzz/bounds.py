"""bounds - what one input may cost, and what all of them together may leave behind

DESCRIPTION
    Limited calls a check and fails if it took long. Time is the processor's:
    a busy machine is no hang. Now and then it counts the blocks of memory
    that Python has in use, which a leak makes more from count to count.
"""

import gc
import sys
import time
from collections.abc import Callable

SECONDS = 1.0  # for one input
COUNT_EVERY = 5_000  # inputs
GROWTH_LIMIT = 10_000  # blocks, about a megabyte


class TooSlowError(Exception):
    """An input took too long."""


class Limited:
    """A check whose costs are watched."""

    def __init__(self, check: Callable[[bytes], object]) -> None:
        self._check = check
        self.executions = 0
        self.slowest = 0.0  # seconds
        self.blocks: list[int] = []  # one count after the other

    def __call__(self, data: bytes) -> None:
        """Check one input.

        Raises:
            TooSlowError: it took longer than SECONDS.
        """
        begun = time.process_time()
        self._check(data)
        seconds = time.process_time() - begun
        self.executions += 1
        if seconds > self.slowest:
            self.slowest = seconds
        if seconds > SECONDS:
            raise TooSlowError(f"{seconds:.1f} s for {len(data)} bytes")
        if self.executions % COUNT_EVERY == 0:
            gc.collect()
            self.blocks.append(sys.getallocatedblocks())

    @property
    def growth(self) -> int:
        """Blocks by which the last quarter of the counts lies above the second.

        The first quarter is left out: caches fill up. Of the others the least
        counts, which holds nothing that is only passing.
        """
        quarter = len(self.blocks) // 4
        if not quarter:
            return 0
        return min(self.blocks[-quarter:]) - min(self.blocks[quarter : 2 * quarter])
