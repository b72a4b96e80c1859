"""services - names of services, and what the small ones read

SEE ALSO
    master(5), verify(8), anvil(8), flush(8), scache(8), proxymap(8)
"""

from common.params.parameter import Params, Seconds, Words, parameter


class Services(Params):
    """Read by Postfix's small daemons and their clients."""

    postlogd_watchdog_timeout: Seconds = parameter("10s", "Watchdog of postlogd.", least=10)
    application_event_drain_time: Seconds = parameter(
        "100s", "Wait for pending I/O on termination.", least=1
    )
    trigger_timeout: Seconds = parameter("10s", "Limit for waking up another service.", least=1)
    ipc_idle: Seconds = parameter(
        "5s", "Idle time after which an internal client connection is closed.", least=1
    )
    ipc_ttl: Seconds = parameter("1000s", "Longest life of an internal client connection.", least=1)
    address_verify_cache_cleanup_interval: Seconds = parameter(
        "12h", "Time between two clean-ups of the address verification cache.", least=0
    )
    address_verify_default_transport: str = parameter(
        "$default_transport", "The same as default_transport, for address probes.", least=1
    )
    address_verify_local_transport: str = parameter(
        "$local_transport", "The same as local_transport, for address probes.", least=1
    )
    address_verify_map: str = parameter(
        "btree:$data_directory/verify_cache", "Table that keeps the results of address probes."
    )
    address_verify_negative_cache: bool = parameter("yes", "Remember addresses that failed, too.")
    address_verify_negative_expire_time: Seconds = parameter(
        "3d", "Age at which a failed probe is forgotten.", least=1
    )
    address_verify_negative_refresh_time: Seconds = parameter(
        "3h", "Age at which a failed probe is repeated.", least=1
    )
    address_verify_pending_request_limit: int = parameter(
        "5000", "Probes that may wait in the active queue at a time.", least=1
    )
    address_verify_positive_expire_time: Seconds = parameter(
        "31d", "Age at which a successful probe is forgotten.", least=1
    )
    address_verify_positive_refresh_time: Seconds = parameter(
        "7d", "Age at which a successful probe is repeated.", least=1
    )
    address_verify_relay_transport: str = parameter(
        "$relay_transport", "The same as relay_transport, for address probes.", least=1
    )
    address_verify_relayhost: Words = parameter(
        "$relayhost", "The same as relayhost, for address probes."
    )
    address_verify_sender: str = parameter(
        "$double_bounce_sender", "Sender of address probes; empty or <> is the null address."
    )
    address_verify_sender_dependent_default_transport_maps: Words = parameter(
        "$sender_dependent_default_transport_maps", "Transport by sender, for address probes."
    )
    address_verify_sender_dependent_relayhost_maps: Words = parameter(
        "$sender_dependent_relayhost_maps", "Relay host by sender, for address probes."
    )
    address_verify_sender_ttl: Seconds = parameter(
        "0s", "Time after which the sender of probes changes; 0 is never.", least=0
    )
    address_verify_service_name: str = parameter(
        "verify", "The service that keeps the results of address probes.", least=1
    )
    address_verify_transport_maps: Words = parameter(
        "$transport_maps", "The same as transport_maps, for address probes."
    )
    address_verify_virtual_transport: str = parameter(
        "$virtual_transport", "The same as virtual_transport, for address probes.", least=1
    )
    anvil_rate_time_unit: Seconds = parameter(
        "60s", "Period over which anvil counts the events of a client.", least=1
    )
    anvil_status_update_time: Seconds = parameter(
        "600s", "Time between two log lines with anvil's peaks.", least=1
    )
    connection_cache_protocol_timeout: Seconds = parameter(
        "5s", "Longest wait for the connection cache.", least=1
    )
    connection_cache_service_name: str = parameter(
        "scache", "The service that keeps open connections."
    )
    connection_cache_status_update_time: Seconds = parameter(
        "600s", "Time between two log lines with the cache's peaks.", least=1
    )
    connection_cache_ttl_limit: Seconds = parameter(
        "2s", "Longest time that a connection is kept.", least=1
    )
    daemon_table_open_error_is_fatal: bool = parameter(
        "no", "Die if a table cannot be opened, instead of deferring lookups."
    )
    defer_service_name: str = parameter(
        "defer", "The service that logs delayed deliveries for users.", least=1
    )
    dont_remove: int = parameter("0", "Keep finished queue files in the saved queue, for tests.")
    error_service_name: str = parameter(
        "error", "The transport that returns or defers all mail.", least=1
    )
    fast_flush_domains: Words = parameter(
        "$relay_domains", "Domains for which mail can be flushed by ETRN."
    )
    fast_flush_purge_time: Seconds = parameter(
        "7d", "Age at which an empty flush file is removed.", least=1
    )
    fast_flush_refresh_time: Seconds = parameter(
        "12h", "Age at which a flush file that nobody used is flushed.", least=1
    )
    fault_injection_code: int = parameter("0", "Fault to produce, for tests; 0 is none.")
    flush_service_name: str = parameter(
        "flush", "The service that keeps queue ids by destination.", least=1
    )
    fork_attempts: int = parameter("5", "How often a fork is tried.", least=1)
    fork_delay: Seconds = parameter("1s", "Pause between two tries to fork.", least=1)
    pickup_service_name: str = parameter(
        "pickup", "The service that takes mail from the maildrop queue.", least=1
    )
    proxy_read_maps: Words = parameter(
        "$local_recipient_maps $mydestination $virtual_alias_maps $virtual_alias_domains"
        " $virtual_mailbox_maps $virtual_mailbox_domains $relay_recipient_maps $relay_domains"
        " $canonical_maps $sender_canonical_maps $recipient_canonical_maps $relocated_maps"
        " $transport_maps $mynetworks $smtpd_sender_login_maps $sender_bcc_maps"
        " $recipient_bcc_maps $smtp_generic_maps $lmtp_generic_maps $alias_maps"
        " $smtpd_client_restrictions $smtpd_helo_restrictions $smtpd_sender_restrictions"
        " $smtpd_relay_restrictions $smtpd_recipient_restrictions"
        " $address_verify_sender_dependent_default_transport_maps"
        " $address_verify_sender_dependent_relayhost_maps $address_verify_transport_maps"
        " $fallback_transport_maps $lmtp_discard_lhlo_keyword_address_maps"
        " $lmtp_pix_workaround_maps $lmtp_sasl_password_maps $lmtp_tls_policy_maps"
        " $mailbox_command_maps $mailbox_transport_maps"
        " $postscreen_discard_ehlo_keyword_address_maps $rbl_reply_maps"
        " $sender_dependent_default_transport_maps $sender_dependent_relayhost_maps"
        " $smtp_discard_ehlo_keyword_address_maps $smtp_pix_workaround_maps"
        " $smtp_sasl_password_maps $smtp_tls_policy_maps"
        " $smtpd_discard_ehlo_keyword_address_maps $smtpd_milter_maps $virtual_gid_maps"
        " $virtual_uid_maps $local_login_sender_maps $postscreen_reject_footer_maps"
        " $smtpd_reject_footer_maps $tls_server_sni_maps $tlsproxy_client_policy_maps"
        " $default_delivery_status_filter $lmtp_delivery_status_filter $lmtp_dns_reply_filter"
        " $lmtp_reply_filter $local_delivery_status_filter $pipe_delivery_status_filter"
        " $postscreen_command_filter $smtp_delivery_status_filter $smtp_dns_reply_filter"
        " $smtp_reply_filter $smtpd_command_filter $smtpd_dns_reply_filter"
        " $virtual_delivery_status_filter $body_checks $header_checks $lmtp_body_checks"
        " $lmtp_header_checks $lmtp_mime_header_checks $lmtp_nested_header_checks"
        " $milter_header_checks $mime_header_checks $nested_header_checks $smtp_body_checks"
        " $smtp_header_checks $smtp_mime_header_checks $smtp_nested_header_checks",
        "Tables that proxymap may read.",
    )
    proxy_write_maps: Words = parameter(
        "$smtp_sasl_auth_cache_name $lmtp_sasl_auth_cache_name $address_verify_map"
        " $postscreen_cache_map",
        "Tables that proxywrite may change.",
    )
    proxywrite_service_name: str = parameter(
        "proxywrite", "The service that changes proxy: tables.", least=1
    )
    showq_service_name: str = parameter("showq", "The service that lists the queue.", least=1)
    tcp_windowsize: int = parameter("0", "Size of TCP windows, in bytes; 0 is the system's.")
