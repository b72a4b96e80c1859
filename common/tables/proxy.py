"""proxy - proxy:type:name: a table that the proxymap service looks up for us

DESCRIPTION
    proxymap opens the table; it sees files that a jail hides from us, and
    shares connections to databases.

SEE ALSO
    proxymap(8)
    spec/qmgr-delivery-protocols.md, section 10; spec/attr-protocol.md
"""

import os
from collections.abc import Iterator
from io import BufferedReader

from common import attribute
from common.attribute import Attributes
from common.config import decoded, encoded
from common.errors import ConfigError, PeerError
from common.params import TableParams
from common.tables.connection import Connection, Endpoint, words_of
from common.tables.opening import PATTERN_TYPES, split
from common.tables.table import Options, Table, TableError, UnsupportedError

TIMEOUT = 100.0  # seconds for a request or a reply, as long as other servers get
ANNOUNCEMENT = [(b"protocol", b"proxymap_protocol")]

# What the service is told about a table: take its lock, fold fixed keys, expect UTF-8.
LOCK, FOLD, UTF8 = 1 << 6, 1 << 14, 1 << 19

OK, NOT_FOUND, RETRY, BAD, DENIED = 0, 1, 2, 3, 4  # status of a reply


class ProxyTable(Table):
    """A table behind the service."""

    def __init__(self, name: str, options: Options) -> None:
        """Prepare to ask.

        Raises:
            ConfigError: the name is no table's.
        """
        super().__init__(f"proxy:{name}", options)
        kind, _ = split(name)
        self.patterns = kind in PATTERN_TYPES
        self._table = name
        self._flags = LOCK | UTF8 | (FOLD if options.fold else 0)
        self._service = Service(service_paths(options))

    def _find(self, key: str) -> str | None:
        request = [
            (b"request", b"lookup"),
            (b"table", encoded(self._table)),
            (b"flags", b"%d" % self._flags),
            (b"key", encoded(key)),
        ]
        try:
            reply = dict(self._service.ask(request))
            status = attribute.number(reply.get(b"status", b""))
        except (OSError, EOFError, PeerError) as error:
            self.options.log.warning(f"{self.name}: proxymap service: {words_of(error)}")
            raise TableError(reason=words_of(error)) from None
        if status == OK:
            return decoded(reply.get(b"value", b""))
        if status == NOT_FOUND:
            return None
        if status == DENIED:
            raise TableError(f'proxymap service is not configured for table "{self._table}"')
        if status == BAD:
            raise TableError(
                f'proxymap lookup failed for table "{self._table}" key "{key}": invalid request'
            )
        raise TableError(reason="Application error" if status == RETRY else "")

    def entries(self) -> Iterator[tuple[str, str]]:
        """Refuse, as Postfix does."""
        raise UnsupportedError("can't sequence maps via the proxy service")

    def close(self) -> None:
        """Leave the service."""
        self._service.close()


class Service(Connection):
    """The conversation with the service."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__(Endpoint(paths[0], path=paths[0]), TIMEOUT)
        self._paths = paths
        self._greeted = False

    def ask(self, request: Attributes) -> Attributes:
        """Send a list of attributes, return the list that comes back.

        Raises:
            OSError, EOFError, PeerError: the service is not there, or does not answer as it should.
        """
        for path in filter(os.path.exists, self._paths):
            self.endpoint = Endpoint(path, path=path)
            break
        return self.exchange(attribute.encode(request), self._read_reply)

    def close(self) -> None:
        """End the conversation."""
        super().close()
        self._greeted = False

    def _read_reply(self, replies: BufferedReader) -> Attributes:
        if not self._greeted:
            if read_attributes(replies) != ANNOUNCEMENT:
                raise PeerError("unexpected protocol")
            self._greeted = True
        return read_attributes(replies)


def read_attributes(replies: BufferedReader) -> Attributes:
    """Return the next list.

    Raises:
        EOFError: the service has ended before it did.
    """
    buffer = b""
    while True:
        more = replies.peek(1)
        if not more:
            raise EOFError("unexpected EOF")
        found = attribute.decode(buffer + more)
        if found:
            replies.read(found[1] - len(buffer))
            return found[0]
        buffer += replies.read(len(more))


def service_paths(options: Options) -> list[str]:
    """Return where the service's socket may be, as a daemon and as a command see it.

    Raises:
        ConfigError: there is no configuration to tell.
    """
    if options.main_cf is None:
        raise ConfigError("proxy tables need a main.cf")
    params = options.main_cf.load(TableParams)
    path = f"private/{params.proxymap_service_name}"
    return [f"{params.queue_directory}/{path}", path]


def open_proxy(name: str, options: Options) -> Table:
    """Return a table behind the service, which is asked when the first key is."""
    return ProxyTable(name, options)
