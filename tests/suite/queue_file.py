"""queue_file - Postfix queue files, read without the product's help

DESCRIPTION
    A record is a type byte, a length in base 128 (least significant group
    first) and that many bytes; a file is records and nothing else.

SEE ALSO
    spec/queue-file.md
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Record:
    """One record and where it begins in the file."""

    offset: int
    kind: str
    value: str  # each byte is the code point of the same number


def read_records(path: Path) -> list[Record]:
    """Return all records of a queue file, or fail on one that is cut short."""
    data = path.read_bytes()
    records = []
    position = 0
    while position < len(data):
        offset = position
        kind = chr(data[position])
        length, position = _length(data, position + 1)
        value = data[position : position + length]
        assert len(value) == length, f"{path}: record {kind!r} at {offset} is cut short"
        position += length
        records.append(Record(offset, kind, value.decode("latin-1")))
    return records


def _length(data: bytes, position: int) -> tuple[int, int]:
    """Return the length that starts at position, and the position behind it."""
    value = shift = 0
    while data[position] & 0x80:
        value |= (data[position] & 0x7F) << shift
        shift += 7
        position += 1
    return value | data[position] << shift, position + 1
