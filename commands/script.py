"""script - what operators and log tools hear of a command

DESCRIPTION
    Postfix's commands log as postfix/postfix-script, in words that log tools
    look for. So do ours. On a terminal the lines are shown too.

SEE ALSO
    spec/logging.md, section 6
"""

import sys

from common.config import MainCf
from common.errors import ConfigError
from common.log import Log, open_log
from common.params import SuiteParams

PROGRAM = "postfix-script"


class Script:
    """The voice of one command."""

    def __init__(self, main_cf: MainCf) -> None:
        self._log: Log | None = None
        self._tag = PROGRAM
        try:
            params = main_cf.load(SuiteParams)
            self._tag = f"{params.syslog_name}/{PROGRAM}"
            self._log = open_log(params, PROGRAM)
        except ConfigError:
            pass  # a mistake there is for others to report; only the log line is missing

    def info(self, text: str) -> None:
        """Log what is being done."""
        if self._log:
            self._log.info(text)
            self._log.finish()
        if sys.stderr.isatty():
            print(f"{self._tag}: {text}", file=sys.stderr)

    def warning(self, text: str) -> None:
        """Log and show what should be looked at."""
        if self._log:
            self._log.warning(text)
        print(f"postroom: warning: {text}", file=sys.stderr)

    def fatal(self, text: str) -> int:
        """Log and show why it was not done; return the exit status."""
        if self._log:
            self._log.fatal(text)
            self._log.finish()
        print(f"postroom: fatal: {text}", file=sys.stderr)
        return 1
