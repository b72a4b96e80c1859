"""addresses - how they are rewritten and where they lead

SEE ALSO
    cleanup(8), trivial-rewrite(8)
"""

from common.params.parameter import Text, Words, parameter


def own_networks(text: Text) -> str:
    """Return the networks of this host, as mynetworks_style says."""
    from common import interfaces  # few ask, and the rest need not wait for its import

    return interfaces.networks(text)


class Addresses:
    """Read where addresses are rewritten and resolved."""

    always_bcc: str = parameter(
        "",
        "Extra recipient for every message, written in the extracted segment with"
        " notify_flags=1 (never notify).",
    )
    sender_bcc_maps: Words = parameter(
        "", "Extra recipient looked up by sender, written right after the sender record."
    )
    recipient_bcc_maps: Words = parameter(
        "", "Extra recipient looked up by recipient, written right after that recipient."
    )
    canonical_maps: Words = parameter(
        "",
        "One-to-one address rewriting of envelope and headers, after the sender/recipient"
        " specific tables.",
    )
    recipient_canonical_maps: Words = parameter(
        "", "Like canonical_maps for recipients only, done first."
    )
    sender_canonical_maps: Words = parameter(
        "", "Like canonical_maps for senders only, done first."
    )
    masquerade_classes: Words = parameter(
        "envelope_sender, header_sender, header_recipient",
        "Which addresses masquerade_domains touches.",
    )
    masquerade_domains: Words = parameter(
        "", "Strip subdomains below the listed domains; a leading ! stops the search."
    )
    masquerade_exceptions: Words = parameter("", "Local parts never masqueraded.")
    propagate_unmatched_extensions: str = parameter(
        "canonical, virtual", "Tables for which an unmatched +extension is carried to the result."
    )
    virtual_alias_maps: Words = parameter(
        "$virtual_maps", "One-to-many recipient expansion, recursive, for any domain."
    )
    canonical_classes: str = parameter(
        "envelope_sender, envelope_recipient, header_sender, header_recipient",
        "Which addresses canonical_maps touches.",
        least=1,
    )
    recipient_canonical_classes: str = parameter(
        "envelope_recipient, header_recipient",
        "Which addresses recipient_canonical_maps touches.",
        least=1,
    )
    sender_canonical_classes: Words = parameter(
        "envelope_sender, header_sender", "Which addresses sender_canonical_maps touches."
    )
    virtual_alias_expansion_limit: int = parameter(
        "1000",
        'Most recipients one original recipient can become; beyond it Z "4.6.0 Alias expansion'
        ' error".',
        least=1,
    )
    virtual_alias_recursion_limit: int = parameter(
        "1000", "Deepest alias nesting; beyond it the same Z reply.", least=1
    )
    virtual_alias_address_length_limit: int = parameter(
        "1000", "Longest address that expansion may produce.", least=1
    )
    local_transport: str = parameter(
        "local:$myhostname", "Not used by cleanup; listed since intake tests set it.", least=1
    )
    resolve_numeric_domain: bool = parameter(
        "no", "Accept user@1.2.3.4 as if the address were in brackets."
    )
    recipient_delimiter: str = parameter(
        "", "Characters that separate a mailbox from its extension."
    )
    default_transport: str = parameter("smtp", "For domains in no other class.", least=1)
    relay_transport: str = parameter("relay", "For relay_domains.")
    relayhost: Words = parameter("", "Next hop for default_transport mail; [host] skips MX lookup.")
    relay_domains: Words = parameter(
        "${{$compatibility_level} <level {2} ? {$mydestination} : {}}", "Domains relayed for."
    )
    mydestination: Words = parameter(
        "$myhostname, localhost.$mydomain, localhost", "Domains delivered by local_transport."
    )
    transport_maps: Words = parameter("", "Per-address transport:nexthop.")
    sender_dependent_relayhost_maps: Words = parameter("", "relayhost by sender.")
    sender_dependent_default_transport_maps: Words = parameter("", "default_transport by sender.")
    proxy_interfaces: Words = parameter("", "Addresses of this host behind NAT.")
    mynetworks: Words = parameter(
        own_networks,
        "Trusted clients. A host-bit error is only seen at match time.",
    )
    mynetworks_style: str = parameter(
        "${{$compatibility_level} <level {2} ? {subnet} : {host}}",
        "host, subnet or class; how mynetworks is guessed.",
        least=1,
    )
    allow_min_user: bool = parameter("no", "Accept recipients that begin with a minus sign.")
    empty_address_default_transport_maps_lookup_key: str = parameter(
        "<>", "Key for the empty sender in sender_dependent_default_transport_maps.", least=1
    )
    empty_address_local_login_sender_maps_lookup_key: str = parameter(
        "<>", "Key for the empty sender in local_login_sender_maps."
    )
    empty_address_relayhost_maps_lookup_key: str = parameter(
        "<>", "Key for the empty sender in sender_dependent_relayhost_maps.", least=1
    )
    local_login_sender_maps: Words = parameter(
        "static:*", "Envelope senders that a local user may submit mail with."
    )
    local_recipient_maps: Words = parameter(
        "proxy:unix:passwd.byname $alias_maps",
        "Tables with all local recipients; empty accepts any.",
    )
    relay_recipient_maps: Words = parameter(
        "", "Tables with all recipients in relay_domains; empty accepts any."
    )
    relocated_maps: Words = parameter("", "New addresses of users who have moved.")
    resolve_dequoted_address: bool = parameter("yes", "Look for @, % and ! inside quotes as well.")
    resolve_null_domain: bool = parameter("no", "Take user@ for an address of this host.")
    virtual_alias_domains: Words = parameter(
        "$virtual_alias_maps", "Domains whose addresses are all aliases."
    )
    virtual_transport: str = parameter("virtual", "Transport for virtual_mailbox_domains.", least=1)
