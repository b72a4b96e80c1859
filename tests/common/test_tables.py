"""Promises of common.tables.

SEE ALSO
    spec/config-syntax.md, section 5
"""

from pathlib import Path

import pytest

from common.tables import Table, TableError, open_table


def lookups(table: Table, *keys: str) -> list[str | None]:
    return [table.lookup(key) for key in keys]


def file_table(kind: str, path: Path, text: str) -> Table:
    path.write_text(text)
    return open_table(f"{kind}:{path}")


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("inline:{a=1}", {"a": "1", "A": "1", "b": None}),
        ("inline:{a=1, B=2 3=4}", {"a": "1", "b": "2", "3": "4"}),
        ("inline:{{a = with blanks}, b=2}", {"a": "with blanks", "b": "2"}),
        ("inline:{{127.0.0.1=ok}}", {"127.0.0.1": "ok"}),
        ("inline:{a=1, a=2}", {"a": "1"}),
        ("static:all", {"x": "all", "": "all"}),
        ("static:{two words}", {"x": "two words"}),
        ("cidr:{{127.0.0.0/8 ok}}", {"127.0.0.1": "ok", "10.0.0.1": None, "localhost": None}),
        ("cidr:{{10.0.0.1 one}, {10.0.0.0/8 two}}", {"10.0.0.1": "one", "10.0.0.2": "two"}),
        ("cidr:{{[2001:db8::]/32 six}}", {"2001:db8::1": "six", "127.0.0.1": None}),
    ],
)
def test_a_table_in_place_has_its_answers(name: str, answers: dict[str, str | None]) -> None:
    table = open_table(name)
    assert table.problems == []
    assert {key: table.lookup(key) for key in answers} == answers
    assert not table.changed()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nosuch:x", "unsupported dictionary type: nosuch"),
        ("texthash:/no/such/file", "open /no/such/file: No such file or directory"),
        ("cidr:/no/such/file", "open /no/such/file: No such file or directory"),
        ("inline:{k}", "missing '=' after attribute name"),
    ],
)
def test_a_table_that_cannot_be_opened_says_why_and_never_answers(name: str, reason: str) -> None:
    table = open_table(name)
    assert len(table.problems) == 1
    assert reason in table.problems[0]
    with pytest.raises(TableError, match="is unavailable"):
        table.lookup("anything")


def test_a_failing_table_fails_without_complaint_at_its_opening() -> None:
    table = open_table("fail:x")
    assert table.problems == []
    with pytest.raises(TableError):
        table.lookup("anything")


def test_a_texthash_file_is_keys_and_values(tmp_path: Path) -> None:
    table = file_table(
        "texthash", tmp_path / "t", "# c\nOne  1 and more \n\ntwo\t2\nthree 3\n  and 4\n"
    )
    assert table.problems == []
    assert lookups(table, "one", "ONE", "two", "three", "four") == [
        *("1 and more", "1 and more", "2", "3  and 4", None)
    ]


def test_a_texthash_file_keeps_the_first_of_two_and_names_bad_lines(tmp_path: Path) -> None:
    path = tmp_path / "t"
    table = file_table("texthash", path, "dup 1\nlonely\nDUP 2\n")
    assert lookups(table, "dup", "lonely") == ["1", None]
    assert table.problems == [
        f"{path}, line 2: expected format: key whitespace value -- ignoring this line",
        f'{path}, line 3: duplicate entry: "DUP"',
    ]


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("10.0.0.0/8 a\n10.0.0.0/16 b\n", {"10.0.0.1": "a", "11.0.0.1": None}),
        ("!10.0.0.0/8 outside\n", {"10.0.0.1": None, "11.0.0.1": "outside"}),
        ("10.0.0.1\tvalue with\tblanks\n", {"10.0.0.1": "value with\tblanks"}),
        (
            "if 10.0.0.0/8\n10.1.0.0/16 in\n!10.2.0.0/16 most\nendif\n0.0.0.0/0 rest\n",
            {"10.1.0.1": "in", "10.2.0.1": "rest", "10.3.0.1": "most", "11.0.0.1": "rest"},
        ),
        (
            "if !10.0.0.0/8\n0.0.0.0/0 out\nendif\n10.0.0.1 one\n",
            {"11.0.0.1": "out", "10.0.0.1": "one", "10.0.0.2": None},
        ),
        (
            "if 10.0.0.0/8\nif 10.1.0.0/16\n10.1.1.1 deep\nendif\n10.0.0.0/8 in\nendif\n",
            {"10.1.1.1": "deep", "10.1.1.2": "in", "10.9.9.9": "in", "11.0.0.1": None},
        ),
    ],
)
def test_a_cidr_file_answers_with_its_first_matching_rule(
    tmp_path: Path, text: str, answers: dict[str, str | None]
) -> None:
    table = file_table("cidr", tmp_path / "t", text)
    assert table.problems == []
    assert {key: table.lookup(key) for key in answers} == answers


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("10.0.0.1/8 x", "line 1: non-null host address bits in"),
        ("\nten x", 'line 2: bad net/mask pattern: "ten": skipping this rule'),
        ("10.0.0.1", "line 1: no address result: skipping this rule"),
        ("endif", "line 1: ignoring endif without matching if"),
        ("if 10.0.0.0/8\n10.0.0.1 x", "if without endif"),
        ("if", "line 1: "),
        ("10.0.0.0/255.0.0.0 x", '"10.0.0.0/255.0.0.0": skipping this rule'),
    ],
)
def test_a_bad_rule_is_named_and_skipped(tmp_path: Path, text: str, problem: str) -> None:
    table = file_table("cidr", tmp_path / "t", f"{text}\n192.0.2.1 good\n")
    assert len(table.problems) == 1
    assert problem in table.problems[0]
    if "if 1" not in text:
        assert lookups(table, "192.0.2.1", "10.0.0.1") == ["good", None]


@pytest.mark.parametrize("kind", ["texthash", "cidr"])
def test_a_table_file_that_was_edited_or_removed_has_changed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "t"
    table = file_table(kind, path, "10.0.0.1 x\n")
    assert not table.changed()
    path.write_text("10.0.0.1 x\n10.0.0.2 y\n")
    assert table.changed()
    path.unlink()
    assert table.changed()
