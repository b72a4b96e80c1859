"""suite - parameters of every process and command

SEE ALSO
    spec/parameters.md
"""

import os
import socket

from common.params.parameter import HostName, Params, Text, Words, parameter

POSTFIX_VERSION = "3.7.11"  # the release whose files, wire and logs we match
POSTROOM_VERSION = "0.1.0"
NO_DOMAIN = "localdomain"  # that of a host without one


def host_name(text: Text) -> str:
    """Return this machine's name, with $mydomain if it has no domain of its own."""
    name = socket.gethostname()
    return name if "." in name else f"{name}.{text('mydomain') or NO_DOMAIN}"


def parent_domain(text: Text) -> str:
    """Return what follows the first label of $myhostname."""
    _, dot, domain = text("myhostname").partition(".")
    return domain if dot else NO_DOMAIN


def own_pid(text: Text) -> str:
    """Return the PID of this process."""
    return str(os.getpid())  # at the time of asking: master read main.cf before the fork


FACILITIES = (
    *("auth", "authpriv", "cron", "daemon", "ftp", "kern", "lpr", "mail"),
    *("news", "security", "syslog", "user", "uucp"),
    *(f"local{number}" for number in range(8)),
)


class SuiteParams(Params):
    """Read by every process and command."""

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
    myhostname: HostName = parameter(host_name, "This host's full name.", least=1)
    mydomain: HostName = parameter(parent_domain, "This host's domain.", least=1)
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
    sandbox: bool = parameter(
        "yes",
        "Let daemons that master starts as root shut themselves in: no capabilities, and only"
        " the system calls, files and ports that they need.",
        ours=True,
    )
    hash_queue_names: Words = parameter(
        "deferred, defer", "Queues whose files lie in one-letter subdirectories."
    )
    hash_queue_depth: int = parameter("1", "Levels of those subdirectories.", least=1)
