"""Promises of the settings of Milters, and of drafts: what they are edited to, and in what space.

SEE ALSO
    tests/suite/test_milters.py, where a Milter of flesh and blood is at work
"""

import os
import socket
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.draft import MEMORY_LIMIT, ROOM, Draft, Spool
from cleanup.milter_client import connected
from cleanup.milters import MilterRules, Service
from common.errors import ConfigError, QueueError
from common.milter_terms import Event
from common.params import CleanupParams
from common.record import Reader
from tests.cleanup.stream import Host, lines, message, parse, rec, text
from tests.common.settings import load
from tests.suite.milter import HOST, Scripted

LINE_LIMIT = 2048
UNKNOWN_FAMILY = 99


def services(value: str, **settings: str) -> tuple[Service, ...]:
    rules = MilterRules.of(load(CleanupParams, non_smtpd_milters=value, **settings))
    return rules.services if rules else ()


@pytest.mark.parametrize(
    ("value", "family", "address"),
    [
        ("inet:mx.test:8891", socket.AF_UNSPEC, ("mx.test", "8891")),
        ("inet:8891@mx.test", socket.AF_UNSPEC, ("mx.test", "8891")),
        ("inet:[::1]:8891", socket.AF_UNSPEC, ("::1", "8891")),
        ("inet6:mx.test:milter", socket.AF_INET6, ("mx.test", "milter")),
        ("unix:/run/milter", socket.AF_UNIX, "/run/milter"),
        ("local:private/milter", socket.AF_UNIX, "private/milter"),
        ("{ unix:a }", socket.AF_UNIX, "a"),
    ],
)
def test_a_milter_has_its_place(value: str, family: int, address: object) -> None:
    (service,) = services(value)
    assert (service.family, service.address) == (family, address)


def test_milters_come_in_order_each_with_options_of_its_own() -> None:
    value = (
        "inet:a:1, {inet:b:2, connect_timeout=1m default_action = Accept},"
        " { inet:c:3 , { command_timeout = 7 }, content_timeout=2h, protocol=3 }"
    )
    value = value.replace("default_action = Accept", "{default_action = Accept}")
    one, two, three = services(value, milter_command_timeout="5s")
    assert [each.name for each in (one, two, three)] == ["inet:a:1", "inet:b:2", "inet:c:3"]
    assert (one.connect_timeout, one.command_timeout, one.content_timeout) == (30, 5, 300)
    assert (one.version, one.default_action) == (6, "tempfail")
    assert (two.connect_timeout, two.command_timeout, two.default_action) == (60, 5, "accept")
    assert (three.command_timeout, three.content_timeout, three.version) == (7, 7200, 3)


@pytest.mark.parametrize(
    "value",
    [
        "mx.test:8891",
        "inet:mx.test",
        "inet::8891",
        "unix:",
        "tcp:mx.test:1",
        "{ inet:a:1, nonsense=1 }",
        "{ inet:a:1, protocol=7 }",
        "{ inet:a:1, default_action=retry }",
        "{ inet:a:1, command_timeout=0 }",
        "{ inet:a:1, command_timeout }",
        "{ inet:a:1",
        "{}",
        "{ , }",
    ],
)
def test_a_milter_that_nobody_understands_is_an_error(value: str) -> None:
    with pytest.raises(ConfigError):
        services(value)


def test_without_milters_there_are_no_rules() -> None:
    assert MilterRules.of(load(CleanupParams)) is None


def test_macros_have_defaults_by_name_with_or_without_braces() -> None:
    settings = {"milter_macro_defaults": "a=1, {bb}=2, {cc = 3 4}, {{dd} = 5}, ee=6"}
    rules = MilterRules.of(load(CleanupParams, non_smtpd_milters="unix:a", **settings))
    assert rules
    assert rules.defaults == {
        b"a": b"1",
        b"{bb}": b"2",
        b"{cc}": b"3 4",
        b"{dd}": b"5",
        b"{ee}": b"6",
    }
    assert rules.macros[Event.HEADER] == rules.macros[Event.END_OF_HEADER] == (b"i",)


def test_an_address_of_a_family_that_the_kernel_does_not_have_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Scripted() as milter:
        found = [(UNKNOWN_FAMILY, ("::1", 1)), (socket.AF_INET, (HOST, milter.port))]
        answer = [(family, socket.SOCK_STREAM, 0, "", place) for family, place in found]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *rest: answer)
        with connected(services("inet:mx.test:1")[0]) as connection:
            assert connection.getpeername() == (HOST, milter.port)


# Drafts.


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "incoming").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def draft_of(content: bytes) -> tuple[Draft, bytes]:
    """Return a draft of a message, and the queue file that it would be without Milters."""
    host = Host()
    outcome = host.take(message(content))
    assert outcome.status == 0
    found = outcome.session.message
    draft = Draft(Spool(), LINE_LIMIT)
    draft.spool.write(outcome.written[: found.data_offset])
    draft.load_envelope()
    draft.spool.write(outcome.written[found.data_offset :])
    draft.load(found.data_offset, found.content_length, found.supplied)
    return draft, outcome.written


def without_room(data: bytes) -> list[tuple[str, bytes]]:
    return [one for one in parse(data) if one[0] not in "pw"]


@given(st.binary(max_size=400))
def test_a_draft_that_nobody_edits_becomes_the_same_file_but_for_the_room(body: bytes) -> None:
    draft, plain = draft_of(b"Subject: x\nX-A: a\n b\n\n" + body)
    written = b"".join(draft.records())
    assert without_room(written) == without_room(plain)
    assert written[draft.data_offset - 2 : draft.data_offset] == rec(b"M")
    behind = draft.data_offset + draft.content_length
    assert written[behind : behind + 2] == rec(b"X")


@given(st.binary(max_size=3000))
def test_a_body_is_shown_as_smtp_would_carry_it(body: bytes) -> None:
    draft, plain = draft_of(b"Subject: x\n\n" + body)
    start = plain.index(rec(b"N") + lines(b"")) if not body else 0
    reader = Reader(b"".join(draft.spool.read(*draft.body)))
    records = []
    while (found := reader.next_record()) is not None:
        records.append((chr(found[0]), found[1]))
    assert start >= 0
    expected = text(records).split(b"\n", 1)[1].replace(b"\n", b"\r\n")
    assert b"".join(draft.body_text()) == expected


def test_an_edit_of_a_fork_leaves_the_draft_alone() -> None:
    draft, _ = draft_of(b"Subject: x\n\nbody\n")
    before = b"".join(draft.records())
    twin = draft.fork()
    assert twin.own is twin.headers[0]
    twin.headers[1].text = b"Subject: y"
    twin.headers.pop()
    twin.added = rec(b"R", b"other@to.test")
    twin.envelope = twin.envelope.replace(b"s@from", b"t@from")
    twin.body = (0, 0)
    assert b"".join(draft.records()) == before
    assert b"".join(twin.records()) != before


def test_what_stands_behind_the_content_stays_there_with_room_in_front_of_recipients() -> None:
    late = rec(b"L", b"smtp:x") + rec(b"A", b"encoding=8bit") + rec(b"R", b"late@to.test")
    draft, _ = draft_of(b"Subject: x\n\nb\n")
    draft.extracted = late
    tail = b"".join(draft.records())[draft.data_offset + draft.content_length :]
    place = tail.index(ROOM)
    assert tail[place + len(ROOM) :] == rec(b"R", b"late@to.test") + rec(b"E")


def test_a_large_body_is_on_disk_without_a_name_and_not_in_memory(queue: Path) -> None:
    spool = Spool()
    piece = b"N\x40" + b"x" * 64
    chunk = piece * 500
    size = 10 * 1024 * 1024
    before = len(os.listdir("/proc/self/fd"))
    tracemalloc.start()
    while spool.size < size:
        spool.write(chunk)
    assert list((queue / "incoming").iterdir()) == []
    draft = Draft(spool, LINE_LIMIT)
    draft.body = (0, spool.size)
    shown = sum(map(len, draft.body_text()))
    written = sum(map(len, draft.records()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1024 * 1024
    assert shown == (spool.size // len(piece) - 1) * 66
    assert written > spool.size
    spool.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_small_message_makes_no_file(queue: Path) -> None:
    (queue / "incoming").rmdir()
    spool = Spool()
    spool.write(b"x" * MEMORY_LIMIT)
    assert b"".join(spool.read(5, MEMORY_LIMIT)) == b"x" * (MEMORY_LIMIT - 5)


def test_a_queue_that_takes_no_file_is_an_error_of_the_queue(queue: Path) -> None:
    (queue / "incoming").rmdir()
    spool = Spool()
    with pytest.raises(QueueError):
        spool.write(b"x" * (MEMORY_LIMIT + 1))


def test_where_each_file_needs_a_name_a_spool_has_one_for_a_moment_only(
    queue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY)  # is refused as O_TMPFILE may be
    spool = Spool()
    spool.write(b"x" * (MEMORY_LIMIT + 1))
    spool.write(b"y")
    assert list((queue / "incoming").iterdir()) == []
    assert b"".join(spool.read(MEMORY_LIMIT, MEMORY_LIMIT + 2)) == b"xy"
    spool.close()
