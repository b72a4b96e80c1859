"""pgsql - pgsql:/file.cf: a query to a PostgreSQL server

SEE ALSO
    pgsql_table(5)
"""

from collections.abc import Iterator

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import Escaping, ExecStatus

from common.config import decoded, encoded
from common.sandbox.needs import LIBRARY_SERVER
from common.tables.database import SqlTable
from common.tables.servers import LostError, Servers, split_port
from common.tables.table import Options, Table, TableError

ENCODING = "LATIN1"  # each byte a character, as Postfix 3.7 has it
CONNECT_SECONDS = 10
PORT = 5432
DATA = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


class PgsqlTable(SqlTable):
    """A query to whichever server answers."""

    needs = LIBRARY_SERVER

    def __init__(self, name: str, options: Options) -> None:
        """Read the settings.

        Raises:
            ConfigError: one of them is wrong.
        """
        super().__init__("pgsql", name, options, first="dbname")
        self._servers: Servers[psycopg.Connection] = Servers(
            "pgsql",
            self.settings.words("hosts", "localhost"),
            options,
            connect=self._connect,
            close=psycopg.Connection.close,
        )

    def old_query(self) -> str:
        """Return the query that older settings stand for."""
        function = self.settings.text("select_function")
        return f"SELECT {function}('%s')" if function else super().old_query()

    def quote(self, text: str) -> str:
        """Return text as it may stand between single quotes."""
        return self._servers.use(
            lambda connection: decoded(Escaping(connection.pgconn).escape_string(encoded(text)))
        )

    def values(self, query: str) -> Iterator[str | None]:
        """Return all columns of all rows of the last result; NULL is an empty text."""
        return iter(self._servers.use(lambda connection: self._ask(connection, query)))

    def _ask(self, connection: psycopg.Connection, query: str) -> list[str | None]:
        result = connection.pgconn.exec_(encoded(query))
        if connection.pgconn.status != psycopg.pq.ConnStatus.OK:
            raise LostError(words(result.error_message))
        if result.status not in DATA:
            self.options.log.warning(
                f"pgsql query failed: fatal error from host {self._servers.host}:"
                f" {words(result.error_message)}"
            )
            raise TableError(reason="Application error")
        return [
            decoded(result.get_value(row, column) or b"")
            for row in range(result.ntuples)
            for column in range(result.nfields)
        ]

    def _connect(self, host: str) -> psycopg.Connection:
        try:
            if host.startswith(("postgresql://", "postgres://")):
                connection = psycopg.connect(host, connect_timeout=CONNECT_SECONDS, autocommit=True)
            else:
                connection = psycopg.connect(make_conninfo(**self._place(host)), autocommit=True)
        except psycopg.Error as error:
            raise OSError(str(error)) from None
        connection.execute(f"SET client_encoding TO {ENCODING}")
        return connection

    def _place(self, host: str) -> dict[str, str]:
        """Return what the library wants to know of a host."""
        plain = host.removeprefix("unix:").removeprefix("inet:")
        name, port = (plain, PORT) if plain.startswith("/") else split_port(plain, PORT)
        place = {
            "host": name,
            "port": str(port),
            "dbname": self.place,
            "user": self.settings.text("user"),
            "password": self.settings.text("password"),
            "connect_timeout": str(CONNECT_SECONDS),
        }
        return {key: value for key, value in place.items() if value}

    def close(self) -> None:
        """Leave the server."""
        self._servers.close()
        super().close()


def words(message: bytes) -> str:
    """Return the library's error message."""
    return decoded(message)


def open_pgsql(name: str, options: Options) -> Table:
    """Return the table of a query; a server is connected when it is asked first."""
    return PgsqlTable(name, options)
