"""legacy - former names of parameters

DESCRIPTION
    Some defaults refer to a parameter's former name, so that an old main.cf
    keeps its meaning. Nobody is told of these names who does not use them.

SEE ALSO
    postconf(5)
"""

from collections.abc import Iterator

from common.params.parameter import Parameter

FORMER = {
    "authorized_verp_clients": "smtpd_authorized_verp_clients",
    "fallback_relay": "smtp_fallback_relay",
    "lmtp_per_record_deadline": "lmtp_per_request_deadline",
    "postscreen_blacklist_action": "postscreen_denylist_action",
    "postscreen_dnsbl_ttl": "postscreen_dnsbl_max_ttl",
    "postscreen_dnsbl_whitelist_threshold": "postscreen_dnsbl_allowlist_threshold",
    "postscreen_whitelist_interfaces": "postscreen_allowlist_interfaces",
    "smtp_per_record_deadline": "smtp_per_request_deadline",
    "smtpd_client_connection_limit_exceptions": "smtpd_client_event_limit_exceptions",
    "smtpd_per_record_deadline": "smtpd_per_request_deadline",
    "tlsproxy_client_level": "tlsproxy_client_security_level",
    "tlsproxy_client_policy": "tlsproxy_client_policy_maps",
}


def parameters() -> Iterator[Parameter]:
    """Yield the former names."""
    for name, present in FORMER.items():
        yield Parameter(name, str, "", f"Former name of {present}.", legacy=True)
