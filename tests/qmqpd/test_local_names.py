"""Promises of qmqpd.local_names, with files that the test writes."""

import os
from pathlib import Path

import pytest

from qmqpd import local_names
from qmqpd.local_names import LOOKED_UP, SIZE_LIMIT, LocalNames
from qmqpd.lookups import Answer, verified_name

ADDRESS = "192.0.2.7"
LINE = f"{ADDRESS} mail.example.test\n"
FILES_FIRST = "passwd: files\nhosts: files dns\n"


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with these files."""
    paths = tmp_path / "hosts", tmp_path / "nsswitch.conf", tmp_path / "nscd"
    for name, path in zip(("HOSTS", "SOURCES", "CACHE"), paths, strict=True):
        monkeypatch.setattr(local_names, name, str(path))
    monkeypatch.setattr(local_names, "FILES", tuple(map(str, paths)))
    (tmp_path / "hosts").write_text(LINE)
    (tmp_path / "nsswitch.conf").write_text(FILES_FIRST)
    monkeypatch.setattr(local_names, "verified_name", lambda address: Answer(address, "a.test"))
    return tmp_path


def knows(names: LocalNames, address: str) -> bool:
    """Tell whether the name of an address is at hand."""
    return names.answer(address) is not None


@pytest.mark.parametrize(
    ("text", "local"),
    [
        (FILES_FIRST, True),
        ("hosts:files", True),
        ("  hosts : files mdns4_minimal [NOTFOUND=return] dns # as usual", True),
        ("hosts: dns files", False),
        ("hosts: mymachines files", False),
        ("hosts: files [SUCCESS=continue] dns", False),
        ("hosts: filesystem", False),
        ("hosts:", False),
        ("#hosts: files", False),
        ("networks: files", False),
        ("", False),
    ],
)
def test_the_file_counts_only_where_it_is_asked_first(etc: Path, text: str, local: bool) -> None:
    (etc / "nsswitch.conf").write_text(text)
    assert knows(LocalNames(), ADDRESS) is local


def test_it_does_not_count_where_a_daemon_is_asked_before_it(etc: Path) -> None:
    (etc / "nscd").touch()
    assert not knows(LocalNames(), ADDRESS)


@pytest.mark.parametrize("missing", ["hosts", "nsswitch.conf"])
def test_it_does_not_count_if_a_file_is_missing(etc: Path, missing: str) -> None:
    (etc / missing).unlink()
    assert not knows(LocalNames(), ADDRESS)


@pytest.mark.parametrize(
    ("text", "address", "local"),
    [
        ("\t192.0.2.7\tmail alias\r\n", ADDRESS, True),
        ("::1 a\n\n# b\n192.0.2.7 c#d\n", ADDRESS, True),
        ("192.0.2.7 c", ADDRESS, True),
        ("2001:DB8:0::7 mail\n", "2001:db8::7", True),
        ("192.0.2.77 mail\n", ADDRESS, False),
        ("192.0.2.7\n", ADDRESS, False),
        ("192.0.2.7 # mail\n", ADDRESS, False),
        ("#192.0.2.7 mail\n", ADDRESS, False),
        ("mail 192.0.2.7\n", ADDRESS, False),
        ("192.0.2.7\N{NO-BREAK SPACE}mail\n", ADDRESS, False),
        ("x" * SIZE_LIMIT + "\n" + LINE, ADDRESS, False),
    ],
)
def test_the_addresses_are_those_with_names(
    etc: Path, text: str, address: str, local: bool
) -> None:
    (etc / "hosts").write_text(text)
    assert knows(LocalNames(), address) is local


@pytest.mark.parametrize("changed", ["hosts", "nsswitch.conf", "nscd"])
def test_a_change_of_any_file_puts_an_end_to_it(etc: Path, changed: str) -> None:
    found = LocalNames()
    found.look_up()
    assert knows(found, ADDRESS)
    with (etc / changed).open("a") as file:
        file.write("#")
    assert not knows(found, ADDRESS)


def test_another_file_of_the_same_content_puts_an_end_to_it(etc: Path) -> None:
    found = LocalNames()
    found.look_up()
    before = os.stat(etc / "hosts")
    (etc / "new").write_text(LINE)
    os.utime(etc / "new", ns=(before.st_mtime_ns, before.st_mtime_ns))
    (etc / "new").rename(etc / "hosts")
    assert not knows(found, ADDRESS)


def test_a_name_is_looked_up_once_the_first_of_them_before_anybody_asks(
    etc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = [f"192.0.2.{number}" for number in range(LOOKED_UP + 2)]
    (etc / "hosts").write_text("".join(f"{one} a.test\n" for one in addresses))
    asked = []

    def look_up(address: str) -> Answer:
        asked.append(address)
        return Answer(address, "a.test")

    monkeypatch.setattr(local_names, "verified_name", look_up)
    found = LocalNames()
    assert asked == []
    found.look_up()
    assert asked == addresses[:LOOKED_UP]
    assert [found.answer(one) for one in addresses * 2] == [
        Answer(one, "a.test") for one in addresses * 2
    ]
    assert asked == addresses


def test_a_name_that_could_not_be_read_costs_the_client_only_that_and_is_tried_again(
    etc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = LocalNames()

    def look_up(address: str) -> Answer:
        raise UnicodeError("a name of no language")

    with monkeypatch.context() as broken:
        broken.setattr(local_names, "verified_name", look_up)
        found.look_up()
        trouble = f"looking up {ADDRESS}: UnicodeError: a name of no language"
        assert found.answer(ADDRESS) == Answer(ADDRESS, "unknown", trouble)
    assert found.answer(ADDRESS) == Answer(ADDRESS, "a.test")


def test_the_library_knows_the_names_of_this_hosts_own() -> None:
    own = LocalNames()._answers.keys()
    assert all(verified_name(one).name != "unknown" for one in own & {"127.0.0.1", "::1"})
