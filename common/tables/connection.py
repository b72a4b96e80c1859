"""connection - the way to a table's server

DESCRIPTION
    A stream that is opened for the first request and kept. One that turns out
    to be closed by the server is opened once more, for the same request.

SEE ALSO
    tcp_table(5), socketmap_table(5), memcache_table(5)
"""

import encodings.idna  # noqa: F401  # a host's name goes through it, perhaps in a jail
import socket
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedReader
from typing import TypeVar

from common.errors import ConfigError

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens: a path, or host and port."""

    text: str  # as it was written
    path: str = ""
    host: str = ""
    port: str = ""

    @classmethod
    def parse_inet(cls, text: str) -> "Endpoint":
        """Return the endpoint of "host:port", "[address]:port" or "port" on this machine.

        Raises:
            ConfigError: it is none.
        """
        host, _, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ConfigError(f"{text}: valid hostname or network address required")
        if not port:
            raise ConfigError(f"{text}: missing service information")
        return cls(text, host=host, port=port)

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """Return the endpoint of "inet:host:port" or "unix:path".

        Raises:
            ConfigError: it is none.
        """
        transport, _, place = text.partition(":")
        if not place:
            raise ConfigError(f'need service transport:endpoint instead of "{text}"')
        if transport == "unix":
            return cls(place, path=place)
        if transport == "inet":
            return cls.parse_inet(place)
        raise ConfigError(f"invalid transport name: {transport} in service: {text}")

    def connect(self, timeout: float) -> socket.socket:
        """Return a connected socket.

        Raises:
            OSError: there is nobody.
        """
        if not self.path:
            return socket.create_connection((self.host or "localhost", self.port), timeout)
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connected.settimeout(timeout)
            connected.connect(self.path)
        except BaseException:
            connected.close()
            raise
        return connected


class Connection:
    """A conversation of requests and replies."""

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        """timeout: seconds for each step of a request."""
        self.endpoint = endpoint
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._replies: BufferedReader | None = None

    def exchange(self, request: bytes, read: Callable[[BufferedReader], R]) -> R:
        """Send a request, return what read() makes of the reply.

        Raises:
            OSError: the server cannot be reached, or stops in the middle.
        """
        if self._socket is not None:
            try:
                return self._ask(request, read)
            except (ConnectionError, EOFError):
                self.close()  # it did not like to wait for us
        return self._ask(request, read)

    def close(self) -> None:
        """End the conversation."""
        if self._replies:
            self._replies.close()
        if self._socket:
            self._socket.close()
        self._socket = self._replies = None

    def _ask(self, request: bytes, read: Callable[[BufferedReader], R]) -> R:
        try:
            if self._socket is None or self._replies is None:
                self._socket = self.endpoint.connect(self._timeout)
                self._replies = self._socket.makefile("rb")
            self._socket.sendall(request)
            return read(self._replies)
        except BaseException:
            self.close()  # whatever is still to come would be taken for the next reply
            raise


def read_line(replies: BufferedReader, limit: int) -> bytes:
    """Return a line without its newline.

    Raises:
        EOFError: the server has ended before the line did.
        ValueError: a line of limit bytes or more.
    """
    line = replies.readline(limit)
    if not line.endswith(b"\n"):
        if len(line) >= limit:
            raise ValueError(f"text longer than {limit}")
        raise EOFError("unexpected EOF")
    return line[:-1]


def words_of(error: Exception) -> str:
    """Return what an error is called in a complaint."""
    if isinstance(error, TimeoutError):
        return "Connection timed out"
    return getattr(error, "strerror", None) or str(error)
