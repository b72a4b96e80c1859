"""tls - what clients and servers share of TLS

SEE ALSO
    tlsmgr(8)
"""

from common.params.parameter import Params, Seconds, Words, parameter


class Tls(Params):
    """Read by Postfix's programs that speak TLS."""

    openssl_path: str = parameter("openssl", 'Where the openssl command is, for "postfix tls".')
    tls_append_default_CA: bool = parameter("no", "Trust the system's CAs, too.")
    tls_config_file: str = parameter(
        "default", "OpenSSL configuration file: default, none or a path."
    )
    tls_config_name: str = parameter("", "Application name in that file.")
    tls_daemon_random_bytes: int = parameter(
        "32", "Random bytes that a process asks tlsmgr for.", least=1
    )
    tls_dane_digests: Words = parameter("sha512 sha256", "Digests of TLSA records, best first.")
    tls_disable_workarounds: Words = parameter("", "OpenSSL bug workarounds that are off.")
    tls_eecdh_auto_curves: str = parameter(
        "X25519 X448 prime256v1 secp521r1 secp384r1", "Curves of grade auto."
    )
    tls_eecdh_strong_curve: str = parameter("prime256v1", "Curve of grade strong.")
    tls_eecdh_ultra_curve: str = parameter("secp384r1", "Curve of grade ultra.")
    tls_export_cipherlist: str = parameter(
        "aNULL:-aNULL:HIGH:MEDIUM:LOW:EXPORT:+RC4:@STRENGTH", "OpenSSL list of grade export."
    )
    tls_fast_shutdown_enable: bool = parameter(
        "yes", "Do not wait for the peer at the end of a TLS session."
    )
    tls_high_cipherlist: str = parameter(
        "aNULL:-aNULL:HIGH:@STRENGTH", "OpenSSL list of grade high."
    )
    tls_legacy_public_key_fingerprints: bool = parameter(
        "no", "Compute public-key fingerprints as old releases did."
    )
    tls_low_cipherlist: str = parameter(
        "aNULL:-aNULL:HIGH:MEDIUM:LOW:+RC4:@STRENGTH", "OpenSSL list of grade low."
    )
    tls_medium_cipherlist: str = parameter(
        "aNULL:-aNULL:HIGH:MEDIUM:+RC4:@STRENGTH", "OpenSSL list of grade medium."
    )
    tls_null_cipherlist: str = parameter(
        "eNULL:!aNULL", "OpenSSL list of ciphers without encryption."
    )
    tls_preempt_cipherlist: bool = parameter("no", "The server's order of ciphers counts.")
    tls_random_bytes: int = parameter("32", "Random bytes that tlsmgr reads at a time.", least=1)
    tls_random_exchange_name: str = parameter(
        "${data_directory}/prng_exch", "File that keeps tlsmgr's random state."
    )
    tls_random_prng_update_period: Seconds = parameter(
        "3600s", "Time between two writes of that file.", least=1
    )
    tls_random_reseed_period: Seconds = parameter(
        "3600s", "Longest time between two reads from tls_random_source.", least=1
    )
    tls_random_source: str = parameter(
        "dev:/dev/urandom", "Where tlsmgr gets random bytes: dev:path, egd:path or a file."
    )
    tls_server_sni_maps: Words = parameter("", "Keys and certificates by server name.")
    tls_session_ticket_cipher: str = parameter(
        "aes-256-cbc", "Cipher of session tickets; empty for none."
    )
    tls_ssl_options: Words = parameter("", "OpenSSL options that are on.")
    tls_wildcard_matches_multiple_labels: bool = parameter(
        "yes", "*.example.com matches a.b.example.com, too."
    )
    tlsmgr_service_name: str = parameter(
        "tlsmgr", "The service that keeps TLS sessions and random state."
    )
