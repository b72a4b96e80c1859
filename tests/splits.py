"""splits - every way in which the network may cut a stream

DESCRIPTION
    A reader must not care how its bytes were cut on the way: whole, byte by
    byte, or in two at any place. Longer streams are cut at chosen places.
"""

import itertools
from collections.abc import Iterable, Iterator


def splits(data: bytes) -> Iterator[list[bytes]]:
    """Yield data whole, byte by byte, and cut in two everywhere."""
    yield [data]
    yield [data[place : place + 1] for place in range(len(data))]
    for place in range(1, len(data)):
        yield [data[:place], data[place:]]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Return data cut at these places, in any order; those behind its end are ignored."""
    edges = [0, *sorted(set(places) & set(range(1, len(data)))), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]
