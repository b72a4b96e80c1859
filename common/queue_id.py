"""queue_id - the names of queue files

DESCRIPTION
    A queue id is made from the time and the file's inode number, so that two
    files of one file system can never share it. Short ids are hexadecimal;
    long ids (enable_long_queue_ids) never repeat in practice and are written
    without vowels, lest they form words.

SEE ALSO
    spec/queue-file.md, sections 7 and 8
"""

import re
from typing import NewType

QueueId = NewType("QueueId", str)

ALPHABET = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
TIME_BASE = 52
INODE_BASE = 51  # so that the inode's part never holds the separator
SEPARATOR = "z"
SECONDS_DIGITS, MICROSECONDS_DIGITS = 6, 4
LONG_SEPARATOR_INDEX = SECONDS_DIGITS + MICROSECONDS_DIGITS

SHORT_LEAST, SHORT_MOST = 5, 5 + 16  # microseconds, and the digits of an inode's 64 bits
HEX = re.compile(r"[0-9A-F]+\Z", re.ASCII)

VALID = re.compile(r"[A-Za-z0-9_]{1,255}\Z", re.ASCII)


def is_valid(name: str) -> bool:
    """Tell whether a file of this name can be a queue file."""
    return VALID.match(name) is not None


def encode_short(microseconds: int, inode: int) -> QueueId:
    """Return the short id of a file made at this fraction of a second."""
    return QueueId(f"{microseconds:05X}{inode:X}")


def encode_long(seconds: int, microseconds: int, inode: int) -> QueueId:
    """Return the long id."""
    return QueueId(
        _digits(seconds, TIME_BASE).rjust(SECONDS_DIGITS, "0")
        + _digits(microseconds, TIME_BASE).rjust(MICROSECONDS_DIGITS, "0")
        + SEPARATOR
        + _digits(inode, INODE_BASE)
    )


def is_long(queue_id: str) -> bool:
    """Tell long ids from short ones by their separator."""
    return queue_id.rfind(SEPARATOR) >= LONG_SEPARATOR_INDEX


def inode_of(queue_id: str) -> int | None:
    """Return the number of the inode that a queue id names, -1 if it names none.

    None: this is no queue id of either form, whatever a file may be called.
    """
    if is_long(queue_id):
        end = queue_id.rfind(SEPARATOR)
        digits = queue_id[end + 1 :]
        if set(queue_id[:end] + digits) <= set(ALPHABET + SEPARATOR) and digits:
            return _number(digits, INODE_BASE)
        return None
    if not SHORT_LEAST <= len(queue_id) <= SHORT_MOST:
        return None
    digits = queue_id[SHORT_LEAST:]
    # Digits are upper case, without zeros in front.
    inode = int(digits, 16) if HEX.match(digits) else -1
    return inode if f"{inode:X}" == digits else -1


def with_inode(queue_id: QueueId, inode: int, *, long_ids: bool) -> QueueId:
    """Return the id that a file of this time and inode has; a long one becomes short if it must."""
    if not is_long(queue_id):
        return QueueId(f"{queue_id[:SHORT_LEAST]}{inode:X}")
    end = queue_id.rfind(SEPARATOR)
    if long_ids:
        return QueueId(queue_id[: end + 1] + _digits(inode, INODE_BASE))
    return encode_short(_number(queue_id[end - MICROSECONDS_DIGITS : end], TIME_BASE), inode)


def hash_directories(queue_id: str, depth: int) -> list[str]:
    """Return the one-letter subdirectories of a hashed queue, outermost first.

    They come from the microseconds, which are evenly spread: those of a long
    id are written as five hexadecimal digits first.
    """
    letters = queue_id
    if is_long(queue_id):
        end = queue_id.rfind(SEPARATOR)
        digits = queue_id[end - MICROSECONDS_DIGITS : end]
        if set(digits) <= set(ALPHABET):
            letters = f"{_number(digits, TIME_BASE):05X}"
    return list(letters[:depth].ljust(depth, "_"))


def _digits(number: int, base: int) -> str:
    out = ""
    while number or not out:
        number, digit = divmod(number, base)
        out = ALPHABET[digit] + out
    return out


def _number(text: str, base: int) -> int:
    value = 0
    for letter in text:
        value = value * base + ALPHABET.index(letter)
    return value
