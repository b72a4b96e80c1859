"""environment - the variables that a process lives with, and what they tell it

DESCRIPTION
    Nothing of the environment of whoever started the mail system is taken
    over but what import_environment allows. A process learns from it where
    the configuration is, and where to log until it has read that.

SEE ALSO
    spec/master-protocol.md, section 1.3
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import setproctitle

from common.params import PARAMETERS, SuiteParams


def selected(
    inherited: Mapping[str, str], params: SuiteParams, postlog_service: str
) -> dict[str, str]:
    """Return the variables that stay or are set."""
    kept = {}
    for word in params.import_environment:
        name, given, value = word.partition("=")
        if given:
            kept[name] = value
        elif name in inherited:
            kept[name] = inherited[name]
    kept["MAIL_CONFIG"] = params.config_directory
    kept["MAIL_LOGTAG"] = params.syslog_name
    kept.pop("POSTLOG_SERVICE", None)
    kept.pop("POSTLOG_HOSTNAME", None)
    if params.maillog_file:
        kept["POSTLOG_SERVICE"] = f"{params.queue_directory}/public/{postlog_service}"
        kept["POSTLOG_HOSTNAME"] = params.myhostname
    return kept


def adopt(params: SuiteParams, postlog_service: str) -> None:
    """Make them the environment of this process."""
    # Titles are written over the place of the old variables; it is measured while they are there.
    setproctitle.getproctitle()
    wanted = selected(os.environ, params, postlog_service)
    os.environ.clear()
    os.environ.update(wanted)
    time.tzset()  # TZ may be another now


def config_directory() -> Path:
    """Return where main.cf and master.cf are if nobody says otherwise."""
    return Path(os.environ.get("MAIL_CONFIG") or str(PARAMETERS["config_directory"].default))
