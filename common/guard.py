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
from pathlib import Path

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def private(config_directory: str, queue_directory: str) -> bool:
    """Tell whether an instance has all that is its own in one folder."""
    return os.path.dirname(config_directory) == os.path.dirname(queue_directory)


def exposed(paths: Iterable[Path]) -> Iterator[str]:
    """Yield a line for each path that others than root may write to, but for what is below it."""
    if os.geteuid() != 0:
        return
    told: list[Path] = []
    for path in sorted(paths):
        if any(path.is_relative_to(one) for one in told):
            continue
        if complaint := exposure(path):
            told.append(path)
            yield complaint


def exposure(path: Path) -> str:
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


def with_folders(files: Iterable[Path]) -> set[Path]:
    """Return the files, what they link to, and every folder on the way."""
    both = {one for file in files for one in (file, Path(os.path.realpath(file)))}
    return both | {folder for file in both for folder in file.parents}


def program_files() -> list[Path]:
    """Return the interpreter, the modules that are loaded, and where others would come from."""
    modules = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return [Path(one) for one in (sys.executable, *modules, *sys.path) if one]
