"""guard - who else could change what root runs

DESCRIPTION
    Whoever can write a program that root runs, a module of it, or a folder on
    the way to these, is root too. exposed() names what others may write to.

    A private instance has its configuration and its queue side by side in one
    folder, as "init" makes them: whoever runs it as root trusts the checkout
    that it is run from, whomever that belongs to.

SEE ALSO
    ARCHITECTURE.md
"""

import os
import stat
import sys
from collections.abc import Iterable, Iterator

StrPath = str | os.PathLike[str]

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def private(config_directory: str, queue_directory: str) -> bool:
    """Tell whether an instance has all that is its own in one folder."""
    folders = {
        os.path.dirname(os.path.normpath(one)) for one in (config_directory, queue_directory)
    }
    return len(folders) == 1


def exposed(paths: Iterable[StrPath]) -> Iterator[str]:
    """Yield a line for each path that others than root may write to, but for what is below it."""
    if os.geteuid() != 0:
        return
    told: list[str] = []
    for path in sorted(os.fspath(one) for one in paths):
        if any(path.startswith(f"{one}/") for one in told):
            continue
        if complaint := exposure(path):
            told.append(path)
            yield complaint


def exposure(path: str) -> str:
    """Return why others may write to a file or folder, nothing if they may not."""
    try:
        found = os.stat(path)
    except OSError:
        return ""  # what is not there does not run
    if found.st_uid != 0:
        return f"not owned by root: {path}"
    # In a folder like /tmp everybody may write, but nobody replaces what is another's.
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & OTHERS_WRITE and not sticky:
        return f"group or other writable: {path}"
    return ""


def with_folders(files: Iterable[StrPath]) -> set[str]:
    """Return the files, what they link to, and every folder on the way."""
    found = {os.fspath(one) for one in files}
    found |= {os.path.realpath(one) for one in found if os.path.islink(one)}
    # Many files lie in few folders: links are followed once for each of these.
    folders = {os.path.dirname(one) for one in found}
    for folder in [*folders, *map(os.path.realpath, folders)]:
        found.update(with_parents(folder))
    return found


def with_parents(folder: str) -> Iterator[str]:
    """Yield a folder and all that it lies in."""
    yield folder
    while folder != (folder := os.path.dirname(folder)):
        yield folder


def program_files() -> list[str]:
    """Return the interpreter, the modules that are loaded, and where others would come from."""
    modules = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return [one for one in (sys.executable, *modules, *sys.path) if one]
