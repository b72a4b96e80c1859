"""cleanup - parameters of cleanup

SEE ALSO
    spec/parameters.md
"""

from common.params.addresses import AddressParams
from common.params.child import ChildParams
from common.params.milter import MilterParams
from common.params.parameter import Seconds, Words, parameter
from common.params.tables import MimeParams


class CleanupParams(ChildParams, MimeParams, AddressParams, MilterParams):
    """Read by cleanup."""

    header_checks: Words = parameter("", "Tables for headers: what to do about each.")
    mime_header_checks: Words = parameter("$header_checks", "The same for headers of MIME parts.")
    nested_header_checks: Words = parameter(
        "$header_checks", "The same for headers of attached messages."
    )
    body_checks: Words = parameter("", "Tables for lines of the body.")
    body_checks_size_limit: int = parameter(
        "51200", "Bytes of each part that body_checks looks at; 0 is unlimited.", least=0
    )
    message_reject_characters: str = parameter(
        "", "Bytes for which a message is refused; escapes as in C."
    )
    message_strip_characters: str = parameter("", "Bytes that are left out; escapes as in C.")
    disable_mime_input_processing: bool = parameter("no", "Take all behind the header for body.")
    strict_8bitmime: bool = parameter("no", "Both of the following two.")
    strict_7bit_headers: bool = parameter("no", "Refuse headers with bytes beyond ASCII.")
    strict_8bitmime_body: bool = parameter(
        "no", "Refuse bytes beyond ASCII in a body that does not announce them."
    )
    strict_mime_encoding_domain: bool = parameter(
        "no", "Refuse encoded multipart/* and message/* parts."
    )

    enable_long_queue_ids: bool = parameter("no", "Queue ids that do not repeat.")
    hopcount_limit: int = parameter(
        "50", "Received headers, ours included, at which a message is refused.", least=1
    )
    smtputf8_enable: bool = parameter(
        "${{$compatibility_level} <level {1} ? {no} : {yes}}",
        "Handle addresses and headers in UTF-8.",
    )
    myorigin: str = parameter("$myhostname", "Domain that completes an address without one.")
    append_at_myorigin: bool = parameter("yes", "Complete bare local parts with @$myorigin.")
    append_dot_mydomain: bool = parameter(
        "${{$compatibility_level} <level {1} ? {yes} : {no}}",
        "Complete domains without a dot with .$mydomain.",
    )
    swap_bangpath: bool = parameter("yes", "Rewrite site!user to user@site.")
    allow_percent_hack: bool = parameter("yes", "Rewrite user%domain to user@domain.")
    empty_address_recipient: str = parameter(
        "MAILER-DAEMON", "Recipient in place of an empty one.", least=1
    )
    enable_original_recipient: bool = parameter(
        "yes", "Keep recipients apart whose original addresses differ."
    )
    duplicate_filter_limit: int = parameter(
        "1000", "Recipients remembered to drop duplicates; 0 is unlimited.", least=0
    )
    queue_file_attribute_count_limit: int = parameter(
        "100", "Attributes in one queue file.", least=1
    )
    header_address_token_limit: int = parameter(
        "10240", "Address tokens of a header that are rewritten.", least=1
    )
    message_drop_headers: Words = parameter(
        "bcc, content-length, resent-bcc, return-path", "Headers that are removed."
    )
    undisclosed_recipients_header: str = parameter(
        "", "Header added to a message that names no recipient; empty adds none."
    )
    always_add_missing_headers: bool = parameter(
        "no", "Add missing Message-Id, Date and From to remote mail too."
    )
    remote_header_rewrite_domain: str = parameter(
        "", "Domain that completes addresses in headers of remote mail; empty leaves them alone."
    )
    cleanup_replace_stray_cr_lf: bool = parameter(
        "yes", "Turn each CR or LF inside a line into a blank."
    )
    detect_8bit_encoding_header: bool = parameter(
        "yes", "Learn the body's encoding from Content-Transfer-Encoding."
    )
    delay_warning_time: Seconds = parameter(
        "0h", "Age at which the sender is told of a delay; 0 is never.", least=0
    )
    in_flow_delay: Seconds = parameter(
        "1s",
        "Pause when messages come in faster than the queue manager takes them.",
        least=0,
        most=10,
    )
    queue_service_name: str = parameter("qmgr", "The service that is told of a new file.", least=1)
    trace_service_name: str = parameter(
        "trace", "The service that is told of recipients that stand for several.", least=1
    )
    bounce_service_name: str = parameter(
        "bounce", "The service that keeps and sends failure notices.", least=1
    )
    rewrite_service_name: str = parameter(
        "rewrite",
        "The service that completes addresses and tells where they lead; cleanup asks it only"
        " without native_rewrite.",
    )
    native_rewrite: bool = parameter(
        "yes",
        "Complete addresses in cleanup itself; no asks rewrite_service_name, as Postfix does.",
        ours=True,
    )
    header_from_format: str = parameter(
        "standard",
        "standard: From: Name <addr>; obsolete: From: addr (Name). Mail by QMQP has no name.",
        choices=("standard", "obsolete"),
    )
    info_log_address_format: str = parameter(
        "external",
        "external quotes odd local parts in from=<> and to=<> log fields; internal does not.",
        choices=("external", "internal"),
    )
    delay_logging_resolution_limit: int = parameter(
        "2", "Digits after the point in delay= and delays= values.", least=0, most=6
    )
