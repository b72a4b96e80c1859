"""Promises of cleanup.addresses, and of what it is made of: mapping, canonical, aliases.

SEE ALSO
    tests/suite/test_addresses.py, which compares with the real Postfix
"""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from cleanup.addresses import Addresses
from cleanup.headers import HeaderRules
from cleanup.mapping import AddressMaps, Found, Site
from cleanup.rewrite import Rewriter
from common.params import CleanupParams
from common.status import Status
from common.tables import Options, TableError
from tests.cleanup.stream import (
    CLOSING,
    CONTENT,
    RECEIVED,
    SENDER,
    TIME,
    Host,
    Outcome,
    message,
    rec,
)
from tests.common.journal import Journal
from tests.common.settings import load, main_cf

Settings = Mapping[str, str]

NO_MAPS, NO_BCC = 114 & ~32, 114 & ~16


class MappingHost(Host):
    """A cleanup with its tables open."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.log = Journal()
        if opening := self.rules.open_addresses:
            self.rules = self.rules._replace(addresses=opening(main_cf(**settings), self.log))

    @property
    def addresses(self) -> Addresses:
        """Its tables."""
        assert self.rules.addresses
        return self.rules.addresses


def submitted(
    settings: Settings, *recipients: bytes, flags: int = 114, content: bytes = b"\n"
) -> Outcome:
    """Return what comes of a message under these settings."""
    envelope = TIME + SENDER + b"".join(rec(b"R", one) for one in recipients) + CONTENT
    return MappingHost(settings).take(message(content, envelope), flags=flags)


def maps(table: str, **settings: str) -> AddressMaps:
    """Return tables of one parameter on a host with these settings."""
    params = load(CleanupParams, **settings)
    options = Options(Journal())
    site = Site.of(params, Rewriter(params), frozenset({(32, 0x7F000001)}), options)
    return AddressMaps("some_maps", [table], options, site, extends=True)


# Keys.


@pytest.mark.parametrize(
    ("key", "address", "extension"),
    [
        ("bob+x@to.test", b"bob+x@to.test", b""),
        ("bob@to.test", b"bob+x@to.test", b"+x"),
        ("bob@to.test", b"bob-x+y@to.test", b"-x+y"),
        ("bob@to.test", b"BOB@TO.test", b""),
        ("bob+x", b"bob+x@mx.example.test", b""),
        ("bob", b"bob+x@localhost", b"+x"),
        ("bob", b"bob@[127.0.0.1]", b""),
        ("@to.test", b"bob+x@to.test", b""),
        ('"a b"@to.test', b"a b@to.test", b""),
        ('""', b"", b""),
    ],
)
def test_an_address_is_found_by_its_parts(key: str, address: bytes, extension: bytes) -> None:
    found = maps(f"inline:{{{{{key}=x}}}}", recipient_delimiter="+-").find(address)
    assert found == Found(b"x", extension)


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("bob", b"bob@to.test"),
        ("bob", b"bob@[127.0.0.2]"),
        ("bob@to.test", b"bob@sub.to.test"),
        ("owner@to.test", b"owner-x@to.test"),
        ("list@to.test", b"list-request@to.test"),
        ("double@to.test", b"double-bounce@to.test"),
        ("@to.test", b"to.test"),
    ],
)
def test_no_other_part_is_looked_up(key: str, address: bytes) -> None:
    assert maps(f"inline:{{{{{key}=x}}}}", recipient_delimiter="+-").find(address) is None


def test_patterns_are_asked_for_whole_addresses_only() -> None:
    table = maps("regexp:{{/^bob$/ x},{/^bob@to/ y},{/^@/ z}}")
    assert table.find(b"bob@mx.example.test") is None
    assert table.find(b"bob@to.test") == Found(b"y")


@pytest.mark.parametrize(
    ("value", "address", "results"),
    [
        ("a@x.test, b", b"k+e@to.test", [b"a+e@x.test", b"b+e@mx.example.test"]),
        ("a@x.test b@y.test", b"k@to.test", [b"a@x.test", b"b@y.test"]),
        ("@new.test", b"k+e@to.test", [b"k+e@new.test"]),
        ('"a b"@x.test', b"k@to.test", [b"a b@x.test"]),
        ("Some Body <a@x.test> (c)", b"k@to.test", [b"a@x.test"]),
        ("<>", b"k@to.test", [b""]),
    ],
)
def test_an_answer_is_taken_for_addresses(value: str, address: bytes, results: list[bytes]) -> None:
    table = maps(f"inline:{{{{k@to.test={value}}}}}", recipient_delimiter="+")
    assert table.addresses(address) == results


def test_an_answer_that_is_no_address_is_a_failure() -> None:
    table = maps("inline:{{k@to.test=(nobody)}}")
    with pytest.raises(TableError):
        table.addresses(b"k@to.test")


# Messages.


@pytest.mark.parametrize(
    "parameter",
    ["canonical_maps", "sender_canonical_maps", "sender_bcc_maps", "virtual_alias_maps"],
)
def test_a_table_that_fails_refuses_the_message(parameter: str) -> None:
    outcome = submitted({parameter: "fail:x"}, b"r@to.test")
    assert outcome.status == Status.WRITE_FAILED
    warnings = [line for line in outcome.journal.lines() if parameter in line]
    assert len(warnings) == 1
    assert warnings[0].endswith("-- message not accepted, try again later")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"virtual_alias_maps": "inline:{{a@x=b@x},{b@x=a@x}}"}, "map nesting for a@x"),
        (
            {
                "virtual_alias_maps": "inline:{{a@x=b@x, c@x, d@x}}",
                "virtual_alias_expansion_limit": "2",
            },
            "map expansion size for a@x",
        ),
        (
            {
                "virtual_alias_maps": "inline:{{a@x=long-one@x}}",
                "virtual_alias_address_length_limit": "9",
            },
            "result long-one@x...",
        ),
    ],
)
def test_aliases_without_end_defer_the_message(settings: dict[str, str], problem: str) -> None:
    outcome = submitted(settings, b"a@x")
    assert outcome.status == Status.DEFERRED
    assert outcome.session.message.reason == b"4.6.0 Alias expansion error"
    (warning,) = outcome.journal.warnings()
    assert f"unreasonable virtual_alias_maps {problem} -- message not accepted" in warning


def test_success_is_reported_of_no_recipient_that_became_others() -> None:
    host = MappingHost({"virtual_alias_maps": "inline:{{a@x=b@x, c@x},{d@x=e@x},{f@x=f@x}}"})
    records = (rec(b"A", b"notify_flags=2") + rec(b"R", one) for one in (b"a@x", b"d@x", b"f@x"))
    envelope = TIME + rec(b"S", b"s@x") + b"".join(records) + CONTENT
    found = host.take(message(b"\n", envelope)).envelope("AR")
    flags = [text for _, text in found if text.startswith((b"notify", b"b@", b"c@", b"e@"))]
    never = b"notify_flags=1"
    assert flags == [never, b"b@x", never, b"c@x", never, b"e@x", b"notify_flags=2"]


def test_options_switch_maps_and_copies_off() -> None:
    settings = {
        "canonical_maps": "inline:{r@to.test=new@x.test}",
        "virtual_alias_maps": "static:other@x.test",
        "recipient_bcc_maps": "static:copy@x.test",
        "always_bcc": "archive@x.test",
    }
    content = b"To: r@to.test\n\n"
    plain = submitted(settings, b"r@to.test", flags=NO_MAPS & NO_BCC, content=content)
    assert plain.envelope("R") == [("R", b"r@to.test")]
    assert plain.extracted() == []
    assert ("N", b"To: r@to.test") in plain.content()
    copied = submitted(settings, b"r@to.test", flags=NO_MAPS)
    assert copied.envelope("R") == [("R", b"r@to.test"), ("R", b"copy@x.test")]
    assert copied.extracted()[-1] == ("R", b"archive@x.test")
    mapped = submitted(settings, b"r@to.test", flags=NO_BCC, content=content)
    assert mapped.envelope("R") == [("R", b"other@x.test")]
    assert ("N", b"To: new@x.test") in mapped.content()


def test_a_copy_makes_no_message_of_one_without_recipients() -> None:
    outcome = submitted({"sender_bcc_maps": "static:copy@x.test", "always_bcc": "archive@x.test"})
    assert outcome.status == Status.NO_RECIPIENTS


def test_a_context_that_nobody_knows_is_refused() -> None:
    stream = TIME + rec(b"S", b"s@x") + rec(b"A", b"rewrite_context=far") + rec(b"R", b"r@x")
    outcome = Host().take(stream + CONTENT + RECEIVED + CLOSING)
    assert outcome.status == Status.BAD
    assert len(outcome.journal.warnings()) == 1


def test_a_table_that_has_changed_is_told_once_it_has(tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.write_text("a@x b@x\n")
    host = MappingHost({"canonical_maps": f"texthash:{table}"})
    assert not host.addresses.outdated()
    table.write_text("a@x c@x\n")
    os.utime(table, (1, 1))
    assert host.addresses.outdated()
    assert host.log.lines()[-1].endswith("has changed -- restarting")


def test_without_tables_nothing_is_opened() -> None:
    assert HeaderRules.of(load(CleanupParams)).open_addresses is None


def test_what_is_wrong_with_tables_is_said_when_a_client_comes() -> None:
    host = MappingHost({"canonical_maps": "nonsense:x"})
    assert host.log.lines() == []
    host.addresses.begin()
    assert host.log.lines() == ["error: unsupported dictionary type: nonsense"]
    host.addresses.begin()
    assert len(host.log.lines()) == 1


@pytest.mark.parametrize(
    ("limit", "value", "deferred"),
    [
        ("virtual_alias_recursion_limit", "3", False),
        ("virtual_alias_recursion_limit", "2", True),
        ("virtual_alias_expansion_limit", "2", False),
        ("virtual_alias_expansion_limit", "1", True),
    ],
)
def test_aliases_may_go_as_far_as_the_limit(limit: str, value: str, deferred: bool) -> None:
    settings = {"virtual_alias_maps": "inline:{{a@x=b@x},{b@x=c@x, d@x}}", limit: value}
    assert (submitted(settings, b"a@x").status == Status.DEFERRED) is deferred
