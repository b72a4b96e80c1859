"""tcp - tcp:host:port: a server that is asked line by line

SEE ALSO
    tcp_table(5)
"""

import re

from common.config import decoded, encoded
from common.sandbox.needs import SERVER
from common.tables.connection import Connection, Endpoint, read_line, words_of
from common.tables.table import Options, Table, TableError

TIMEOUT = 100.0  # seconds for a request or a reply
LINE_LIMIT = 4096  # bytes of a reply, its newline included

# What travels as %XX: the percent sign itself, blanks, and all that is not printable ASCII.
UNSAFE = re.compile(rb"[^!-$&-~]")
QUOTED = re.compile(rb"%([0-9A-Fa-f]{2})|%")
REPLY = re.compile(rb"([0-9]{3})[ \t\v\f\r](.*)\Z", re.DOTALL)
FOUND, FAILED, NOT_FOUND = b"200", b"400", b"500"


class TcpTable(Table):
    """A server's answers."""

    needs = SERVER

    patterns = True

    def __init__(self, name: str, options: Options) -> None:
        super().__init__(f"tcp:{name}", options)
        self._server = Connection(Endpoint.parse_inet(name), TIMEOUT)
        self._address = name

    def _find(self, key: str) -> str | None:
        request = b"get %b\n" % quote(encoded(key))
        try:
            reply = self._server.exchange(request, lambda replies: read_line(replies, LINE_LIMIT))
        except (OSError, EOFError, ValueError) as error:
            doing = "connect to" if isinstance(error, OSError) else "read"
            raise self._failure(doing, error) from None
        match = REPLY.match(reply)
        value = unquote(match[2]) if match else None
        if match is None or value is None:
            raise self._bad_reply("malformed reply", reply)
        if match[1] == NOT_FOUND:
            return None
        if match[1] == FOUND:
            return decoded(value)
        if match[1] == FAILED:
            raise TableError
        raise self._bad_reply("bad status code", reply)

    def _failure(self, doing: str, error: Exception) -> TableError:
        what = "TCP map" if doing == "connect to" else "TCP map reply from"
        self.options.log.warning(f"{doing} {what} {self._address}: {words_of(error)}")
        return TableError(reason=words_of(error))

    def _bad_reply(self, complaint: str, reply: bytes) -> TableError:
        self._server.close()
        self.options.log.warning(
            f"read TCP map reply from {self._address}: {complaint}: {decoded(reply)}"
        )
        return TableError()

    def close(self) -> None:
        """Leave the server."""
        self._server.close()


def quote(text: bytes) -> bytes:
    """Return text as it travels."""
    return UNSAFE.sub(lambda match: b"%%%02X" % match[0][0], text)


def unquote(text: bytes) -> bytes | None:
    """Return text that has travelled, None if it is damaged."""
    if any(match[1] is None for match in QUOTED.finditer(text)):
        return None
    return QUOTED.sub(lambda match: bytes.fromhex(match[1].decode()), text)


def open_tcp(name: str, options: Options) -> Table:
    """Return the table of a server; it is connected when it is asked first."""
    return TcpTable(name, options)
