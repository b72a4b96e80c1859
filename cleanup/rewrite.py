"""rewrite - completing addresses

DESCRIPTION
    Rewriter brings an address into the form user@domain: routes are removed,
    site!user and user%domain turned round, a missing domain is supplied, a
    trailing dot dropped. It works on internal form and knows no tables.

SEE ALSO
    trivial-rewrite(8)
    spec/qmqp.md, section 5
"""

import re

from cleanup.address_list import complete_address
from common import address
from common.config import encoded
from common.params import CleanupParams

ROUTE = re.compile(rb"\A@[^:]*:(?=.)", re.DOTALL)  # "@one,@two:" in front of an address


# The usual address: clean, and complete; the second is so only if dots are not asked for.
COMPLETE = re.compile(rb"[^@\0\n]+@[\w-]+(?:\.[\w-]+)+\Z")
COMPLETE_DOTLESS = re.compile(rb"[^@\0\n]+@[\w-]+(?:\.[\w-]+)*\Z")


def sanitize(raw: bytes) -> bytes:
    """Return an envelope address without what no address can hold: NUL ends it, LF is a blank."""
    return raw.partition(b"\0")[0].replace(b"\n", b" ")


class Rewriter:
    """The host's rules for addresses in one context."""

    def __init__(self, params: CleanupParams, remote_domain: str = "") -> None:
        """Prepare them: for local context, or that of clients whose addresses get this domain."""
        self.at_origin = b"@" + encoded(remote_domain or params.myorigin)
        self.dot_domain = b"." + encoded(remote_domain or params.mydomain)
        self.params = params
        self._complete = COMPLETE if params.append_dot_mydomain else COMPLETE_DOTLESS
        # An address in external form that needs nobody. No match decides nothing.
        dotless = not params.append_dot_mydomain
        self.whole = re.compile(complete_address(dotless=dotless) + rb"\Z")
        self.empty_recipient = encoded(params.empty_address_recipient)
        self.always_bcc = encoded(params.always_bcc)
        self.null_sender = b"mailer-daemon" + self.at_origin.lower()

    def complete(self, internal: bytes, *, bare_local: bool = False) -> bytes:
        """Return the full address; what cannot be understood stays as it is.

        bare_local: all of it is a local part, even if there is an @ in it.
        """
        if not internal:
            return internal
        if bare_local and b"@" in internal:
            return internal + self.at_origin if self.params.append_at_myorigin else internal
        local, domain = address.split(ROUTE.sub(b"", internal))
        if domain is None and address.PLAIN_LOCAL_PART.match(local):
            local, domain = self._turn_round(local)
        if domain is None:
            return local + self.at_origin if self.params.append_at_myorigin else local
        return local + b"@" + self._complete_domain(domain.strip(b" \t"))

    def recipient(self, raw: bytes) -> bytes:
        """Return the full address of a recipient."""
        if self._complete.match(raw):
            return raw
        return self.complete(sanitize(raw) or self.empty_recipient)

    def sender(self, internal: bytes) -> bytes:
        """Return the full address of a sender; this host's mailer daemon is the null sender."""
        full = internal if self._complete.match(internal) else self.complete(sanitize(internal))
        return b"" if full.lower() == self.null_sender else full

    def _turn_round(self, local: bytes) -> tuple[bytes, bytes | None]:
        """Return user and domain of site!user or user%domain."""
        site, bang, user = local.partition(b"!")
        if bang and self.params.swap_bangpath and site and user:
            return user, site
        user, percent, domain = local.rpartition(b"%")
        if percent and self.params.allow_percent_hack and user and domain:
            return user, domain
        return local, None

    def _complete_domain(self, domain: bytes) -> bytes:
        if domain[-1:] == b"." and len(domain) > 1:
            return domain[:-1]
        if self.params.append_dot_mydomain and domain and not set(domain) & set(b".[]"):
            return domain + self.dot_domain
        return domain
