"""content - what is looked at and changed in messages

SEE ALSO
    cleanup(8), header_checks(5)
"""

from common.params.parameter import Params, Words, parameter


class Content(Params):
    """Read where messages are inspected."""

    enable_errors_to: bool = parameter(
        "no",
        "Honours Errors-To: for bounces (off; the header is only address-rewritten).",
        releases="until 2.1",
    )
    full_name_encoding_charset: str = parameter(
        "utf-8",
        "Charset label used to encode a non-ASCII full name (3.10 and later).",
        releases="from 3.10 on",
    )
    non_empty_end_of_header_action: str = parameter(
        "fix_quietly",
        "What to do with a header block that ends without an empty line: fix_quietly,"
        " add_header, reject (3.11 and later).",
        releases="from 3.11 on",
    )
    tls_required_enable: bool = parameter(
        "yes", 'Honour a "TLS-Required: no" header (3.10 and later).', releases="from 3.10 on"
    )
    requiretls_esmtp_header: bool = parameter(
        "yes", "Carry the REQUIRETLS request in a header (3.11 and later).", releases="from 3.11 on"
    )
    force_mime_input_conversion: bool = parameter(
        "no", "Re-encode 8-bit input as quoted-printable (3.9 and later).", releases="from 3.9 on"
    )
    internal_mail_filter_classes: Words = parameter(
        "", "Internal mail (bounce, notify) that is subject to content checks."
    )
    requiretls_redact_dsn: bool = parameter(
        "yes", "Header-only bounces for REQUIRETLS mail (3.11 and later).", releases="from 3.11 on"
    )
