"""spool - the directories of the queue, who owns them, who may enter

DESCRIPTION
    prepare() makes what is missing when the mail system starts; what exists
    is left as it is, and problems() says what is wrong with it.

    A system instance, run by root, gives directories to mail_owner. In a
    private one everything belongs to the one account that runs it.

SEE ALSO
    spec/master-protocol.md, section 6
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from common.child import Identity, group_id
from common.errors import ConfigError
from common.params import SuiteParams

# Sockets of the mail system, and files of the queue.
PRIVATE_DIRECTORIES = (
    *("private", "incoming", "active", "deferred", "defer", "bounce"),
    *("trace", "hold", "corrupt", "flush", "saved"),
)


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory as it should be."""

    path: Path
    mode: int
    uid: int
    gid: int


def mail_owner(params: SuiteParams) -> Identity | None:
    """Return the account that a system instance hands its files to, None in a private one.

    Raises:
        ConfigError: there is no such account, or it is root.
    """
    if os.geteuid() != 0:
        return None
    owner = Identity.of(params.mail_owner)
    if owner.uid == 0:
        raise ConfigError(f"parameter mail_owner: user {owner.name} has privileged user ID")
    return owner


def directories(params: SuiteParams, owner: Identity | None) -> Iterator[Directory]:
    """Yield every directory below the queue directory, and the data directory."""
    queue = Path(params.queue_directory)
    top = (os.geteuid(), os.getegid())
    uid = owner.uid if owner else top[0]
    shared = group_id(params.setgid_group) if owner else top[1]
    yield Directory(queue / params.process_id_directory, 0o755, *top)
    yield Directory(queue / "public", 0o710, uid, shared)
    yield Directory(queue / "maildrop", 0o730, uid, shared)
    for name in PRIVATE_DIRECTORIES:
        yield Directory(queue / name, 0o700, uid, top[1])
    yield Directory(Path(params.data_directory), 0o700, uid, owner.gid if owner else top[1])


def require_queue(params: SuiteParams) -> None:
    """Check that there is a queue directory.

    Raises:
        ConfigError: there is none; it is not ours to make.
    """
    if not os.path.isdir(params.queue_directory):
        raise ConfigError(f"parameter queue_directory: no directory {params.queue_directory}")


def prepare(params: SuiteParams, owner: Identity | None) -> None:
    """Make the directories that are missing.

    Raises:
        ConfigError: there is no queue directory, or it cannot be written to.
    """
    require_queue(params)
    for wanted in directories(params, owner):
        try:
            os.mkdir(wanted.path, 0o700)
            if owner:
                os.chown(wanted.path, wanted.uid, wanted.gid, follow_symlinks=False)
            os.chmod(wanted.path, wanted.mode)
        except FileExistsError:
            pass
        except OSError as error:
            raise ConfigError(f"create directory {wanted.path}: {error.strerror}") from None


def problems(params: SuiteParams, owner: Identity | None) -> Iterator[str]:
    """Yield a line for each directory that is missing, foreign or too open; for damaged mail."""
    for wanted in directories(params, owner):
        try:
            found = os.lstat(wanted.path)
        except OSError as error:
            yield f"{wanted.path}: {error.strerror}"
            continue
        if not stat.S_ISDIR(found.st_mode):
            yield f"not a directory: {wanted.path}"
        elif found.st_uid != wanted.uid:
            name = owner.name if owner and wanted.uid == owner.uid else f"user {wanted.uid}"
            yield f"not owned by {name}: {wanted.path}"
        elif found.st_mode & 0o022 & ~wanted.mode:
            yield f"group or other writable: {wanted.path}"
    with suppress(OSError):
        for name in sorted(os.listdir(Path(params.queue_directory, "corrupt"))):
            yield f"damaged message: corrupt/{name}"
