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

# The headers that hold addresses, and what classes of addresses these are.
PLACES = {
    **dict.fromkeys(
        [
            *(b"from", b"sender", b"reply-to", b"errors-to", b"return-receipt-to"),
            *(b"disposition-notification-to", b"mail-followup-to", b"return-path"),
            *(b"resent-from", b"resent-sender"),
        ],
        "header_sender",
    ),
    **dict.fromkeys(
        [
            *(b"to", b"cc", b"bcc", b"apparently-to"),
            *(b"resent-to", b"resent-cc", b"resent-bcc", b"resent-reply-to"),
        ],
        "header_recipient",
    ),
}


def addresses_change(params: AddressParams) -> bool:
    """Tell whether tables or masquerading may change an address."""
    return any(words(params, name) for name in (*MAPS, "masquerade_domains"))


def words(params: AddressParams, parameter: str) -> tuple[str, ...]:
    """Return the words of a parameter."""
    found: tuple[str, ...] = getattr(params, parameter)
    return found
