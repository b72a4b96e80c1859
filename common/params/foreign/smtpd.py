"""smtpd - the SMTP server

SEE ALSO
    smtpd(8)
"""

from common.params.parameter import LongInt, Params, Seconds, Words, parameter


class Smtpd(Params):
    """Read by Postfix's smtpd."""

    local_header_rewrite_clients: Words = parameter(
        "permit_inet_interfaces",
        "smtpd only: which clients get local context. No effect on QMQP mail.",
    )
    disable_vrfy_command: bool = parameter("no", "Refuse VRFY.")
    queue_minfree: LongInt = parameter(
        "0", "Bytes that must be free in the queue's file system; 0 is any."
    )
    respectful_logging: bool = parameter(
        "${{$compatibility_level} <level {3.6} ? {no} : {yes}}",
        "Log the newer words allowlist and denylist.",
    )
    smtpd_authorized_verp_clients: Words = parameter(
        "$authorized_verp_clients", "Clients that may use XVERP."
    )
    smtpd_authorized_xclient_hosts: Words = parameter("", "Clients that may use XCLIENT.")
    smtpd_authorized_xforward_hosts: Words = parameter("", "Clients that may use XFORWARD.")
    smtpd_banner: str = parameter(
        "$myhostname ESMTP $mail_name", "Text behind 220 in the greeting."
    )
    smtpd_client_auth_rate_limit: int = parameter(
        "0", "AUTH commands of a client per anvil_rate_time_unit; 0 is unlimited."
    )
    smtpd_client_connection_count_limit: int = parameter(
        "50", "Connections of a client at a time; 0 is unlimited."
    )
    smtpd_client_connection_rate_limit: int = parameter(
        "0", "Connections of a client per anvil_rate_time_unit; 0 is unlimited."
    )
    smtpd_client_event_limit_exceptions: Words = parameter(
        "${smtpd_client_connection_limit_exceptions:$mynetworks}",
        "Clients without connection and rate limits.",
    )
    smtpd_client_message_rate_limit: int = parameter(
        "0", "Messages of a client per anvil_rate_time_unit; 0 is unlimited."
    )
    smtpd_client_new_tls_session_rate_limit: int = parameter(
        "0", "New TLS sessions of a client per anvil_rate_time_unit; 0 is unlimited."
    )
    smtpd_client_port_logging: bool = parameter("no", "Log the client's port.")
    smtpd_client_recipient_rate_limit: int = parameter(
        "0", "Recipients of a client per anvil_rate_time_unit; 0 is unlimited."
    )
    smtpd_command_filter: str = parameter(
        "", "Edits commands of clients before they are looked at."
    )
    smtpd_delay_open_until_valid_rcpt: bool = parameter(
        "yes", "Make a queue file when the first recipient is accepted."
    )
    smtpd_discard_ehlo_keyword_address_maps: Words = parameter(
        "", "EHLO keywords that are left out, by client."
    )
    smtpd_discard_ehlo_keywords: Words = parameter("", "EHLO keywords that are left out.")
    smtpd_dns_reply_filter: str = parameter("", "Changes or ignores resource records.")
    smtpd_error_sleep_time: Seconds = parameter(
        "1s", "Pause before a reply to a client that made many errors.", least=0
    )
    smtpd_forbid_bare_newline: str = parameter(
        "no", "What becomes of clients that end lines with a bare newline.", least=1
    )
    smtpd_forbid_bare_newline_exclusions: Words = parameter(
        "$mynetworks", "Clients that may send bare newlines."
    )
    smtpd_forbid_unauth_pipelining: bool = parameter(
        "no", "Disconnect clients that send commands before a reply."
    )
    smtpd_forbidden_commands: Words = parameter(
        "CONNECT GET POST regexp:{{/^[^A-Z]/ Bogus}}", "Commands that end a session."
    )
    smtpd_hard_error_limit: int = parameter(
        "${stress?{1}:{20}}", "Errors at which a session is ended."
    )
    smtpd_helo_required: bool = parameter("no", "Insist on HELO or EHLO.")
    smtpd_history_flush_threshold: int = parameter(
        "100", "Lines of a session's history that are kept.", least=1
    )
    smtpd_junk_command_limit: int = parameter(
        "${stress?{1}:{100}}", "Commands like NOOP that do not count as errors.", least=1
    )
    smtpd_milter_maps: Words = parameter("", "Milters by client.")
    smtpd_milters: Words = parameter("", "Milters for mail that smtpd receives.")
    smtpd_min_data_rate: int = parameter(
        "500", "Slowest transfer that a per-request deadline allows, in bytes a second.", least=1
    )
    smtpd_noop_commands: Words = parameter(
        "", "Commands that are answered with 250 Ok and do nothing."
    )
    smtpd_peername_lookup: bool = parameter("yes", "Look the client's name up.")
    smtpd_per_request_deadline: bool = parameter(
        "${smtpd_per_record_deadline?{$smtpd_per_record_deadline}:{${stress?{yes}:{no}}}}",
        "Time limits hold for a whole request, not for each read or write.",
    )
    smtpd_proxy_ehlo: str = parameter("$myhostname", "EHLO name for the before-queue filter.")
    smtpd_proxy_filter: str = parameter("", "Before-queue filter: host:port or a socket.")
    smtpd_proxy_options: Words = parameter("", "Options of the before-queue filter.")
    smtpd_proxy_timeout: Seconds = parameter(
        "100s", "Longest wait for the before-queue filter.", least=1
    )
    smtpd_recipient_limit: int = parameter(
        "1000", "Recipients of a message that are accepted.", least=1
    )
    smtpd_recipient_overshoot_limit: int = parameter(
        "1000", "Recipients beyond smtpd_recipient_limit that are no errors.", least=1
    )
    smtpd_service_name: str = parameter(
        "smtpd", "The service that postscreen gives its clients to.", least=1
    )
    smtpd_soft_error_limit: int = parameter("10", "Errors at which replies are delayed.", least=1)
    smtpd_timeout: Seconds = parameter(
        "${stress?{10}:{300}}s", "Longest wait for one read from or write to a client.", least=1
    )
    smtpd_upstream_proxy_protocol: str = parameter(
        "", "Protocol by which a proxy tells the client's address: empty or haproxy."
    )
    smtpd_upstream_proxy_timeout: Seconds = parameter("5s", "Longest wait for the proxy.", least=1)
    stress: str = parameter(
        "", "Set to yes by master for processes of a service that is at its limit."
    )
    strict_rfc821_envelopes: bool = parameter("no", "Insist on <> around addresses.")
    strict_smtputf8: bool = parameter(
        "no", "Refuse UTF-8 addresses and headers of clients that did not ask for SMTPUTF8."
    )
