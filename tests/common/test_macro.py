"""Promises of common.macro.

SEE ALSO
    spec/config-syntax.md, section 2
"""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.macro import NESTING_LIMIT, MacroError, expand, level, names

VALUES = {
    "empty": "",
    "one": "1",
    "name": "value",
    "twice": "$name $name",
    "quoted": "{braces}",
    "dollar": "$$",
    "self": "x$self",
    "ping": "$pong",
    "pong": "$ping",
    "broken": "${name",
    "with_9": "nine",
    "blank": "$empty",
}


def expanded(text: str) -> str:
    return expand(text, VALUES.get)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("", ""),
        ("plain", "plain"),
        ("$name", "value"),
        ("${name}", "value"),
        ("$(name)", "value"),
        ("${ name }", "value"),
        ("a${name}b", "avalueb"),
        ("$name.com", "value.com"),
        ("$name-$one", "value-1"),
        ("$with_9x $with_9", " nine"),
        ("$none", ""),
        ("${none}", ""),
        ("[$empty]", "[]"),
        ("$twice", "value value"),
        ("$quoted", "{braces}"),
        ("$$", "$"),
        ("$$name", "$name"),
        ("$$$name", "$value"),
        ("/x$$/ $$1", "/x$/ $1"),
        ("$dollar", "$"),
    ],
)
def test_a_reference_is_replaced_by_the_expanded_value(text: str, result: str) -> None:
    assert expanded(text) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("${name?yes}", "yes"),
        ("${none?yes}", ""),
        ("${empty?yes}", ""),
        ("${name:no}", ""),
        ("${none:no}", "no"),
        ("${empty:no}", "no"),
        ("$(none:no)", "no"),
        ("${name?{yes}}", "yes"),
        ("${none:{no}}", "no"),
        ("${name?{yes}:{no}}", "yes"),
        ("${none?{yes}:{no}}", "no"),
        ("${name?{yes}:no}", "yes"),
        ("${none?{yes}:no}", "no"),
        ("${name ? {yes} : {no}}", "yes"),
        ("${none ? {yes} : {no}}", "no"),
        ("${name?{ y z }:{n}}", " y z "),
        ("${name?a:b}", "a:b"),
        ("${name?a b }", "a b "),
        ("${none:a b }|", "a b |"),
        ("${?x}", ""),
        ("${blank?x}", "x"),
        ("${self:x}", ""),
        ("${none?{$}:{x}}", "x"),
        ("${name:$-}", ""),
        ("${name?{$twice}:{$one}}", "value value"),
        ("${none?{$twice}:{$one}}", "1"),
        ("${name?{${none:{inner}}}}", "inner"),
        ("${name?$one}", "1"),
        ("${none:$name}", "value"),
        ("${name?}", ""),
    ],
)
def test_a_text_may_depend_on_whether_a_name_has_a_value(text: str, result: str) -> None:
    assert expanded(text) == result


@pytest.mark.parametrize(
    ("comparison", "truth"),
    [
        ("{a} == {a}", True),
        ("{a} == {b}", False),
        ("{a} != {b}", True),
        ("{2} < {10}", True),
        ("{a2} < {a10}", False),
        ("{2} <= {2}", True),
        ("{10} > {9}", True),
        ("{3.10} > {3.9}", False),
        ("{3.10} >level {3.9}", True),
        ("{3.10} <level {3.9}", False),
        ("{3.6} >=level {3.6}", True),
        ("{3.6.0} ==level {3.6}", True),
        ("{3.6.1} !=level {3.6}", True),
        ("{0} <level {1}", True),
        ("{0} <=level {0}", True),
        ("{10} >= {9}", True),
        ("{010} == {10}", True),
        ("{$one} == {1}", True),
        ("{$none} == {}", True),
        ("{a}=={a}", True),
    ],
)
def test_a_comparison_is_numeric_between_numbers_and_of_text_otherwise(
    comparison: str, truth: bool
) -> None:
    assert expanded(f"${{{comparison} ? {{yes}} : {{no}}}}") == ("yes" if truth else "no")
    assert expanded(f"${{{comparison}?{{yes}}:{{no}}}}") == ("yes" if truth else "no")
    assert expanded(f"${{{comparison}}}") == ("true" if truth else "")


def test_the_defaults_that_depend_on_the_level_choose() -> None:
    text = "${{$compatibility_level} <level {1} ? {yes} : {no}}"
    for value, result in (("0", "yes"), ("1", "no"), ("3.6", "no")):
        assert expand(text, {"compatibility_level": value}.get) == result


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("$", 'empty macro name: "$"'),
        ("x$", 'empty macro name: "x$"'),
        ("$-x", 'empty macro name: "$-x"'),
        ("${}", 'empty macro name: "${}"'),
        ("${$name}", 'attribute name syntax error at: "...>>>$name"'),
        ("${name?{a}b}", '":" expected at: "...a}>>>b"'),
        ("${none:{a}b}", 'unexpected input at: "...a}>>>b"'),
        ("${{1} == {1}x}", '"?" or ":" expected at: "...}>>>x"'),
        ("${{1}==}", '"{expression}" expected at: "...{1} ==>>>"'),
        ("${{1} <LEVEL {2}}", 'bad operator suffix at: "...<>>>LEVEL"'),
        ("${name", 'truncated macro reference: "${name"'),
        ("$(name", 'truncated macro reference: "$(name"'),
        ("${name?{a}", 'truncated macro reference: "${name?{a}"'),
        ("${{a} == {b}", 'truncated macro reference: "${{a} == {b}"'),
        ("$broken", 'truncated macro reference: "${name"'),
        ("${b!c}", 'attribute name syntax error at: "...b>>>!c"'),
        (
            "${{1}= {1}}",
            '"==" or "!="" or "<"" or "<="" or ">="" or ">" expected at: "...1}>>>= {1}"',
        ),
        (
            "${{1} = {1}}",
            '"==" or "!="" or "<"" or "<="" or ">="" or ">" expected at: "...1}>>>= {1}"',
        ),
        ("${{3.x} >level {3.9}}", 'malformed compatibility level syntax: "3.x"'),
        ("${{1} <level {}}", 'malformed compatibility level syntax: ""'),
    ],
)
def test_what_cannot_be_expanded_is_named(text: str, complaint: str) -> None:
    with pytest.raises(MacroError) as found:
        expanded(text)
    assert str(found.value) == complaint


def test_values_that_name_others_twice_are_refused_before_they_are_millions() -> None:
    values = {f"a{place}": f"$a{place + 1}$a{place + 1}" for place in range(60)}
    with pytest.raises(MacroError, match="unreasonable macro call nesting"):
        expand("$a0", values.get)


def test_a_text_may_have_thousands_of_references() -> None:
    assert expand("$a," * 5000, {"a": "$b", "b": "x"}.get) == "x," * 5000


@pytest.mark.parametrize("text", ["$self", "$ping", "${none:$self}"])
def test_a_value_that_names_itself_is_refused(text: str) -> None:
    with pytest.raises(MacroError, match="unreasonable macro call nesting"):
        expanded(text)


def test_references_may_nest_deeply_if_they_end() -> None:
    values = {f"n{depth}": f"$n{depth + 1}" for depth in range(NESTING_LIMIT - 10)}
    values[f"n{NESTING_LIMIT - 10}"] = "end"
    assert expand("$n0", values.get) == "end"


@settings(max_examples=300, deadline=None)
@given(st.text("${}()?:=<> aname1.", max_size=24))
def test_any_text_is_expanded_or_refused(text: str) -> None:
    with contextlib.suppress(MacroError):
        assert isinstance(expanded(text), str)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=20))
def test_doubled_dollars_protect_any_text(text: str) -> None:
    assert expanded(text.replace("$", "$$")) == text


def test_levels_compare_part_by_part() -> None:
    assert level("3.10") > level("3.9") > level("3") == level("3.0.0")
    for bad in ("", "3.", "a", "1.2.3.4", "-1", "\u0663"):
        with pytest.raises(MacroError):
            level(bad)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain $$x", []),
        ("$a ${b} $(c)", ["a", "b", "c"]),
        ("${a?$b}${c:{$d}}", ["a", "c", "b", "d"]),
        ("${{$a} == {$b} ? {$c} : {$d}}", ["a", "b", "c", "d"]),
        ("${?x}", [""]),
    ],
)
def test_names_are_those_of_all_choices(text: str, found: list[str]) -> None:
    assert list(names(text)) == found


def test_a_name_counts_although_what_follows_it_is_wrong() -> None:
    found = names("${a:{b}c}")
    assert next(found) == "a"
    with pytest.raises(MacroError):
        next(found)


def test_names_come_up_to_the_mistake() -> None:
    found = names("$a $b $-")
    assert [next(found), next(found)] == ["a", "b"]
    with pytest.raises(MacroError):
        next(found)
