"""test_tables - tables that say who may come in, asked by real workers

DESCRIPTION
    Each type of table has a service of its own, on a loopback address of its
    own. As root the workers are in a jail that holds none of the files, and
    where nothing could be imported any more.

SEE ALSO
    qmqpd_authorized_clients in qmqpd(8)
    spec/config-syntax.md, sections 4 and 5
"""

import os
import re
import sqlite3
from collections.abc import Callable, Iterator

import pytest

from tests.common.tables.servers import ReplayServer
from tests.suite import peers
from tests.suite.instance import Postroom, free_port
from tests.suite.qmqp import Connection, packet

CLIENT = "127.9.9.1"
MAIL = packet(b"Subject: one\n\nbody\n")
ASKED = 6  # clients one after the other: more than a service has workers
SERVICE = """\
{host}:{port} inet n - {jail} - {limit} qmqpd
    -o {{ qmqpd_authorized_clients = {list} }} -o syslog_name=postfix/{name}
"""

# Files, as they are with one address in them.
KEYED = ("texthash", "hash", "btree", "lmdb", "cdb")
PATTERNS = {"cidr": "{}/32 ok\n", "regexp": "/^{}$/ ok\n", "pcre": "/^{}$/ ok\n"}
FILES = (*KEYED, *PATTERNS, "sqlite")
QUERY = "dbpath = {0}.db\nquery = SELECT v FROM t WHERE k = '%s'\n"

Verdicts = Callable[[str], set[str]]


class Tables:
    """A running instance with a service for each list."""

    def __init__(self, lists: dict[str, str], limit: int = 2) -> None:
        """Make it.

        lists: what qmqpd_authorized_clients is, by the service's name; <TOP> is the folder.
        limit: of the processes of each service.
        """
        self.instance = Postroom({"default_prefork_count": "1"})
        self.folder = self.instance.top / "tables"
        self.folder.mkdir()
        self._hosts = {name: f"127.79.0.{number}" for number, name in enumerate(lists, 1)}
        jail = "y" if os.geteuid() == 0 else "n"
        with (self.instance.config_dir / "master.cf").open("a") as master_cf:
            for name, text in lists.items():
                filled = text.replace("<TOP>", str(self.folder))
                master_cf.write(
                    SERVICE.format(
                        host=self._hosts[name],
                        port=self.instance.port,
                        jail=jail,
                        limit=limit,
                        list=filled,
                        name=name,
                    )
                )

    def write(self, kind: str, address: str) -> None:
        """Let the table of a type hold one address, and nothing else."""
        path = self.folder / kind
        if kind == "sqlite":
            if not path.exists():
                path.write_text(QUERY.format(path))
            with sqlite3.connect(f"{path}.db") as database:
                database.execute("CREATE TABLE IF NOT EXISTS t (k, v)")
                database.execute("DELETE FROM t")
                database.execute("INSERT INTO t VALUES (?, 'ok')", (address,))
            return
        path.write_text(PATTERNS.get(kind, "{} ok\n").format(address))
        if kind in KEYED and kind != "texthash":
            done = self.instance.command("map", f"{kind}:{path}")
            assert done.returncode == 0, done.stderr

    def verdicts(self, name: str) -> set[str]:
        """Return what some clients after each other hear from a service."""
        answers = set()
        for _ in range(ASKED):
            host, port = self._hosts[name], self.instance.port
            with Connection(port, host=host, source=CLIENT) as client:
                client.send(MAIL)
                answers.add(client.answer().verdict)
        return answers

    def lines(self, name: str) -> list[str]:
        """Return what the service's workers have logged: "program: text"."""
        mark = re.compile(rf" postfix/{name}/qmqpd\[\d+\]: (.*)")
        return [found[1] for line in self.instance.log_lines() if (found := mark.search(line))]


@pytest.fixture(scope="module")
def tables() -> Iterator[Tables]:
    peers.table_library("hash")
    lists = {kind: f"{kind}:<TOP>/{kind}" for kind in FILES}
    lists |= {f"no{kind}": f"{kind}:<TOP>/none" for kind in FILES}
    lists |= {
        "inline": f"inline:{{{CLIENT}=ok}}",
        "unionmap": f"unionmap:{{inline:{{x=y}},cidr:{{{{{CLIENT} ok}}}}}}",
        "pipemap": f"pipemap:{{inline:{{{CLIENT}=x}},regexp:{{{{/x/ ok}}}}}}",
        "back": r"regexp:{{/(a)\1/ x}}",
        "fail": "fail:x",
        "nosuch": "nosuch:x",
        "file": "<TOP>/nofile",
    }
    made = Tables(lists)
    try:
        for kind in FILES:
            made.write(kind, "127.9.9.2")
        made.instance.start()
        yield made
    finally:
        made.instance.close()


@pytest.mark.parametrize("kind", FILES)
def test_what_a_table_holds_counts_for_the_next_client(kind: str, tables: Tables) -> None:
    assert tables.verdicts(kind) == {"D"}
    tables.write(kind, CLIENT)
    assert tables.verdicts(kind) == {"K"}
    tables.write(kind, "127.9.9.30")
    assert tables.verdicts(kind) == {"D"}
    restarts = [line for line in tables.lines(kind) if line.endswith("has changed -- restarting")]
    # Two show their changes by themselves.
    assert bool(restarts) == (kind not in ("lmdb", "sqlite"))


@pytest.mark.parametrize("name", ["inline", "unionmap", "pipemap"])
def test_tables_that_stand_in_their_name_let_clients_in(name: str, tables: Tables) -> None:
    assert tables.verdicts(name) == {"K"}


@pytest.mark.parametrize("name", [*(f"no{kind}" for kind in FILES), "fail", "nosuch", "file"])
def test_a_table_that_cannot_answer_makes_clients_come_back_later(
    name: str, tables: Tables
) -> None:
    assert tables.verdicts(name) == {"Z"}
    warnings = [line for line in tables.lines(name) if line.startswith("warning: ")]
    assert sum(line.endswith(": table lookup problem") for line in warnings) == ASKED
    errors = [line for line in tables.lines(name) if line.startswith("error: ")]
    assert len(errors) <= 2  # one a worker, and none for a table that was opened
    assert all("No such file" in line or "unsupported" in line for line in errors)


def test_check_names_them_before_any_client_comes(tables: Tables) -> None:
    done = tables.instance.command("check")
    lines = [line for line in done.stderr.splitlines() if "qmqpd_authorized_clients: " in line]
    said = [line.partition("qmqpd_authorized_clients: ")[2] for line in lines]
    assert sum("/tables/none" in text for text in said) == len(FILES)
    assert any(
        text.endswith("a pattern with back-references: a search may take for ever") for text in said
    )
    assert any("nosuch" in text for text in said)
    assert any("nofile" in text for text in said)
    assert len(said) == len(FILES) + 3
    assert all(re.match(r"postroom: warning: \S+master.cf, line \d+: ", line) for line in lines)


def test_a_server_that_comes_and_goes_makes_clients_come_back_later() -> None:
    port = free_port()
    made = Tables({"tcp": f"tcp:127.0.0.1:{port}"}, limit=1)
    try:
        made.instance.start()
        assert made.verdicts("tcp") == {"Z"}
        with ReplayServer(b"200 ok\n", port=port):
            assert made.verdicts("tcp") == {"K"}
        assert made.verdicts("tcp") == {"Z"}
    finally:
        made.instance.close()
