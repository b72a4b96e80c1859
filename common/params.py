"""params - every parameter, declared once

DESCRIPTION
    A parameter is a field of the dataclass of those who read it: its type
    tells how its text is parsed, parameter() gives default, bounds and
    meaning. A daemon gets its dataclass from common.config and passes it
    down; there is no configuration at module level.

    Defaults are those of Postfix 3.7.11. Parameters marked ours=True do not
    exist in Postfix.

SEE ALSO
    spec/parameters.md
    etc/main.cf, which shows them all
"""

import dataclasses
import functools
import os
import socket
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NewType

Seconds = NewType("Seconds", float)
Words = NewType("Words", tuple[str, ...])

# A default that depends on the machine or on other parameters is computed from their texts.
Text = Callable[[str], str]
Default = str | Callable[[Text], str]

POSTFIX_VERSION = "3.7.11"  # the release whose files, wire and logs we match
POSTROOM_VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class Parameter:
    """What is known about one name in main.cf."""

    name: str
    kind: object  # bool, int, str, Seconds or Words
    default: Default
    doc: str
    least: int | None = None
    most: int | None = None
    choices: tuple[str, ...] = ()
    ours: bool = False
    fixed: bool = False  # nobody can set it


def parameter(
    default: Default,
    doc: str,
    *,
    least: int | None = None,
    most: int | None = None,
    choices: tuple[str, ...] = (),
    ours: bool = False,
    fixed: bool = False,
) -> Any:
    """Declare a parameter: a dataclass field that carries its own description."""
    facts = {"default": default, "doc": doc, "choices": choices, "ours": ours, "fixed": fixed}
    bounds = {"least": least, "most": most}
    return dataclasses.field(kw_only=True, metadata={**facts, **bounds})


@functools.cache
def declared(kind: type) -> tuple[Parameter, ...]:
    """Return the parameters that a dataclass reads, inherited ones first."""
    hints = typing.get_type_hints(kind)
    return tuple(
        Parameter(name=one.name, kind=hints[one.name], **one.metadata)
        for one in dataclasses.fields(kind)
    )


def host_name(text: Text) -> str:
    """Return this machine's name, with $mydomain if it has no domain of its own."""
    name = socket.gethostname()
    return name if "." in name else f"{name}.localdomain"


def own_pid(text: Text) -> str:
    """Return the PID of this process."""
    return str(os.getpid())  # at the time of asking: master read main.cf before the fork


def parent_domain(text: Text) -> str:
    """Return what follows the first label of $myhostname."""
    return text("myhostname").partition(".")[2] or "localdomain"


def native_daemon_directory(text: Text) -> str:
    """Return libexec/postroom in the virtual environment, or other installation, of this Python."""
    return os.path.join(os.path.dirname(os.path.dirname(sys.executable)), "libexec/postroom")


FACILITIES = (
    *("auth", "authpriv", "cron", "daemon", "ftp", "kern", "lpr", "mail"),
    *("news", "security", "syslog", "user", "uucp"),
    *(f"local{number}" for number in range(8)),
)


@dataclass(frozen=True, init=False, eq=False, repr=False, match_args=False)
class SuiteParams:
    """Read by every process and command."""

    # In place of the methods that dataclass() would write out for each of a hundred fields, in each
    # class anew: that takes a sixth of the time in which a program starts.
    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)

    config_directory: str = parameter(
        "/etc/postfix", "Where main.cf and master.cf are; set by -c or MAIL_CONFIG only."
    )
    queue_directory: str = parameter(
        "/var/spool/postfix", "Root of the queue; daemons work, or are jailed, in it.", least=1
    )
    data_directory: str = parameter(
        "/var/lib/postfix", "Writable place for caches, owned by mail_owner.", least=1
    )
    process_id_directory: str = parameter(
        "pid",
        "Directory below queue_directory for lock files and the control socket; cannot be set.",
        fixed=True,
    )
    mail_owner: str = parameter("postfix", "Account of the queue and of the daemons.", least=1)
    setgid_group: str = parameter(
        "postdrop", "Group that may enter the public directory and maildrop.", least=1
    )
    compatibility_level: str = parameter("0", "Selects old or new defaults of some parameters.")
    mail_name: str = parameter("Postroom", "Product name in Received headers.")
    mail_version: str = parameter(
        POSTFIX_VERSION, "Release of Postfix that this suite behaves like; for logs and macros."
    )
    postroom_version: str = parameter(POSTROOM_VERSION, "Release of this suite.", ours=True)
    multi_instance_name: str = parameter("", "Name of this instance, used in syslog_name.")
    myhostname: str = parameter(host_name, "This host's full name.", least=1)
    mydomain: str = parameter(parent_domain, "This host's domain.", least=1)
    process_name: str = parameter("", "Name of the running program; set by the program.")
    process_id: str = parameter(own_pid, "PID of the running program; cannot be set.", fixed=True)
    service_name: str = parameter("", "First column of the master.cf line; set by the program.")
    syslog_name: str = parameter(
        "${multi_instance_name?{$multi_instance_name}:{postfix}}",
        "First part of the log tag, in front of /program.",
        least=1,
    )
    syslog_facility: str = parameter("mail", "Facility of syslog records.", choices=FACILITIES)
    maillog_file: str = parameter(
        "", "Log to this file, or /dev/stdout, in place of syslog. Each process appends to it."
    )
    maillog_file_prefixes: Words = parameter(
        "/var, /dev/stdout", "What the name of maillog_file may begin with."
    )
    syslog_network_target: str = parameter(
        "",
        "Collector that gets each line as an RFC 5424 record too: udp:address:port or"
        " tcp:address:port.",
        ours=True,
    )
    import_environment: Words = parameter(
        "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ XAUTHORITY DISPLAY LANG=C"
        " POSTLOG_SERVICE POSTLOG_HOSTNAME",
        "Environment variables that master keeps (NAME) or sets (NAME=value).",
    )
    hash_queue_names: Words = parameter(
        "deferred, defer", "Queues whose files lie in one-letter subdirectories."
    )
    hash_queue_depth: int = parameter("1", "Levels of those subdirectories.", least=1)


@dataclass(frozen=True, init=False, eq=False, repr=False, match_args=False)
class TableParams(SuiteParams):
    """Read by whoever opens a lookup table of a type that has parameters."""

    lmdb_map_size: int = parameter(
        "16777216", "Size that an LMDB table begins with, in bytes; it grows as needed.", least=8192
    )
    berkeley_db_create_buffer_size: int = parameter(
        "16777216", "Memory for making a Berkeley DB table, in bytes.", least=1
    )
    berkeley_db_read_buffer_size: int = parameter(
        "131072", "Memory for reading a Berkeley DB table, in bytes.", least=1
    )
    proxymap_service_name: str = parameter(
        "proxymap", "The service that looks keys of proxy: tables up.", least=1
    )


@dataclass(frozen=True, init=False, eq=False, repr=False, match_args=False)
class HeaderParams(SuiteParams):
    """Read by whoever looks at headers."""

    header_size_limit: int = parameter("102400", "Bytes of a header that are kept.", least=1)


@dataclass(frozen=True, init=False, eq=False, repr=False, match_args=False)
class MimeParams(HeaderParams):
    """Read by whoever takes messages apart."""

    mime_boundary_length_limit: int = parameter(
        "2048", "Bytes of a MIME boundary that are compared.", least=1
    )
    mime_nesting_limit: int = parameter(
        "100", "Parts within parts of a message that are told apart.", least=1
    )


@dataclass(frozen=True, init=False, eq=False, repr=False, match_args=False)
class MapParams(MimeParams):
    """Read by the command for lookup tables."""

    default_database_type: str = parameter(
        "hash", "Type of tables whose type is not named.", least=1
    )


@dataclass(frozen=True, init=False, eq=False, repr=False, match_args=False)
class MasterParams(SuiteParams):
    """Read by master."""

    daemon_directory: str = parameter(
        "/usr/lib/postfix/sbin", "Where foreign daemon programs are.", least=1
    )
    command_directory: str = parameter(
        "/usr/sbin", "Where Postfix's administrative commands are.", least=1
    )
    default_process_limit: int = parameter(
        "100", "Processes of a service whose maxproc is -.", least=1
    )
    service_throttle_time: Seconds = parameter(
        "60s", "Pause before a service whose processes fail at start is tried again.", least=1
    )
    inet_interfaces: Words = parameter(
        "all", "Addresses that inet services without a host listen on."
    )
    inet_protocols: Words = parameter("all", "IP versions in use.", choices=("all", "ipv4", "ipv6"))
    known_tcp_ports: Words = parameter(
        "lmtp=24, smtp=25, smtps=submissions=465, submission=587",
        "Port names that need no services file.",
    )
    master_service_disable: Words = parameter(
        "", "Services that are not started: type, or name/type; ! makes an exception."
    )
    postlog_service_name: str = parameter(
        "postlog", "The public service by which Postfix's programs write maillog_file.", least=1
    )
    native_services: Words = parameter(
        "qmqpd, cleanup, postlogd", "Commands in master.cf that are this suite's own.", ours=True
    )
    native_daemon_directory: str = parameter(
        native_daemon_directory,
        "Where this suite's own daemons are programs that Postfix's master can start; made by"
        ' "postroom daemons".',
        ours=True,
    )
    default_prefork_count: int = parameter(
        "4", "Workers of a native service kept ready before any client comes.", least=0, ours=True
    )
    qmqpd_prefork_count: int = parameter(
        "$default_prefork_count", "The same for qmqpd.", least=0, ours=True
    )
    cleanup_prefork_count: int = parameter(
        "$default_prefork_count", "The same for cleanup.", least=0, ours=True
    )
    postlogd_prefork_count: int = parameter(
        "0",
        "The same for postlogd, which is started when Postfix's programs log.",
        least=0,
        ours=True,
    )


@dataclass(frozen=True, init=False, eq=False, repr=False, match_args=False)
class ChildParams(SuiteParams):
    """Read by every daemon that master starts."""

    daemon_timeout: Seconds = parameter(
        "18000s", "Longest time for one request or session.", least=1
    )
    ipc_timeout: Seconds = parameter(
        "3600s", "Longest wait for one read or write between daemons.", least=1
    )
    max_idle: Seconds = parameter("100s", "A process leaves after this long without work.", least=1)
    max_use: int = parameter("100", "A process leaves after so many requests.", least=1)
    line_length_limit: int = parameter(
        "2048", "Longest text record, sender and recipient, in bytes.", least=512
    )
    message_size_limit: int = parameter(
        "10240000", "Largest message and queue file, in bytes; 0 is unlimited.", least=0
    )
    verp_delimiter_filter: str = parameter("-=+", "Characters allowed as VERP delimiters.")


@dataclass(frozen=True, init=False, eq=False, repr=False, match_args=False)
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
    soft_bounce: bool = parameter("no", "Make every refusal temporary.")
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
        "Longest wait for cleanup's greeting; then the client is told to retry.",
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
        "5000", "Connections that one worker holds.", least=1, ours=True
    )
    qmqpd_client_connection_limit: int = parameter(
        "0",
        "Connections that one worker holds from one address; 0 is unlimited.",
        least=0,
        ours=True,
    )


@dataclass(frozen=True, init=False, eq=False, repr=False, match_args=False)
class CleanupParams(ChildParams, HeaderParams):
    """Read by cleanup."""

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
    non_smtpd_milters: Words = parameter(
        "",
        "Milters for mail that does not come by smtpd: inet:host:port, inet6:host:port, unix:path,"
        " or { any of these, option = value ... }.",
    )
    milter_protocol: str = parameter(
        "6", "Latest version of the Milter protocol to offer.", choices=("2", "3", "4", "6")
    )
    milter_default_action: str = parameter(
        "tempfail",
        "What is done with mail whose Milter fails.",
        choices=("accept", "reject", "tempfail", "quarantine", "shutdown"),
    )
    milter_connect_timeout: Seconds = parameter(
        "30s", "Longest wait for a Milter to take a connection and agree on a protocol.", least=1
    )
    milter_command_timeout: Seconds = parameter(
        "30s", "Longest wait for a Milter's answer to an envelope.", least=1
    )
    milter_content_timeout: Seconds = parameter(
        "300s", "Longest wait for a Milter's answer to header, body and their end.", least=1
    )
    milter_connect_macros: Words = parameter(
        "j {daemon_name} {daemon_addr} v _", "Macros that Milters get with a connection."
    )
    milter_helo_macros: Words = parameter(
        "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
        "Macros that Milters get with HELO.",
    )
    milter_mail_macros: Words = parameter(
        "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}",
        "Macros that Milters get with the sender.",
    )
    milter_rcpt_macros: Words = parameter(
        "i {rcpt_addr} {rcpt_host} {rcpt_mailer}", "Macros that Milters get with each recipient."
    )
    milter_data_macros: Words = parameter("i", "Macros that Milters get with DATA.")
    milter_end_of_header_macros: Words = parameter(
        "i", "Macros that Milters get with each header and the end of the header."
    )
    milter_end_of_data_macros: Words = parameter(
        "i", "Macros that Milters get with the body and its end."
    )
    milter_macro_daemon_name: str = parameter(
        "$myhostname", "The macro {daemon_name} that Milters get."
    )
    milter_macro_v: str = parameter("$mail_name $mail_version", "The macro v that Milters get.")
    milter_macro_defaults: Words = parameter(
        "", "name=value for macros that Milters get where there is no other value."
    )


READERS = (
    SuiteParams,
    TableParams,
    HeaderParams,
    MimeParams,
    MapParams,
    MasterParams,
    ChildParams,
    QmqpdParams,
    CleanupParams,
)

PARAMETERS: dict[str, Parameter] = {one.name: one for reader in READERS for one in declared(reader)}
