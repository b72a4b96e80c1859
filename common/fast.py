"""fast - very short lines as records, by numpy

DESCRIPTION
    What lines of a few bytes cost is counted by the line, and there are
    hundreds of thousands in a message. numpy finds and places the lengths of
    a whole block at once, in less than half the time.

    numpy (extra fast) takes 50 ms to import, and 8 MB. So it
    is master that does that, once for all of its children, where
    fast_short_lines asks for it. The records are the same without it.

SEE ALSO
    common.text
"""

import importlib
import os
from typing import Any

from common.record import RecordType

SAMPLE, SHORT_SAMPLE = 1024, 48  # bytes of a block, and LFs in them from which on it pays
ONE_BYTE_MOST = 0x7F  # the longest line whose length takes one byte
LF = ord("\n")
EMPTY_HEAD = RecordType.TEXT + b"\0"
# numpy would start threads for what nobody asks of it here; a master that forks has none.
SINGLE = "OPENBLAS_NUM_THREADS"

numpy: Any = None  # once it is loaded


def load() -> bool:
    """Import numpy if it is installed; tell whether it is there."""
    global numpy
    if numpy is None:
        before = os.environ.get(SINGLE)
        os.environ[SINGLE] = "1"
        try:
            numpy = importlib.import_module("numpy")
        except ImportError:
            return False
        finally:
            del os.environ[SINGLE]
            if before is not None:
                os.environ[SINGLE] = before
        short_lines(b"\n" * SAMPLE, ONE_BYTE_MOST)  # what it imports late it imports now
    return True


def are_short(block: bytes) -> bool:
    """Tell whether lines are very short, by a sample of them."""
    return block.count(b"\n", 0, SAMPLE) >= SHORT_SAMPLE


def short_lines(block: bytes, limit: int) -> bytes:
    """Return records for lines that all have an LF in front; nothing if that is not for us.

    That is: without numpy, if most lines are not very short, or one is too long.
    """
    if numpy is None or not are_short(block):
        return b""
    starts = numpy.flatnonzero(numpy.frombuffer(block, numpy.uint8) == LF)
    lengths = numpy.diff(starts, append=len(block)) - 1
    if lengths.max() > min(limit, ONE_BYTE_MOST):
        return b""
    # A head takes the place of each LF, so each line moves by one byte more than the one before.
    records = bytearray(block.replace(b"\n", EMPTY_HEAD))
    numpy.frombuffer(records, numpy.uint8)[starts + numpy.arange(1, len(starts) + 1)] = lengths
    return bytes(records)
