"""smtpd_security - TLS and logins of clients

SEE ALSO
    smtpd(8)
"""

from common.params.parameter import Params, Seconds, Words, parameter


class SmtpdSecurity(Params):
    """Read by Postfix's smtpd, for TLS and SASL."""

    broken_sasl_auth_clients: bool = parameter("no", "Announce AUTH in the old form with = too.")
    cyrus_sasl_config_path: str = parameter("", "Where Cyrus SASL looks for its own configuration.")
    relay_clientcerts: str = parameter(
        "", "Fingerprints of certificates of clients that may relay."
    )
    smtpd_enforce_tls: bool = parameter("no", "Old form of smtpd_tls_security_level = encrypt.")
    smtpd_sasl_auth_enable: bool = parameter("no", "Let clients log in.")
    smtpd_sasl_authenticated_header: bool = parameter(
        "no", "Name the user in the Received: header."
    )
    smtpd_sasl_exceptions_networks: Words = parameter("", "Clients to which AUTH is not offered.")
    smtpd_sasl_local_domain: str = parameter("", "Realm of user names without one.")
    smtpd_sasl_mechanism_filter: Words = parameter(
        "!external, static:rest", "SASL mechanisms that may be offered."
    )
    smtpd_sasl_path: str = parameter("smtpd", "Configuration or socket of the SASL server plug-in.")
    smtpd_sasl_response_limit: int = parameter(
        "12288", "Longest answer of a client to a SASL challenge, in bytes.", least=12288
    )
    smtpd_sasl_security_options: Words = parameter(
        "noanonymous", "SASL properties that are demanded."
    )
    smtpd_sasl_service: str = parameter("smtp", "Service name for the SASL plug-in.", least=1)
    smtpd_sasl_tls_security_options: Words = parameter(
        "$smtpd_sasl_security_options", "The same under TLS."
    )
    smtpd_sasl_type: str = parameter("cyrus", "SASL server plug-in.", least=1)
    smtpd_starttls_timeout: Seconds = parameter(
        "${stress?{10}:{300}}s", "Limit for the TLS handshake.", least=1
    )
    smtpd_tls_CAfile: str = parameter("", "Trusted CAs.")
    smtpd_tls_CApath: str = parameter("", "Trusted CA directory.")
    smtpd_tls_always_issue_session_ids: bool = parameter(
        "yes", "Give a session id even if sessions are not kept."
    )
    smtpd_tls_ask_ccert: bool = parameter("no", "Ask clients for a certificate.")
    smtpd_tls_auth_only: bool = parameter("no", "Offer AUTH under TLS only.")
    smtpd_tls_ccert_verifydepth: int = parameter("9", "Longest chain of client certificates.")
    smtpd_tls_cert_file: str = parameter("", "Server certificate.")
    smtpd_tls_chain_files: Words = parameter("", "Files with keys and certificates of the server.")
    smtpd_tls_ciphers: str = parameter(
        "medium", "Lowest cipher grade for opportunistic TLS.", least=1
    )
    smtpd_tls_dcert_file: str = parameter("", "Server certificate, DSA.")
    smtpd_tls_dh1024_param_file: str = parameter("", "Parameters of the Diffie-Hellman exchange.")
    smtpd_tls_dh512_param_file: str = parameter(
        "", "Parameters of the export-grade Diffie-Hellman exchange; without effect."
    )
    smtpd_tls_dkey_file: str = parameter("$smtpd_tls_dcert_file", "Server key, DSA.")
    smtpd_tls_eccert_file: str = parameter("", "Server certificate, ECDSA.")
    smtpd_tls_eckey_file: str = parameter("$smtpd_tls_eccert_file", "Server key, ECDSA.")
    smtpd_tls_eecdh_grade: str = parameter("auto", "Grade of the elliptic-curve key exchange.")
    smtpd_tls_exclude_ciphers: str = parameter("", "Ciphers that are never used.")
    smtpd_tls_fingerprint_digest: str = parameter(
        "${{$compatibility_level} <level {3.6} ? {md5} : {sha256}}", "Digest of fingerprints."
    )
    smtpd_tls_key_file: str = parameter("$smtpd_tls_cert_file", "Server key.")
    smtpd_tls_loglevel: str = parameter("0", "TLS log detail.")
    smtpd_tls_mandatory_ciphers: str = parameter("medium", "Lowest cipher grade for mandatory TLS.")
    smtpd_tls_mandatory_exclude_ciphers: str = parameter(
        "", "Further ciphers that are not used for mandatory TLS."
    )
    smtpd_tls_mandatory_protocols: Words = parameter(">=TLSv1", "TLS versions for mandatory TLS.")
    smtpd_tls_protocols: Words = parameter(">=TLSv1", "TLS versions for opportunistic TLS.")
    smtpd_tls_received_header: bool = parameter("no", "Tell of TLS in the Received: header.")
    smtpd_tls_req_ccert: bool = parameter(
        "no", "Insist on a trusted client certificate where TLS is mandatory."
    )
    smtpd_tls_security_level: str = parameter("", "TLS for clients: empty or none, may, encrypt.")
    smtpd_tls_session_cache_database: str = parameter("", "TLS session cache.")
    smtpd_tls_session_cache_timeout: Seconds = parameter(
        "3600s", "How long a TLS session can be taken up again.", least=0, most=8640000
    )
    smtpd_tls_wrappermode: bool = parameter("no", "TLS from the first byte, as on port 465.")
    smtpd_use_tls: bool = parameter("no", "Old form of smtpd_tls_security_level = may.")
