"""address_rules - whether anything becomes of addresses, told by the parameters

SEE ALSO
    cleanup.addresses, which is imported only then
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from cleanup.rewrite import Rewriter
from common.config import MainCf
from common.log import Log
from common.params import AddressParams, CleanupParams

if TYPE_CHECKING:
    from cleanup.addresses import Addresses

# Tables by parameter, in the order in which they are asked, and where that is said.
CANONICAL = {
    "sender_canonical_maps": "sender_canonical_classes",
    "recipient_canonical_maps": "recipient_canonical_classes",
    "canonical_maps": "canonical_classes",
}
ALIASES = "virtual_alias_maps"
COPIES = ("sender_bcc_maps", "recipient_bcc_maps")
MAPS = (*CANONICAL, ALIASES, *COPIES)


class AddressRules:
    """What processes need to open Addresses, made by master."""

    def __init__(self, params: CleanupParams, rewriter: Rewriter) -> None:
        self._open: Callable[[MainCf, Log], Addresses] | None = None
        if any(words(params, name) for name in (*MAPS, "masquerade_domains")):
            from cleanup import addresses  # and all that looks into tables

            self._open = addresses.prepare(params, rewriter)

    def open(self, main_cf: MainCf, log: Log) -> "Addresses | None":
        """Return what this process changes addresses with, None if it changes none."""
        return self._open(main_cf, log) if self._open else None


def words(params: AddressParams, parameter: str) -> tuple[str, ...]:
    """Return the words of a parameter."""
    found: tuple[str, ...] = getattr(params, parameter)
    return found
