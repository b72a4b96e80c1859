"""smtp - delivery to other hosts

SEE ALSO
    smtp(8)
"""

from common.params.parameter import Params, Seconds, Words, parameter


class Smtp(Params):
    """Read by Postfix's smtp."""

    enable_idna2003_compatibility: bool = parameter(
        "no",
        "Chooses transitional IDNA mapping when a U-label domain is turned into an A-label for"
        " DNS.",
    )
    smtp_connect_timeout: Seconds = parameter(
        "30s", "TCP connect limit; 0 leaves it to the system.", least=0
    )
    smtp_helo_timeout: Seconds = parameter("300s", "Greeting and EHLO limit.", least=1)
    smtp_mail_timeout: Seconds = parameter("300s", "MAIL FROM reply limit.", least=1)
    smtp_rcpt_timeout: Seconds = parameter("300s", "RCPT TO reply limit.", least=1)
    smtp_data_init_timeout: Seconds = parameter("120s", "DATA reply limit.", least=1)
    smtp_data_xfer_timeout: Seconds = parameter("180s", "Content transfer limit.", least=1)
    smtp_data_done_timeout: Seconds = parameter("600s", "Final dot reply limit.", least=1)
    smtp_rset_timeout: Seconds = parameter("20s", "RSET limit.", least=1)
    smtp_quit_timeout: Seconds = parameter("300s", "QUIT limit.", least=1)
    smtp_xforward_timeout: Seconds = parameter("300s", "XFORWARD limit.", least=1)
    smtp_mx_address_limit: int = parameter("5", "Addresses tried per destination.", least=0)
    smtp_mx_session_limit: int = parameter("2", "SMTP sessions tried per destination.", least=0)
    smtp_helo_name: str = parameter("$myhostname", "EHLO name.", least=1)
    smtp_bind_address: str = parameter("", "Local IPv4 address.")
    smtp_bind_address6: str = parameter("", "Local IPv6 address.")
    smtp_address_preference: str = parameter(
        "any", "any, ipv4 or ipv6 first.", least=1, later="any` with IPv6 support, else `ipv4"
    )
    smtp_randomize_addresses: bool = parameter("yes", "Shuffle equal-preference addresses.")
    smtp_host_lookup: str = parameter("dns", "dns, native.", least=1)
    smtp_dns_support_level: str = parameter("", "disabled, enabled, dnssec.")
    ignore_mx_lookup_error: bool = parameter("no", "Use A lookup if MX lookup fails.")
    smtp_defer_if_no_mx_address_found: bool = parameter(
        "no", "Defer when MX hosts have no address."
    )
    best_mx_transport: str = parameter("", "When this host is the best MX.")
    smtp_fallback_relay: Words = parameter("$fallback_relay", "Last-resort destinations.")
    smtp_tcp_port: str = parameter("smtp", "Default port.")
    smtp_line_length_limit: int = parameter(
        "998", "Longer lines are broken with CRLF SPACE. 0 is unlimited.", least=0
    )
    smtp_generic_maps: Words = parameter("", "Address rewriting at delivery.")
    smtp_header_checks: Words = parameter("", "Restricted header actions at delivery.")
    smtp_send_xforward_command: bool = parameter(
        "no", "Offer the original client data to the next hop."
    )
    smtp_discard_ehlo_keywords: Words = parameter("", "EHLO keywords ignored.")
    smtp_always_send_ehlo: bool = parameter("yes", "EHLO regardless of the greeting.")
    smtp_never_send_ehlo: bool = parameter("no", "HELO only.")
    smtp_skip_5xx_greeting: bool = parameter("yes", "Try the next server after a 5xx greeting.")
    smtp_skip_quit_response: bool = parameter("yes", "Do not wait for the QUIT reply.")
    smtp_pix_workarounds: Words = parameter(
        "disable_esmtp,delay_dotcrlf", "Old firewall workarounds."
    )
    smtp_quote_rfc821_envelope: bool = parameter("yes", "Quote odd local parts in MAIL and RCPT.")
    smtp_reply_filter: str = parameter("", "Edit server replies.")
    smtp_delivery_status_filter: str = parameter(
        "$default_delivery_status_filter", "Edit status codes and texts."
    )
    smtp_connection_cache_destinations: Words = parameter("", "Always cache connections to these.")
    smtp_connection_cache_on_demand: bool = parameter("yes", "Cache when many messages wait.")
    smtp_connection_cache_time_limit: Seconds = parameter(
        "2s", "Idle life of a cached connection.", least=1
    )
    smtp_connection_reuse_time_limit: Seconds = parameter(
        "300s", "Total life of a cached connection.", least=1
    )
    smtp_connection_reuse_count_limit: int = parameter("0", "Deliveries per connection.", least=0)
    disable_dns_lookups: bool = parameter("no", "Old way to turn off DNS.")
    disable_mime_output_conversion: bool = parameter(
        "no", "Never convert 8-bit to 7-bit at delivery."
    )
    dns_ncache_ttl_fix_enable: bool = parameter(
        "no", "Repair the time to live of negative answers from some resolvers."
    )
    dnssec_probe: str = parameter(
        "ns:.", "Query by which DNSSEC is tried: type:name, or empty for none."
    )
    smtp_address_verify_target: str = parameter(
        "rcpt", "Stage of the SMTP protocol at which a probe ends: rcpt or data.", least=1
    )
    smtp_balance_inet_protocols: bool = parameter(
        "yes", "Try addresses of both IP versions where there are many."
    )
    smtp_bind_address_enforce: bool = parameter(
        "no", "Defer mail if smtp_bind_address cannot be used."
    )
    smtp_body_checks: Words = parameter("", "Restricted body actions at delivery.")
    smtp_cname_overrides_servername: bool = parameter(
        "no", "Take the name that a CNAME leads to for logging and TLS."
    )
    smtp_discard_ehlo_keyword_address_maps: Words = parameter(
        "", "EHLO keywords that are ignored, by server."
    )
    smtp_dns_reply_filter: str = parameter("", "Changes or ignores resource records.")
    smtp_dns_resolver_options: Words = parameter("", "Options of the DNS resolver.")
    smtp_mime_header_checks: Words = parameter(
        "", "Restricted actions on MIME headers at delivery."
    )
    smtp_min_data_rate: int = parameter(
        "500", "Slowest transfer that a per-request deadline allows, in bytes a second.", least=1
    )
    smtp_nested_header_checks: Words = parameter(
        "", "Restricted actions on headers of attached messages at delivery."
    )
    smtp_per_request_deadline: bool = parameter(
        "${smtp_per_record_deadline?{$smtp_per_record_deadline}:{no}}",
        "Time limits hold for a whole request, not for each read or write.",
    )
    smtp_pix_workaround_delay_time: Seconds = parameter(
        "10s", "Pause before the final dot, for old firewalls.", least=1
    )
    smtp_pix_workaround_maps: Words = parameter("", "smtp_pix_workarounds by server.")
    smtp_pix_workaround_threshold_time: Seconds = parameter(
        "500s", "Age of a message at which workarounds for old firewalls begin.", least=0
    )
