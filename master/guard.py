"""guard - who else could change what root is about to run

DESCRIPTION
    A system instance starts as root. Whoever can write its configuration or
    its programs, or put others in their place, is root too. check() refuses to
    start such an instance.

    A private instance has its configuration and its queue side by side in one
    folder, as "init" makes them, for trial and for one's own use. It may be
    run from a checkout that belongs to somebody else: whoever starts it as
    root has trusted that checkout already. Of such an instance only the
    configuration is guarded; complaints() names the rest, for "check".
    Without root there are no privileges to guard.

SEE ALSO
    ARCHITECTURE.md
"""

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from common.errors import ConfigError
from master.configuration import Configuration

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def check(configuration: Configuration) -> None:
    """Refuse to run as root what others may write to.

    Raises:
        ConfigError: the first such file or folder.
    """
    found = configuration_files(configuration)
    if private(configuration):
        vital = {*found, *(path.parent for path in found)}
    else:
        vital = with_folders([*found, *program_files(), *foreign_programs(configuration)])
    for complaint in exposed(vital):
        raise ConfigError(f"refusing to run as root: {complaint}")


def check_files(configuration: Configuration, files: Iterable[Path]) -> None:
    """Refuse files that a system instance would run, and that others may write to.

    Raises:
        ConfigError: the first such file or folder.
    """
    for complaint in () if private(configuration) else exposed(with_folders(files)):
        raise ConfigError(f"refusing to run as root: {complaint}")


def private(configuration: Configuration) -> bool:
    """Tell whether the instance has all that is its own in one folder."""
    return configuration.directory.parent == Path(configuration.params.queue_directory).parent


def complaints(configuration: Configuration) -> Iterator[str]:
    """Yield a line for everything by which somebody other than root could become root."""
    files = [*configuration_files(configuration), *program_files()]
    yield from exposed(with_folders([*files, *foreign_programs(configuration)]))


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


def configuration_files(configuration: Configuration) -> list[Path]:
    """Return the files that master reads."""
    return [configuration.directory / "main.cf", configuration.directory / "master.cf"]


def program_files() -> list[Path]:
    """Return the interpreter, the modules that are loaded, and where others would come from."""
    modules = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return [Path(one) for one in (sys.executable, *modules, *sys.path) if one]


def foreign_programs(configuration: Configuration) -> list[Path]:
    """Return Postfix's programs that are services, and its tools if there are any."""
    found = [Path(plan.program_path) for plan in configuration.foreign]
    return [*found, *([Path(configuration.params.command_directory)] if found else [])]
