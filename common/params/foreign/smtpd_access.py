"""smtpd_access - who may send what to whom

SEE ALSO
    smtpd(8), access(5)
"""

from common.params.parameter import Params, Seconds, Words, parameter


class SmtpdAccess(Params):
    """Read by Postfix's smtpd, for access and relay control."""

    access_map_defer_code: int = parameter(
        "450", 'SMTP reply code of a "defer" in an access table.'
    )
    access_map_reject_code: int = parameter(
        "554", 'SMTP reply code of a "reject" in an access table.'
    )
    address_verify_poll_count: int = parameter(
        "${stress?{1}:{3}}", "How often a server asks for the result of a probe.", least=1
    )
    address_verify_poll_delay: Seconds = parameter(
        "3s", "Pause between two such questions.", least=1
    )
    allow_untrusted_routing: bool = parameter(
        "no", "Forward user%domain and the like from strangers."
    )
    default_rbl_reply: str = parameter(
        "$rbl_code Service unavailable; $rbl_class [$rbl_what] blocked using"
        " $rbl_domain${rbl_reason?; $rbl_reason}",
        "Text of a refusal because of a DNS list.",
        raw=True,
    )
    defer_code: int = parameter("450", 'SMTP reply code of a "defer" restriction.')
    invalid_hostname_reject_code: int = parameter(
        "501", "SMTP reply code for HELO names with bad syntax."
    )
    maps_rbl_domains: Words = parameter("", "Old form of reject_rbl_client.")
    maps_rbl_reject_code: int = parameter("554", "SMTP reply code for clients in DNS lists.")
    multi_recipient_bounce_reject_code: int = parameter(
        "550", "SMTP reply code for the empty sender with several recipients."
    )
    non_fqdn_reject_code: int = parameter("504", "SMTP reply code for names without a domain.")
    permit_mx_backup_networks: Words = parameter(
        "", "Networks of the primary MX hosts that permit_mx_backup allows."
    )
    plaintext_reject_code: int = parameter("450", "SMTP reply code for passwords in plain text.")
    rbl_reply_maps: Words = parameter("", "Text of a refusal by DNS list.")
    reject_code: int = parameter("554", 'SMTP reply code of a "reject" restriction.')
    reject_tempfail_action: str = parameter(
        "defer_if_permit", "What a reject_* restriction does if it cannot be evaluated.", least=1
    )
    relay_domains_reject_code: int = parameter(
        "554", "SMTP reply code for recipients that are not relayed for."
    )
    show_user_unknown_table_name: bool = parameter(
        "yes", 'Name the table in "user unknown" replies.'
    )
    smtpd_client_restrictions: Words = parameter("", "Restrictions when a client connects.")
    smtpd_data_restrictions: Words = parameter("", "Restrictions at DATA.")
    smtpd_delay_reject: bool = parameter("yes", "Evaluate all restrictions at RCPT TO.")
    smtpd_end_of_data_restrictions: Words = parameter("", "Restrictions at the end of a message.")
    smtpd_etrn_restrictions: Words = parameter("", "Restrictions at ETRN.")
    smtpd_expansion_filter: str = parameter(
        "\\t\\40!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\\\]^_`abcdefghijklmnopqrstuvwxyz{|}~",
        "Characters that values in refusal texts may have.",
        raw=True,
    )
    smtpd_forbid_bare_newline_reject_code: int = parameter(
        "550", "SMTP reply code for bare newlines.", least=500, most=599
    )
    smtpd_helo_restrictions: Words = parameter("", "Restrictions at HELO and EHLO.")
    smtpd_log_access_permit_actions: Words = parameter("", "Permit-like actions that are logged.")
    smtpd_null_access_lookup_key: str = parameter(
        "<>", "Key for the empty sender in access tables."
    )
    smtpd_policy_service_default_action: str = parameter(
        "451 4.3.5 Server configuration problem", "What is done if a policy server fails."
    )
    smtpd_policy_service_max_idle: Seconds = parameter(
        "300s", "Idle time after which a connection to a policy server is closed.", least=1
    )
    smtpd_policy_service_max_ttl: Seconds = parameter(
        "1000s", "Longest life of a connection to a policy server.", least=1
    )
    smtpd_policy_service_policy_context: str = parameter("", "Text that policy servers are told.")
    smtpd_policy_service_request_limit: int = parameter(
        "0", "Requests per connection to a policy server; 0 is unlimited."
    )
    smtpd_policy_service_retry_delay: Seconds = parameter(
        "1s", "Pause before a policy server is asked again.", least=1
    )
    smtpd_policy_service_timeout: Seconds = parameter(
        "100s", "Longest wait for a policy server.", least=1
    )
    smtpd_policy_service_try_limit: int = parameter(
        "2", "How often a policy server is asked.", least=1
    )
    smtpd_recipient_restrictions: Words = parameter("", "Restrictions at RCPT TO, for spam.")
    smtpd_reject_footer: str = parameter("", "Text behind each refusal.", raw=True)
    smtpd_reject_footer_maps: Words = parameter("", "The same by refusal.")
    smtpd_reject_unlisted_recipient: bool = parameter(
        "yes", "Refuse recipients that are in no recipient table."
    )
    smtpd_reject_unlisted_sender: bool = parameter(
        "no", "Refuse senders of own domains that are in no recipient table."
    )
    smtpd_relay_before_recipient_restrictions: bool = parameter(
        "${{$compatibility_level} <level {3.6} ? {no} : {yes}}",
        "Evaluate smtpd_relay_restrictions first.",
    )
    smtpd_relay_restrictions: Words = parameter(
        "${{$compatibility_level} <level {1} ? {} : {permit_mynetworks,"
        " permit_sasl_authenticated, defer_unauth_destination}}",
        "Restrictions at RCPT TO, for relaying.",
    )
    smtpd_restriction_classes: Words = parameter("", "Names of restriction lists of your own.")
    smtpd_sender_login_maps: Words = parameter("", "Users who own a sender address.")
    smtpd_sender_restrictions: Words = parameter("", "Restrictions at MAIL FROM.")
    unknown_address_reject_code: int = parameter(
        "450", "SMTP reply code for addresses whose domain is unknown."
    )
    unknown_address_tempfail_action: str = parameter(
        "$reject_tempfail_action", "What reject_unknown_*_domain does if the lookup fails."
    )
    unknown_client_reject_code: int = parameter(
        "450", "SMTP reply code for clients without a proper name."
    )
    unknown_helo_hostname_tempfail_action: str = parameter(
        "$reject_tempfail_action", "What reject_unknown_helo_hostname does if the lookup fails."
    )
    unknown_hostname_reject_code: int = parameter(
        "450", "SMTP reply code for HELO names that are unknown."
    )
    unknown_local_recipient_reject_code: int = parameter(
        "550", "SMTP reply code for unknown local recipients."
    )
    unknown_relay_recipient_reject_code: int = parameter(
        "550", "SMTP reply code for unknown recipients in relay_domains."
    )
    unknown_virtual_alias_reject_code: int = parameter(
        "550", "SMTP reply code for unknown recipients in virtual_alias_domains."
    )
    unknown_virtual_mailbox_reject_code: int = parameter(
        "550", "SMTP reply code for unknown recipients in virtual_mailbox_domains."
    )
    unverified_recipient_defer_code: int = parameter(
        "450", "SMTP reply code while a recipient probe has no result.", least=200, most=499
    )
    unverified_recipient_reject_code: int = parameter(
        "450", "SMTP reply code after a failed recipient probe.", least=200, most=599
    )
    unverified_recipient_reject_reason: str = parameter("", "Text after a failed recipient probe.")
    unverified_recipient_tempfail_action: str = parameter(
        "$reject_tempfail_action", "What reject_unverified_recipient does if a probe fails for now."
    )
    unverified_sender_defer_code: int = parameter(
        "450", "SMTP reply code while a sender probe has no result.", least=200, most=499
    )
    unverified_sender_reject_code: int = parameter(
        "450", "SMTP reply code after a failed sender probe.", least=200, most=599
    )
    unverified_sender_reject_reason: str = parameter("", "Text after a failed sender probe.")
    unverified_sender_tempfail_action: str = parameter(
        "$reject_tempfail_action", "What reject_unverified_sender does if a probe fails for now."
    )
