"""complaints - what a command of Postfix's kind says when something is wrong

DESCRIPTION
    Lines as Postfix's programs have them: "PROGRAM: warning: TEXT" on standard
    error, and the same without the name in the mail system's log.

SEE ALSO
    spec/logging.md
"""

import sys
from contextlib import suppress

from common.config import MainCf, encoded
from common.errors import ConfigError
from common.log import Log, open_log
from common.params import SuiteParams


class Complaints:
    """Who says what is wrong. Bytes of a file cannot command the terminal."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.utf8 = False  # letters beyond ASCII are shown
        self._log: Log | None = None

    def join_log(self, main_cf: MainCf) -> None:
        """Write to the log too, from now on, if it can be opened and is not our output."""
        with suppress(ConfigError):
            params = main_cf.load(SuiteParams)
            if not params.maillog_file.startswith("/dev/"):
                self._log = open_log(params, self.program.replace(" ", "-"))

    def warning(self, text: str) -> None:
        """Say what an operator should look at."""
        self.plain(f"warning: {text}")
        if self._log:
            self._log.warning(text)

    def error(self, text: str) -> None:
        """Say what failed."""
        self.plain(f"error: {text}")
        if self._log:
            self._log.error(text)

    def fatal(self, text: str) -> None:
        """Say why the program is about to end."""
        self.plain(f"fatal: {text}")
        if self._log:
            self._log.fatal(text)

    def plain(self, text: str) -> None:
        """Say something on standard error only."""
        line = encoded(f"{self.program}: {self._shown(text)}\n")
        sys.stdout.flush()
        sys.stderr.buffer.write(line)
        sys.stderr.flush()

    def _shown(self, text: str) -> str:
        if not self.utf8:
            text = encoded(text).decode("ascii", "replace").replace("\ufffd", "?")
        return "".join(letter if letter.isprintable() else "?" for letter in text)
