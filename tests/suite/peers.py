"""peers - the programs of others that the suite needs

DESCRIPTION
    Debian's package postfix brings postcat, postqueue, qmqp-source, smtp-sink
    and the daemons, postfix-lmdb and its like more types of tables; some
    database servers have packages of their own. nullmailer's QMQP client is
    unpacked below .peers, since Debian allows only one of the two packages.

    A test whose peer is missing is skipped, and says which peer. Where the
    environment variable CI is set, it fails instead: nothing may go untested
    there without notice.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from common.tables.opening import LIBRARIES, is_installed

ROOT = Path(__file__).resolve().parents[2]  # the project's top
SEARCH = "/usr/sbin:/usr/bin:/sbin:/bin"
TABLE_TYPES = {"cdb", "ldap", "lmdb", "mysql", "pcre", "pgsql", "sqlite"}
NULLMAILER = ROOT / ".peers/usr/lib/nullmailer/qmqp"


def missing(what: str) -> NoReturn:
    """Skip the test for want of a peer; fail it where CI is set."""
    if os.environ.get("CI"):
        pytest.fail(f"missing, and CI may not go without: {what}")
    pytest.skip(f"missing: {what}")


def program(name: str) -> Path:
    """Return the path of one of Debian's Postfix programs."""
    return system_program(name, "postfix")


def system_program(name: str, package: str) -> Path:
    """Return the path of a command of Debian's that is no part of a mail system."""
    path = shutil.which(name, path=SEARCH)
    if path is None:
        missing(f"{name} (Debian package {package})")
    return Path(path)


def daemons() -> Path:
    """Return the folder of Postfix's daemons."""
    command = [str(program("postconf")), "-d", "-h", "daemon_directory"]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


def native_daemons() -> Path:
    """Return the folder of our own as programs; without them there is nothing to test."""
    found = Path(sys.executable).parents[1] / "libexec/postroom"
    if not found.is_dir():
        pytest.fail(f'no {found}: make it with "postroom daemons"')
    return found


def postmap() -> Path:
    """Return the path of Debian's postmap, with all types of tables that Debian has."""
    path = program("postmap")
    known = subprocess.run([program("postconf"), "-m"], capture_output=True, text=True, check=True)
    lacking = TABLE_TYPES - set(known.stdout.split())
    if lacking:
        missing(f"packages {', '.join(f'postfix-{kind}' for kind in sorted(lacking))}")
    for kind in ("hash", "ldap"):
        table_library(kind)
    return path


def table_library(kind: str) -> None:
    """Go on only if the library that our tables of a type need is there."""
    library = LIBRARIES.get(kind)
    if library and not is_installed(library):
        missing(f"{library.module} (extra {library.extra})")


def nullmailer_qmqp() -> Path:
    """Return the path of nullmailer's QMQP client."""
    if not os.access(NULLMAILER, os.X_OK):
        missing(f"nullmailer's qmqp ({NULLMAILER.relative_to(ROOT)})")
    return NULLMAILER


def superuser(why: str) -> None:
    """Go on only as root: the real Postfix starts in no other way."""
    if os.geteuid() != 0:
        missing(f"root, for {why}")


def postroom() -> Path:
    """Return the path of our own command; without it there is nothing to test."""
    beside = Path(sys.executable).parent / "postroom"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("postroom")
    if found is None:
        pytest.fail("no postroom command, neither beside this Python nor on PATH")
    return Path(found)


def recorded_cases() -> Path | None:
    """Return the file of the conformance corpus, None if it is not at hand."""
    shared = Path(os.environ.get("POSTROOM_SHARED") or ROOT.parent / "shared")
    for path in (shared / "conformance/qmqp_cases.jsonl", shared / "qmqp_cases.jsonl"):
        if path.is_file():
            return path
    return None
