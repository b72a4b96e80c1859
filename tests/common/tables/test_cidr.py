"""Promises of common.tables.cidr and common.network."""

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.network import NetworkIndex, parse_address, parse_network
from tests.common.tables.opened import file_table, lookups, opened, quiet


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("10.0.0.0/8 a\n10.0.0.0/16 b\n", {"10.0.0.1": "a", "11.0.0.1": None}),
        ("10.0.0.0/16 b\n10.0.0.0/8 a\n", {"10.0.0.1": "b", "10.1.0.1": "a"}),
        ("!10.0.0.0/8 outside\n", {"10.0.0.1": None, "11.0.0.1": "outside", "::1": None}),
        ("!!10.0.0.1 in\n", {"10.0.0.1": "in", "10.0.0.2": None}),
        ("10.0.0.1\tvalue with\tblanks\n", {"10.0.0.1": "value with\tblanks"}),
        ("::/0 six\n", {"::1": "six", "10.0.0.1": None}),
        ("[2001:DB8::]/32 a\n[10.0.0.1] b\n", {"2001:db8::1": "a", "10.0.0.1": "b"}),
        ("::ffff:1.2.3.4 y\n", {"::ffff:102:304": "y", "1.2.3.4": None}),
        (
            "if 10.0.0.0/8\n10.1.0.0/16 in\n!10.2.0.0/16 most\nendif\n0.0.0.0/0 rest\n",
            {"10.1.0.1": "in", "10.2.0.1": "rest", "10.3.0.1": "most", "11.0.0.1": "rest"},
        ),
        (
            "IF !10.0.0.0/8\n0.0.0.0/0 out\nENDIF\n10.0.0.1 one\n",
            {"11.0.0.1": "out", "10.0.0.1": "one", "10.0.0.2": None, "::1": None},
        ),
        (
            "if 10.0.0.0/8\nif 10.1.0.0/16\n10.1.1.1 deep\nendif\n10.0.0.0/8 in\nendif\n",
            {"10.1.1.1": "deep", "10.1.1.2": "in", "10.9.9.9": "in", "11.0.0.1": None},
        ),
        (
            "10.0.0.1 first\n!10.0.0.0/24 second\n10.0.0.0/8 third\n",
            {"10.0.0.1": "first", "10.1.0.1": "second", "10.0.0.2": "third"},
        ),
        ("10.0.0.1 x\n", {"localhost": None, "": None, "[10.0.0.1]": None, "10.0.0.01": None}),
    ],
)
def test_a_cidr_file_answers_with_its_first_matching_rule(
    tmp_path: Path, text: str, answers: dict[str, str | None]
) -> None:
    table, journal = file_table("cidr", tmp_path / "t", text)
    assert journal.lines() == []
    assert {key: table.lookup(key) for key in answers} == answers


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "10.0.0.1/8 x",
            'line 1: non-null host address bits in "10.0.0.1/8", perhaps you should use'
            ' "10.0.0.0/8" instead: skipping this rule',
        ),
        ("\nten x", 'line 2: bad address pattern: "ten": skipping this rule'),
        ("10.0.0.1", "line 1: no lookup result: skipping this rule"),
        ("!", "line 1: no address pattern: skipping this rule"),
        ("if", "line 1: no address pattern: skipping this rule"),
        ("endif", "line 1: ENDIF without IF: skipping this rule"),
        ("endif x", "line 1: garbage after ENDIF: skipping this rule"),
        ("if 192.0.0.0/8", "line 1: IF has no matching ENDIF"),
        (
            "10.0.0.0/255.0.0.0 x",
            'line 1: bad mask value in "10.0.0.0/255.0.0.0": skipping this rule',
        ),
        ("10.0.0.0/33 x", 'line 1: bad mask length in "10.0.0.0/33": skipping this rule'),
        ("10.0/8 x", 'line 1: bad network value in "10.0/8": skipping this rule'),
        ("[10.0.0.0 x", "line 1: missing ']' character after \"[10.0.0.0\": skipping this rule"),
        ("[10.0.0.0]x y", 'line 1: garbage after "[10.0.0.0]": skipping this rule'),
        ("010.0.0.1 x", 'line 1: bad address pattern: "010.0.0.1": skipping this rule'),
        ("10.0.0.1%lo x", 'line 1: bad address pattern: "10.0.0.1%lo": skipping this rule'),
    ],
)
def test_a_bad_rule_is_named_and_skipped(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "t"
    table, journal = file_table("cidr", path, f"{text}\n192.0.2.1 good\n")
    assert journal.lines() == [f"warning: cidr map {path}, {complaint}"]
    assert lookups(table, "192.0.2.1", "10.0.0.1") == ["good", None]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("{{10.0.0.1 a}, {10.0.0.2 b}}", "a"),
        ("{ { 10.0.0.1   a b } , }", "a b"),
        ("{{if 10.0.0.0/8} {10.0.0.1 {a}} {endif}}", "{a}"),
        ("{}", None),
        ("{{#10.0.0.1 x}}", None),
    ],
)
def test_rules_may_stand_in_the_name(name: str, answer: str | None) -> None:
    assert quiet(f"cidr:{name}").lookup("10.0.0.1") == answer


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("{{10.0.0.1 a}", "missing '}' in \"{{10.0.0.1 a}\""),
        ("{10.0.0.1 a}", "no '{' at start of text in \"10.0.0.1\""),
        ("{{10.0.0.1 a}x}", "syntax error after '}' in \"{10.0.0.1 a}x\""),
        ("{{10.0.0.1 a}} x", "syntax error after '}' in \"{{10.0.0.1 a}} x\""),
    ],
)
def test_rules_in_the_name_need_their_braces(name: str, complaint: str) -> None:
    _, journal = opened(f"cidr:{name}")
    assert journal.lines() == [f"error: cidr map: {complaint}"]


networks = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
    lambda pair: ipaddress.ip_network(pair, strict=False)
)


@given(st.lists(networks, max_size=30), st.lists(st.integers(0, 2**32 - 1), max_size=10))
def test_the_index_finds_what_a_search_in_order_finds(
    nets: list[ipaddress.IPv4Network], numbers: list[int]
) -> None:
    index = NetworkIndex()
    for place, net in enumerate(nets):
        index.add(parse_network(str(net)), place)
    numbers += [int(net.network_address) for net in nets]
    for number in numbers:
        address = ipaddress.IPv4Address(number)
        expected = next((place for place, net in enumerate(nets) if address in net), None)
        assert index.first(32, number) == expected


@given(st.ip_addresses())
def test_every_address_is_parsed_to_its_number(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert parse_address(str(address)) == (address.max_prefixlen, int(address))
