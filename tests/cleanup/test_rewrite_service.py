"""Promises of cleanup.rewrite_service: what the service is asked, and what if it fails.

SEE ALSO
    spec/qmgr-delivery-protocols.md, section 4
"""

import time
from pathlib import Path

import pytest

from cleanup import rewrite_service
from cleanup.mapping import AddressMaps, Site
from cleanup.rewriters import Rewriters
from common.params import CleanupParams
from common.tables import Options
from tests.cleanup.service import answering
from tests.common.journal import Journal
from tests.common.settings import load

GREETING = b"protocol\0trivial_rewrite_protocol\0\0"
PLACE = Path("private/rewrite")


@pytest.fixture(autouse=True)
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rewrite_service, "RETRY_SECONDS", 0.01)


def rewriters(journal: Journal | None = None, **settings: str) -> Rewriters:
    settings = {"native_rewrite": "no", "ipc_timeout": "1s", **settings}
    found = Rewriters.of(load(CleanupParams, **settings))
    assert found.service
    found.service.begin(journal or Journal())
    return found


def answer(address: bytes, flags: bytes = b"0") -> bytes:
    return b"flags\0" + flags + b"\0address\0" + address + b"\0\0"


def asked(address: bytes, rule: bytes = b"local") -> bytes:
    return b"request\0rewrite\0rule\0" + rule + b"\0address\0" + address + b"\0\0"


@pytest.mark.parametrize(
    ("internal", "sent"),
    [
        (b"bob", b"bob"),
        (b"bob@x.test", b"bob@x.test"),  # what seems complete to us, too
        (b"q r@x", b'"q r"@x'),
        (b'a"b\\c@x', b'"a\\"b\\\\c"@x'),
        (b"@r:a@b", b"@r:a@b"),
    ],
)
def test_the_service_is_asked_in_external_form(internal: bytes, sent: bytes) -> None:
    with answering(PLACE, [GREETING, answer(b'"x y"@new.test'), b""]) as heard:
        assert rewriters().local.recipient(internal) == b"x y@new.test"
    assert heard == [asked(sent)]


def test_the_service_is_asked_about_what_tables_say_too() -> None:
    params = load(CleanupParams, native_rewrite="no", ipc_timeout="1s")
    options = Options(Journal())
    found = rewriters()
    site = Site.of(params, found.local, frozenset(), options)
    maps = AddressMaps("some_maps", ["inline:{a@x=b@x.test}"], options, site, extends=False)
    with answering(PLACE, [GREETING, answer(b"c@y.test"), b""]) as heard:
        assert maps.addresses(b"a@x") == [b"c@y.test"]
    assert heard == [asked(b"b@x.test")]


def test_a_bare_local_part_may_hold_anything() -> None:
    with answering(PLACE, [GREETING, answer(b'"a@b \\" c"'), b""]) as heard:
        assert rewriters().local.complete(b"a@b", bare_local=True) == b'a@b " c'
    assert heard == [asked(b'"a@b"')]


def test_each_context_has_its_rule() -> None:
    found = rewriters(remote_header_rewrite_domain="afar.test")
    assert found.remote
    with answering(PLACE, [GREETING, answer(b"a@x"), answer(b"a@afar.test"), b""]) as heard:
        assert found.local.complete(b"a") == b"a@x"
        assert found.remote.complete(b"a") == b"a@afar.test"
    assert heard == [asked(b"a"), asked(b"a", b"remote")]
    assert rewriters().remote is None


def test_nothing_is_asked_about_nobody_and_nothing_twice() -> None:
    found = rewriters()
    with answering(PLACE, [GREETING, answer(b"a@x"), answer(b"a@y"), b""]) as heard:
        assert found.local.sender(b"") == b""
        assert [found.local.complete(b"a") for _ in range(3)] == [b"a@x"] * 3
        assert found.service
        found.service.begin(Journal())  # another message
        assert found.local.complete(b"a") == b"a@y"
    assert len(heard) == 2


def test_this_host_s_mailer_daemon_is_the_null_sender() -> None:
    with answering(PLACE, [GREETING, answer(b"MAILER-DAEMON@mx.example.test"), b""]):
        assert rewriters().local.sender(b"mailer-daemon") == b""


def test_a_service_that_left_us_while_we_were_idle_is_asked_again_without_a_word() -> None:
    journal = Journal()
    found = rewriters(journal)
    with answering(PLACE, [GREETING, answer(b"a@x")], [GREETING, answer(b"b@x"), b""]):
        assert found.local.complete(b"a") == b"a@x"
        assert found.local.complete(b"b") == b"b@x"
    assert journal.lines() == []


@pytest.mark.parametrize(
    "visit",
    [
        [],
        [b"protocol\0other\0\0"],
        [GREETING],
        [GREETING, answer(b"wrong", flags=b"1")],
        [GREETING, b"address\0wrong\0\0"],
    ],
)
def test_a_service_that_fails_once_is_tried_again(visit: list[bytes]) -> None:
    journal = Journal()
    found = rewriters(journal, ipc_timeout="20s")
    with answering(PLACE, visit, [GREETING, answer(b"a@x"), b""]):
        assert found.local.complete(b"a") == b"a@x"
    assert found.service
    assert not found.service.failed
    (line,) = journal.lines()
    assert line.startswith("warning: problem talking to service rewrite: ")


@pytest.mark.parametrize("visit", [None, [], [b""], [GREETING], [GREETING, b"flags\0"]])
def test_a_service_that_never_answers_fails_in_time_and_once_a_message(
    visit: list[bytes] | None,
) -> None:
    journal = Journal()
    found = rewriters(journal)
    assert found.service
    PLACE.parent.mkdir(exist_ok=True)
    started = time.monotonic()
    if visit is None:
        assert found.local.complete(b"a") == b"a"
    else:
        with answering(PLACE, last=visit):
            assert found.local.complete(b"a") == b"a"
    assert found.service.failed
    assert 0.9 <= time.monotonic() - started < 3
    assert len(journal.lines()) == 1
    again = time.monotonic()
    assert [found.local.complete(one) for one in (b"a", b"b", b"c")] == [b"a", b"b", b"c"]
    assert time.monotonic() - again < 0.5
    found.service.begin(journal)
    assert not found.service.failed
