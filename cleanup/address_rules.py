"""address_rules - whether anything becomes of addresses, told by the parameters

SEE ALSO
    cleanup.addresses, which is imported only then
"""

from common.params import AddressParams

# Tables by parameter, in the order in which they are asked, and where that is said.
CANONICAL = {
    "sender_canonical_maps": "sender_canonical_classes",
    "recipient_canonical_maps": "recipient_canonical_classes",
    "canonical_maps": "canonical_classes",
}
ALIASES = "virtual_alias_maps"
COPIES = ("sender_bcc_maps", "recipient_bcc_maps")
MAPS = (*CANONICAL, ALIASES, *COPIES)


def addresses_change(params: AddressParams) -> bool:
    """Tell whether tables or masquerading may change an address."""
    return any(words(params, name) for name in (*MAPS, "masquerade_domains"))


def words(params: AddressParams, parameter: str) -> tuple[str, ...]:
    """Return the words of a parameter."""
    found: tuple[str, ...] = getattr(params, parameter)
    return found
