"""Promises of common.tables.memory: texthash, inline, internal, environ."""

from pathlib import Path

import pytest

from common.tables.table import Duplicates
from tests.common.tables.opened import file_table, lookups, opened, quiet


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("{a=1}", {"a": "1", "A": "1", "b": None}),
        ("{a=1, B=2 3=4}", {"a": "1", "b": "2", "3": "4"}),
        ("{{a = with blanks}, b=2}", {"a": "with blanks", "b": "2"}),
        ("{{127.0.0.1=ok}}", {"127.0.0.1": "ok"}),
        ("{a=1, a=2}", {"a": "2"}),
        ("{a==b}", {"a": "=b"}),
        ('{{"a b"=c}}', {'"a b"': "c", "a b": None}),
        ("{a={b c}}", {"a": "{b c}"}),
    ],
)
def test_an_inline_table_stands_in_its_name(name: str, answers: dict[str, str | None]) -> None:
    table = quiet(f"inline:{name}")
    assert {key: table.lookup(key) for key in answers} == answers


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("{}", "bad syntax"),
        ("a=b", "bad syntax"),
        ("{a=b}x", "bad syntax"),
        ("{ }", "empty table"),
        ("{a}", "missing '=' after attribute name"),
        ("{{a b=c}}", "missing '=' after attribute name"),
        ("{{a=b}x}", "syntax error after '}' in \"{a=b}x\""),
        ("{{}}", "no key found; expected format: key = value"),
        ('{{"k=1}}', "unbalanced '\"'"),
    ],
)
def test_an_inline_table_that_is_none_is_named(name: str, complaint: str) -> None:
    _, journal = opened(f"inline:{name}")
    need = 'need "inline:{name=value...}"'
    assert journal.lines() == [f'error: {complaint}: "inline:{name}"; {need}']


def test_a_texthash_file_is_keys_and_values(tmp_path: Path) -> None:
    text = '# c\nOne  1 and more \n\ntwo\t2\nthree 3\n  and 4\n"q k" v\na\\ b c\n'
    table, journal = file_table("texthash", tmp_path / "t", text)
    assert journal.lines() == []
    assert lookups(table, "one", "ONE", "two", "three", "four", '"q k"', "a\\ b") == [
        *("1 and more", "1 and more", "2", "3  and 4", None, "v", "c")
    ]


def test_a_texthash_file_keeps_the_first_of_two_and_names_bad_lines(tmp_path: Path) -> None:
    path = tmp_path / "t"
    text = ' lead 1\ndup 1\nlonely\nDUP 2\n"open v\nk: v\n'
    table, journal = file_table("texthash", path, text)
    assert lookups(table, "dup", "lonely", "k:") == ["1", None, "v"]
    assert journal.warnings() == [
        f'warning: {path}: logical line must not start with whitespace: " lead 1"',
        f"warning: {path}, line 3: expected format: key whitespace value -- ignoring this line",
        f'warning: {path}, line 4: duplicate entry: "DUP"',
        f"warning: {path}, line 5: unbalanced '\"' in '\"open v' -- ignoring this line",
        f'warning: {path}, line 6: record is in "key: value" format; is this an alias file?',
    ]


@pytest.mark.parametrize(("duplicates", "value"), [("REPLACE", "2"), ("IGNORE", "1")])
def test_a_second_entry_is_what_the_options_say(
    tmp_path: Path, duplicates: str, value: str
) -> None:
    table, journal = file_table(
        "texthash", tmp_path / "t", "a 1\na 2\n", duplicates=Duplicates[duplicates]
    )
    assert (table.lookup("a"), journal.lines()) == (value, [])


def test_a_file_without_folding_tells_letters_apart(tmp_path: Path) -> None:
    table, _ = file_table("texthash", tmp_path / "t", "A 1\n", fold=False)
    assert lookups(table, "A", "a") == ["1", None]


def test_without_utf8_only_ascii_letters_fold(tmp_path: Path) -> None:
    table, journal = file_table("texthash", tmp_path / "t", "\xc9A 1\ncaf\udce9 2\n")
    assert lookups(table, "\xc9a", "\xe9a", "CAF\udce9") == ["1", None, "2"]
    assert journal.lines() == []


def test_with_utf8_all_letters_fold_and_other_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t"
    text = "\xc9A 1\nstra\xdfe 2\ncaf\udce9 3\n"
    table, journal = file_table("texthash", path, text, utf8=True)
    assert lookups(table, "\xe9a", "STRASSE", "caf\udce9") == ["1", "2", None]
    assert journal.warnings() == [
        f'warning: {path}, line 3: non-UTF-8 input "caf? 3" -- ignoring this line',
        f'warning: texthash:{path}: non-UTF-8 key "caf?": malformed UTF-8 or invalid codepoint',
    ]


def test_values_may_be_contents_of_files(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1\0\n")
    (tmp_path / "two").write_text("2")
    text = f"a {tmp_path}/one, {tmp_path}/two\nb {tmp_path}/none\nc ,\n"
    table, journal = file_table("texthash", tmp_path / "t", text, files=True)
    assert lookups(table, "a", "b", "c") == ["MQAKCjI=", None, None]
    assert [line.partition(": ")[2] for line in journal.warnings()] == [
        f"{tmp_path}/t, line 2: open {tmp_path}/none: No such file or directory:"
        " skipping this entry",
        f"{tmp_path}/t, line 3: empty pathname list: >>,<<': skipping this entry",
    ]


@pytest.mark.parametrize("kind", ["texthash", "cidr", "regexp", "pcre"])
def test_a_file_that_cannot_be_read_is_named(kind: str) -> None:
    opening = "open database" if kind == "texthash" else "open"
    for path, complaint in (
        ("/no/such/file", f"{opening} /no/such/file: No such file or directory"),
        ("/", "read /: Is a directory"),
    ):
        _, journal = opened(f"{kind}:{path}")
        assert journal.lines() == [f"error: {complaint}"]


@pytest.mark.parametrize("kind", ["texthash", "cidr", "regexp", "pcre"])
def test_any_bytes_make_a_table_or_a_complaint(tmp_path: Path, kind: str) -> None:
    rubbish = bytes(range(256)).decode("latin-1") * 20
    table, journal = file_table(kind, tmp_path / "t", rubbish + "\n" + "\udcff" * 100_000)
    assert journal.lines()
    assert table.lookup("anything") is None


def test_an_internal_table_is_empty() -> None:
    table = quiet("internal:x")
    assert (table.lookup("a"), list(table.entries())) == (None, [])


def test_the_environment_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("some_name", "its value")
    monkeypatch.setenv("OTHER_NAME", "x")
    assert lookups(quiet("environ:x"), "some_name", "OTHER_NAME") == ["its value", None]
    assert quiet("environ:x", fold=False).lookup("OTHER_NAME") == "x"


@pytest.mark.parametrize("kind", ["texthash", "cidr", "regexp", "pcre"])
def test_a_table_file_that_was_edited_replaced_or_removed_has_changed(
    tmp_path: Path, kind: str
) -> None:
    path, other = tmp_path / "t", tmp_path / "other"
    table, _ = file_table(kind, path, "10.0.0.1 x\n")
    assert not table.changed()
    path.write_text("10.0.0.1 x\n10.0.0.2 y\n")
    assert table.changed()
    path.unlink()
    assert table.changed()
    table, _ = file_table(kind, path, "10.0.0.1 x\n")
    path.rename(tmp_path / "old")
    other.write_text("10.0.0.1 z\n")
    other.rename(path)
    assert table.changed()
