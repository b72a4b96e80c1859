"""tlsproxy - TLS in a process of its own

DESCRIPTION
    Each TLS parameter of smtpd and most of smtp have a twin for tlsproxy,
    whose default is the other's value.

SEE ALSO
    tlsproxy(8)
"""

from collections.abc import Iterator

from common.params.foreign.smtp_security import SmtpSecurity
from common.params.foreign.smtpd_security import SmtpdSecurity
from common.params.parameter import Parameter, Params, Seconds, declared, parameter

SERVER = (
    *("CAfile", "CApath", "always_issue_session_ids", "ask_ccert", "ccert_verifydepth"),
    *("cert_file", "chain_files", "ciphers", "dcert_file", "dh1024_param_file"),
    *("dh512_param_file", "dkey_file", "eccert_file", "eckey_file", "eecdh_grade"),
    *("exclude_ciphers", "fingerprint_digest", "key_file", "loglevel", "mandatory_ciphers"),
    *("mandatory_exclude_ciphers", "mandatory_protocols", "protocols", "req_ccert"),
    "security_level",
)
CLIENT = (
    *("CAfile", "CApath", "cert_file", "chain_files", "dcert_file", "dkey_file", "eccert_file"),
    *("eckey_file", "fingerprint_digest", "key_file", "loglevel", "per_site"),
    "scert_verifydepth",
)
TWINS = {
    **{f"smtpd_tls_{name}": f"tlsproxy_tls_{name}" for name in SERVER},
    **{f"smtp_tls_{name}": f"tlsproxy_client_{name}" for name in CLIENT},
    "smtpd_enforce_tls": "tlsproxy_enforce_tls",
    "smtpd_use_tls": "tlsproxy_use_tls",
    "smtp_enforce_tls": "tlsproxy_client_enforce_tls",
    "smtp_use_tls": "tlsproxy_client_use_tls",
}


class Tlsproxy(Params):
    """Read by Postfix's tlsproxy."""

    tlsproxy_client_loglevel_parameter: str = parameter(
        "smtp_tls_loglevel", "Parameter that sets the client's TLS log detail."
    )
    tlsproxy_client_policy_maps: str = parameter(
        "${tlsproxy_client_policy:$smtp_tls_policy_maps}", "In tlsproxy: TLS level per next hop."
    )
    tlsproxy_client_security_level: str = parameter(
        "${tlsproxy_client_level:$smtp_tls_security_level}", "In tlsproxy: TLS of the client."
    )
    tlsproxy_service_name: str = parameter(
        "tlsproxy", "The service that encrypts for postscreen and smtp.", least=1
    )
    tlsproxy_watchdog_timeout: Seconds = parameter("10s", "Watchdog of tlsproxy.", least=10)


def twins() -> Iterator[Parameter]:
    """Yield the parameters of tlsproxy that smtpd and smtp have too."""
    for one in (*declared(SmtpdSecurity), *declared(SmtpSecurity)):
        if name := TWINS.get(one.name):
            yield one._replace(name=name, default=f"${one.name}", doc=f"In tlsproxy: {one.doc}")
