"""map_message - the lines of a message as keys

SEE ALSO
    commands.map, options -b -h -m
"""

from collections.abc import Iterator
from typing import BinaryIO

from common.config import decoded
from common.mime import Segment, Splitter
from common.params import MapParams


def message_keys(message: BinaryIO, flags: set[str], params: MapParams) -> Iterator[str]:
    """Yield the message's headers (h), its body lines (b), or both; m: those of its parts too."""
    splitter = Splitter(params, parts="m" in flags)
    for line in message:
        for segment, text in splitter.receive_line(line.removesuffix(b"\n")):
            if ("b" if segment is Segment.BODY else "h") in flags:
                yield decoded(text)
    if "h" in flags:
        yield from (decoded(piece.text) for piece in splitter.finish())
