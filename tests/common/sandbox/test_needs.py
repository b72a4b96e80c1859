"""test_needs - what stays open for a daemon and its tables"""

from pathlib import Path

import pytest

from common.sandbox import calls, needs
from common.sandbox.calls import Kind
from common.sandbox.needs import FULL, NAMES, NOTHING, SERVER, Access, NameFiles, Needs
from common.tables import Options, needs_of_tables, open_table, opening
from tests.common.journal import Journal
from tests.common.settings import main_cf


@pytest.fixture(autouse=True)
def no_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "NEEDS", set())


def needs_of(*names: str) -> Needs:
    """Return what these tables need together."""
    options = Options(Journal(), main_cf())
    for name in names:
        open_table(name, options)
    return needs_of_tables()


def test_needs_add_up() -> None:
    one = Needs((("a", Access.READ),), ports=frozenset({1}), descriptors=5)
    other = Needs((("b", Access.MAKE),), network=True, threads=True, descriptors=7)
    assert one | other == Needs(
        (("a", Access.READ), ("b", Access.MAKE)), True, frozenset({1}), False, True, 7
    )
    assert not one.changes_files
    assert (one | other).changes_files


def test_tables_of_this_host_need_nothing(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("a b\n")
    names = ["inline:{a=b}", f"texthash:{tmp_path}/t", f"regexp:{tmp_path}/t", "static:x"]
    assert needs_of(*names, "socketmap:unix:/a/b:c", "proxy:static:x") == NOTHING


@pytest.mark.parametrize("name", ["tcp:localhost:1", "socketmap:inet:[::1]:1:x"])
def test_a_server_needs_the_network_and_any_port(name: str) -> None:
    found = needs_of(name)
    assert (found.network, found.any_port) == (True, True)
    assert ("/etc/hosts", Access.READ) in found.files
    assert not found.changes_files


def test_tables_within_tables_count(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("memcache = unix:/nobody\nbackup = tcp:localhost:1\n")
    assert needs_of("unionmap:{static:x,pipemap:{static:y,tcp:localhost:1}}") == SERVER
    assert needs_of(f"memcache:{tmp_path}/m").any_port


def test_a_database_in_a_file_needs_its_folder(tmp_path: Path) -> None:
    sqlite3 = pytest.importorskip("sqlite3")
    sqlite3.connect(tmp_path / "d").close()
    (tmp_path / "d").touch()
    (tmp_path / "s").write_text(f"dbpath = {tmp_path}/d\nquery = SELECT 1\n")
    assert needs_of(f"sqlite:{tmp_path}/s").files == ((str(tmp_path), FULL),)


def test_a_table_that_cannot_be_opened_needs_nothing() -> None:
    assert needs_of("tcp:a:b:c", "socketmap:x", "nosuch:y") == NOTHING


def test_only_who_changes_files_has_the_calls_for_it() -> None:
    plain = {name for name, conditions in calls.allowed(Kind.of(NAMES)) if not conditions}
    changing = {
        name for name, conditions in calls.allowed(Kind.of(Needs((("x", FULL),)))) if not conditions
    }
    assert changing - plain == set(calls.CHANGES)
    assert not plain & set(calls.CHANGES)


def test_no_call_is_both_allowed_and_fatal() -> None:
    everything = SERVER | Needs((("/", FULL),), threads=True)
    assert not {name for name, _ in calls.allowed(Kind.of(everything))} & set(calls.FATAL)


def test_a_file_that_was_replaced_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = tmp_path / "resolv.conf", tmp_path / "hosts"
    one.write_text("old")
    monkeypatch.setattr(needs, "NAME_FILES", (str(one), str(other)))
    files = NameFiles()
    one.write_text("the same file, with another content")
    assert files.replaced() == ""
    (tmp_path / "new").write_text("new")
    (tmp_path / "new").rename(one)
    assert files.replaced() == str(one)
    files = NameFiles()
    other.write_text("there was none before")
    assert files.replaced() == str(other)
