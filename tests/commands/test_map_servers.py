"""Tables of database servers: Debian's postmap and ours ask the same ones.

SEE ALSO
    tests.suite.databases, for the servers and what is in them
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.tables import opening
from tests.commands.both import Script, Step, compare, debians, ours, shown
from tests.common.tables.servers import ReplayServer
from tests.suite import databases, peers
from tests.suite.databases import Server
from tests.suite.instance import Postroom
from tests.suite.qmqp import submit
from tests.suite.queue_file import read_records
from tests.suite.reference import Postfix

# Here, lest each fork does it again.
for kind in ("ldap", "mysql", "pgsql"):
    opening.opener(kind)

KEYS = [
    "a",
    "A",
    "user@example.com",
    "o'k",
    "many",
    "empty",
    "null",
    "no",
    "a\\b",
    "é",
    "x@y",
    "%s",
]
SQL = "SELECT v FROM t WHERE k = '%s' ORDER BY n"


def asking(kind: str, settings: str, *keys: str) -> Script:
    """Return a script that looks keys up, alone and all together."""
    steps = [Step(("-q", key, f"{kind}:./q.cf")) for key in keys]
    steps.append(Step(("-q", "-", f"{kind}:./q.cf"), "\n".join(KEYS).encode()))
    return Script(tuple(steps), {"q.cf": settings.encode()})


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with databases.postgres() as server:
        yield server


@pytest.fixture(scope="module")
def mariadb() -> Iterator[Server]:
    with databases.mariadb() as server:
        yield server


@pytest.fixture(scope="module")
def ldap() -> Iterator[Server]:
    with databases.ldap() as server:
        yield server


SQL_SETTINGS = [
    f"query = {SQL}\n",
    f"query = {SQL}\nresult_format = <%u>%d\n",
    f"query = {SQL}\nresult_format = %S=%s\n",
    f"query = {SQL}\nexpansion_limit = 1\n",
    f"query = {SQL}\ndomain = example.com\n",
    "query = SELECT v, n FROM t WHERE k = '%s' ORDER BY n\n",
    "query = SELECT v FROM none\n",
    "query = SELECT '%s'\n",
    "query = SELECT '%1 %2' WHERE '%u' = 'user'\n",
    "query = SELECT v FROM t WHERE 1 = 0\n",
    "query = SELECT '%x'\n",
    "select_field = v\ntable = t\nwhere_field = k\nadditional_conditions = AND v <> ''\n",
    "table = t\n",
]


def test_postgresql_gives_both_the_same(postgres: Server, tmp_path: Path) -> None:
    place = f"hosts = unix:{postgres.folder}\nuser = mail\ndbname = mail\n"
    url = f"hosts = postgresql://mail@/mail?host={postgres.folder}\ndbname = x\n"
    texts = [start + settings for settings in SQL_SETTINGS for start in (place, url)]
    texts += [f"user = mail\n{SQL_SETTINGS[0]}", place + "select_function = lower\n"]
    texts += [place + "query = INSERT INTO t (k, v) VALUES ('new', 'x')\n"]
    compare([asking("pgsql", text, "many", "o'k") for text in texts], tmp_path)


@pytest.mark.parametrize("user", ["mail", "nobody"])
def test_any_of_several_servers_will_do(user: str, postgres: Server, tmp_path: Path) -> None:
    hosts = f"hosts = unix:/none {postgres.folder} inet:127.0.0.1:1\n"
    settings = f"{hosts}user = {user}\ndbname = mail\nquery = {SQL}\n"
    # In what order they are tried is chance, and the words are the library's.
    compare([asking("pgsql", settings, *KEYS)], tmp_path, complaints=False)


def test_mysql_gives_both_the_same(mariadb: Server, tmp_path: Path) -> None:
    place = (
        f"hosts = unix:{mariadb.socket}\nuser = mail\npassword = secret\n"
        "dbname = mail\noption_group =\n"
    )
    insertion = "query = INSERT INTO t VALUES ('new', 'x', 9)\n"
    texts = [place + settings for settings in SQL_SETTINGS]
    texts += [place + insertion, f"{place}require_result_set = no\n{insertion}"]
    texts += [place.replace("secret", "wrong") + SQL_SETTINGS[0], f"user = mail\n{SQL_SETTINGS[0]}"]
    texts += [f"dbname = mail\nrequire_result_set = perhaps\n{SQL_SETTINGS[0]}"]
    compare([asking("mysql", text, "many", "o'k") for text in texts], tmp_path)


SEARCHES = [
    "query_filter = (mail=%s)\nresult_attribute = description\n",
    "query_filter = (mail=%s)\nresult_attribute = description\nexpansion_limit = 1\n",
    "query_filter = (cn=%s)\nresult_attribute = mail, cn\nresult_format = <%s>\n",
    "query_filter = (cn=%s)\nresult_attribute = mail\nspecial_result_attribute = member\n",
    "query_filter = (cn=%s)\nresult_attribute = mail\nspecial_result_attribute = member\n"
    "leaf_result_attribute = cn\n",
    "query_filter = (cn=%s)\nresult_attribute = mail\nterminal_result_attribute = sn\n",
    "query_filter = (&(cn=%u)(mail=*))\nresult_attribute = cn\nsearch_base = dc=%2,dc=%1\n",
    "query_filter = (mail=%s)\nresult_attribute = mail\nscope = base\n",
    "query_filter = (mail=%s)\nresult_attribute = mail\nscope = one\n",
    "query_filter = (mail=%s)\nresult_attribute = mail\ndomain = example.com\n",
    "query_filter = (mail=%s)\nresult_attribute = none\n",
    "query_filter = (mail=%x)\nresult_attribute = mail\n",
    "query_filter = (mail=%s)\nresult_attribute = mail\nscope = wide\n",
    "query_filter = (mail=%s)\nresult_attribute = mail\nbind = perhaps\n",
    "query_filter = (mail=%s)\nresult_attribute = mail\nbind = yes\n"
    "bind_dn = cn=admin,dc=example,dc=com\nbind_pw = secret\n",
]


def test_a_directory_gives_both_the_same(ldap: Server, tmp_path: Path) -> None:
    keys = ("a", "b*", "a*", "list", "a@example.com", "a@example.org", "A@Example.com", "a)(cn=*")
    scripts = []
    for settings in SEARCHES:
        text = f"server_host = ldap://127.0.0.1:{ldap.port}\n"
        for setting in ("search_base = dc=example,dc=com\n", "bind = no\n"):
            text += "" if setting.split()[0] in settings else setting
        scripts.append(asking("ldap", text + settings, *keys))
    # Of what goes wrong it is the library that tells.
    compare(scripts, tmp_path, complaints=False)


def test_a_daemon_that_has_shut_itself_in_asks_them(
    postgres: Server, mariadb: Server, ldap: Server
) -> None:
    peers.superuser("a daemon that has something to give up")
    for server in (postgres, mariadb):
        server.folder.chmod(0o755)
    tables = {
        "pgsql": f"hosts = unix:{postgres.folder}\ndbname = mail\nuser = mail\nquery = {SQL}\n",
        "mysql": f"hosts = unix:{mariadb.socket}\ndbname = mail\nuser = mail\npassword = secret\n"
        f"option_group =\nquery = {SQL}\n",
        "ldap": f"server_host = ldap://127.0.0.1:{ldap.port}\nsearch_base = dc=example,dc=com\n"
        "bind = no\nquery_filter = (cn=a)\nresult_attribute = mail\n",
    }
    key = b"user@example.com"
    with Postroom() as instance:
        names = []
        for kind, settings in tables.items():
            path = instance.top / f"{kind}.cf"
            path.write_text(f"{settings}result_format = {kind}@y.org\n")
            # One of them would answer for its own answer.
            names.append(f"pipemap:{{inline:{{{key.decode()}={key.decode()}}},{kind}:{path}}}")
        instance.configure({"virtual_alias_maps": f"unionmap:{{{','.join(names)}}}"})
        instance.start()
        answer = submit(instance.port, b"Subject: x\n\n", b"s@from.test", key)
        assert answer.verdict == "K", answer
        records = read_records(instance.queue_files()[answer.queue_id])
    assert {one.value for one in records if one.kind == "R"} == {f"{kind}@y.org" for kind in tables}


TCP_REPLIES = [
    *(b"200 x\n", b"200 a%20b%3A\n", b"200 a b\n", b"200 \n", b"200\n", b"500 no\n", b"400 e\n"),
    *(b"300 x\n", b"nonsense\n", b"200 %zz\n", b"200 a%\n", b"200 x\r\n", b"500\n", b"200  x\n"),
    *(b"200x\n", b"2000 x\n", b"200\tx y\n", b"200 \xe9\n"),
]
SOCKETMAP_REPLIES = [
    *(b"4:OK x,", b"3:OK ,", b"2:OK,", b"9:NOTFOUND ,", b"8:NOTFOUND,", b"8:TEMP why,", b"4:ok x,"),
    *(b"9:TIMEOUT t,", b"6:PERM p,", b"5:TEMP ,", b"5:FOO x,", b"0:,", b"nonsense", b"4:OK xX"),
    *(b"6:OK a\0b,", b"10:NOTFOUND x,", b"100004:OK " + b"y" * 100_001 + b",", b"5:OK a\xe9,"),
]


def test_servers_of_lines_and_netstrings_give_both_the_same(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        scripts = []
        for kind, replies in (("tcp", TCP_REPLIES), ("socketmap", SOCKETMAP_REPLIES)):
            for reply in replies:
                server = stack.enter_context(ReplayServer(reply))
                name = f"tcp:127.0.0.1:{server.port}"
                if kind == "socketmap":
                    name = f"socketmap:inet:127.0.0.1:{server.port}:name"
                scripts.append(Script((Step(("-q", "a B%", name)),)))
        compare(scripts, tmp_path)


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    settings = {
        "proxy_read_maps": "proxy:hash:$config_directory/t proxy:regexp:$config_directory/r"
        " proxy:texthash:$config_directory/none proxy:fail:x"
    }
    with Postfix(settings) as instance:
        (instance.config_dir / "t").write_text("a 1\nB two words\n")
        (instance.config_dir / "r").write_text("/^x(.)/ $1\n")
        make = Step((f"hash:{instance.config_dir}/t",))
        assert debians(str(peers.postmap()), make, instance.top).status == 0
        yield instance.start()


@pytest.mark.parametrize("key", ["a", "B", "c", "XY"])
@pytest.mark.parametrize("table", ["hash:{}/t", "regexp:{}/r", "hash:{}/other", "fail:x"])
def test_the_real_proxymap_gives_both_the_same(table: str, key: str, postfix: Postfix) -> None:
    program = str(peers.postmap())
    name = f"proxy:{table.format(postfix.config_dir)}"
    for step in (Step(("-q", key, name)), Step(("-q", "-", name), b"a\nxz\nb\n")):
        theirs = debians(program, step, postfix.top)
        assert shown(ours(step, postfix.top)) == shown(theirs)
