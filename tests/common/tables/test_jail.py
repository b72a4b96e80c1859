"""Servers are asked from a jail in which nothing can be imported or opened.

SEE ALSO
    test_stored, for files
"""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.tables import TableError, import_types
from tests.common.forked import outcome
from tests.common.tables.opened import lookups, opened
from tests.common.tables.servers import ReplayServer
from tests.suite import databases, peers
from tests.suite.databases import Server

KEYS = ("user@example.com", "none@example.com")
SQL = "query = SELECT v FROM t WHERE k = '%s'\n"
TREE = "search_base = dc=example,dc=com\nquery_filter = (mail=%s)\nresult_attribute = mail\n"

# Settings as somebody inside the server's own folder needs them, and what the first key brings.
DATABASES = {
    "pgsql": (databases.postgres, "hosts = unix:/\nuser = mail\ndbname = mail\n" + SQL, "x@y.org"),
    "mysql": (
        databases.mariadb,
        f"hosts = unix:/socket\nuser = mail\npassword = secret\ndbname = mail\n{SQL}",
        "x@y.org",
    ),
    "ldap": (
        databases.ldap,
        f"server_host = ldap://127.0.0.1:{{port}}\nbind = no\n{TREE}",
        "user@example.com",
    ),
    "redis": (databases.redis, "server = unix:/socket\n", None),
    "memcache": (databases.memcached, "memcache = unix:/socket\nbackup = inline:{a=b}\n", None),
}
# The same by the network, where nobody listens.
PLACES = {
    "pgsql": f"hosts = inet:localhost:{{port}}\ndbname = mail\n{SQL}",
    "mysql": f"hosts = inet:127.0.0.1:{{port}}\ndbname = mail\n{SQL}",
    "ldap": f"server_host = ldap://127.0.0.1:{{port}}\n{TREE}",
    "redis": "server = inet:127.0.0.1:{port}\n",
    "memcache": "memcache = inet:127.0.0.1:{port}\n",
}
FAILED = (b"failed: ['warning: ", b'failed: ["warning: ')
ANSWERS = {"tcp": b"200 x\n", "socketmap": b"4:OK x,"}


@pytest.fixture(autouse=True)
def only_root() -> None:
    peers.superuser("a jail")


def asked_inside(name: str, jail: Path) -> bytes:
    """Return what is found, or what is said, by a process that has gone to jail."""

    def ask() -> bytes:
        import_types([name])
        table, journal = opened(name)
        os.chroot(jail)
        os.chdir("/")
        try:
            found = lookups(table, *KEYS)
        except TableError:
            return f"failed: {journal.lines()}".encode()
        return repr(found).encode()

    return outcome(ask)


@pytest.mark.parametrize("kind", DATABASES)
def test_a_database_answers_in_a_jail(kind: str, tmp_path: Path) -> None:
    peers.table_library(kind)
    start, settings, found = DATABASES[kind]
    make: Callable[[], contextlib.AbstractContextManager[Server]] = start
    with make() as server:
        path = tmp_path / "t.cf"
        path.write_text(settings.replace("{port}", str(server.port)))
        assert asked_inside(f"{kind}:{path}", server.folder) == repr([found, None]).encode()


@pytest.mark.parametrize("kind", PLACES)
def test_a_database_that_is_not_there_fails_in_a_jail(
    kind: str, closed_port: int, tmp_path: Path
) -> None:
    peers.table_library(kind)
    path = tmp_path / "t.cf"
    path.write_text(PLACES[kind].replace("{port}", str(closed_port)))
    assert asked_inside(f"{kind}:{path}", tmp_path).startswith(FAILED)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody else takes meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_of_lines_or_netstrings_answers_in_a_jail(
    kind: str, host: str, tmp_path: Path
) -> None:
    with ReplayServer(ANSWERS[kind]) as server:
        place = f"{host}:{server.port}" if kind == "tcp" else f"inet:{host}:{server.port}:x"
        found = asked_inside(f"{kind}:{place}", tmp_path)
    # In an empty jail a name may not be found; but that is said.
    assert found == repr(["x", "x"]).encode() or (host == "localhost" and found.startswith(FAILED))
