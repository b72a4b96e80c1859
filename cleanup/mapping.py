"""mapping - addresses looked up in tables, as a whole and in parts

DESCRIPTION
    A table may know an address as a whole, without its extension, by its
    local part alone if the domain is this host's, or by "@domain". It is
    asked for the external form, as in headers; where nothing but the answer
    counts, for the internal form, too. Tables of patterns are asked for whole
    addresses only.

    AddressMaps.find() returns what a table says; addresses() takes that for
    addresses, and completes them.

SEE ALSO
    canonical(5), virtual(5)
    spec/cleanup-behaviour.md, section 2
"""

import sys
from collections.abc import Iterable
from typing import NamedTuple

from cleanup import address_list
from cleanup.rewrite import Rewriter
from common import address
from common.config import decoded, encoded
from common.lists import WordList
from common.network import parse_address
from common.params import AddressParams
from common.tables import Options, TableError
from common.tables.maps import Maps

WHOLE = frozenset({b"postmaster", b"mailer-daemon"})  # local parts that have no extension
OWNER, REQUEST = b"owner-", b"-request"
NULL_ADDRESSES = (b"", b"<>")


class Found(NamedTuple):
    """What a table says of an address, and the extension that it was not asked with."""

    value: bytes
    extension: bytes = b""


class Site(NamedTuple):
    """What makes an address one of this host's, and how its local part is cut."""

    rewriter: Rewriter
    destinations: WordList
    own: frozenset[tuple[int, int]]  # addresses of this host
    delimiters: bytes
    owner_request: bool
    whole: frozenset[bytes]  # local parts that have no extension

    @classmethod
    def of(
        cls,
        params: AddressParams,
        rewriter: Rewriter,
        own: frozenset[tuple[int, int]],
        options: Options,
    ) -> "Site":
        """Prepare it."""
        return cls(
            rewriter,
            WordList("mydestination", params.mydestination, options),
            own,
            encoded(params.recipient_delimiter),
            params.owner_request_special,
            WHOLE | {encoded(params.double_bounce_sender.lower())},
        )

    def without_extension(self, local: bytes) -> tuple[bytes, bytes]:
        """Return a local part in two: without its extension, and that, delimiter included."""
        if not self.delimiters:
            return local, b""
        lower = local.lower()
        if lower in self.whole:
            return local, b""
        of_list = lower.startswith(OWNER) or (lower.endswith(REQUEST) and lower != REQUEST)
        if of_list and b"-" in self.delimiters and self.owner_request:
            return local, b""
        places = [at for one in self.delimiters if (at := local.find(one)) >= 0]
        at = min(places, default=0)
        return (local[:at], local[at:]) if at else (local, b"")

    def is_own(self, domain: bytes) -> bool:
        """Tell whether a domain is this host's.

        Raises:
            TableError: nobody can tell now.
        """
        if domain.lower() == self.rewriter.at_origin[1:].lower():
            return True
        if domain.endswith(b".") and not domain.endswith(b".."):
            domain = domain[:-1]
        if not domain:
            return False
        if self.destinations.contains(decoded(domain)):
            return True
        if not (domain.startswith(b"[") and domain.endswith(b"]")):
            return False
        literal = decoded(domain[1:-1])
        number = parse_address(literal[5:] if literal.lower().startswith("ipv6:") else literal)
        return number in self.own


class AddressMaps:
    """The tables of one parameter, whose keys are addresses."""

    def __init__(
        self, parameter: str, names: Iterable[str], options: Options, site: Site, *, extends: bool
    ) -> None:
        """Open them; extends: an extension that no table knows is put on the answers."""
        self.parameter = parameter
        self.maps = Maps(parameter, names, options)
        self.site = site
        self._extends = extends
        self._log = options.log

    def __bool__(self) -> bool:
        return bool(self.maps)

    def find(self, internal: bytes, *, unquoted: bool = True) -> Found | None:
        """Return what the first table that knows the address says, None if none does.

        unquoted: tables are asked for the internal form, too.

        Raises:
            TableError: nobody can tell now; the log knows why.
        """
        ask = self._ask if unquoted else self._ask_quoted
        local, domain = address.split(internal)
        at_domain = b"" if domain is None else b"@" + domain
        if (value := ask(local, at_domain, is_part=False)) is not None:
            return Found(value)
        bare, extension = self.site.without_extension(local)
        if extension and (value := ask(bare, at_domain)) is not None:
            return Found(value, extension)
        if domain is None:
            return None
        if self._is_own(domain):
            if (value := ask(local)) is not None:
                return Found(value)
            if extension and (value := ask(bare)) is not None:
                return Found(value, extension)
        answer = self.maps.find(decoded(at_domain), is_part=True)
        return Found(encoded(answer)) if answer is not None else None

    def addresses(self, internal: bytes) -> list[bytes] | None:
        """Return the addresses that a table has for this one, None if none does.

        Raises:
            TableError: nobody can tell now, or an answer is no address; the log knows why.
        """
        found = self.find(internal, unquoted=False)
        if found is None:
            return None
        value = found.value
        if value.startswith(b"@"):
            local, _ = address.split(internal)
            value = quoted_local(local[: len(local) - len(found.extension)]) + value
        results = self._parsed(value, found.extension if self._extends else b"")
        if not results:
            key = decoded(address.quote(internal))
            answer = decoded(found.value)
            self._log.warning(
                f'{self.parameter} lookup of {key} returns non-address result "{answer}"'
            )
            raise TableError
        return results

    def _ask_quoted(
        self, local: bytes, at_domain: bytes = b"", *, is_part: bool = True
    ) -> bytes | None:
        """Return what is said of an address in external form."""
        answer = self.maps.find(decoded(quoted_local(local) + at_domain), is_part=is_part)
        return None if answer is None else encoded(answer)

    def _ask(self, local: bytes, at_domain: bytes = b"", *, is_part: bool = True) -> bytes | None:
        """Return what is said of an address in external form, or else in internal form."""
        answer = self._ask_quoted(local, at_domain, is_part=is_part)
        if answer is not None or quoted_local(local) == local:
            return answer
        internal = self.maps.find(decoded(local + at_domain), is_part=is_part)
        return None if internal is None else encoded(internal)

    def _is_own(self, domain: bytes) -> bool:
        try:
            return self.site.is_own(domain)
        except TableError as error:
            self._log.warning(str(error))
            raise TableError from None

    def _parsed(self, value: bytes, extension: bytes) -> list[bytes]:
        """Return the addresses of an answer, completed."""
        if self.site.rewriter.whole.match(value):
            return [extended(value, extension)]
        mailboxes = address_list.parse(
            b'""' if value in NULL_ADDRESSES else value, sys.maxsize
        ).mailboxes
        complete = self.site.rewriter.complete
        return [
            extended(complete(one.internal, bare_local=one.bare_local), extension)
            for one in mailboxes
        ]


def extended(internal: bytes, extension: bytes) -> bytes:
    """Return an address with an extension behind its local part."""
    if not extension:
        return internal
    local, domain = address.split(internal)
    return local + extension + (b"" if domain is None else b"@" + domain)


def folded(internal: bytes) -> str:
    """Return what is equal for addresses that differ in case alone."""
    return decoded(internal).casefold()


def quoted_local(local: bytes) -> bytes:
    """Return the external form of a local part, which may hold an @."""
    if address.PLAIN_LOCAL_PART.match(local):
        return local
    return b'"%b"' % address.NEEDS_ESCAPE.sub(rb"\\\1", local)
