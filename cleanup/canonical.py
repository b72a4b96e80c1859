"""canonical - another address in place of an address, hosts hidden behind their domain

SEE ALSO
    canonical(5)
    postconf(5): masquerade_domains, masquerade_exceptions
    spec/cleanup-behaviour.md, section 2
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cleanup.mapping import AddressMaps, folded
from cleanup.message import Message
from common import address
from common.config import decoded, encoded
from common.lists import WordList
from common.status import Status
from common.tables import TableError

LOOKUPS = 10  # of answers that are looked up again


@dataclass(frozen=True, slots=True)
class Canonical:
    """The tables of canonical_maps, or those for senders or recipients alone."""

    maps: AddressMaps

    def __call__(self, message: Message, internal: bytes) -> tuple[bytes, bool]:
        """Return the address in place of one, mostly the same, and whether it ever changed."""
        changed = False
        for _ in range(LOOKUPS):
            try:
                answers = self.maps.addresses(internal)
            except TableError:
                self._warn(message, "map lookup problem for", internal)
                message.refuse(Status.WRITE_FAILED)
                return internal, changed
            if answers is None:
                return internal, changed
            if len(answers) > 1:
                shown = decoded(address.quote(internal))
                message.warn(f"multi-valued {self.maps.parameter} entry for {shown}")
            before, internal = internal, answers[0]
            changed = changed or before != internal
            if folded(before) == folded(internal):
                return internal, changed
        # As in Postfix, whose words say more than it does.
        self._warn(message, "map nesting for", internal, "unreasonable ")
        return internal, changed

    def _warn(self, message: Message, problem: str, internal: bytes, beginning: str = "") -> None:
        message.warn(
            f"{beginning}{self.maps.parameter} {problem} {decoded(address.quote(internal))}"
            " -- message not accepted, try again later"
        )


class Masquerade:
    """masquerade_domains: subdomains give way to the domain."""

    def __init__(self, domains: Iterable[str], exceptions: WordList) -> None:
        self._rules = [
            (encoded(domain.lstrip("!").casefold()), (len(domain) - len(domain.lstrip("!"))) % 2)
            for domain in domains
        ]
        self._exceptions = exceptions

    def __call__(self, message: Message, internal: bytes) -> tuple[bytes, bool]:
        """Return the address as the rest of the world shall see it, and whether it changed."""
        local, domain = address.split(internal)
        if domain is None or self._is_exception(message, local):
            return internal, False
        lower = encoded(decoded(domain).casefold())
        for wanted, keep in self._rules:
            if lower == wanted or lower.endswith(b"." + wanted):
                if keep or lower == wanted:
                    break
                return local + b"@" + wanted, True
        return internal, False

    def _is_exception(self, message: Message, local: bytes) -> bool:
        try:
            return self._exceptions.contains(decoded(local))
        except TableError as error:
            message.log.warning(str(error))
            message.note(
                "masquerade_exceptions map lookup problem -- message not accepted, try again later"
            )
            message.refuse(Status.WRITE_FAILED)
            return True
