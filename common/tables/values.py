"""values - contents of files as values of a table

DESCRIPTION
    Where a table's source names files instead of values, the value is their
    content, one newline between two files, in base64.

SEE ALSO
    postmap(1), option -F
"""

import base64
import binascii
from pathlib import Path

from common.config import BLANKS, decoded
from common.errors import ConfigError


def encode_files(names: str) -> str:
    """Return the content of the files, separated by blanks or commas, in base64.

    Raises:
        ConfigError: no name at all, or a file that cannot be read.
    """
    paths = "".join(" " if letter in BLANKS + "," else letter for letter in names).split(" ")
    contents = []
    for path in filter(None, paths):
        try:
            contents.append(Path(path).read_bytes())
        except OSError as error:
            raise ConfigError(f"open {path}: {error.strerror}") from None
    if not contents:
        raise ConfigError(f"empty pathname list: >>{names}<<'")
    return base64.b64encode(b"\n".join(contents)).decode("ascii")


def decode(value: str) -> str | None:
    """Return the content that base64 text stands for, None if it is not that."""
    try:
        return decoded(base64.b64decode(value.encode("ascii"), validate=True))
    except (binascii.Error, UnicodeEncodeError):
        return None
