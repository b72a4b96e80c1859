"""test_sandbox - daemons that have shut themselves in do all their work

SEE ALSO
    tests.suite.test_hostile, for what they can do no more
    tests.commands.test_map_servers, for tables of databases
"""

import json
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from common.sandbox import landlock, seccomp
from common.sandbox.layers import ALL, NAMES, Layer
from master.configuration import Configuration
from master.endpoints import Names
from tests.common.executed import Host
from tests.common.tables.servers import ReplayServer
from tests.suite import databases, peers
from tests.suite.instance import Postroom
from tests.suite.load import Load, lost, numbered
from tests.suite.qmqp import submit
from tests.suite.queue_file import read_records

pytestmark = pytest.mark.usefixtures("_as_root")

# All that this kernel has; capabilities and the like every kernel has.
LANDLOCK = Layer.FILES | Layer.PORTS | Layer.SCOPES
HELD = ALL & ~LANDLOCK | landlock.layers(landlock.version())
FULL = {name: one in HELD for one, name in NAMES.items()}
NOTHING = dict.fromkeys(NAMES.values(), False)


@pytest.fixture(scope="module")
def _as_root() -> None:
    peers.superuser("to give up what root has")


@pytest.fixture
def stopped() -> Iterator[Postroom]:
    """An instance that was made and not started."""
    with Postroom() as instance:
        yield instance


def sandboxes(instance: Postroom) -> dict[str, object]:
    """Return what status says of each service of ours, by command."""
    facts = json.loads(instance.command("status", "--json").stdout)
    return {one["command"]: one["sandbox"] for one in facts["services"] if one["native"]}


def test_status_tells_each_layer_of_each_service(stopped: Postroom) -> None:
    text = (stopped.config_dir / "master.cf").read_text()
    assert " cleanup\n" in text
    (stopped.config_dir / "master.cf").write_text(
        text.replace(" cleanup\n", " cleanup -o sandbox=no\n")
    )
    stopped.start()
    assert submit(stopped.port).verdict == "K"
    assert sandboxes(stopped) == {"qmqpd": FULL, "cleanup": NOTHING, "postlogd": None}
    shown = stopped.command("status").stdout.splitlines()
    rows = [line.split() for line in shown[shown.index("") + 1 :]]
    (start,) = (number for number, row in enumerate(rows) if row[:2] == ["service", "sandbox"])
    assert set(rows[start + 1][1:]) == set(NAMES.values())
    assert rows[start + 2] == ["cleanup", "off"]
    assert rows[start + 3] == ["postlog", "unknown"]


def test_what_is_missing_is_known_at_the_start(
    stopped: Postroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking() -> str:
        return Configuration.load(stopped.config_dir, Names()).unsheltered

    monkeypatch.setattr(landlock, "version", lambda: 6)
    assert lacking() == ""
    monkeypatch.setattr(seccomp, "trouble", lambda: "it is not here")
    monkeypatch.setattr(landlock, "version", lambda: 5)
    assert lacking() == (
        "no seccomp (it is not here); no landlock-scopes (this kernel's Landlock is of version 5)"
    )
    stopped.configure({"sandbox": "no"})
    assert lacking() == ""


def test_what_is_missing_is_one_line_of_the_log(stopped: Postroom) -> None:
    # In the place of the library that is looked for.
    (stopped.top / "lib").mkdir()
    (stopped.top / "lib/libseccomp.so.2").write_text("no library")
    stopped.within = ["env", f"LD_LIBRARY_PATH={stopped.top}/lib"]
    stopped.start()
    assert submit(stopped.port).verdict == "K"
    lines = [line for line in stopped.log_lines() if "sandbox: " in line]
    assert len(lines) == 1
    assert "no seccomp (libseccomp.so.2 is not installed)" in lines[0]
    assert sandboxes(stopped)["qmqpd"] == {**FULL, NAMES[Layer.SYSTEM_CALLS]: False}


def test_recycled_processes_serve_and_lose_nothing(stopped: Postroom) -> None:
    stopped.configure({"max_use": "5"})
    stopped.start()
    with Load(stopped.port, limit=200) as load:
        load.join()
    assert not load.failed()
    assert lost(load.acknowledged(), stopped) == set()
    assert not [line for line in stopped.log_lines() if "warning" in line]


@pytest.mark.parametrize("name", ["qmqpd", "cleanup"])
def test_a_program_of_its_own_shuts_itself_in(name: str, tmp_path: Path) -> None:
    with (
        Host(tmp_path / "host") as host,
        host.unix_listener() as listener,
        host.run(name, "-t", "unix", "-u", listeners=[listener]) as process,
    ):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(listener.getsockname())
        assert process.report()  # it had a client
        found = Path(f"/proc/{process.pid}/status").read_text()
    assert "Seccomp:\t2\n" in found
    assert "NoNewPrivs:\t1\n" in found
    assert f"CapBnd:\t{0:016x}\n" in found


def test_tables_of_all_servers_are_asked(stopped: Postroom) -> None:
    with ExitStack() as running:
        folder = stopped.top / "tables"
        folder.mkdir()
        names = [
            tables_of_caches(running, folder),
            table_in_a_file(folder),
        ]
        server = running.enter_context(ReplayServer(b"200 tcp@y.org\n"))
        names.append(for_one_key(f"tcp:localhost:{server.port}"))
        accounts = "pipemap:{unix:passwd.byname,static:account@y.org}"
        stopped.configure(
            {
                "virtual_alias_maps": f"unionmap:{{{','.join(names)}}}",
                "sender_canonical_maps": accounts,
            }
        )
        stopped.start()
        sender = b"daemon@mx.example.test"
        answer = submit(stopped.port, numbered(1), sender, b"user@example.com")
        assert answer.verdict == "K", answer
        records = read_records(stopped.queue_files()[answer.queue_id])
    found = {one.value.partition("@")[0] for one in records if one.kind == "R"}
    assert [one.value for one in records if one.kind == "S"] == ["account@y.org"]
    assert found == {"redis", "memcache", "sqlite", "tcp"}
    assert sandboxes(stopped)["cleanup"] == FULL


def tables_of_caches(running: ExitStack, folder: Path) -> str:
    """Return names of tables of two kinds of servers that keep things in memory."""
    redis = pytest.importorskip("redis")
    store = running.enter_context(databases.redis())
    redis.Redis(unix_socket_path=str(store.socket)).set("user@example.com", "redis@y.org")
    cache = running.enter_context(databases.memcached())
    for server in (store, cache):
        server.folder.chmod(0o755)
        server.socket.chmod(0o777)
    backup = "inline:{user@example.com=memcache@y.org}"
    settings = {
        "redis": f"server = unix:{store.socket}\n",
        "memcache": f"memcache = unix:{cache.socket}\nbackup = {backup}\n",
    }
    return ",".join(written(folder, kind, text) for kind, text in settings.items())


def table_in_a_file(folder: Path) -> str:
    """Return the name of an SQLite table that needs files beside its own."""
    place = folder / "database"
    place.mkdir()
    with sqlite3.connect(place / "d") as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE t (k, v)")
        database.execute("INSERT INTO t VALUES ('user@example.com', 'sqlite@y.org')")
    database.close()
    for path in (place, *place.iterdir()):
        path.chmod(0o777)
    assert os.listdir(place) == ["d"]
    text = f"dbpath = {place}/d\nquery = SELECT v FROM t WHERE k = '%s'\n"
    return written(folder, "sqlite", text)


def for_one_key(table: str) -> str:
    """Return the name of a table that asks another, which has one answer for all."""
    return f"pipemap:{{inline:{{user@example.com=a}},{table}}}"


def written(folder: Path, kind: str, text: str) -> str:
    """Return the name of a table with these settings."""
    path = folder / f"{kind}.cf"
    path.write_text(text)
    return f"{kind}:{path}"
