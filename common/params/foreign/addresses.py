"""addresses - how they are rewritten and where they lead

SEE ALSO
    cleanup(8), trivial-rewrite(8)
"""

from common.params.parameter import Params, Text, Words, parameter


def own_networks(text: Text) -> str:
    """Return the networks of this host, as mynetworks_style says."""
    from common import interfaces  # few ask, and the rest need not wait for its import

    return interfaces.networks(text)


class Addresses(Params):
    """Read where addresses are rewritten and resolved."""

    local_transport: str = parameter(
        "local:$myhostname", "Not used by cleanup; listed since intake tests set it.", least=1
    )
    resolve_numeric_domain: bool = parameter(
        "no", "Accept user@1.2.3.4 as if the address were in brackets."
    )
    default_transport: str = parameter("smtp", "For domains in no other class.", least=1)
    relay_transport: str = parameter("relay", "For relay_domains.")
    relayhost: Words = parameter("", "Next hop for default_transport mail; [host] skips MX lookup.")
    relay_domains: Words = parameter(
        "${{$compatibility_level} <level {2} ? {$mydestination} : {}}", "Domains relayed for."
    )
    transport_maps: Words = parameter("", "Per-address transport:nexthop.")
    sender_dependent_relayhost_maps: Words = parameter("", "relayhost by sender.")
    sender_dependent_default_transport_maps: Words = parameter("", "default_transport by sender.")
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
