"""rewrite_service - addresses completed by the host's own rewrite service

DESCRIPTION
    ServiceRewriter takes the place of rewrite.Rewriter where the operator
    wants one service to complete all addresses of the host (native_rewrite =
    no). A service that does not answer is tried again, for as long as a
    client of ours may have to wait; then its message is refused for now.

SEE ALSO
    trivial-rewrite(8)
    spec/qmgr-delivery-protocols.md, section 4
"""

import enum
import re
import time

from cleanup.message import Journal
from cleanup.rewrite import Rewriter
from cleanup.service import Conversation
from common import address, attribute
from common.errors import PeerError
from common.params import CleanupParams

PROTOCOL = b"trivial_rewrite_protocol"
RETRY_SECONDS = 1.0
KNOWN_LIMIT = 1000  # answers that are kept, of one message
NEVER = re.compile(rb"(?!)")  # no address is too usual to be asked about
QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"\Z', re.DOTALL)  # a local part alone
ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


class Rule(enum.Enum):
    """The context of an address."""

    LOCAL = b"local"
    REMOTE = b"remote"


class RewriteService:
    """The service, for one process; it is asked when the first address comes."""

    failed: bool = False  # for the message at hand
    _complained: bool = False  # of it, too
    _conversation: Conversation | None = None

    def __init__(self, params: CleanupParams) -> None:
        self._path = f"private/{params.rewrite_service_name}"
        self._patience = params.ipc_timeout
        self._known: dict[tuple[Rule, bytes], bytes] = {}
        self._log: Journal | None = None

    def begin(self, log: Journal) -> None:
        """Prepare for a message; log: where to say what is wrong with the service."""
        self.failed = self._complained = False
        self._log = log
        self._known.clear()

    def complete(self, rule: Rule, external: bytes) -> bytes:
        """Return an address as the service completes it; unchanged if that has failed."""
        known = self._known.get((rule, external))
        if known is not None:
            return known
        completed = self._ask(rule, external)
        if len(self._known) >= KNOWN_LIMIT:
            self._known.clear()
        self._known[rule, external] = completed
        return completed

    def _ask(self, rule: Rule, external: bytes) -> bytes:
        request = attribute.encode(
            [(b"request", b"rewrite"), (b"rule", rule.value), (b"address", external)]
        )
        deadline = time.monotonic() + self._patience
        while not self.failed:
            fresh = self._conversation is None
            try:
                return self._answer(request, deadline)
            except (OSError, PeerError) as error:
                self._close()
                if not fresh:
                    continue  # it does not keep idle clients for ever
                self._complain(error)
            left = deadline - time.monotonic()
            self.failed = left <= 0
            time.sleep(max(0.0, min(RETRY_SECONDS, left)))
        return external

    def _answer(self, request: bytes, deadline: float) -> bytes:
        if self._conversation is None:
            left = max(deadline - time.monotonic(), RETRY_SECONDS)
            self._conversation = Conversation(self._path, PROTOCOL, left)
        answer = self._conversation.ask(request)
        flags, completed = attribute.values(answer, b"flags", b"address")
        if attribute.number(flags):
            raise PeerError("the service wants to be left")
        return completed

    def _close(self) -> None:
        if self._conversation:
            self._conversation.close()
            self._conversation = None

    def _complain(self, error: Exception) -> None:
        """Say what is wrong, once a message: it may be so for long."""
        if self._complained:
            return
        self._complained = True
        reason = error.strerror if isinstance(error, OSError) else None
        if self._log:
            self._log.warning(f"problem talking to service rewrite: {reason or error}")


class ServiceRewriter(Rewriter):
    """The service's rules for addresses in one context."""

    def __init__(
        self, params: CleanupParams, service: RewriteService, remote_domain: str = ""
    ) -> None:
        """Prepare to ask; remote_domain: as for a Rewriter."""
        super().__init__(params, remote_domain)
        self._complete = self.whole = NEVER
        self._service = service
        self._rule = Rule.REMOTE if remote_domain else Rule.LOCAL

    def complete(self, internal: bytes, *, bare_local: bool = False) -> bytes:
        """Return the address that the service makes of one."""
        if not internal:
            return internal
        if bare_local and b"@" in internal:
            external = b'"%b"' % address.NEEDS_ESCAPE.sub(rb"\\\1", internal)
        else:
            external = address.quote(internal)
        return unquote(self._service.complete(self._rule, external))


def unquote(external: bytes) -> bytes:
    """Return the internal form of an answer, which may have no domain."""
    alone = QUOTED.match(external)
    return ESCAPED.sub(rb"\1", alone[1]) if alone else address.unquote(external)
