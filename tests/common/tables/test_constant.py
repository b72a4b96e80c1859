"""Promises of common.tables.constant and combined."""

from pathlib import Path

import pytest

from common.errors import ConfigError
from common.tables import TableError
from tests.common.tables.opened import lookups, opened, quiet


@pytest.mark.parametrize(
    ("name", "value"),
    [("all", "all"), ("{ two words }", "two words"), ("x:y z ", "x:y z "), ("{{a}}", "{a}")],
)
def test_a_static_table_has_one_answer(name: str, value: str) -> None:
    assert lookups(quiet(f"static:{name}"), "x", "", "X@y") == [value] * 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("static:{x", "bad static:name syntax: missing '}' in \"{x\""),
        ("static:{x}y", "bad static:name syntax: syntax error after '}' in \"{x}y\""),
        ("randmap:a", 'bad syntax: "randmap:a"; need "randmap:{value...}"'),
        ("randmap:{ }", 'bad syntax: "randmap:{ }"; need "randmap:{value...}"'),
        ("unionmap:{}", 'bad syntax: "unionmap:{}"; need "unionmap:{type:name...}"'),
        ("pipemap:{foo}", 'bad syntax: "pipemap:{foo}"; need "pipemap:{type:name...}"'),
        ("pipemap:{static:a,nosuch:x}", "unsupported dictionary type: nosuch"),
    ],
)
def test_what_is_no_such_table_is_named(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as found:
        opened(text, strict=True)
    assert str(found.value) == complaint


def test_a_random_table_gives_each_of_its_values() -> None:
    table = quiet("randmap:{a, {b c}, d}")
    assert {table.lookup("x") for _ in range(300)} == {"a", "{b c}", "d"}


def test_a_failing_table_fails_without_complaint_at_its_opening() -> None:
    table = quiet("fail:x")
    with pytest.raises(TableError) as found:
        table.lookup("anything")
    assert (str(found.value), found.value.reason) == ("", "Application error")


def test_a_union_joins_all_answers() -> None:
    table = quiet("unionmap:{static:a, inline:{x=b} static:c}")
    assert lookups(table, "x", "y") == ["a,b,c", "a,c"]
    assert quiet("unionmap:{inline:{x=b}}").lookup("y") is None


def test_a_pipe_feeds_each_answer_to_the_next_table() -> None:
    table = quiet("pipemap:{inline:{a=B,c=d},inline:{b=e}}")
    assert lookups(table, "A", "c", "x") == ["e", None, None]


@pytest.mark.parametrize("kind", ["unionmap", "pipemap"])
@pytest.mark.parametrize("broken", ["fail:x", "nosuch:x"])
def test_a_combination_fails_with_its_tables(kind: str, broken: str) -> None:
    table, _ = opened(f"{kind}:{{static:a,{broken}}}")
    with pytest.raises(TableError):
        table.lookup("a")


def test_a_pipe_that_ends_early_asks_no_broken_table() -> None:
    table, _ = opened("pipemap:{inline:{a=b},fail:x}")
    assert table.lookup("x") is None


def test_a_combination_changes_with_its_tables(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text("a 1\n")
    table = quiet(f"unionmap:{{static:a,texthash:{path}}}")
    assert not table.changed()
    path.write_text("a 22\n")
    assert table.changed()


@pytest.mark.parametrize("kind", ["unionmap", "pipemap"])
def test_the_first_table_of_a_combination_tells_whether_keys_have_parts(kind: str) -> None:
    # Seen with virtual_alias_maps of Postfix 3.7.11 and a key of "@domain".
    fixed, pattern = "inline:{a=b}", "regexp:{{/a/ b}}"
    assert not quiet(f"{kind}:{{{fixed},{pattern}}}").patterns
    assert quiet(f"{kind}:{{{pattern},{fixed}}}").patterns


def test_a_table_that_is_named_twice_is_opened_once(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text("a a\nlonely\n")
    table, journal = opened(f"pipemap:{{texthash:{path},texthash:{path}}}")
    assert (table.lookup("a"), len(journal.lines())) == ("a", 1)
