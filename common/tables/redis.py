"""redis - redis:/file.cf, valkey:/file.cf: strings of a Redis or Valkey server

DESCRIPTION
    An extension: Postfix has no such type. Settings, beside domain,
    result_format and expansion_limit:

    server      inet:host:port, unix:path, or a URL as redis://host:6379/0
    user, password, dbname (a number)
    key_format  the name of a key's value there, by default the key itself
    timeout     in seconds, by default 2

SEE ALSO
    memcache_table(5), whose settings these are like
"""

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.config import decoded, encoded
from common.errors import ConfigError
from common.sandbox.needs import LIBRARY_SERVER
from common.tables.connection import Endpoint, words_of
from common.tables.database import DatabaseTable
from common.tables.table import Options, Table, TableError

ATTEMPTS = 2  # a connection may have been lost since its last use


class RedisTable(DatabaseTable):
    """A server's strings."""

    needs = LIBRARY_SERVER

    def __init__(self, kind: str, name: str, options: Options) -> None:
        """Read the settings.

        Raises:
            ConfigError: one of them is wrong.
        """
        super().__init__(kind, name, options, first="server")
        timeout = self.settings.number("timeout", 2, least=1)
        facts: dict[str, Any] = {
            "username": self.settings.text("user") or None,
            "password": self.settings.text("password") or None,
            "db": self.settings.number("dbname", 0),
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            "retry": Retry(NoBackoff(), ATTEMPTS - 1),
        }
        if "://" in self.place:
            try:
                self._server = redis.Redis.from_url(self.place, **facts)
            except ValueError as error:
                raise ConfigError(f"{name}: {error}: server = {self.place}") from None
            return
        place = Endpoint.parse(self.place)
        if place.path:
            self._server = redis.Redis(unix_socket_path=place.path, **facts)
        else:
            self._server = redis.Redis(host=place.host, port=int(place.port), **facts)

    def query_texts(self) -> list[str]:
        """Return how a key is called on the server."""
        return [self.settings.text("key_format", "%s", least=1)]

    def _find(self, key: str) -> str | None:
        if not self.is_wanted(key):
            return None
        name = self.queries[0].about(key)
        return None if name is None else self.joined(key, [self._get(name)])

    def _get(self, name: str) -> str | None:
        try:
            value = self._server.get(encoded(name))
        except redis.RedisError as error:
            self.options.log.warning(f"{self.name}: {words_of(error)}")
            raise TableError(reason=words_of(error)) from None
        return decoded(value) if isinstance(value, bytes) else None

    def close(self) -> None:
        """Leave the server."""
        self._server.close()
        super().close()


def open_redis(name: str, options: Options) -> Table:
    """Return the table of a Redis server; it is connected when it is asked first."""
    return RedisTable("redis", name, options)


def open_valkey(name: str, options: Options) -> Table:
    """Return the table of a Valkey server; it is connected when it is asked first."""
    return RedisTable("valkey", name, options)
