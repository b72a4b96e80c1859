"""milter - parameters of whoever speaks to Milters

SEE ALSO
    MILTER_README, in Postfix's documentation
"""

from common.params.parameter import Seconds, Words, parameter
from common.params.suite import SuiteParams


class MilterParams(SuiteParams):
    """Read where Milters are spoken to."""

    non_smtpd_milters: Words = parameter(
        "",
        "Milters for mail that does not come by smtpd: inet:host:port, unix:path, or"
        " { either, option=value ... }.",
    )
    milter_header_checks: Words = parameter("", "Checks for headers that a Milter makes.")
    milter_protocol: str = parameter(
        "6", "Highest Milter protocol version.", choices=("2", "3", "4", "6")
    )
    milter_default_action: str = parameter(
        "tempfail",
        "What becomes of mail whose Milter cannot be used; shutdown, of 3.11, is as tempfail.",
        choices=("accept", "reject", "tempfail", "quarantine", "shutdown"),
        later="shutdown",
    )
    milter_macro_daemon_name: str = parameter(
        "$myhostname", "Value of the {daemon_name} Milter macro.", least=1
    )
    milter_macro_v: str = parameter(
        "$mail_name $mail_version", "Value of the {v} Milter macro.", least=1
    )
    milter_connect_timeout: Seconds = parameter(
        "30s", "Limit for connecting to and negotiating with a Milter.", least=1
    )
    milter_command_timeout: Seconds = parameter("30s", "Limit for one Milter command.", least=1)
    milter_content_timeout: Seconds = parameter(
        "300s", "Limit for sending content to a Milter.", least=1
    )
    milter_connect_macros: Words = parameter(
        "j {daemon_name} {daemon_addr} v _", "Macros sent at connect time."
    )
    milter_helo_macros: Words = parameter(
        "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
        "Macros sent with HELO.",
    )
    milter_mail_macros: Words = parameter(
        "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}",
        "Macros sent with the sender.",
    )
    milter_rcpt_macros: Words = parameter(
        "i {rcpt_addr} {rcpt_host} {rcpt_mailer}", "Macros sent with each recipient."
    )
    milter_data_macros: Words = parameter("i", "Macros sent at DATA.")
    milter_end_of_data_macros: Words = parameter("i", "Macros sent at end of message.")
    milter_end_of_header_macros: Words = parameter("i", "Macros sent at end of header.")
    milter_macro_defaults: Words = parameter("", "name=value fallbacks for Milter macros.")
