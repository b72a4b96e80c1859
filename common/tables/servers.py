"""servers - one of several database servers, whichever answers

SEE ALSO
    pgsql_table(5), mysql_table(5), parameter hosts
"""

import encodings.idna  # noqa: F401  # a host's name goes through it, perhaps in a jail
import random
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from common.tables.table import Options, TableError

C = TypeVar("C")  # a library's connection
R = TypeVar("R")

IDLE_SECONDS = 60.0  # a connection that was idle for longer is not used again
ATTEMPTS = 2  # a connection may have been lost since its last use


class LostError(Exception):
    """The connection does not work any more."""


class Servers(Generic[C]):
    """A connection that is made when it is needed."""

    def __init__(
        self,
        kind: str,
        hosts: Sequence[str],
        options: Options,
        *,
        connect: Callable[[str], C],
        close: Callable[[C], None],
    ) -> None:
        """kind: what complaints call the servers.

        connect: returns a connection to one of the hosts; raises OSError with
        its reason.
        """
        self.kind = kind
        self.host = ""  # that we are connected to
        self._hosts = hosts
        self._options = options
        self._connect = connect
        self._close = close
        self._connection: C | None = None
        self._used = 0.0

    def use(self, action: Callable[[C], R]) -> R:
        """Return what an action makes of a connection.

        Raises:
            TableError: no server can be reached, or none keeps its connection.
        """
        if time.monotonic() - self._used > IDLE_SECONDS:
            self.close()
        for _ in range(ATTEMPTS):
            connection = self._connected()
            self._used = time.monotonic()
            try:
                return action(connection)
            except LostError as error:
                reason = str(error)
                self.close()
        self._options.log.warning(f"{self.kind} server {self.host}: {reason}")
        raise TableError(reason=reason)

    def close(self) -> None:
        """Leave the server."""
        if self._connection is not None:
            self._close(self._connection)
            self._connection = None

    def _connected(self) -> C:
        if self._connection is not None:
            return self._connection
        reason = ""
        for host in random.sample(self._hosts, len(self._hosts)):
            try:
                self._connection = self._connect(host)
            except OSError as error:
                reason = str(error)
                self._options.log.warning(f"connect to {self.kind} server {host}: {reason}")
            else:
                self.host = host
                return self._connection
        raise TableError(reason=reason)


def split_port(host: str, default: int) -> tuple[str, int]:
    """Return host and port of "host", "host:port" or "[address]:port"."""
    name, colon, port = host.rpartition(":")
    if not (colon and port.isdigit()) or (":" in name and not name.endswith("]")):
        name, port = host, str(default)
    return name.strip("[]"), int(port)
