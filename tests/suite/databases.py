"""databases - private database servers, each with the same few entries

DESCRIPTION
    A server lives in a folder of its own and listens on a socket in it, and
    nowhere else but, where it must, on a free port of 127.0.0.1. It is there
    when the context is entered, and gone when it is left.

    Entries: a=1, user@example.com=x@y.org, o'k=q', many=one and two@z.org,
    empty="" and, where there is such a thing, null.

SEE ALSO
    tests/peers.sh, which installs them
"""

import contextlib
import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.suite import peers
from tests.suite.instance import free_port
from tests.suite.waiting import wait_for

SEARCH = ":".join(["/usr/sbin", "/usr/bin", *sorted(glob.glob("/usr/lib/postgresql/*/bin"))])
START_SECONDS = 30.0
STOP_SECONDS = 20.0
ROWS = [
    ("a", "1"), ("user@example.com", "x@y.org"), ("o'k", "q'"), ("many", "one"),
    ("many", "two@z.org"), ("empty", ""), ("null", None), ("user", "u"),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is."""

    folder: Path
    socket: Path
    port: int = 0


@contextlib.contextmanager
def postgres() -> Iterator[Server]:
    """PostgreSQL with a database mail and a table t (k, v, n)."""
    with folder(owner="postgres") as top:
        port = 5432  # only in the socket's name
        as_owner = {"user": "postgres"} if os.geteuid() == 0 else {}
        data = str(top / "data")
        run(
            "initdb",
            "-D",
            data,
            "-A",
            "trust",
            "-U",
            "mail",
            "-E",
            "UTF8",
            "--locale=C",
            **as_owner,
        )
        command = ["-D", data, "-k", str(top), "-c", "listen_addresses=", "-c", "fsync=off"]
        path = top / f".s.PGSQL.{port}"
        with started("postgres", command, path, **as_owner):
            statements = [f"INSERT INTO t VALUES ({literal(k)}, {literal(v)})" for k, v in ROWS]
            for database, text in (
                ("postgres", "CREATE DATABASE mail"),
                ("mail", "CREATE TABLE t (k TEXT, v TEXT, n SERIAL)"),
                (
                    "mail",
                    "; ".join(
                        statement.replace(" VALUES", " (k, v) VALUES") for statement in statements
                    ),
                ),
            ):
                run("psql", "-q", "-h", str(top), "-U", "mail", "-d", database, "-c", text)
            yield Server(top, path, port)


@contextlib.contextmanager
def mariadb() -> Iterator[Server]:
    """MariaDB with a database mail and a table t (k, v, n)."""
    with folder() as top:
        account = pwd.getpwuid(os.geteuid()).pw_name
        data, path = top / "data", top / "socket"
        options = ["--no-defaults", f"--datadir={data}", f"--user={account}"]
        run("mariadb-install-db", *options, "--auth-root-authentication-method=normal")
        command = [*options, f"--socket={path}", "--skip-networking", f"--pid-file={top}/pid"]
        with started("mariadbd", command, path):
            rows = ", ".join(f"({literal(k)}, {literal(v)}, {n})" for n, (k, v) in enumerate(ROWS))
            text = (
                "CREATE DATABASE mail; USE mail; CREATE USER mail IDENTIFIED BY 'secret';"
                " GRANT ALL ON mail.* TO mail; DROP USER IF EXISTS ''@'localhost';"
                f" CREATE TABLE t (k TEXT, v TEXT, n INT); INSERT INTO t VALUES {rows};"
            )
            run("mariadb", "--no-defaults", f"--socket={path}", "-u", "root", "-e", text)
            yield Server(top, path)


SLAPD_CONF = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {top}/pid
database mdb
suffix "dc=example,dc=com"
rootdn "cn=admin,dc=example,dc=com"
rootpw secret
directory {top}/data
"""
LDIF = """\
dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
o: example
dc: example

dn: cn=a,dc=example,dc=com
objectClass: inetOrgPerson
cn: a
sn: 1
mail: a@example.com
description: one
description: two@z.org

dn: cn=b*,dc=example,dc=com
objectClass: inetOrgPerson
cn: b*
sn: 2
mail: user@example.com

dn: cn=list,dc=example,dc=com
objectClass: groupOfNames
cn: list
member: cn=a,dc=example,dc=com
member: cn=b*,dc=example,dc=com
member: cn=gone,dc=example,dc=com
"""


@contextlib.contextmanager
def ldap() -> Iterator[Server]:
    """OpenLDAP with three entries below dc=example,dc=com."""
    with folder() as top:
        (top / "data").mkdir()
        (top / "conf").write_text(SLAPD_CONF.format(top=top))
        (top / "ldif").write_text(LDIF)
        run("slapadd", "-f", str(top / "conf"), "-l", str(top / "ldif"))
        path, port = top / "socket", free_port()
        urls = f"ldapi://{str(path).replace('/', '%2F')} ldap://127.0.0.1:{port}"
        with started("slapd", ["-f", str(top / "conf"), "-h", urls, "-d", "0"], path):
            yield Server(top, path, port)


@contextlib.contextmanager
def memcached() -> Iterator[Server]:
    """A memory cache with nothing in it."""
    with folder() as top:
        path = top / "socket"
        account = ["-u", "root"] if os.geteuid() == 0 else []
        with started("memcached", ["-s", str(path), "-a", "700", *account], path):
            yield Server(top, path)


@contextlib.contextmanager
def redis() -> Iterator[Server]:
    """A Redis server with nothing in it."""
    with folder() as top:
        path = top / "socket"
        command = ["--port", "0", "--unixsocket", str(path), "--dir", str(top), "--save", ""]
        with started("redis-server", command, path):
            yield Server(top, path)


def literal(value: str | None) -> str:
    """Return a value as SQL."""
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


@contextlib.contextmanager
def folder(owner: str = "") -> Iterator[Path]:
    """Make a folder whose name is short, as sockets want it."""
    top = Path(tempfile.mkdtemp(prefix="db-"))
    try:
        if owner and os.geteuid() == 0:
            shutil.chown(top, owner)
            top.chmod(0o755)
        yield top
    finally:
        shutil.rmtree(top, ignore_errors=True)


@contextlib.contextmanager
def started(program: str, arguments: Sequence[str], path: Path, user: str = "") -> Iterator[None]:
    """Run a server until the context is left; it is there when its socket takes connections."""
    command = [executable(program), *arguments]
    log = tempfile.TemporaryFile()  # noqa: SIM115  # it outlives this line
    options = {"user": user, "group": user, "extra_groups": []} if user else {}
    server = subprocess.Popen(command, stdout=log, stderr=log, cwd=path.parent, **options)  # type: ignore[call-overload]
    try:
        wait_for(lambda: accepts(path) or server.poll() is not None, START_SECONDS, program)
        if server.poll() is not None:
            log.seek(0)
            raise AssertionError(f"{program} has ended: {log.read().decode(errors='replace')}")
        yield
    finally:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


def accepts(path: Path) -> bool:
    """Tell whether somebody listens on a socket."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def run(program: str, *arguments: str, user: str = "") -> None:
    """Run a program that must succeed."""
    options = {"user": user, "group": user, "extra_groups": []} if user else {}
    done = subprocess.run(
        [executable(program), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        cwd="/",
        timeout=60,
        **options,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, f"{program}: {done.stdout.decode(errors='replace')}"


def executable(program: str) -> str:
    """Return the path of a server's program."""
    path = shutil.which(program, path=SEARCH)
    if path is None:
        peers.missing(program)
    return path
