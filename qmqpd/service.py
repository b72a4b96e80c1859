"""service - what all connections of a process share

SEE ALSO
    qmqpd.connection
"""

import select
import time
from typing import TYPE_CHECKING, NamedTuple

from common.cleanup_client import CleanupService
from common.cleanup_links import Links
from common.log import Log
from common.params import QmqpdParams
from common.sandbox.needs import NameFiles
from qmqpd.access import Access
from qmqpd.handover import HandoverRules
from qmqpd.names import Resolver
from qmqpd.session import Limits

if TYPE_CHECKING:
    from qmqpd.connection import Connection

LOOK_SECONDS = 0.1  # between two looks at the files of name lookups


class Rules(NamedTuple):
    """What the parameters say about connections, prepared once."""

    params: QmqpdParams
    limits: Limits
    handover: HandoverRules
    cleanup: CleanupService

    @classmethod
    def of(cls, params: QmqpdParams) -> "Rules":
        """Prepare them."""
        cleanup = CleanupService(
            params.cleanup_service_name,
            params.native_submission,
            params.qmqpd_cleanup_timeout,
            params.ipc_timeout,
        )
        limits = Limits(message=params.message_size_limit, address=params.line_length_limit)
        return cls(params, limits, HandoverRules.of(params), cleanup)


class Service:
    """What all connections of a process share."""

    def __init__(
        self, rules: Rules, log: Log, access: Access, resolver: Resolver, verbosity: int = 0
    ) -> None:
        self.params = rules.params
        self.limits = rules.limits
        self.handover = rules.handover
        self.cleanup = rules.cleanup
        self.epoll = select.epoll()  # tells the worker what has happened
        self.links: Links[Connection] = Links(rules.cleanup, self.epoll)
        self.log = log
        self.access = access
        self.resolver = resolver
        self.verbosity = verbosity
        self._names = NameFiles()
        self._look_at = time.monotonic() + LOOK_SECONDS

    def outdated(self) -> bool:
        """Tell whether the next client is for a process that starts afresh, and log why."""
        if self.access.outdated():
            return True
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + LOOK_SECONDS
        if path := self._names.replaced():
            self.log.info(f"file {path} was replaced -- restarting")
        return bool(path)
