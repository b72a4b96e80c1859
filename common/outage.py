"""outage - what processes of one master know together about a logger that takes no lines

DESCRIPTION
    A worker lives for a hundred clients, a logger can be away for longer.
    If each new worker had to find that out by waiting, they would all wait.
    So they share one moment for each log: until when nobody tries.

    What a worker could not log, or has not sent yet, it counts in memory that
    its master reads when the worker has gone, however that came: the count is
    reported nevertheless.

SEE ALSO
    common.log
"""

import mmap

LOGS = 2  # a process' own, and the copy that goes over the network
WIDTH = 8  # bytes of a number


class Outage:
    """Until when each log is left alone: monotonic seconds, 0 if it works."""

    def __init__(self) -> None:
        """Begin without one; processes that are forked later share it."""
        self.moments = memoryview(mmap.mmap(-1, LOGS * WIDTH)).cast("B").cast("d")


class Losses:
    """How many lines a process has lost and not reported, and how many it still keeps, by log."""

    SIZE = 2 * LOGS * WIDTH  # bytes

    def __init__(self, memory: memoryview) -> None:
        """Count in this memory, which is empty."""
        counts = memory.cast("Q")
        self.lost, self.kept = counts[:LOGS], counts[LOGS:]
