"""service - what all connections of a process share

SEE ALSO
    qmqpd.connection
"""

from dataclasses import dataclass

from common.cleanup_client import CleanupService, Kept
from common.log import Log
from common.params import QmqpdParams
from qmqpd.access import Access
from qmqpd.handover import HandoverRules
from qmqpd.names import Resolver
from qmqpd.session import Limits


@dataclass(frozen=True, slots=True)
class Rules:
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
        self.kept = Kept()
        self.log = log
        self.access = access
        self.resolver = resolver
        self.verbosity = verbosity
