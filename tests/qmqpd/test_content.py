"""Promises of qmqpd.content.

SEE ALSO
    spec/qmqp.md, section 7
"""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.netstring import encode
from qmqpd.content import safe_opening
from qmqpd.session import Limits, Session
from tests.splits import cut

LIMIT = 2048
READ_SIZE = 32 * 1024

MAILBOX = b"X-Mailbox-Line: "


def safe(content: bytes) -> bytes:
    """Return a content that comes in one piece, made safe."""
    return b"".join(safe_opening([content] if content else []))


def plainly(content: bytes) -> bytes:
    """Return the same by the rule itself, a line at a time."""
    out = b""
    while match := re.match(rb">*From [^\n]*\n?", content):
        line, content = match[0], content[match.end() :]
        text, newline, _ = line.partition(b"\n")
        out += MAILBOX + text.split(b"\0")[0] + newline
    return out + (b"\n" if content[:1] in (b" ", b"\t") else b"") + content


@pytest.mark.parametrize("blank", [b" ", b"\t"])
def test_a_content_that_starts_with_a_blank_gets_an_empty_line_in_front(blank: bytes) -> None:
    assert safe(blank + b"x\ny: z\n") == b"\n" + blank + b"x\ny: z\n"
    assert safe(blank + b"> From x\n") == b"\n" + blank + b"> From x\n"
    assert safe(blank) == b"\n" + blank


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"From a\nb: c\n", MAILBOX + b"From a\nb: c\n"),
        (b">From a\n", MAILBOX + b">From a\n"),
        (b">>>From a\n", MAILBOX + b">>>From a\n"),
        (b"From one\n>From two\nb\n", MAILBOX + b"From one\n" + MAILBOX + b">From two\nb\n"),
        (b"From nobody", MAILBOX + b"From nobody"),
        (b"From ", MAILBOX + b"From "),
        (b"From x\r\n", MAILBOX + b"From x\r\n"),
        (b"From a\0b\nc: d\n", MAILBOX + b"From a\nc: d\n"),
        (b"From a\0b", MAILBOX + b"From a"),
        (b"From a\n b\n", MAILBOX + b"From a\n\n b\n"),
        (b"From a\nb: c\nFrom d\n", MAILBOX + b"From a\nb: c\nFrom d\n"),
    ],
)
def test_mailbox_lines_at_the_start_become_headers(content: bytes, found: bytes) -> None:
    assert safe(content) == found


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"a",
        b"Subject: x\n\nFrom y\n",
        b">>>>\n",
        b">a\n",
        b"From\n",
        b"from x\n",
        b"\r\n",
    ],
)
def test_any_other_opening_stays_as_it_is(content: bytes) -> None:
    assert safe(content) == content


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([b">", b"From ", b"From", b"\n", b"\0", b" ", b"\t", b"x"])))
@example([b">", b">"])
@example([b"From ", b"\n", b"From ", b"\n", b" "])
def test_the_rule_is_kept_for_any_opening(words: list[bytes]) -> None:
    content = b"".join(words)
    assert safe(content) == plainly(content)


@pytest.mark.parametrize(
    "opening", [b"From x", b">" * 20_000 + b"From x", b" x", b"\tx", b"From x\n>From y\n z"]
)
def test_a_special_opening_is_seen_however_the_network_cuts_it(opening: bytes) -> None:
    content = opening + b"\nb\n" * 20_000
    packet = encode(encode(content) + encode(b"s") + encode(b"r"))
    expected = plainly(content)
    assert expected != content
    for size in (1, 20, 16_384, READ_SIZE):
        session = Session(Limits(message=0, address=LIMIT))
        for part in cut(packet, range(0, len(packet), size)):
            submission = session.receive_data(part)
        assert submission is not None
        assert b"".join(safe_opening(submission.pieces)) == expected


def test_a_content_stays_in_pieces_that_fit_a_write() -> None:
    content = b"From x\n" + b"y" * 200_000
    pieces = safe_opening(cut(content, range(0, len(content), 16_384)))
    assert max(map(len, pieces)) <= READ_SIZE
