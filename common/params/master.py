"""master - parameters of master

SEE ALSO
    spec/parameters.md
"""

import os
import sys

from common.params.addresses import InterfaceParams
from common.params.parameter import Seconds, Text, Words, parameter


def native_daemon_directory(text: Text) -> str:
    """Return libexec/postroom in the virtual environment, or other installation, of this Python."""
    return os.path.join(os.path.dirname(os.path.dirname(sys.executable)), "libexec/postroom")


class MasterParams(InterfaceParams):
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
    fast_short_lines: bool = parameter(
        "no",
        "Import numpy (extra fast), by which our workers cut bodies of very short lines faster;"
        " it stays until a restart.",
        ours=True,
    )
