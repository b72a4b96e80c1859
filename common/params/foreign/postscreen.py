"""postscreen - tests of clients before a server process talks to them

SEE ALSO
    postscreen(8), dnsblog(8)
"""

from common.params.parameter import Params, Seconds, Words, parameter


class Postscreen(Params):
    """Read by Postfix's postscreen and dnsblog."""

    dnsblog_reply_delay: Seconds = parameter("0s", "Pause before dnsblog answers, for tests.")
    dnsblog_service_name: str = parameter(
        "dnsblog", "The service that looks clients up in DNS lists.", least=1
    )
    postscreen_access_list: Words = parameter(
        "permit_mynetworks", "Clients that postscreen permits or rejects without tests."
    )
    postscreen_allowlist_interfaces: Words = parameter(
        "${postscreen_whitelist_interfaces?{$postscreen_whitelist_interfaces}:{static:all}}",
        "Own addresses at which clients can get onto the allowlist.",
    )
    postscreen_bare_newline_action: str = parameter(
        "ignore", "What becomes of clients that send bare newlines.", least=1
    )
    postscreen_bare_newline_enable: bool = parameter("no", "Test for bare newlines.")
    postscreen_bare_newline_ttl: Seconds = parameter(
        "30d", "How long a passed test for bare newlines counts.", least=1
    )
    postscreen_cache_cleanup_interval: Seconds = parameter(
        "12h", "Time between two clean-ups of postscreen's cache.", least=0
    )
    postscreen_cache_map: str = parameter(
        "btree:$data_directory/postscreen_cache",
        "Table that keeps the results of postscreen's tests.",
    )
    postscreen_cache_retention_time: Seconds = parameter(
        "7d", "How long outdated results are kept.", least=1
    )
    postscreen_client_connection_count_limit: int = parameter(
        "$smtpd_client_connection_count_limit", "Connections that a client may have at postscreen."
    )
    postscreen_command_count_limit: int = parameter(
        "20", "Commands of a session in postscreen's own SMTP engine.", least=1
    )
    postscreen_command_filter: str = parameter(
        "", "Edits commands of clients before they are looked at."
    )
    postscreen_command_time_limit: Seconds = parameter(
        "${stress?{10}:{300}}s", "Longest wait for a command in postscreen.", least=1
    )
    postscreen_denylist_action: str = parameter(
        "${postscreen_blacklist_action?{$postscreen_blacklist_action}:{ignore}}",
        "What becomes of clients that postscreen_access_list rejects.",
        least=1,
    )
    postscreen_disable_vrfy_command: bool = parameter(
        "$disable_vrfy_command", "Refuse VRFY in postscreen."
    )
    postscreen_discard_ehlo_keyword_address_maps: Words = parameter(
        "$smtpd_discard_ehlo_keyword_address_maps",
        "EHLO keywords that postscreen leaves out, by client.",
    )
    postscreen_discard_ehlo_keywords: Words = parameter(
        "$smtpd_discard_ehlo_keywords", "EHLO keywords that postscreen leaves out."
    )
    postscreen_dnsbl_action: str = parameter(
        "ignore", "What becomes of clients in DNS lists.", least=1
    )
    postscreen_dnsbl_allowlist_threshold: int = parameter(
        "${postscreen_dnsbl_whitelist_threshold?{$postscreen_dnsbl_whitelist_threshold}:{0}}",
        "Score in DNS lists at which other tests are left out; 0 is never.",
    )
    postscreen_dnsbl_max_ttl: Seconds = parameter(
        "${postscreen_dnsbl_ttl?{$postscreen_dnsbl_ttl}:{1}}h",
        "Longest time that a passed DNS list test counts.",
        least=1,
    )
    postscreen_dnsbl_min_ttl: Seconds = parameter(
        "60s", "Shortest time that a passed DNS list test counts.", least=1
    )
    postscreen_dnsbl_reply_map: str = parameter(
        "", "What a client reads instead of a DNS list's secret name."
    )
    postscreen_dnsbl_sites: Words = parameter("", "DNS lists with filters and weights.")
    postscreen_dnsbl_threshold: int = parameter(
        "1", "Score in DNS lists at which a client is refused.", least=1
    )
    postscreen_dnsbl_timeout: Seconds = parameter("10s", "Longest wait for DNS lists.", least=1)
    postscreen_enforce_tls: bool = parameter(
        "$smtpd_enforce_tls", "Old form of postscreen_tls_security_level = encrypt."
    )
    postscreen_expansion_filter: str = parameter(
        "$smtpd_expansion_filter",
        "Characters that values in postscreen_reject_footer may have.",
        raw=True,
    )
    postscreen_forbidden_commands: Words = parameter(
        "$smtpd_forbidden_commands", "Commands that no mail client sends."
    )
    postscreen_greet_action: str = parameter(
        "ignore", "What becomes of clients that speak before their turn.", least=1
    )
    postscreen_greet_banner: str = parameter(
        "$smtpd_banner", "First part of the greeting, sent before the pause; empty for none."
    )
    postscreen_greet_ttl: Seconds = parameter(
        "1d", "How long a passed test for early talkers counts.", least=1
    )
    postscreen_greet_wait: Seconds = parameter(
        "${stress?{2}:{6}}s", "How long postscreen waits for early talkers.", least=1
    )
    postscreen_helo_required: bool = parameter(
        "$smtpd_helo_required", "Insist on HELO or EHLO in postscreen."
    )
    postscreen_non_smtp_command_action: str = parameter(
        "drop", "What becomes of clients that send forbidden commands.", least=1
    )
    postscreen_non_smtp_command_enable: bool = parameter("no", "Test for forbidden commands.")
    postscreen_non_smtp_command_ttl: Seconds = parameter(
        "30d", "How long a passed test for forbidden commands counts.", least=1
    )
    postscreen_pipelining_action: str = parameter(
        "enforce", "What becomes of clients that send commands before a reply.", least=1
    )
    postscreen_pipelining_enable: bool = parameter("no", "Test for commands sent before a reply.")
    postscreen_pipelining_ttl: Seconds = parameter(
        "30d", "How long a passed test for pipelining counts.", least=1
    )
    postscreen_post_queue_limit: int = parameter(
        "$default_process_limit", "Clients that wait for a server process.", least=5
    )
    postscreen_pre_queue_limit: int = parameter(
        "$default_process_limit", "Clients that are being tested.", least=10
    )
    postscreen_reject_footer: str = parameter(
        "$smtpd_reject_footer", "Text behind each refusal.", raw=True
    )
    postscreen_reject_footer_maps: Words = parameter(
        "$smtpd_reject_footer_maps", "The same by refusal."
    )
    postscreen_tls_security_level: str = parameter(
        "$smtpd_tls_security_level", "TLS in postscreen: none, may or encrypt."
    )
    postscreen_upstream_proxy_protocol: str = parameter(
        "", "Protocol by which a proxy tells the client's address: empty or haproxy."
    )
    postscreen_upstream_proxy_timeout: Seconds = parameter(
        "5s", "Longest wait for the proxy.", least=1
    )
    postscreen_use_tls: bool = parameter(
        "$smtpd_use_tls", "Old form of postscreen_tls_security_level = may."
    )
    postscreen_watchdog_timeout: Seconds = parameter("10s", "Watchdog of postscreen.", least=10)
