"""Promises of common.tables.maps."""

import pytest

from common.tables import Options, Table, TableError
from common.tables.maps import Maps
from tests.common.journal import Journal


def opened(*names: str) -> tuple[Maps, Journal]:
    journal = Journal()
    return Maps("some_maps", names, Options(journal)), journal


def test_the_first_table_that_knows_a_key_answers() -> None:
    maps, _ = opened("inline:{a=1}", "inline:{{a=2},{b=3}}")
    assert [maps.find(key) for key in ("a", "b", "c", "")] == ["1", "3", None, None]


def test_a_table_that_fails_is_named_and_those_behind_it_are_not_asked() -> None:
    maps, journal = opened("inline:{a=1}", "fail:x", "static:2")
    assert maps.find("a") == "1"
    with pytest.raises(TableError):
        maps.find("b")
    assert journal.warnings() == ['warning: fail:x lookup error for "b"']


def test_an_empty_answer_is_a_failure_in_the_name_of_the_parameter() -> None:
    maps, journal = opened("inline:{a=}", "static:2")
    with pytest.raises(TableError):
        maps.find("a")
    assert journal.warnings() == [
        "warning: some_maps lookup of a returns an empty string result",
        "warning: some_maps should return NO RESULT in case of NOT FOUND",
    ]


def test_a_key_is_ruled_out_if_every_table_does_so() -> None:
    misses, hits = "regexp:{{/a/ x}}", "regexp:{{/b/ x}}"
    assert opened(misses, misses)[0].rules_out([b"b", b"c"])
    assert opened()[0].rules_out([b"b"])
    for others in ((misses, hits), (hits, misses), (misses, "inline:{a=1}"), ("fail:x",)):
        maps, journal = opened(*others)
        assert not maps.rules_out([b"c", b"b"])
        assert maps.rules_out([])
        assert journal.lines() == []


def test_a_table_of_several_parameters_is_opened_once() -> None:
    journal, kept = Journal(), dict[str, Table]()
    names = ("regexp:{{/(/ x}}", "inline:{a=1}")
    first = Maps("some_maps", names, Options(journal), kept)
    second = Maps("other_maps", reversed(names), Options(journal), kept)
    assert len(journal.lines()) == 1
    assert first.tables == second.tables[::-1] == list(kept.values())


def test_parts_of_a_key_are_not_looked_up_in_patterns() -> None:
    maps, _ = opened("regexp:{{/a/ pattern}}", "inline:{a=fixed}")
    assert (maps.find("a"), maps.find("a", is_part=True)) == ("pattern", "fixed")
