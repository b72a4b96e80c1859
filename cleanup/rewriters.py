"""rewriters - who completes addresses, by context: we, or the host's service

SEE ALSO
    cleanup.rewrite, cleanup.rewrite_service
"""

import re
from typing import TYPE_CHECKING, NamedTuple

from cleanup import address_list
from cleanup.rewrite import Rewriter
from common.params import CleanupParams

if TYPE_CHECKING:
    from cleanup.rewrite_service import RewriteService


class Rewriters(NamedTuple):
    """Who completes addresses."""

    local: Rewriter
    remote: Rewriter | None  # of headers from afar; None: they are left alone
    complete_list: re.Pattern[bytes]  # address lists in headers that need nobody
    service: "RewriteService | None" = None  # that they ask, if they do

    @classmethod
    def of(cls, params: CleanupParams) -> "Rewriters":
        """Make them."""
        domain = params.remote_header_rewrite_domain
        if params.native_rewrite:
            complete = address_list.complete_list(dotless=not params.append_dot_mydomain)
            return cls(Rewriter(params), Rewriter(params, domain) if domain else None, complete)
        # Imported only here: few hosts want it, and each program that is started would pay.
        from cleanup.rewrite_service import NEVER, RewriteService, ServiceRewriter

        service = RewriteService(params)
        remote = ServiceRewriter(params, service, domain) if domain else None
        return cls(ServiceRewriter(params, service), remote, NEVER, service)
