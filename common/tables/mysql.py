"""mysql - mysql:/file.cf: a query to a MySQL or MariaDB server

SEE ALSO
    mysql_table(5)
"""

import ssl
from collections.abc import Iterator
from functools import partial
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CR, SERVER_STATUS
from pymysql.converters import escape_string

from common.config import decoded, encoded
from common.errors import ConfigError
from common.sandbox.needs import LIBRARY_SERVER
from common.tables.database import SqlTable
from common.tables.servers import LostError, Servers, split_port
from common.tables.settings import Settings
from common.tables.table import Options, Table, TableError

CONNECT_SECONDS = 10
IO_SECONDS = 100  # for a query
PORT = 3306
LOST = (CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST)


class MysqlTable(SqlTable):
    """A query to whichever server answers."""

    needs = LIBRARY_SERVER

    def __init__(self, name: str, options: Options) -> None:
        """Read the settings.

        Raises:
            ConfigError: one of them is wrong.
        """
        super().__init__("mysql", name, options, first="dbname")
        self._tls = tls_context(self.settings)
        self._result_required = self.settings.truth("require_result_set", default=True)
        self._servers: Servers[Connection] = Servers(
            "mysql",
            self.settings.words("hosts", "localhost"),
            options,
            connect=self._connect,
            close=Connection.close,
        )

    def quote(self, text: str) -> str:
        """Return text as it may stand between single quotes."""
        return self._servers.use(partial(escaped, text))

    def values(self, query: str) -> Iterator[str | None]:
        """Return all columns of all rows."""
        return iter(self._servers.use(lambda connection: self._ask(connection, query)))

    def _ask(self, connection: Connection, query: str) -> list[str | None]:
        try:
            with connection.cursor() as cursor:
                cursor.execute(encoded(query))
                if cursor.description is None and self._result_required:
                    raise self._failure("query returned no result set(require_result_set = yes)")
                rows = cursor.fetchall() if cursor.description else ()
        except pymysql.MySQLError as error:
            if error.args and error.args[0] in LOST:
                raise LostError(words(error)) from None
            raise self._failure(words(error)) from None
        return [text_of(value) for row in rows for value in row]

    def _failure(self, reason: str) -> TableError:
        self.options.log.warning(f"{self.name}: query failed: {reason}")
        return TableError()

    def _connect(self, host: str) -> Connection:
        settings = self.settings
        plain = host.removeprefix("inet:")
        place: dict[str, Any] = {"unix_socket": host.removeprefix("unix:")}
        if plain == "localhost" or not host.startswith("unix:"):
            name, port = split_port(plain, PORT)
            place = {"host": name, "port": port}
        options = {
            "read_default_file": settings.text("option_file"),
            "read_default_group": settings.text("option_group"),
            "user": settings.text("user"),
            "password": settings.text("password"),
        }
        try:
            return pymysql.connect(
                **place,
                **{key: value for key, value in options.items() if value},
                database=self.place,
                charset="utf8mb4",
                use_unicode=False,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                read_timeout=IO_SECONDS,
                write_timeout=IO_SECONDS,
                ssl=self._tls,
            )
        except pymysql.MySQLError as error:
            raise OSError(words(error)) from None

    def close(self) -> None:
        """Leave the server."""
        self._servers.close()
        super().close()


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Return how the connection is encrypted, None if nothing is set.

    Raises:
        ConfigError: a file cannot be used.
    """
    names = ("tls_cert_file", "tls_key_file", "tls_CAfile", "tls_CApath")
    cert, key, ca_file, ca_path = (settings.text(name) or None for name in names)
    verify = settings.truth("tls_verify_cert", default=False)
    if not (cert or key or ca_file or ca_path or verify):
        return None
    try:
        context = ssl.create_default_context(cafile=ca_file, capath=ca_path)
        context.check_hostname = verify
        context.verify_mode = ssl.CERT_REQUIRED if ca_file or ca_path or verify else ssl.CERT_NONE
        if cert:
            context.load_cert_chain(cert, key)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise ConfigError(f"{settings.name}: TLS: {error}") from None
    return context


def escaped(text: str, connection: Connection) -> str:
    """Return text with quotes and, if they mean something there, backslashes escaped."""
    if connection.server_status & SERVER_STATUS.SERVER_STATUS_NO_BACKSLASH_ESCAPES:
        return text.replace("'", "''")
    return str(escape_string(text))


def text_of(value: object) -> str | None:
    """Return a column as text, None for NULL."""
    if isinstance(value, bytes):
        return decoded(value)
    return None if value is None else str(value)


def words(error: pymysql.MySQLError) -> str:
    """Return the server's or the library's message without its number."""
    return str(error.args[-1]) if error.args else str(error)


def open_mysql(name: str, options: Options) -> Table:
    """Return the table of a query; a server is connected when it is asked first."""
    return MysqlTable(name, options)
