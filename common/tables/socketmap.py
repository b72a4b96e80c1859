"""socketmap - socketmap:inet:host:port:name, socketmap:unix:path:name: Sendmail's protocol

DESCRIPTION
    Request and reply are a netstring each: "name key"; "OK value",
    "NOTFOUND ", or TEMP, TIMEOUT, PERM and a reason.

SEE ALSO
    socketmap_table(5)
"""

from io import BufferedReader

from common.config import decoded, encoded
from common.errors import ConfigError
from common.sandbox.needs import NOTHING, SERVER
from common.tables.connection import Connection, Endpoint, words_of
from common.tables.table import Options, Table, TableError

TIMEOUT = 100.0  # seconds for a request or a reply
REPLY_LIMIT = 100_000  # bytes
TROUBLE = {
    "TEMP": "temporary error",
    "TIMEOUT": "timeout error",
    "PERM": "permanent error",
}


class SocketmapTable(Table):
    """One of a server's tables."""

    patterns = True

    def __init__(self, name: str, options: Options) -> None:
        """Prepare to ask.

        Raises:
            ConfigError: the name does not say whom.
        """
        super().__init__(f"socketmap:{name}", options)
        place, colon, self._map = name.rpartition(":")
        if not colon:
            raise ConfigError("socketmap requires server:socketmap argument")
        endpoint = Endpoint.parse(place)
        self._server = Connection(endpoint, TIMEOUT)
        self.needs = NOTHING if endpoint.path else SERVER

    def _find(self, key: str) -> str | None:
        request = encoded(f"{self._map} {key}")
        try:
            reply = self._server.exchange(b"%d:%b," % (len(request), request), read_netstring)
        except (OSError, EOFError, ValueError) as error:
            words = words_of(error)
            if isinstance(error, OSError):
                self.options.log.warning(f"connect to {self._server.endpoint.text}: {words}")
            self.options.log.warning(f"table {self.name} lookup error: {words}")
            raise TableError(reason=words) from None
        word, blank, text = decoded(reply).partition("\0")[0].partition(" ")
        if word == "OK":
            return text if blank else None
        if word == "NOTFOUND":
            return None
        trouble = TROUBLE.get(word, "unknown error")
        self.options.log.warning(
            f"{self.name} socketmap server {trouble}" + (f": {text}" if text else "")
        )
        raise TableError

    def close(self) -> None:
        """Leave the server."""
        self._server.close()


def read_netstring(replies: BufferedReader) -> bytes:
    """Return the payload of a netstring.

    Raises:
        EOFError: the server has ended before that did.
        ValueError: it is no netstring, or too long.
    """
    digits = b""
    while (byte := replies.read(1)) != b":":
        if not byte:
            raise EOFError("unexpected EOF")
        digits += byte
        if not byte.isdigit():
            raise ValueError("input format error")
        if int(digits) > REPLY_LIMIT:
            raise ValueError("input exceeds size limit")
    if not digits:
        raise ValueError("input format error")
    payload = replies.read(int(digits) + 1)
    if len(payload) <= int(digits):
        raise EOFError("unexpected EOF")
    if not payload.endswith(b","):
        raise ValueError("input format error")
    return payload[:-1]


def open_socketmap(name: str, options: Options) -> Table:
    """Return one of a server's tables; it is connected when it is asked first."""
    return SocketmapTable(name, options)
