"""guard - who else could change what root is about to run

DESCRIPTION
    A system instance starts as root. Whoever can write its configuration or
    its programs is root too. check() refuses to start over a configuration
    that others may write; complaints() names programs as well, for "check".
    A private instance has no privileges to guard.

SEE ALSO
    ARCHITECTURE.md
"""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from common.errors import ConfigError
from master.configuration import Configuration

OTHERS_WRITE = 0o022


def check(configuration: Configuration) -> None:
    """Refuse to run as root what others may write to.

    Raises:
        ConfigError: the first such file.
    """
    for complaint in exposed(configuration_files(configuration)):
        raise ConfigError(f"refusing to run as root: {complaint}")


def complaints(configuration: Configuration) -> Iterator[str]:
    """Yield a line for everything that somebody other than root could change."""
    yield from exposed([*configuration_files(configuration), *program_files()])


def exposed(paths: Iterable[Path]) -> Iterator[str]:
    """Yield a line for each path, or folder of one, that others than root may write to."""
    if os.geteuid() != 0:
        return
    for path in dict.fromkeys(one for file in paths for one in (file.parent, file)):
        found = os.stat(path)
        if found.st_uid != 0:
            yield f"not owned by root: {path}"
        elif found.st_mode & OTHERS_WRITE:
            yield f"group or other writable: {path}"


def configuration_files(configuration: Configuration) -> list[Path]:
    """Return the files that master reads."""
    return [configuration.directory / "main.cf", configuration.directory / "master.cf"]


def program_files() -> list[Path]:
    """Return the interpreter and every module that is loaded from a file."""
    modules = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return [Path(sys.executable), *(Path(one) for one in modules if one and os.path.isfile(one))]
