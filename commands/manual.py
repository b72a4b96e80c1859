"""manual - the manual pages, their parameters filled in from the table

SYNOPSIS
    python -P -m commands.manual

DESCRIPTION
    Writes docs/man/PAGE from docs/man/PAGE.in. A test compares the result
    with what is in the tree, so the pages cannot fall behind the table.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from commands import sample
from common.params import PARAMETERS, POSTROOM_VERSION, Parameter

FOLDER = Path(__file__).resolve().parents[1] / "docs/man"

# What a page documents, by heading. A test sees to it that nothing a daemon reads is missing.
QMQPD: Mapping[str, Sequence[str]] = {
    "CONTENT INSPECTION CONTROLS": ("content_filter", "receive_override_options"),
    "SMTPUTF8 CONTROLS": ("smtputf8_enable", "smtputf8_autodetect_classes"),
    "RESOURCE AND RATE CONTROLS": (
        *("line_length_limit", "hopcount_limit", "message_size_limit", "qmqpd_timeout"),
        *("qmqpd_worker_connection_limit", "qmqpd_client_connection_limit"),
    ),
    "TROUBLE SHOOTING CONTROLS": ("debug_peer_level", "debug_peer_list", "soft_bounce"),
    "TARPIT CONTROLS": ("qmqpd_error_delay",),
    "TIME LIMITS": (
        *("daemon_timeout", "ipc_timeout", "qmqpd_name_timeout", "qmqpd_cleanup_timeout"),
        "qmqpd_drain_timeout",
    ),
    "MISCELLANEOUS CONTROLS": (
        *("qmqpd_authorized_clients", "parent_domain_matches_subdomains"),
        *("cleanup_service_name", "native_submission", "enable_long_queue_ids"),
        *("max_idle", "max_use"),
        *("myhostname", "mail_name", "qmqpd_client_port_logging", "verp_delimiter_filter"),
        *("config_directory", "queue_directory", "process_id", "process_name", "service_name"),
        *("maillog_file", "syslog_facility", "syslog_name", "syslog_network_target"),
    ),
}
PAGES: Mapping[str, Mapping[str, Sequence[str]]] = {"qmqpd.8": QMQPD}


def page(name: str) -> str:
    """Return the whole page in man format."""
    template = (FOLDER / f"{name}.in").read_text()
    sections = "\n".join(section(title, names) for title, names in PAGES[name].items())
    return template.replace("@version@", POSTROOM_VERSION).replace("@parameters@", sections)


def section(title: str, names: Sequence[str]) -> str:
    """Return one heading with its parameters."""
    return "\n".join([f'.SS "{title}"', *(entry(PARAMETERS[name]) for name in names)])


def entry(parameter: Parameter) -> str:
    """Return one parameter: name, default, meaning."""
    default = parameter.default if isinstance(parameter.default, str) else "computed"
    shown = default.replace("\\", "\\e").replace("-", "\\-") or "empty"
    text = " ".join([parameter.doc, *sample.notes(parameter)])
    return f'.IP "\\fB{parameter.name}\\fP ({shown})"\n{text}'


def main() -> None:
    """Write all pages."""
    for name in PAGES:
        (FOLDER / name).write_text(page(name))


if __name__ == "__main__":
    main()
