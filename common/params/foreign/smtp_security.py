"""smtp_security - TLS and logins in deliveries to other hosts

SEE ALSO
    smtp(8), tls_table
"""

from common.params.parameter import Params, Seconds, Words, parameter


class SmtpSecurity(Params):
    """Read by Postfix's smtp, for TLS and SASL."""

    smtp_tls_security_level: str = parameter(
        "",
        "empty or none, may, encrypt, dane, dane-only, fingerprint, verify, secure.",
        later="may` from compatibility_level 3.11 on when TLS is compiled in, else empty",
    )
    smtp_tls_policy_maps: Words = parameter("", "TLS level per next hop.")
    smtp_tls_loglevel: str = parameter("0", "TLS log detail.")
    smtp_tls_CAfile: str = parameter("", "Trusted CAs.")
    smtp_tls_CApath: str = parameter("", "Trusted CA directory.")
    smtp_tls_cert_file: str = parameter("", "Client certificate.")
    smtp_tls_key_file: str = parameter("$smtp_tls_cert_file", "Client key.")
    smtp_tls_session_cache_database: str = parameter("", "TLS session cache.")
    smtp_tls_connection_reuse: bool = parameter("no", "Share TLS connections through tlsproxy.")
    smtp_sasl_auth_enable: bool = parameter("no", "Log in to the next hop.")
    smtp_sasl_password_maps: Words = parameter("", "user:password per next hop.")
    smtp_sasl_security_options: Words = parameter(
        "noplaintext, noanonymous", "Accepted SASL properties."
    )
    smtp_sasl_tls_security_options: Words = parameter(
        "$smtp_sasl_security_options", "The same under TLS."
    )
    send_cyrus_sasl_authzid: bool = parameter("no", "Send an authorization name, too.")
    smtp_enforce_tls: bool = parameter(
        "no", "Old form of smtp_tls_security_level = encrypt or verify."
    )
    smtp_sasl_auth_cache_name: str = parameter("", "Table that remembers failed logins.")
    smtp_sasl_auth_cache_time: Seconds = parameter(
        "90d", "How long a failed login is remembered.", least=0
    )
    smtp_sasl_auth_soft_bounce: bool = parameter(
        "yes", "Defer mail if a login failed, instead of returning it."
    )
    smtp_sasl_mechanism_filter: Words = parameter("", "SASL mechanisms that may be used.")
    smtp_sasl_path: str = parameter("", "Configuration or socket of the SASL client plug-in.")
    smtp_sasl_tls_verified_security_options: Words = parameter(
        "$smtp_sasl_tls_security_options", "SASL properties under TLS with a verified server."
    )
    smtp_sasl_type: str = parameter("cyrus", "SASL client plug-in.", least=1)
    smtp_send_dummy_mail_auth: bool = parameter("no", "Send AUTH=<> with MAIL FROM.")
    smtp_sender_dependent_authentication: bool = parameter("no", "Log in by sender.")
    smtp_starttls_timeout: Seconds = parameter("300s", "Limit for the TLS handshake.", least=1)
    smtp_tls_block_early_mail_reply: bool = parameter(
        "no", "Find replies that were sent before TLS began."
    )
    smtp_tls_chain_files: Words = parameter("", "Files with keys and certificates of the client.")
    smtp_tls_ciphers: str = parameter(
        "medium", "Lowest cipher grade for opportunistic TLS.", least=1
    )
    smtp_tls_dane_insecure_mx_policy: str = parameter(
        "${{$smtp_tls_security_level} == {dane} ? {dane} : {may}}",
        "Level for MX hosts whose MX record is not signed.",
    )
    smtp_tls_dcert_file: str = parameter("", "Client certificate, DSA.")
    smtp_tls_dkey_file: str = parameter("$smtp_tls_dcert_file", "Client key, DSA.")
    smtp_tls_eccert_file: str = parameter("", "Client certificate, ECDSA.")
    smtp_tls_eckey_file: str = parameter("$smtp_tls_eccert_file", "Client key, ECDSA.")
    smtp_tls_enforce_peername: bool = parameter(
        "yes", "Old form: compare the server's name with its certificate."
    )
    smtp_tls_exclude_ciphers: str = parameter("", "Ciphers that are never used.")
    smtp_tls_fingerprint_cert_match: Words = parameter(
        "", "Fingerprints of certificates that level fingerprint accepts."
    )
    smtp_tls_fingerprint_digest: str = parameter(
        "${{$compatibility_level} <level {3.6} ? {md5} : {sha256}}",
        "Digest of fingerprints.",
        least=1,
    )
    smtp_tls_force_insecure_host_tlsa_lookup: bool = parameter(
        "no", "Look for TLSA records of hosts without signed addresses, too."
    )
    smtp_tls_mandatory_ciphers: str = parameter(
        "medium", "Lowest cipher grade for mandatory TLS.", least=1
    )
    smtp_tls_mandatory_exclude_ciphers: str = parameter(
        "", "Further ciphers that are not used for mandatory TLS."
    )
    smtp_tls_mandatory_protocols: Words = parameter(">=TLSv1", "TLS versions for mandatory TLS.")
    smtp_tls_note_starttls_offer: bool = parameter(
        "no", "Log servers that offer TLS where it is off."
    )
    smtp_tls_per_site: str = parameter("", "Old form of smtp_tls_policy_maps.")
    smtp_tls_protocols: Words = parameter(">=TLSv1", "TLS versions for opportunistic TLS.")
    smtp_tls_scert_verifydepth: int = parameter("9", "Longest chain of server certificates.")
    smtp_tls_secure_cert_match: str = parameter(
        "nexthop, dot-nexthop",
        "Names that level secure accepts in the server's certificate.",
        least=1,
    )
    smtp_tls_servername: str = parameter("", "Name in the SNI extension.")
    smtp_tls_session_cache_timeout: Seconds = parameter(
        "3600s", "How long a TLS session can be taken up again.", least=0, most=8640000
    )
    smtp_tls_trust_anchor_file: str = parameter(
        "", "Trusted certificates and keys instead of the CAs."
    )
    smtp_tls_verify_cert_match: Words = parameter(
        "hostname", "Names that level verify accepts in the server's certificate."
    )
    smtp_tls_wrappermode: bool = parameter("no", "TLS from the first byte, as on port 465.")
    smtp_use_tls: bool = parameter("no", "Old form of smtp_tls_security_level = may.")
