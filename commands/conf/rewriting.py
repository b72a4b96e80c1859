"""rewriting - replace a file as a whole, or leave it as it is

DESCRIPTION
    The new text goes into NAME.tmp beside the file, gets its owner and mode,
    is flushed to the disk and renamed. NAME.tmp is locked meanwhile: of two
    who edit at a time the second one waits, and starts from what the first
    one wrote.
"""

import fcntl
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from common.config import decoded, encoded
from common.errors import ConfigError


def rewrite(path: Path, change: Callable[[list[str]], Iterable[str]]) -> None:
    """Replace a file by what change makes of its lines, each with its newline.

    A link stays one: what it points to is replaced.

    Raises:
        ConfigError: that is not possible, or change says so; the file is as it was.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f"{target.name}.tmp")
    try:
        with locked(temporary) as file:
            try:
                text = "".join(change(lines(path, target)))
                replace(target, temporary, file.fileno(), encoded(text))
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ConfigError(f"open {path}.tmp: {error.strerror}") from None


def locked(temporary: Path) -> BinaryIO:
    """Return the file that is to be renamed, ours alone until it is closed."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    while True:
        file = os.fdopen(os.open(temporary, flags, 0o600), "r+b")
        fcntl.flock(file, fcntl.LOCK_EX)
        # Whoever had it before us has renamed or removed it.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), os.stat(temporary)):
                return file
        file.close()


def lines(path: Path, target: Path) -> list[str]:
    """Return the lines of a file; the last one gets the newline that it lacks.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        data = target.read_bytes()
    except IsADirectoryError as error:
        raise ConfigError(f"read {path}: {error.strerror}") from None
    except OSError as error:
        raise ConfigError(f"open {path} for reading: {error.strerror}") from None
    return [f"{line}\n" for line in decoded(data).removesuffix("\n").split("\n") if data]


def replace(target: Path, temporary: Path, descriptor: int, data: bytes) -> None:
    """Write, flush, rename."""
    there = os.stat(target)
    os.truncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    if (there.st_uid, there.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(PermissionError):  # who may write the folder need not own the file
            os.fchown(descriptor, there.st_uid, there.st_gid)
    os.fchmod(descriptor, there.st_mode & 0o7777)
    os.fsync(descriptor)
    temporary.replace(target)
