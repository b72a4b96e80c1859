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

from collections.abc import Iterable, Iterator
from pathlib import Path

from common import guard
from common.errors import ConfigError
from common.guard import StrPath, exposed, with_folders
from master.configuration import Configuration


def check(configuration: Configuration) -> None:
    """Refuse to run as root what others may write to.

    Raises:
        ConfigError: the first such file or folder.
    """
    found = configuration_files(configuration)
    vital: Iterable[StrPath] = [*found, *(path.parent for path in found)]
    if not private(configuration):
        programs: list[StrPath] = [*guard.program_files(), *foreign_programs(configuration)]
        vital = with_folders([*found, *programs])
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
    return guard.private(str(configuration.directory), configuration.params.queue_directory)


def complaints(configuration: Configuration) -> Iterator[str]:
    """Yield a line for everything by which somebody other than root could become root."""
    files: list[StrPath] = [*configuration_files(configuration), *guard.program_files()]
    yield from exposed(with_folders([*files, *foreign_programs(configuration)]))


def configuration_files(configuration: Configuration) -> list[Path]:
    """Return the files that master reads."""
    return [configuration.directory / "main.cf", configuration.directory / "master.cf"]


def foreign_programs(configuration: Configuration) -> list[Path]:
    """Return Postfix's programs that are services, and its tools if there are any."""
    found = [Path(plan.program_path) for plan in configuration.foreign]
    return [*found, *([Path(configuration.params.command_directory)] if found else [])]
