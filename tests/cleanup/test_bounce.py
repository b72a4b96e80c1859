"""Promises of cleanup.bounce: who cannot be told of errors has them told to the sender.

SEE ALSO
    spec/qmgr-delivery-protocols.md, section 3
"""

import contextlib
import fcntl
import os
import re
import time
from pathlib import Path

import pytest

from cleanup import trigger
from cleanup.__main__ import Cleanup
from cleanup.bounce import format_delay
from cleanup.inspection import Inspection
from common.params import CleanupParams
from common.status import Status
from tests.cleanup.service import answering
from tests.cleanup.stream import (
    CLOSING,
    CONTENT,
    RECEIVED,
    RECIPIENT,
    SENDER,
    lines,
    message,
    options,
    rec,
)
from tests.cleanup.test_main import Result, converse, exchange, rules
from tests.common.journal import Journal
from tests.common.settings import BASE, load, main_cf
from tests.suite.milter import Script, Scripted, packet, texts
from tests.suite.milter_plays import at_end

BOUNCE = 1
FLAGS = 114 | BOUNCE
GREETING = b"protocol\0delivery_status_protocol\0\0"
DONE = [GREETING, b"status\x000\0\0"]
FAILED = [GREETING, b"status\x004294967295\0\0"]
PLACE = Path("private/bounce")
HOPS = b"Received: x\n" * 60


@pytest.fixture(autouse=True)
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("incoming", "hold", "defer", "bounce", "trace", "public"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trigger, "LAST_WARNING", bytearray(8))


def stamp() -> bytes:
    """Return a time record of now."""
    return rec(b"T", b"%d 0" % time.time())


def attributes(request: bytes) -> list[tuple[bytes, bytes]]:
    """Return the pairs of a request, but for the queue id."""
    words = request.split(b"\0")[:-2]
    pairs = list(zip(words[::2], words[1::2], strict=True))
    return [pair for pair in pairs if pair[0] != b"queue_id"]


def notice(
    offset: int, address: bytes, original: bytes = b"", notify: bytes = b"0", dsn: bytes = b""
) -> list[tuple[bytes, bytes]]:
    """Return what the service is told of a recipient of mail that runs in circles."""
    return [
        (b"nrequest", b"0"),
        (b"flags", b"1"),
        (b"original_recipient", original or address),
        (b"recipient", address),
        (b"offset", b"%d" % offset),
        (b"dsn_orig_rcpt", b"rfc822;" + (dsn or address)),
        (b"notify_flags", notify),
        (b"status", b"5.4.0"),
        *((name, b"") for name in (b"diag_type", b"diag_text", b"mta_type", b"mta_mname")),
        (b"action", b"failed"),
        (b"reason", b"too many hops"),
    ]


def test_the_service_is_asked_as_postfix_asks_it() -> None:
    envelope = (
        rec(b"T", b"1795177301 0")
        + b"".join(rec(b"A", one) for one in (b"encoding=8bit", b"envelope_id=foo", b"ret_flags=1"))
        + SENDER
        + rec(b"A", b"dsn_orig_rcpt=rfc822;foo")
        + rec(b"R", b"a")
        + rec(b"A", b"notify_flags=1")
        + rec(b"R", b"b@x")
        + CONTENT
    )
    with answering(PLACE, DONE, DONE, DONE) as heard:
        result = converse(options(FLAGS) + message(HOPS, envelope))
    assert [attributes(one) for one in heard] == [
        notice(222, b"a@mx.example.test", b"a", dsn=b"foo"),
        notice(288, b"b@x", notify=b"1"),
        [
            *((b"nrequest", b"1"), (b"flags", b"1"), (b"queue_name", b"incoming")),
            *((b"encoding", b"8bit"), (b"smtputf8", b"0"), (b"sender", b"s@from.test")),
            *((b"envelope_id", b"foo"), (b"ret_flags", b"1")),
        ],
    ]
    assert (result.status, result.files) == (0, {})
    told = [line for line in result.lines if "status=bounced" in line]
    assert re.fullmatch(
        rf"{result.queue_id}: to=<a@mx.example.test>, orig_to=<a>, relay=none,"
        r" delay=\d+, delays=\d+/0/0/0, dsn=5.4.0, status=bounced \(too many hops\)",
        told[0],
    )
    assert len(told) == 2


def refused(
    content: bytes = b"\n",
    envelope: bytes = b"",
    flags: int = FLAGS,
    config: dict[str, str] | None = None,
) -> Result:
    """Return what comes of a message that is refused for its hops; `envelope` lacks its time."""
    whole = stamp() + (envelope or SENDER + RECIPIENT + CONTENT)
    return converse(options(flags) + message(HOPS + content, whole), config or {})


def test_who_wants_a_sender_for_each_recipient_gets_the_notice_so() -> None:
    envelope = SENDER + rec(b"V", b"+=") + RECIPIENT + CONTENT
    with answering(PLACE, DONE, DONE) as heard:
        assert refused(envelope=envelope).status == 0
    assert heard[1].startswith(b"nrequest\x003\0")
    assert heard[1].endswith(b"ret_flags\x000\0verp_delimiters\0+=\0\0")


@pytest.mark.parametrize(
    ("content", "config", "dsn", "reason"),
    [
        (b"X-R: 1\n\n", {}, b"5.7.1", b"no way"),
        (HOPS + b"X-R: 1\n\n", {}, b"5.7.1", b"no way"),
        (b"\nz\n", {}, b"5.7.1", b"disallowed character"),
        (b"\n" + b"x\n" * 3000, {"message_size_limit": "5000"}, b"5.3.4", b"message file too big"),
    ],
)
def test_the_sender_hears_why_and_sees_the_header_alone(
    content: bytes, config: dict[str, str], dsn: bytes, reason: bytes
) -> None:
    checks = {"header_checks": "regexp:{{/^X-R/ REJECT no way}}", "message_reject_characters": "z"}
    envelope = stamp() + rec(b"A", b"ret_flags=1") + SENDER + RECIPIENT + CONTENT
    sent = options(FLAGS) + message(content, envelope)
    settings = config or checks
    inspection = Inspection.of(
        load(CleanupParams, **settings), main_cf(**{**BASE, **settings}), Journal()
    )
    journal = Journal()
    found = rules(**settings)
    found = found._replace(headers=found.headers._replace(inspection=inspection))
    cleanup = Cleanup(found, journal)
    with answering(PLACE, DONE, DONE) as heard:
        result = Result(exchange(cleanup, cleanup.serve, sent), journal.lines())
    assert (result.status, result.files) == (0, {})
    assert b"status\0" + dsn + b"\0" in heard[0]
    assert heard[0].endswith(b"\0reason\0" + reason + b"\0\0")
    assert heard[1].endswith(b"ret_flags\x002\0\0")


def shown(*scripts: Script, envelope: bytes = SENDER + RECIPIENT + CONTENT, **more: str) -> Result:
    """Return what comes of a message that is shown to Milters which do this."""
    with contextlib.ExitStack() as stack:
        milters = [stack.enter_context(Scripted(script)) for script in scripts]
        config = {"non_smtpd_milters": " ".join(one.service for one in milters), **more}
        return converse(options(FLAGS) + message(b"\nbody\n", stamp() + envelope), config)


@pytest.mark.parametrize(
    ("reply", "dsn", "reason"),
    [
        (b"550 5.7.9 no such luck", b"5.7.9", b"no such luck"),
        (b"550 5.7.9", b"5.7.9", b""),
        (b"550 no", b"5.0.0", b"no"),
        (b"550 ", b"5.0.0", b""),
    ],
)
def test_the_sender_hears_what_a_milter_says_even_if_that_is_nothing(
    reply: bytes, dsn: bytes, reason: bytes
) -> None:
    with answering(PLACE, DONE, DONE) as heard:
        result = shown({"E": packet("y", texts(reply))})
    assert (result.status, result.files) == (0, {})
    assert b"status\0" + dsn + b"\0" in heard[0]
    assert heard[0].endswith(b"\0reason\0" + reason + b"\0\0")


def test_what_a_recipient_wanted_whom_a_milter_has_removed_holds_for_no_other() -> None:
    envelope = SENDER + rec(b"A", b"notify_flags=1") + rec(b"R", b"a@x") + rec(b"R", b"b@x")
    remove = at_end(packet("-", texts(b"a@x")))
    with answering(PLACE, DONE, DONE) as heard:
        assert shown(remove, {"E": packet("r")}, envelope=envelope + CONTENT).status == 0
    facts = dict(attributes(heard[0]))
    assert (facts[b"recipient"], facts[b"notify_flags"]) == (b"b@x", b"0")


def test_the_notice_of_what_a_milter_has_made_too_large_begins_where_the_message_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files: list[bytes] = []

    def tell(path: str, request: bytes, timeout: float) -> None:
        files.extend(path.read_bytes() for path in Path("incoming").iterdir())

    monkeypatch.setattr("cleanup.bounce.tell", tell)
    result = shown(at_end(packet("b", b"x" * 60_000)), message_size_limit="50000")
    assert result.status == 0
    start = int(files[0][2:].split()[1])
    assert files[0][start - len(CONTENT) :].startswith(CONTENT + RECEIVED)


@pytest.mark.parametrize("visits", [[FAILED], [DONE, FAILED], [[]], []])
def test_where_the_sender_cannot_be_told_the_client_must_come_again(
    visits: list[list[bytes]],
) -> None:
    with answering(PLACE, *visits):
        if not visits:
            PLACE.unlink()
        result = refused()
    assert (result.status, result.files) == (Status.WRITE_FAILED, {})
    assert "cannot return the message to its sender" in result.lines[-1]


@pytest.mark.parametrize(
    ("envelope", "flags", "config", "status"),
    [
        (b"", FLAGS & ~BOUNCE, {}, Status.TOO_MANY_HOPS),
        (SENDER + CONTENT, FLAGS, {}, Status.TOO_MANY_HOPS | Status.NO_RECIPIENTS),
        (b"", FLAGS, {"soft_bounce": "yes"}, Status.WRITE_FAILED),
        (b"", FLAGS | 8, {}, 0),  # what is dropped is wrong in no way
    ],
)
def test_nobody_is_told_unless_the_client_cannot_be(
    envelope: bytes, flags: int, config: dict[str, str], status: int
) -> None:
    with answering(PLACE, DONE) as heard:
        result = refused(envelope=envelope, flags=flags, config=config)
    assert (result.status, result.files, heard) == (status, {}, [])


def test_an_error_of_ours_is_told_to_the_client_though_the_mail_is_bad() -> None:
    rest = rec(b"q") + CLOSING
    stream = stamp() + SENDER + RECIPIENT + CONTENT + RECEIVED + lines(HOPS + b"\nbody\n") + rest
    with answering(PLACE, DONE) as heard:
        result = converse(options(FLAGS) + stream)
    assert (result.status, heard) == (Status.BAD | Status.TOO_MANY_HOPS, [])


def test_the_service_can_read_the_file_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a shared lock, as Postfix's does; nobody may take the file for a left-over."""
    seen: list[bytes] = []
    offsets: list[int] = []

    def tell(path: str, request: bytes, timeout: float) -> None:
        (place,) = Path("incoming").iterdir()
        with place.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            with pytest.raises(BlockingIOError), place.open("rb") as other:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            assert os.fstat(file.fileno()).st_mode & 0o777 == 0o600
            seen.append(file.read())
        if found := dict(attributes(request)).get(b"offset"):
            offsets.append(int(found))

    monkeypatch.setattr("cleanup.bounce.tell", tell)
    assert refused(b"\nthe body\n").status == 0
    assert len(seen) == 2
    assert seen[0][offsets[0] :].startswith(RECIPIENT)
    assert all(b"N\x08the body" in data and data.endswith(b"E\0") for data in seen)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        *((0.0, "0"), (-3.0, "0"), (0.1, "0.1"), (0.114, "0.11"), (0.6, "0.6"), (2.11, "2.1")),
        *((10.04, "10"), (12.4, "12"), (100.3, "100"), (1234.0, "1234"), (2.0, "2")),
    ],
)
def test_a_delay_is_shown_in_two_digits(seconds: float, shown: str) -> None:
    assert format_delay(seconds, 2) == shown


def test_fewer_digits_may_be_asked_for() -> None:
    assert [format_delay(0.77, places) for places in (0, 1, 2, 6)] == ["1", "0.8", "0.77", "0.77"]
