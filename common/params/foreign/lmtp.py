"""lmtp - what the LMTP client has in common with the SMTP client

DESCRIPTION
    Almost every parameter of smtp has a twin for lmtp: in its name and default
    stand lmtp for smtp, and lhlo for helo and ehlo.

SEE ALSO
    smtp(8)
"""

import re
from collections.abc import Iterator

from common.params.foreign.smtp import Smtp
from common.params.foreign.smtp_security import SmtpSecurity
from common.params.parameter import Parameter, Params, declared, parameter

NO_TWINS = {"smtp_always_send_ehlo", "smtp_never_send_ehlo", "smtp_tls_dane_insecure_mx_policy"}
# Where the default is not smtp's.
DEFAULTS = {
    "lmtp_connect_timeout": "0s",
    "lmtp_fallback_relay": "",
    "lmtp_skip_quit_response": "no",
    "lmtp_tcp_port": "24",
    "lmtp_tls_secure_cert_match": "nexthop",
}


class Lmtp(Params):
    """Read by Postfix's lmtp, besides what smtp reads."""

    lmtp_assume_final: bool = parameter(
        "no", "Report deliveries as final although the server does not support DSN."
    )


def twins() -> Iterator[Parameter]:
    """Yield the parameters of lmtp that smtp has too."""
    for one in (*declared(Smtp), *declared(SmtpSecurity)):
        if one.name.startswith("smtp_") and one.name not in NO_TWINS:
            name = twin(one.name)
            default = DEFAULTS.get(name, twin(str(one.default)))
            yield one._replace(name=name, default=default, doc=f"For LMTP: {one.doc}")


def twin(text: str) -> str:
    """Return a name or a default with lmtp's words."""
    return re.sub(r"(?<![a-z])smtp_", "lmtp_", re.sub("_(helo|ehlo)_", "_lhlo_", text))
