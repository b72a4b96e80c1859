"""qmqpd - parameters of qmqpd

SEE ALSO
    spec/parameters.md
"""

from common.params.child import ChildParams
from common.params.parameter import Seconds, Words, parameter


class QmqpdParams(ChildParams):
    """Read by qmqpd."""

    qmqpd_authorized_clients: Words = parameter(
        "", "Clients that may use the service: addresses, networks, names, tables."
    )
    parent_domain_matches_subdomains: Words = parameter(
        "debug_peer_list,fast_flush_domains,mynetworks,permit_mx_backup_networks,"
        "qmqpd_authorized_clients,relay_domains,smtpd_access_maps",
        "Lists in which a plain domain covers its subdomains too.",
    )
    qmqpd_timeout: Seconds = parameter(
        "300s", "Longest wait for one read from or write to a client.", least=1
    )
    qmqpd_error_delay: Seconds = parameter(
        "1s", "Pause before a reply other than K is sent.", least=0
    )
    qmqpd_client_port_logging: bool = parameter(
        "no", "Show the client's port in logs and in log_message_origin."
    )
    content_filter: str = parameter(
        "", "transport:destination that filters each message once it is queued."
    )
    receive_override_options: Words = parameter(
        "",
        "Parts of the intake that this service leaves out.",
        choices=(
            *("no_address_mappings", "no_header_body_checks"),
            *("no_milters", "no_unknown_recipient_checks"),
        ),
    )
    smtputf8_autodetect_classes: Words = parameter(
        "sendmail, verify",
        "Origins of mail whose need for SMTPUTF8 is detected.",
        choices=("all", "bounce", "forward", "notify", "qmqpd", "sendmail", "verify"),
    )
    debug_peer_list: Words = parameter("", "Clients whose sessions are logged verbosely.")
    debug_peer_level: int = parameter(
        "2", "How much more verbose a session in debug_peer_list is.", least=1
    )
    cleanup_service_name: str = parameter(
        "cleanup", "The public service that writes queue files.", least=1
    )
    native_submission: bool = parameter(
        "yes", "Hand a message over in one frame where cleanup is our own, too.", ours=True
    )
    qmqpd_name_timeout: Seconds = parameter(
        "5s", "Longest wait for a client's name; then it is unknown.", least=1, ours=True
    )
    qmqpd_cleanup_timeout: Seconds = parameter(
        "30s",
        "Longest wait until cleanup greets, or reads; then the client is told to retry.",
        least=1,
        ours=True,
    )
    qmqpd_drain_timeout: Seconds = parameter(
        "300s",
        "After a reload, how long old workers wait for clients that hold a connection.",
        least=1,
        ours=True,
    )
    qmqpd_worker_connection_limit: int = parameter(
        "5000",
        "Connections that one worker holds; fewer if it may not open two files for each.",
        least=1,
        ours=True,
    )
    qmqpd_client_connection_limit: int = parameter(
        "0",
        "Connections that one worker holds from one address; 0 is unlimited.",
        least=0,
        ours=True,
    )
