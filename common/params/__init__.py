"""params - every parameter, declared once

DESCRIPTION
    A parameter is a field of the class of those who read it; see
    common.params.parameter. A daemon of ours gets its dataclass from
    common.config and passes it down; there is no configuration at module
    level.

    PARAMETERS are those that programs of ours read. What only programs of
    Postfix read is in common.params.foreign, which is imported only when a
    setting names such a parameter, or somebody asks for it: most daemons
    never do.

    Defaults are those of Postfix 3.7.11, as Debian builds it. Parameters
    marked ours=True do not exist in Postfix.

SEE ALSO
    spec/parameters.md
    etc/main.cf, which shows those of ours
"""

import functools

from common.params.addresses import PLACES, AddressParams, InterfaceParams
from common.params.child import ChildParams
from common.params.cleanup import CleanupParams
from common.params.master import MasterParams
from common.params.milter import MilterParams
from common.params.parameter import (
    HostName,
    LongInt,
    Parameter,
    Seconds,
    Text,
    Words,
    declared,
    parameter,
)
from common.params.qmqpd import QmqpdParams
from common.params.suite import (
    FACILITIES,
    POSTFIX_VERSION,
    POSTROOM_VERSION,
    SuiteParams,
    host_name,
)
from common.params.tables import HeaderParams, MapParams, MimeParams, TableParams

__all__ = [
    "FACILITIES",
    "PARAMETERS",
    "PLACES",
    "POSTFIX_VERSION",
    "POSTROOM_VERSION",
    "READERS",
    "AddressParams",
    "ChildParams",
    "CleanupParams",
    "HeaderParams",
    "HostName",
    "InterfaceParams",
    "LongInt",
    "MapParams",
    "MasterParams",
    "MilterParams",
    "MimeParams",
    "Parameter",
    "QmqpdParams",
    "Seconds",
    "SuiteParams",
    "TableParams",
    "Text",
    "Words",
    "declared",
    "every",
    "find",
    "host_name",
    "parameter",
]

# Whoever inherits stands behind those it inherits from.
READERS = (
    *(SuiteParams, TableParams, HeaderParams, MimeParams, MapParams),
    *(InterfaceParams, MasterParams, ChildParams, QmqpdParams, AddressParams, MilterParams),
    CleanupParams,
)

PARAMETERS: dict[str, Parameter] = {one.name: one for reader in READERS for one in declared(reader)}


def find(name: str) -> Parameter | None:
    """Return what is known about a name, whoever reads it."""
    return PARAMETERS.get(name) or every().get(name)


@functools.cache
def every() -> dict[str, Parameter]:
    """Return all parameters by name, those included that only programs of Postfix read."""
    from common.params.foreign import FOREIGN  # ten times as many: most processes need none

    return PARAMETERS | FOREIGN
