"""journal - master's own log, and the file that its children inherit

DESCRIPTION
    master never waits for its logger: what the logger does not take at once
    is kept, and flush() tries again later. A log file is opened here, before
    privileges are dropped; a reload opens it anew, so that it can be rotated.

SEE ALSO
    common.log
"""

import math

from common.errors import ConfigError
from common.log import Log, open_log
from common.params import SuiteParams
from common.sinks import FileSink
from master.events import Loop

PROGRAM = "master"


class Journal:
    """The open log."""

    def __init__(self, params: SuiteParams, inherited: int | None = None) -> None:
        """Open the log; if that cannot be done, go on with an inherited file.

        Raises:
            ConfigError: it cannot be opened, and there is no other.
        """
        try:
            self.log = open_own_log(params)
        except ConfigError:
            if inherited is None:
                raise
            self.log = Log(f"{params.syslog_name}/{PROGRAM}", FileSink(inherited), patience=0.0)
            self.log.host = params.myhostname.partition(".")[0]
        self._waiting = False

    @property
    def descriptor(self) -> int | None:
        """The open log file, None if lines go to syslog."""
        return self.log.sink.descriptor if isinstance(self.log.sink, FileSink) else None

    def replace(self, fresh: Log) -> None:
        """Go on where another log goes, and with its names; what is waiting goes there too."""
        close(self.log)
        if self.log.copy and fresh.copy:
            fresh.copy.take_over(self.log.copy.unsent())
        self.log.sink, self.log.copy, self.log.host = fresh.sink, fresh.copy, fresh.host
        if self.log.tag != fresh.tag:
            self.log.name(fresh.tag)

    def flush(self, loop: Loop) -> None:
        """Write what was kept; if the logger is still slow, again when it is time for that."""
        if not self._waiting and (moment := self.log.retry()) < math.inf:
            self._waiting = True
            loop.call_at(moment, self._try_again)

    def _try_again(self) -> None:
        self._waiting = False


def open_own_log(params: SuiteParams) -> Log:
    """Return a log for master, one that never waits.

    Raises:
        ConfigError: it cannot be opened.
    """
    return open_log(params, PROGRAM, patience=0.0)


def close(log: Log) -> None:
    """Give a log's descriptors up."""
    for one in filter(None, (log, log.copy)):
        one.sink.close()
