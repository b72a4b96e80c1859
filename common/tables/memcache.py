"""memcache - memcache:/file.cf: a memory cache, with another table behind it

DESCRIPTION
    What the cache does not have is looked up in the backup table, and stored
    in the cache. An unreachable cache with a backup is no trouble.

SEE ALSO
    memcache_table(5)
"""

from collections.abc import Callable
from io import BufferedReader

from common.config import decoded, encoded
from common.sandbox.needs import SERVER
from common.tables.connection import Connection, Endpoint, read_line, words_of
from common.tables.database import DomainList
from common.tables.opening import open_table
from common.tables.settings import Settings
from common.tables.table import Options, Table, TableError
from common.tables.templates import Template

KEY_LIMIT = 250  # bytes, in the protocol


class MemcacheTable(Table):
    """A cache."""

    needs = SERVER

    def __init__(self, name: str, options: Options) -> None:
        """Read the settings.

        Raises:
            ConfigError: one of them is wrong.
        """
        super().__init__(f"memcache:{name}", options)
        self.settings = settings = Settings(name, options)
        where = f"db_common_parse: {name}: Invalid query"
        self._key = Template(settings.text("key_format", "%s", least=1), where)
        self._flags = settings.number("flags", 0)
        self._ttl = settings.number("ttl", 3600)
        self._line_limit = settings.number("line_size_limit", 1024, least=1)
        self._data_limit = settings.number("data_size_limit", 10240, least=1)
        self._attempts = settings.number("max_try", 2, least=1)
        self._domains = DomainList(name, settings.words("domain"), options)
        timeout = settings.number("timeout", 2, least=1)
        place = settings.text("memcache", "inet:localhost:11211")
        self._server = Connection(Endpoint.parse(place), timeout)
        backup = settings.text("backup")
        self._backup = open_table(backup, options) if backup else None

    def _find(self, key: str) -> str | None:
        try:
            cached = self._get(key)
        except TableError:
            if self._backup is None:
                raise
            cached = None
        if cached is not None or self._backup is None:
            return cached
        value = self._backup.lookup(key)
        if value is not None:
            self._put(key, value)
        return value

    def _get(self, key: str) -> str | None:
        name = self._name(key)
        if name is None:
            return None
        value = self._ask(b"get %b\r\n" % name, self._read_value)
        return None if value is None else decoded(value)

    def _put(self, key: str, value: str) -> None:
        """Store a value; where that fails, the next lookup takes longer."""
        name, data = self._name(key), encoded(value)
        if name is None or len(data) > self._data_limit:
            return
        request = b"set %b %d %d %d\r\n%b\r\n" % (name, self._flags, self._ttl, len(data), data)
        try:
            self._ask(request, self._read_stored)
        except TableError:
            return

    def _name(self, key: str) -> bytes | None:
        """Return the name of a key in the cache, None if it cannot have one."""
        local, at, domain = key.rpartition("@")
        if self._domains and not (at and local and self._domains.contains(domain)):
            return None
        text = self._key.about(key)
        if text is None:
            return None
        name = encoded(text)
        if not name or len(name) > KEY_LIMIT or any(byte <= 32 or byte == 127 for byte in name):
            self.options.log.warning(f'{self.name}: cannot use key "{text}" in the cache')
            return None
        return name

    def _ask(self, request: bytes, read: Callable[[BufferedReader], bytes | None]) -> bytes | None:
        """Return the answer to a request.

        Raises:
            TableError: there is none.
        """
        reason = ""
        for _ in range(self._attempts):
            try:
                return self._server.exchange(request, read)
            except (OSError, EOFError, ValueError) as error:
                reason = words_of(error)
                if isinstance(error, ConnectionRefusedError | FileNotFoundError):
                    break  # nobody there: asking again does not help
        self.options.log.warning(f"database {self.name}: {reason}")
        raise TableError(reason=reason)

    def _read_value(self, replies: BufferedReader) -> bytes | None:
        """Return what the cache has.

        Raises:
            ValueError: the reply is none, or too long.
        """
        line = self._line(replies)
        if line == b"END":
            return None
        words = line.split(b" ")
        if len(words) < 4 or words[0] != b"VALUE" or not words[3].isdigit():
            raise ValueError(f"unexpected reply: {decoded(line)}")
        size = int(words[3])
        if size > self._data_limit:
            raise ValueError(f"reply of {size} bytes exceeds data_size_limit")
        data = replies.read(size + 2)
        if len(data) < size + 2:
            raise EOFError("unexpected EOF")
        if data[size:] != b"\r\n" or self._line(replies) != b"END":
            raise ValueError("unexpected reply: no end of data")
        return data[:size]

    def _read_stored(self, replies: BufferedReader) -> bytes:
        line = self._line(replies)
        if line != b"STORED":
            raise ValueError(f"unexpected reply: {decoded(line)}")
        return line

    def _line(self, replies: BufferedReader) -> bytes:
        return read_line(replies, self._line_limit).removesuffix(b"\r")

    def changed(self) -> bool:
        """Tell whether the settings or the backup have changed."""
        backup_changed = self._backup is not None and self._backup.changed()
        return backup_changed or self.settings.changed() or self._domains.changed()

    def close(self) -> None:
        """Leave the cache."""
        self._server.close()
        self.settings.close()
        if self._backup:
            self._backup.close()


def open_memcache(name: str, options: Options) -> Table:
    """Return the table of a cache; it is connected when it is asked first."""
    return MemcacheTable(name, options)
