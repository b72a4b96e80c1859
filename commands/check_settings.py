"""check_settings - look for mistakes in what main.cf and master.cf set

DESCRIPTION
    Names settings that nobody reads, references that lead nowhere, and values
    that some program would refuse, Postfix's programs included: they die of
    them when they are started.

SEE ALSO
    commands.conf.scan
"""

from collections.abc import Iterator
from contextlib import suppress

from commands.conf import entries, settings
from commands.conf.entries import Entry
from commands.conf.scan import Scan
from commands.conf.settings import Settings
from common.config import MainCf
from common.errors import ConfigError
from common.macro import MacroError
from common.params import find


def complaints(main_cf: MainCf) -> Iterator[str]:
    """Yield a line for each mistake, with file and line.

    Raises:
        ConfigError: master.cf cannot be read.
    """
    found: list[str] = []
    services = entries.read(main_cf.directory / "master.cf", lambda text: None)  # master says that
    known = Settings(main_cf, settings.built_in(), settings.of_services(services))
    scan = Scan(known, services, found.append, lines=True)
    with suppress(MacroError, ConfigError):  # of a value: told below
        scan.run()
    scan.tell(main=True)
    yield from found
    yield from values(main_cf)
    for service in services:
        yield from service_values(main_cf, service)


def values(main_cf: MainCf) -> Iterator[str]:
    """Yield a line for each setting of main.cf that its readers would refuse."""
    for name in main_cf.entries:
        yield from refused(main_cf, name)


def service_values(main_cf: MainCf, service: Entry) -> Iterator[str]:
    """Yield a line for each setting of a service that its program would refuse."""
    own = main_cf.override(service.parameters(), service.origin)
    for name in service.parameters():
        yield from refused(own, name)


def refused(main_cf: MainCf, name: str) -> Iterator[str]:
    """Yield what the readers of a parameter would say."""
    parameter = find(name)
    if parameter and not parameter.legacy:
        try:
            main_cf.value(parameter)
        except ConfigError as error:
            yield str(error)
