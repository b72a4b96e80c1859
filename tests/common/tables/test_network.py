"""Promises of tables that ask a server: tcp, socketmap, memcache, redis, proxy."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_library

from common.tables import Table, TableError
from tests.common.journal import Journal
from tests.common.settings import main_cf
from tests.common.tables.opened import lookups, opened, quiet
from tests.common.tables.servers import ReplayServer
from tests.suite import databases
from tests.suite.databases import Server


def failing(table: Table, key: str = "a") -> str:
    """Return the reason of a lookup that fails."""
    with pytest.raises(TableError) as found:
        table.lookup(key)
    return found.value.reason


def netstring(text: bytes) -> bytes:
    return b"%d:%b," % (len(text), text)


def test_a_tcp_table_asks_and_answers_by_lines() -> None:
    replies = [b"200 some%20value%0a\n", b"500 no\n", b"200 \n", b"400 later\n"]
    with ReplayServer(*replies) as server:
        table = quiet(f"tcp:127.0.0.1:{server.port}")
        assert lookups(table, "A b%\xe9", "x", "y") == ["some value\n", None, ""]
        assert failing(table) == ""
        assert server.requests[0] == b"get A%20b%25%C3%A9\n"
        table.close()


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (b"200\n", "malformed reply: 200"),
        (b"nonsense\n", "malformed reply: nonsense"),
        (b"200 %zz\n", "malformed reply: 200 %zz"),
        (b"300 x\n", "bad status code: 300 x"),
        (b"x" * 5000 + b"\n", "text longer than 4096"),
        (None, "unexpected EOF"),
    ],
)
def test_a_tcp_reply_that_is_none_is_shown(reply: bytes | None, complaint: str) -> None:
    with ReplayServer(reply) as server:
        table, journal = opened(f"tcp:127.0.0.1:{server.port}")
        failing(table)
        assert journal.lines() == [
            f"warning: read TCP map reply from 127.0.0.1:{server.port}: {complaint}"
        ]


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (b"OK value with blanks", "value with blanks"),
        (b"OK ", ""),
        (b"OK \xff", "\udcff"),
        (b"NOTFOUND ", None),
        (b"NOTFOUND", None),
    ],
)
def test_a_socketmap_asks_and_answers_by_netstrings(reply: bytes, answer: str | None) -> None:
    with ReplayServer(netstring(reply)) as server:
        table = quiet(f"socketmap:inet:127.0.0.1:{server.port}:name")
        assert lookups(table, "Some Key", "x") == [answer, answer]
        assert server.requests == [b"13:name Some Key,", b"6:name x,"]
        table.close()


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (netstring(b"TEMP why"), "{} socketmap server temporary error: why"),
        (netstring(b"TIMEOUT "), "{} socketmap server timeout error"),
        (netstring(b"PERM p"), "{} socketmap server permanent error: p"),
        (netstring(b"WHAT x"), "{} socketmap server unknown error: x"),
        (b"nonsense", "table {} lookup error: input format error"),
        (b":,", "table {} lookup error: input format error"),
        (b"4:OK xX", "table {} lookup error: input format error"),
        (b"999999:", "table {} lookup error: input exceeds size limit"),
        (None, "table {} lookup error: unexpected EOF"),
    ],
)
def test_a_socketmap_reply_that_is_none_is_named(reply: bytes | None, complaint: str) -> None:
    with ReplayServer(reply) as server:
        name = f"socketmap:inet:127.0.0.1:{server.port}:name"
        table, journal = opened(name)
        failing(table)
        assert journal.lines() == [f"warning: {complaint.format(name)}"]


@pytest.mark.parametrize("kind", ["tcp", "socketmap"])
def test_a_server_that_hung_up_between_two_lookups_is_asked_again(kind: str) -> None:
    reply = b"200 x\n" if kind == "tcp" else netstring(b"OK x")
    with ReplayServer(reply, None, reply) as server:
        name = {"tcp": f"tcp:127.0.0.1:{server.port}"}.get(
            kind, f"socketmap:inet:127.0.0.1:{server.port}:n"
        )
        table = quiet(name)
        assert lookups(table, "a", "b") == ["x", "x"]
        table.close()


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("tcp:{}", "connect to TCP map {}: Connection refused"),
        ("socketmap:inet:{}:n", "connect to {}: Connection refused"),
        (
            "socketmap:unix:/no/such/socket:n",
            "connect to /no/such/socket: No such file or directory",
        ),
    ],
)
def test_a_server_that_is_not_there_is_named(name: str, complaint: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        place = f"127.0.0.1:{unused.getsockname()[1]}"
    table, journal = opened(name.format(place))
    assert failing(table) in complaint
    assert journal.lines()[0] == f"warning: {complaint.format(place)}"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("tcp:localhost:", "localhost:: missing service information"),
        ("tcp:a:b:c", "a:b:c: valid hostname or network address required"),
        ("socketmap:x", "socketmap requires server:socketmap argument"),
        ("socketmap:unix:/x", 'need service transport:endpoint instead of "unix"'),
        ("socketmap:none:a:b:c", "invalid transport name: none in service: none:a:b"),
    ],
)
def test_a_name_that_is_no_servers_is_an_error(name: str, complaint: str) -> None:
    _, journal = opened(name)
    assert journal.lines() == [f"error: {complaint}"]


@pytest.fixture(scope="module")
def memcached() -> Iterator[Server]:
    with databases.memcached() as server:
        yield server


@pytest.fixture(scope="module")
def redis() -> Iterator[Server]:
    with databases.redis() as server:
        yield server


def settings_file(path: Path, *lines: str) -> str:
    """Write a table's settings, return the file's name."""
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_a_cache_learns_from_the_table_behind_it(memcached: Server, tmp_path: Path) -> None:
    place = f"memcache = unix:{memcached.socket}"
    backup = "backup = inline:{{known = some value}, other=x}"
    behind = settings_file(tmp_path / "behind", place, backup, "key_format = test:%s", "ttl = 60")
    alone = settings_file(tmp_path / "alone", place, "key_format = test:%s")
    table, cache = quiet(f"memcache:{behind}"), quiet(f"memcache:{alone}")
    assert lookups(cache, "known", "absent") == [None, None]
    assert lookups(table, "Known", "absent") == ["some value", None]
    assert lookups(cache, "known", "other") == ["some value", None]
    table.close()
    cache.close()


def test_a_cache_that_is_not_there_does_not_matter_with_a_table_behind_it(tmp_path: Path) -> None:
    place = "memcache = unix:/no/such/socket"
    behind = settings_file(tmp_path / "behind", place, "backup = inline:{known=value}")
    alone = settings_file(tmp_path / "alone", place)
    table, _ = opened(f"memcache:{behind}")
    assert lookups(table, "known", "absent") == ["value", None]
    table, journal = opened(f"memcache:{alone}")
    assert failing(table) == "No such file or directory"
    assert journal.warnings() == [f"warning: database memcache:{alone}: No such file or directory"]


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (b"SERVER_ERROR out of memory\r\n", "unexpected reply: SERVER_ERROR out of memory"),
        (b"VALUE a 0 20000\r\n", "reply of 20000 bytes exceeds data_size_limit"),
        (b"VALUE a 0 1\r\nxx\r\n", "unexpected reply: no end of data"),
        (b"x" * 2000, "text longer than 1024"),
        (None, "unexpected EOF"),
    ],
)
def test_a_cache_that_talks_nonsense_is_an_error(
    reply: bytes | None, complaint: str, tmp_path: Path
) -> None:
    with ReplayServer(reply) as server:
        path = settings_file(tmp_path / "cf", f"memcache = inet:127.0.0.1:{server.port}")
        table, journal = opened(f"memcache:{path}")
        assert failing(table) == complaint
        assert journal.warnings() == [f"warning: database memcache:{path}: {complaint}"]


def test_a_key_that_a_cache_cannot_have_is_not_sent(memcached: Server, tmp_path: Path) -> None:
    path = settings_file(tmp_path / "cf", f"memcache = unix:{memcached.socket}")
    table, journal = opened(f"memcache:{path}")
    assert lookups(table, "two words", "x\r\nflush_all", "k" * 251, "") == [None] * 4
    assert len(journal.warnings()) == 4


@pytest.mark.parametrize("kind", ["redis", "valkey"])
def test_a_redis_server_has_strings(kind: str, redis: Server, tmp_path: Path) -> None:
    client = redis_library.Redis(unix_socket_path=str(redis.socket))
    client.set("mail:a", "some value")
    client.set("mail:user@example.com", "x@y.org")
    client.lpush("mail:list", "one")
    client.close()
    path = settings_file(tmp_path / "cf", f"server = unix:{redis.socket}", "key_format = mail:%s")
    table, journal = opened(f"{kind}:{path}")
    assert lookups(table, "A", "user@example.com", "absent") == ["some value", "x@y.org", None]
    assert journal.lines() == []
    failing(table, "list")
    assert "WRONGTYPE" in journal.warnings()[0]
    table.close()


def test_a_redis_server_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    path = settings_file(tmp_path / "cf", "server = unix:/no/such/socket")
    table, journal = opened(f"redis:{path}")
    failing(table)
    assert len(journal.warnings()) == 1


def proxied(name: str, queue_directory: Path) -> tuple[Table, Journal]:
    """Return a table behind a queue directory's service."""
    return opened(f"proxy:{name}", main_cf=main_cf(queue_directory=str(queue_directory)))


def test_a_service_that_is_not_there_fails_the_lookup(tmp_path: Path) -> None:
    table, journal = proxied("hash:/x", tmp_path)
    assert failing(table) == "No such file or directory"
    assert journal.warnings() == [
        "warning: proxy:hash:/x: proxymap service: No such file or directory"
    ]


def test_a_table_behind_the_service_is_of_its_own_kind(tmp_path: Path) -> None:
    assert not proxied("hash:/x", tmp_path)[0].patterns
    assert proxied("pcre:/x", tmp_path)[0].patterns
    _, journal = proxied("nosuch:/x", tmp_path)
    assert journal.lines() == ["error: unsupported dictionary type: nosuch"]
