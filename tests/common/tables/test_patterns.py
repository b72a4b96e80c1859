"""Promises of regexp and pcre tables.

SEE ALSO
    tests/commands/test_map_reference.py, for comparison with Debian's
"""

import time
from pathlib import Path
from random import Random

import pytest

from common.config import encoded
from common.tables import TableError, filters, patterns
from common.tables.patterns import PatternTable
from common.tables.regexp import has_back_reference
from common.tables.replacement import expanded
from tests.commands import map_cases
from tests.common.tables.opened import file_table, lookups, quiet

KINDS = ["regexp", "pcre"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("rules", "answers"),
    [
        ("/a(b)?c/ [$1]", {"xABCx": "[B]", "ac": "[]", "b": None}),
        ("/(a)(b)/ ${2}$(1)$$1", {"ab": "ba$1"}),
        ("/(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)/ $10$1", {"abcdefghij": "ja"}),
        ("/b/i x", {"b": "x", "B": None}),
        ("!/b/ no $$\n/b/ yes", {"a": "no $", "b": "yes"}),
        ("!!/b/ yes", {"a": None, "b": "yes"}),
        ("|a/b| x\n#c# y\n/d\\/e/ z", {"a/b": "x", "d/e": "z"}),
        ("/a\n b/  long\n value", {"a b": "long value"}),
        ("if /a/\n/b/ both\nendif\n/b/ one", {"ab": "both", "b": "one", "a": None}),
        ("if !/a/\n/b/ one\nendif\n/b/ both", {"ab": "both", "b": "one"}),
        (
            "if /a/\nif /b/\n/c/ abc\nendif\n/c/ ac\nendif\n/c/ c",
            {"abc": "abc", "ac": "ac", "c": "c", "bc": "c", "ab": None},
        ),
        ("/^.$/ one byte", {"x": "one byte", "\xe9": None, "\udce9": "one byte"}),
        ("/^b$/m line", {"a\nb\nc": "line", "ab": None}),
        ("/a.b/ x", {"a\nb": "x"}),
    ],
)
def test_the_first_rule_that_matches_answers(
    kind: str, rules: str, answers: dict[str, str | None], tmp_path: Path
) -> None:
    table, journal = file_table(kind, tmp_path / "t", rules + "\n")
    assert journal.lines() == []
    assert {key: table.lookup(key) for key in answers} == answers


@pytest.mark.parametrize(
    ("kind", "rule", "complaint"),
    [
        ("regexp", "word /a/ x", "ignoring unrecognized request"),
        ("regexp", "/a x", 'no closing regexp delimiter "/": skipping this rule'),
        ("pcre", "/a x", 'no closing regexp delimiter "/": ignoring this rule'),
        ("regexp", "/a/q x", 'unknown regexp option "q": skipping this rule'),
        ("regexp", "/(/ x", "Unmatched ( or \\("),
        ("pcre", "/(/ x", "error in regex at offset 1: missing closing parenthesis"),
        ("pcre", "/a/X x", 'ignoring obsolete regexp option "X"'),
        ("regexp", "/(a)/ $2", 'out of range replacement index "2": skipping this rule'),
        (
            "regexp",
            "/(a)/ $999999999999999999",  # as much memory as there is in no machine
            'out of range replacement index "999999999999999999": skipping this rule',
        ),
        (
            "pcre",
            "/(a)/ $" + "9" * 5000,
            'out of range replacement index "-1": skipping this rule',
        ),
        (
            "regexp",
            "!/(a)/ $1",
            "$number found in negative match replacement text: skipping this rule",
        ),
        ("regexp", "!", "no regexp: skipping this rule"),
        ("regexp", "endif", "ignoring ENDIF without matching IF"),
        ("pcre", "/none/", "no replacement text: using empty string"),
    ],
)
def test_a_bad_rule_is_named_and_skipped(
    kind: str, rule: str, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "t"
    table, journal = file_table(kind, path, f"\n{rule}\n/good/ yes\n")
    assert journal.lines() == [f"warning: {kind} map {path}, line 2: {complaint}"]
    assert table.lookup("good") == "yes"


@pytest.mark.parametrize(
    ("result", "complaint"),
    [
        ("$", 'empty macro name: "$"'),
        ("a ${}", 'empty macro name: "a ${}"'),
        ("${1", 'truncated macro reference: "${1"'),
        ("$(1}", 'truncated macro reference: "$(1}"'),
    ],
)
def test_a_bad_replacement_text_is_shown(result: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "t"
    _, journal = file_table("regexp", path, f"/(a)/ {result}\n")
    where = f"warning: regexp map {path}, line 1"
    skipped = f"{where}: bad replacement syntax: skipping this rule"
    assert journal.lines() == [f"warning: {complaint}", skipped]


def test_two_patterns_are_one_that_matches_and_one_that_does_not(tmp_path: Path) -> None:
    table, journal = file_table("regexp", tmp_path / "t", "/a/!/b/ x\n")
    assert (lookups(table, "a", "ab", "b"), journal.lines()) == (["x", None, None], [])


@pytest.mark.parametrize("kind", KINDS)
def test_rules_may_stand_in_the_name(kind: str) -> None:
    table = quiet(f"{kind}:{{ {{/a(.)/ $1 x}}, {{/b/ y}} }}")
    assert lookups(table, "ab", "b", "c") == ["b x", "y", None]


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_ends_with_its_first_nul(kind: str) -> None:
    assert lookups(quiet(f"{kind}:{{{{/b/ y}}}}"), "a\0b", "b\0a") == [None, "y"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(40))
def test_filters_change_no_answer(kind: str, seed: int, tmp_path: Path) -> None:
    random = Random(f"filters {kind} {seed}")
    lines = [map_cases.rule_line(random, kind) for _ in range(150)]
    table, _ = file_table(kind, tmp_path / "t", "\n".join(lines) + "\n")
    assert isinstance(table, PatternTable)
    subjects = map_cases.SUBJECTS + [
        "".join(random.choices("abcxA/. \\}-1", k=random.randint(0, 12))) for _ in range(100)
    ]
    for subject in subjects:
        assert table.lookup(subject) == one_by_one(table, subject)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(20))
def test_what_is_ruled_out_is_not_there(kind: str, seed: int, tmp_path: Path) -> None:
    random = Random(f"rules out {kind} {seed}")
    for size in range(1, 9):
        lines = [map_cases.rule_line(random, kind) for _ in range(size)]
        table, _ = file_table(kind, tmp_path / "t", "\n".join(lines) + "\n")
        for subject in map_cases.SUBJECTS:
            assert not table.rules_out([b"\xff", encoded(subject)]) or table.lookup(subject) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("others", [0, 1, 40])
def test_a_look_is_enough_where_no_rule_matches(kind: str, others: int, tmp_path: Path) -> None:
    rules = "".join(f"/^X-{number}: b/ x\n/c{number}d/ x\n" for number in range(others))
    rules += "/q/!/w/ pair\n" if kind == "regexp" else "/q/ one\n"
    rules += "/(a)\\1/ twice\nif /y/\n/z/ both\nendif\n"
    table, journal = file_table(kind, tmp_path / "t", rules)
    known = [b"aa", b"q", b"yz", b"c0d"[: 3 * others], b"X-0: b"[: 6 * others]]
    for key in filter(None, known):
        assert not table.rules_out([key])
        assert not table.rules_out([b"e", key, b"e"])
    assert table.rules_out([b"a", b"y", b"w", b"e\0aa", b"", b"e" * 1000])
    assert table.rules_out([])
    # An if decides nothing by itself; and what is no match is one to a rule turned round.
    table, _ = file_table(kind, tmp_path / "t", rules + "!/e/ other\n")
    assert not table.rules_out([b"a"])
    assert journal.lines() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_that_takes_long_is_left_to_the_lookup(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, journal = file_table(kind, tmp_path / "t", "/b/ one\n")
    assert table.rules_out([b"a"])
    monkeypatch.setattr(patterns, "SLOW_SECONDS", -1.0)
    assert not table.rules_out([b"a"])
    assert journal.lines() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_back_reference_among_many_rules_is_its_own_patterns(kind: str, tmp_path: Path) -> None:
    others = "".join(f"/q{number}(w)(e)/ other\n" for number in range(20))
    table, journal = file_table(kind, tmp_path / "t", others + "/(a)\\1/ twice\n")
    assert (lookups(table, "xaa", "a", "q3we"), journal.lines()) == (["twice", None, "other"], [])


@pytest.mark.parametrize("kind", KINDS)
def test_rules_of_different_sorts_keep_their_order(kind: str, tmp_path: Path) -> None:
    sorts = "".join(f"/^x{number}/ no\n/y{number}/ no\n" for number in range(10))
    table, _ = file_table(kind, tmp_path / "t", f"{sorts}/b$/ first\n/^a/ second\n{sorts}")
    assert lookups(table, "ab", "a", "b") == ["first", "second", "first"]


def one_by_one(table: PatternTable, subject: str) -> str | None:
    """Return what the rules say of a subject, each tried in its turn."""
    place = 0
    while place < len(table.rules):
        rule = table.rules[place]
        place += 1
        groups = table._matched(rule, subject.encode())
        if groups is None:
            place = max(place, rule.end)
        elif rule.result is not None:
            return expanded(rule.result, groups)
    return None


BOMBS = ["(a+)+$", "(a|aa)+$", "(a|a?)+$", "(.*a){20}$", "^((a+)+)+$"]


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("others", [0, 60])
def test_a_search_that_explodes_is_given_up_in_time(bomb: str, others: int, tmp_path: Path) -> None:
    path = tmp_path / "t"
    rules = [f"/^X-{number}: b/ other\n" for number in range(others)]
    text = "".join([*rules, f"/{bomb}/ boom\n/^a+b$/ plain\n"])
    table, journal = file_table("pcre", path, text)
    header = "a" * 50_000 + "b"
    assert not table.rules_out([header.encode()])
    assert journal.lines() == []
    begun = time.process_time()
    with pytest.raises(TableError):
        table.lookup(header)
    assert time.process_time() - begun < 0.2
    complaint = f"warning: pcre map {path}, line {others + 1}: match limit exceeded"
    assert journal.lines() == [complaint]
    with pytest.raises(TableError):
        table.lookup(header)


def test_a_search_that_only_needs_more_room_is_done(tmp_path: Path) -> None:
    table, journal = file_table("pcre", tmp_path / "t", "/^(([a-z])+.)+x$/ y\n")
    assert table.lookup("a" * 20_000 + ".x") == "y"
    assert journal.lines() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_pattern_is_named(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every one is: those that a filter would have passed over too.
    monkeypatch.setattr(patterns, "SLOW_SECONDS", -1.0)
    monkeypatch.setattr(filters, "SLOW_SECONDS", -1.0)
    path = tmp_path / "t"
    table, journal = file_table(kind, path, "/b/ one\n" * 10 + "/a/ two\n")
    assert table.lookup("ax") == "two"
    assert journal.lines() == [
        f"warning: {kind} map {path}, line {line}: slow pattern: 0.0 s for 2 bytes"
        for line in range(1, 12)
    ]


@pytest.mark.parametrize(
    ("pattern", "answer"),
    [
        (rb"(a)\1", True),
        (rb"\(a\)\1", True),
        (rb"\\1", False),
        (rb"\\\1", True),
        (rb"\d1", False),
        (b"a", False),
        (b"", False),
    ],
)
def test_back_references_are_seen(pattern: bytes, answer: bool) -> None:
    assert has_back_reference(pattern) is answer
