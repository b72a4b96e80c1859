"""addresses - parameters of what happens to addresses, and of this host's own

SEE ALSO
    spec/parameters.md
"""

from common.params.parameter import Words, parameter
from common.params.suite import SuiteParams

# Where addresses stand.
PLACES = ("envelope_sender", "envelope_recipient", "header_sender", "header_recipient")


class InterfaceParams(SuiteParams):
    """Read by whoever must know the addresses of this host."""

    inet_interfaces: Words = parameter(
        "all", "Addresses that inet services without a host listen on."
    )
    inet_protocols: Words = parameter("all", "IP versions in use.", choices=("all", "ipv4", "ipv6"))


class AddressParams(InterfaceParams):
    """Read by whoever changes addresses."""

    sender_canonical_maps: Words = parameter(
        "", "Tables with other addresses for senders, asked before canonical_maps."
    )
    recipient_canonical_maps: Words = parameter(
        "", "Tables with other addresses for recipients, asked before canonical_maps."
    )
    canonical_maps: Words = parameter("", "Tables with other addresses.")
    sender_canonical_classes: Words = parameter(
        "envelope_sender, header_sender",
        "Where sender_canonical_maps is asked.",
        choices=PLACES,
    )
    recipient_canonical_classes: Words = parameter(
        "envelope_recipient, header_recipient",
        "Where recipient_canonical_maps is asked.",
        choices=PLACES,
    )
    canonical_classes: Words = parameter(
        "envelope_sender, envelope_recipient, header_sender, header_recipient",
        "Where canonical_maps is asked.",
        choices=PLACES,
    )
    masquerade_domains: Words = parameter(
        "", "Domains that their subdomains are hidden behind; ! names one that is not."
    )
    masquerade_classes: Words = parameter(
        "envelope_sender, header_sender, header_recipient",
        "Where masquerade_domains counts.",
        choices=PLACES,
    )
    masquerade_exceptions: Words = parameter("", "Local parts whose domain is not hidden.")
    virtual_alias_maps: Words = parameter(
        "$virtual_maps", "Tables with recipients in place of a recipient."
    )
    virtual_maps: str = parameter("", "Former name of virtual_alias_maps.", legacy=True)
    virtual_alias_recursion_limit: int = parameter(
        "1000", "Aliases of aliases that are followed.", least=1
    )
    virtual_alias_expansion_limit: int = parameter(
        "1000", "Recipients that one recipient may become.", least=1
    )
    virtual_alias_address_length_limit: int = parameter(
        "1000", "Longest address that an alias may stand for, in bytes.", least=1
    )
    always_bcc: str = parameter("", "Recipient of a copy of each message.")
    sender_bcc_maps: Words = parameter("", "Tables with a recipient of copies by sender.")
    recipient_bcc_maps: Words = parameter("", "Tables with a recipient of copies by recipient.")
    recipient_delimiter: str = parameter(
        "", "Characters any of which begins the extension of a local part."
    )
    propagate_unmatched_extensions: Words = parameter(
        "canonical, virtual",
        "Tables whose answers get the extension that the key was looked up without.",
        choices=("alias", "canonical", "forward", "generic", "include", "virtual"),
    )
    owner_request_special: bool = parameter(
        "yes", "Take owner-list and list-request for names without extension."
    )
    double_bounce_sender: str = parameter(
        "double-bounce", "Local part of the sender of bounces about bounces.", least=1
    )
    mydestination: Words = parameter(
        "$myhostname, localhost.$mydomain, localhost",
        "Domains of this host, whose local parts tables may name alone.",
    )
    proxy_interfaces: Words = parameter(
        "", "Addresses under which a proxy or address translator shows this host."
    )
