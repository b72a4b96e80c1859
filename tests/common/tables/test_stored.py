"""Promises of tables in files, as daemons use them.

SEE ALSO
    tests/commands/test_map_files.py, for how the files are made
"""

import fcntl
import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from commands.map_making import make_table
from common.tables import Options, Table
from common.tables.table import Duplicates, Mode
from tests.common.forked import outcome
from tests.common.journal import Journal
from tests.common.tables.opened import lookups, opened, quiet, writable
from tests.suite import peers

KINDS = ["hash", "btree", "lmdb", "cdb"]
SUFFIX = {"hash": "db", "btree": "db", "lmdb": "lmdb", "cdb": "cdb"}


def made(kind: str, path: Path, text: str = "a 1\nB two words\n") -> str:
    """Make a table's file, return the table's name."""
    peers.table_library(kind)
    path.write_text(text)
    make_table(f"{kind}:{path}", Options(Journal(), strict=True), keep_root=True, own_mode=True)
    return f"{kind}:{path}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_looked_up_by_folded_keys(kind: str, tmp_path: Path) -> None:
    table = quiet(made(kind, tmp_path / "t"))
    assert lookups(table, "a", "A", "b", "c", "a" * 600) == ["1", "1", "two words", None, None]
    table.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_file_is_named(kind: str, tmp_path: Path) -> None:
    peers.table_library(kind)
    path = tmp_path / "t"
    _, journal = opened(f"{kind}:{path}")
    assert journal.lines() == [
        f"error: open database {path}.{SUFFIX[kind]}: No such file or directory"
    ]


@pytest.mark.parametrize("kind", ["hash", "btree", "cdb"])
def test_a_table_that_was_made_anew_has_changed(kind: str, tmp_path: Path) -> None:
    table = quiet(made(kind, tmp_path / "t"))
    assert not table.changed()
    made(kind, tmp_path / "t")
    assert table.changed()
    assert table.lookup("a") == "1"


def test_a_table_that_was_edited_has_changed(tmp_path: Path) -> None:
    name = made("hash", tmp_path / "t")
    table = quiet(name)
    change(name, "new", "2")
    assert table.changed()


def test_an_lmdb_table_shows_its_changes_itself(tmp_path: Path) -> None:
    name = made("lmdb", tmp_path / "t")
    table = quiet(name)
    assert table.lookup("new") is None
    elsewhere(tmp_path, "-i", name, stdin="new 2\n")
    assert (table.lookup("new"), table.changed()) == ("2", False)
    text = "".join(f"{number} {'x' * 1000}\n" for number in range(40_000))
    (tmp_path / "t").write_text(text)
    elsewhere(tmp_path, name)
    assert lookups(table, "a", "39999") == [None, "x" * 1000]
    made("lmdb", tmp_path / "other")
    (tmp_path / "other.lmdb").rename(tmp_path / "t.lmdb")
    assert table.changed()


def elsewhere(folder: Path, *arguments: str, stdin: str = "") -> None:
    """Run the command: the library refuses a second look at a file in one process."""
    (folder / "main.cf").touch()
    command = [str(peers.postroom()), "map", "-c", str(folder), *arguments]
    subprocess.run(command, input=stdin.encode(), check=True, timeout=60)


@pytest.mark.parametrize("kind", KINDS)
def test_two_parameters_may_name_the_same_table(kind: str, tmp_path: Path) -> None:
    name = made(kind, tmp_path / "t")
    one, other = quiet(name), quiet(name)
    assert (one.lookup("a"), other.lookup("a")) == ("1", "1")
    one.close()
    assert other.lookup("b") == "two words"


def change(name: str, key: str, value: str) -> None:
    """Store one entry."""
    table = writable(name, mode=Mode.ADD, duplicates=Duplicates.REPLACE)
    table.update(key, value)
    table.commit()
    table.close()


@pytest.mark.parametrize("kind", ["hash", "btree", "lmdb"])
def test_what_was_not_committed_to_a_new_table_is_not_there(kind: str, tmp_path: Path) -> None:
    name = made(kind, tmp_path / "t")
    table = writable(name, mode=Mode.CREATE)
    table.update("new", "2")
    table.close()
    assert lookups(quiet(name), "a", "new") == ["1", None]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t", f"t.{SUFFIX[kind]}"]


@pytest.mark.parametrize("kind", ["hash", "btree", "lmdb"])
def test_a_lookup_waits_for_whoever_changes_the_file(kind: str, tmp_path: Path) -> None:
    table = quiet(made(kind, tmp_path / "t"))
    # The lock is another process', since a process never waits for itself.
    reader, writer = os.pipe()
    locker = os.fork()
    if locker == 0:
        descriptor = os.open(tmp_path / f"t.{SUFFIX[kind]}", os.O_RDWR)
        fcntl.lockf(descriptor, fcntl.LOCK_EX)
        os.write(writer, b"locked")
        signal.pause()
    assert os.read(reader, 6) == b"locked"
    answers: list[str | None] = []
    thread = threading.Thread(target=lambda: answers.append(table.lookup("a")), daemon=True)
    thread.start()
    thread.join(0.2)
    assert answers == []
    os.kill(locker, 9)
    os.waitpid(locker, 0)
    thread.join(10)
    assert answers == ["1"]


@pytest.mark.parametrize("kind", [*KINDS, "texthash"])
@pytest.mark.parametrize("other", [False, True])
def test_a_table_works_in_a_jail_that_does_not_hold_its_file(
    kind: str, other: bool, tmp_path: Path
) -> None:
    peers.superuser("a jail")
    path = tmp_path / "t"
    name = made(kind, path) if kind != "texthash" else f"texthash:{path}"
    path.write_text("a 1\n")
    (tmp_path / "jail").mkdir()
    if other:
        inside = tmp_path / "jail" / str(path).lstrip("/")
        inside.parent.mkdir(parents=True)
        for suffix in ("", *(f".{suffix}" for suffix in SUFFIX.values())):
            inside.with_name(f"t{suffix}").write_text("another file of the same name\n")

    def in_jail() -> bytes:
        table: Table = quiet(name)
        os.chroot(tmp_path / "jail")
        os.chdir("/")
        return repr((table.lookup("a"), table.lookup("x"), table.changed())).encode()

    assert outcome(in_jail) == b"('1', None, False)"


def test_a_change_is_seen_from_inside_a_jail(tmp_path: Path) -> None:
    peers.superuser("a jail")
    path = tmp_path / "t"
    path.write_text("a 1\n")
    (tmp_path / "jail").mkdir()
    root = os.open("/", os.O_RDONLY)

    def in_jail() -> bytes:
        table = quiet(f"texthash:{path}")
        os.chroot(tmp_path / "jail")
        before = table.changed()
        os.unlink(str(path).lstrip("/"), dir_fd=root)
        return repr((before, table.changed())).encode()

    assert outcome(in_jail) == b"(False, True)"
    os.close(root)
