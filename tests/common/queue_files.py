"""queue_files - queue files made by hand, sound ones and others

SEE ALSO
    spec/queue-file.md, section 6, for the one that they are modelled on
"""

from collections.abc import Iterable
from pathlib import Path

from common.record import RecordType, encode

ARRIVAL = 1795177301  # Fri Nov 20 12:21:41 2026 UTC
LINES = (b"Subject: x", b"", b"body")


def size_record(length: int, offset: int, recipients: int) -> bytes:
    """Return a size record: where the content begins, how long it is."""
    numbers = (length, offset, recipients, 0, length, 0)
    return encode(RecordType.SIZE, b" ".join(b"%15d" % one for one in numbers))


def recipient(address: bytes, original: bytes | None = None) -> bytes:
    """Return the records of one recipient."""
    return (
        encode(RecordType.ATTRIBUTE, b"dsn_orig_rcpt=rfc822;" + address)
        + encode(RecordType.ORIGINAL_RECIPIENT, address if original is None else original)
        + encode(RecordType.RECIPIENT, address)
    )


def text(lines: Iterable[bytes]) -> bytes:
    """Return the records of whole lines."""
    return b"".join(encode(RecordType.TEXT, line) for line in lines)


def queue_file(
    sender: bytes = b"s@from.test",
    recipients: Iterable[bytes] = (b"r@to.test",),
    content: bytes = text(LINES),
    extracted: bytes = b"",
    arrival: int = ARRIVAL,
) -> bytes:
    """Return a whole queue file as cleanup writes it."""
    blocks = [recipient(one) for one in recipients]
    envelope = b"".join(
        [
            encode(RecordType.TIME, b"%d 799325" % arrival),
            encode(RecordType.ATTRIBUTE, b"create_time=%d" % arrival),
            encode(RecordType.SENDER, sender),
            encode(RecordType.ATTRIBUTE, b"log_client_name=localhost"),
            *blocks,
            encode(RecordType.CONTENT),
        ]
    )
    head = size_record(len(content), 97 + len(envelope), len(blocks))
    tail = encode(RecordType.EXTRACTED) + extracted + encode(RecordType.END)
    return head + envelope + content + tail


def put(path: Path, data: bytes, mode: int = 0o700) -> Path:
    """Write a file of this mode, its folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    return path
