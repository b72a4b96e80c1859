"""map_making - tables are made from their source files, or get entries from standard input

DESCRIPTION
    The command gives up root's rights for those of the source file's owner,
    and the table takes the file's permissions to be read. An interrupted or
    failed run leaves the old table as it was.

SEE ALSO
    commands.map
"""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from commands.map_queries import failure
from common.config import decoded
from common.errors import ConfigError
from common.tables import source
from common.tables.opening import open_table, opener, split
from common.tables.source import SourceFile
from common.tables.table import Mode, Options, TableError, WritableTable

MASK = 0o022  # of files that are not made after a source
READ_BITS = 0o044  # what a table takes over from its source


def make_table(text: str, options: Options, *, keep_root: bool, own_mode: bool) -> None:
    """Make the table "type:name" anew from the file that it is named after.

    Raises:
        ConfigError: it cannot be made; the old one, if there was one, is still there.
    """
    name = text.partition(":")[2]
    file = SourceFile(name)
    try:
        # While we may read our own modules.
        kind, _ = split(text, Mode.CREATE)
        opener(kind)
        facts = os.fstat(file.descriptor)
        mask = MASK if own_mode else MASK | (READ_BITS & ~facts.st_mode)
        with rights_of(facts, keep_root=keep_root), file_mode_mask(mask):
            fill(text, options._replace(mode=Mode.CREATE), file.text(), name)
    finally:
        file.close()


def add_entries(text: str, options: Options) -> None:
    """Add standard input's entries to the table "type:name", which may be new.

    Raises:
        ConfigError: they cannot be added.
    """
    with file_mode_mask(MASK):
        fill(text, options._replace(mode=Mode.ADD), decoded(sys.stdin.buffer.read()), "stdin")


def fill(text: str, options: Options, content: str, origin: str) -> None:
    """Store the entries of a text in a table.

    Raises:
        ConfigError: they cannot be stored.
    """
    table = open_table(text, options)
    assert isinstance(table, WritableTable)  # or it could not be opened that way
    try:
        for _, key, value in source.entries(content, origin, options):
            table.update(key, value)
        table.commit()
    except TableError as error:
        raise failure(table, "write", error) from None
    finally:
        table.close()


@contextmanager
def rights_of(facts: os.stat_result, *, keep_root: bool) -> Iterator[None]:
    """Have the rights of a file's owner for a while, if we are root and he is not."""
    if keep_root or os.geteuid() != 0:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    try:
        os.setgroups([facts.st_gid])
        os.setegid(facts.st_gid)
        os.seteuid(facts.st_uid)
    except OSError as error:
        raise ConfigError(f"cannot become the owner of the source file: {error.strerror}") from None
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


@contextmanager
def file_mode_mask(mask: int) -> Iterator[None]:
    """Make files with these permissions taken from them for a while."""
    before = os.umask(stat.S_IMODE(mask))
    try:
        yield
    finally:
        os.umask(before)
