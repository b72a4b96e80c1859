"""Promises of common.tables.opening, and of tables that cannot answer."""

import pytest

from common.errors import ConfigError
from common.tables import TableError, opening, table_types
from common.tables.opening import Library
from common.tables.table import Mode
from tests.common.tables.opened import opened
from tests.suite import peers


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("nosuch:x", "unsupported dictionary type: nosuch"),
        ("Hash:x", "unsupported dictionary type: Hash"),
        *(
            (text, f'open dictionary: expecting "type:name" form instead of "{text}"')
            for text in ("", ":", "x", ":x", "static:")
        ),
    ],
)
def test_what_is_no_table_fails_its_lookups_and_is_named(text: str, complaint: str) -> None:
    table, journal = opened(text)
    assert journal.lines() == [f"error: {complaint}"]
    for _ in range(2):
        with pytest.raises(TableError):
            table.lookup("anything")
    assert journal.lines()[1:] == [f"warning: {text} is unavailable. {complaint}"] * 2


def test_a_strict_opening_fails_itself() -> None:
    with pytest.raises(ConfigError, match="unsupported dictionary type: nosuch"):
        opened("nosuch:x", strict=True)


def test_a_type_whose_library_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(opening.LIBRARIES, "hash", Library("no_such_library", "bdb"))
    with pytest.raises(ConfigError, match=r"type: hash. Is the extra postroom\[bdb\] installed\?"):
        opened("hash:x", strict=True)
    assert "hash" not in table_types()


@pytest.mark.parametrize("kind", sorted(opening.OPENERS))
def test_every_type_has_a_function_to_open_it(kind: str) -> None:
    peers.table_library(kind)
    assert callable(opening.opener(kind))
    assert kind in table_types()


@pytest.mark.parametrize("kind", sorted(opening.OPENERS))
def test_a_type_that_postmap_does_not_make_says_so(kind: str) -> None:
    if kind in opening.CREATED:
        return
    with pytest.raises(ConfigError, match=f"{kind} does not support bulk-mode creation"):
        opened(f"{kind}:x", strict=True, mode=Mode.CREATE)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("cidr:x", "cidr:x map requires O_RDONLY access mode"),
        ("static:x", "table static:x: delete operation is not supported"),
    ],
)
def test_a_table_that_is_only_read_refuses_to_be_edited(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        opened(text, strict=True, mode=Mode.EDIT)
