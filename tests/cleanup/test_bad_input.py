"""Promises about clients of cleanup that break the protocol.

DESCRIPTION
    The client hears the right status, no file is left, the log says in one
    line what was wrong, and the next client is served as if nothing had been.

SEE ALSO
    spec/cleanup-protocol.md, section 4
"""

from pathlib import Path

import pytest

from cleanup import trigger
from cleanup.__main__ import Cleanup
from common.status import Status
from tests.cleanup.stream import (
    CLOSING,
    CONTENT,
    END,
    ENVELOPE,
    EXTRACTED,
    RECEIVED,
    RECIPIENT,
    SENDER,
    TIME,
    message,
    options,
    rec,
)
from tests.cleanup.test_main import Result, exchange, rules, whole
from tests.common.journal import Journal

HEAD = TIME + SENDER
BODY = CONTENT + RECEIVED + rec(b"N", b"Subject: x") + rec(b"N") + rec(b"N", b"b")


@pytest.fixture(autouse=True)
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("incoming", "hold", "defer", "bounce", "trace", "public"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trigger, "LAST_WARNING", bytearray(8))


def envelope(field: bytes) -> bytes:
    """Return a message with this record in its envelope."""
    return HEAD + field + RECIPIENT + BODY + CLOSING


def content(record: bytes) -> bytes:
    """Return a message with this record in its content."""
    return HEAD + RECIPIENT + BODY + record + CLOSING


def extracted(record: bytes) -> bytes:
    """Return a message with this record behind its content."""
    return HEAD + RECIPIENT + BODY + EXTRACTED + record + END


LETTERS = {  # that have no place there, whatever their payload
    envelope: b"NXEpwqedmP\x00\xff",
    content: b"STRAMOCDEpwq/K\x00\xff",
    extracted: b"STMNXCWVpwqm\x00\xff",
}
ODD_ORDER = {
    "a recipient before the sender": TIME + RECIPIENT + SENDER + BODY + CLOSING,
    "a recipient before the time": SENDER + RECIPIENT + TIME + BODY + CLOSING,
    "no time": SENDER + RECIPIENT + BODY + CLOSING,
    "no sender": TIME + BODY + CLOSING,
    "two senders": HEAD + SENDER + RECIPIENT + BODY + CLOSING,
    "a sender behind a recipient": HEAD + RECIPIENT + SENDER + BODY + CLOSING,
    "two contents": HEAD + RECIPIENT + BODY + CONTENT + CLOSING,
    "no content": HEAD + RECIPIENT + CLOSING,
    "an end in the envelope": HEAD + RECIPIENT + END,
    "an end in the content": HEAD + RECIPIENT + BODY + END,
    "two ends of the content": HEAD + RECIPIENT + BODY + EXTRACTED + CLOSING,
    "nothing but an end": END,
}
ODD_FIELDS = {
    "an attribute with a newline": rec(b"A", b"log_helo_name=a\nb"),
    "an attribute with a NUL": rec(b"A", b"log_helo_name=a\0b"),
    "a name with a newline": rec(b"A", b"log\nname=a"),
    "a name with a NUL": rec(b"A", b"log\0name=a"),
    "a name with a blank": rec(b"A", b"log name=a"),
    "no name": rec(b"A", b"=a"),
    "no value": rec(b"A", b"name"),
    "an original recipient with a newline": rec(b"A", b"dsn_orig_rcpt=rfc822;a\nb"),
    "an original recipient with a NUL": rec(b"A", b"dsn_orig_rcpt=rfc822;a\0b"),
    "an envelope id with a newline": rec(b"A", b"envelope_id=a\nb"),
    "an envelope id beyond ASCII": rec(b"A", b"envelope_id=\xc3\xa9"),
    "an envelope id of old": rec(b"i", b"a\tb"),
    "a notice of no kind": rec(b"A", b"ret_flags=3"),
    "a notice of no kind, of old": rec(b"<", b"0"),
    "a filter with a newline": rec(b"L", b"smtp:a\nb"),
    "a filter with a NUL": rec(b"L", b"smtp:a\0b"),
    "another recipient with a newline": rec(b">", b"a@b\nc"),
    "a time that is none": rec(b"T", b"now"),
    "options that are none": rec(b"f", b"-1"),
    "a context that is none": rec(b"A", b"rewrite_context=near"),
}
REFUSED = {
    **ODD_ORDER,
    **{name: envelope(field) for name, field in ODD_FIELDS.items()},
    **{
        f"{letter:#x} in {place.__name__}": place(rec(bytes((letter,)), b"1"))
        for place, letters in LETTERS.items()
        for letter in letters
    },
}


def after(cleanup: Cleanup, journal: Journal, data: bytes) -> Result:
    """Return what comes of data, with what was logged of it and of nothing else."""
    logged = len(journal.lines())
    return Result(exchange(cleanup, cleanup.serve, data), journal.lines()[logged:])


def check_served(cleanup: Cleanup, journal: Journal) -> None:
    """See that the next client is served, and take its message away."""
    good = after(cleanup, journal, options() + message())
    assert good.status == 0
    whole(good)
    next(iter(good.files)).unlink()


@pytest.mark.parametrize("name", REFUSED)
def test_what_breaks_the_protocol_is_refused_and_said_once(name: str) -> None:
    journal = Journal()
    cleanup = Cleanup(rules(), journal)
    result = after(cleanup, journal, options() + REFUSED[name])
    assert (result.status, result.files) == (Status.BAD, {})
    told = [line for line in result.lines if "message-id=" not in line]
    assert len(told) == 1, told
    assert told[0].startswith(f"warning: {result.queue_id}: "), told
    check_served(cleanup, journal)


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"R\x7fshort",  # the length lies, and the client waits for a verdict
        HEAD + RECIPIENT + BODY + b"N\xff\xff\x7fshort",
        HEAD + RECIPIENT + BODY + EXTRACTED + b"E\x01",
    ],
)
def test_a_length_that_lies_swallows_the_rest_and_the_message_with_it(data: bytes) -> None:
    journal = Journal()
    cleanup = Cleanup(rules(), journal)
    result = after(cleanup, journal, options() + data)
    assert (result.status, result.files) == (None, {})
    check_served(cleanup, journal)


def test_a_length_beyond_all_bounds_ends_the_conversation_at_once() -> None:
    journal = Journal()
    cleanup = Cleanup(rules(), journal)
    result = after(cleanup, journal, options() + HEAD + b"R\xff\xff\xff\xff\x7f" + b"x" * 1000)
    assert (result.status, result.files) == (None, {})
    (line,) = result.lines
    assert "while reading from the cleanup client" in line
    check_served(cleanup, journal)


def test_a_second_end_changes_nothing() -> None:
    journal = Journal()
    cleanup = Cleanup(rules(), journal)
    result = after(cleanup, journal, options() + message() + END + CLOSING + message())
    assert result.status == 0
    assert whole(result)[-1] == ("E", b"")
    next(iter(result.files)).unlink()
    check_served(cleanup, journal)


def test_what_no_address_can_hold_is_taken_out_of_addresses() -> None:
    fields = rec(b"S", b"a\nb@x.test") + rec(b"R", b"c\0d@x.test") + rec(b"R", b"e\nf@x.test")
    journal = Journal()
    cleanup = Cleanup(rules(), journal)
    result = after(cleanup, journal, options() + TIME + fields + BODY + CLOSING)
    assert result.status == 0
    found = [value for kind, value in whole(result) if kind in "SR"]
    assert found == [b"a b@x.test", b"c@mx.example.test", b"e f@x.test"]


def test_these_cases_are_about_what_is_wrong_alone() -> None:
    """The same messages without it are accepted."""
    for data in (ENVELOPE + RECEIVED + CLOSING, envelope(b""), content(b""), extracted(b"")):
        journal = Journal()
        cleanup = Cleanup(rules(), journal)
        result = after(cleanup, journal, options() + data)
        assert result.status == 0
        next(iter(result.files)).unlink()
