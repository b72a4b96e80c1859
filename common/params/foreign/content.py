"""content - what is looked at and changed in messages

SEE ALSO
    cleanup(8), header_checks(5)
"""

from common.params.parameter import Words, parameter


class Content:
    """Read where messages are inspected."""

    enable_errors_to: bool = parameter(
        "no",
        "Honours Errors-To: for bounces (off; the header is only address-rewritten).",
        releases="until 2.1",
    )
    header_from_format: str = parameter(
        "standard",
        "standard: From: Name <addr>; obsolete: From: addr (Name). Only matters when a full"
        " name is known, which QMQP never has.",
        least=1,
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
    body_checks: Words = parameter(
        "",
        "Content filter on each body record (at most one line_length_limit piece at a time),"
        " within body_checks_size_limit of each body part.",
    )
    header_checks: Words = parameter(
        "",
        "Content filter on each logical header, folded lines joined by newline. Covers MIME and"
        " attached headers too unless the two following parameters say otherwise.",
    )
    body_checks_size_limit: int = parameter(
        "51200",
        "Bytes of each MIME part examined by body_checks; the line that crosses the limit is"
        " still looked at if it starts before it. 0 is unlimited.",
        least=0,
    )
    mime_header_checks: Words = parameter(
        "$header_checks", "Table for the headers of MIME parts; default follows header_checks."
    )
    nested_header_checks: Words = parameter(
        "$header_checks", "Table for headers of attached messages; default follows header_checks."
    )
    message_reject_characters: Words = parameter(
        "",
        'Bytes that make cleanup refuse the message (D "5.7.1 disallowed character"); \\0 and'
        " octal escapes are understood.",
    )
    message_strip_characters: Words = parameter("", "Bytes silently deleted from the content.")
    disable_mime_input_processing: bool = parameter(
        "no", "No MIME parsing: everything after the primary header is plain body."
    )
    strict_8bitmime: bool = parameter("no", "Shorthand for the two following settings.")
    strict_7bit_headers: bool = parameter("no", "Refuse 8-bit bytes in headers.")
    strict_8bitmime_body: bool = parameter(
        "no", "Refuse 8-bit bytes in a body part not declared 8bit or binary."
    )
    strict_mime_encoding_domain: bool = parameter(
        "no", "Refuse base64 or quoted-printable on multipart/* and message/*."
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
