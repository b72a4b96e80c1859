"""Promises of common.frame.

SEE ALSO
    docs/frame.md
    tests.cleanup.test_native, for what comes of frames that lie
"""

import re
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import frame
from common.client import Client
from common.errors import PeerError
from common.frame import HEAD, MAGIC, REASON_LIMIT, VERDICT
from common.handover import Handover
from tests.splits import splits

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/frame.md"
LIMIT = 1_000_000
WIDTHS = {"Q": 8, "I": 4, "H": 2}

HANDOVER = Handover(
    options=114,
    arrival=1795177301_799325,
    client=Client(socket.AF_INET, "127.0.0.1", 50474, "localhost"),
    port_logging=False,
    by=b"mx.example.test (Postfix) with QMQP",
    content_filter=b"",
    sender=b"s@from.test",
    delimiters=b"",
    recipients=[b"r@to.test"],
)

texts = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, categories=["L", "N", "P"]))
handovers = st.builds(
    Handover,
    options=st.integers(0, 2**32 - 1),
    arrival=st.integers(0, 2**64 - 1),
    client=st.builds(
        Client,
        st.integers(0, 2**16 - 1),
        texts,
        st.integers(0, 2**16 - 1),
        texts,
    ),
    port_logging=st.booleans(),
    by=st.binary(max_size=20).map(lambda text: text.replace(b"\n", b"")),
    content_filter=st.binary(max_size=20),
    sender=st.binary(max_size=20),
    delimiters=st.binary(max_size=3),
    recipients=st.lists(st.binary(max_size=20), max_size=5),
)


@given(handovers, st.binary(max_size=30), st.integers(0, 5))
def test_the_size_of_a_frame_is_told_by_its_head(
    handover: Handover, content: bytes, start: int
) -> None:
    data = frame.encode(handover, len(content)) + content
    behind = b"x" * start + data
    assert frame.size(behind + b"more", start) == len(data)
    assert frame.size(behind[: start + HEAD.size], start) == len(data)
    assert frame.size(behind[: start + HEAD.size - 1], start) is None


def part(name: str, value: object) -> Handover:
    """Return the usual facts with another value; that of a client's field if there is one."""
    if name in ("name", "address"):
        return HANDOVER._replace(
            client=HANDOVER.client._replace(**{name: value}),  # type: ignore[arg-type]  # of text
        )
    return HANDOVER._replace(**{name: value})  # type: ignore[arg-type]  # as its name asks


@settings(max_examples=300, deadline=None)
@given(handovers, st.integers(0, 2**64 - 1), st.binary(max_size=20))
def test_all_facts_survive_and_the_content_is_left(
    handover: Handover, size: int, content: bytes
) -> None:
    data = frame.encode(handover, size)
    assert frame.facts_size(data) == len(data)
    assert frame.decode(data + content, LIMIT) == (handover, len(data), size)


@settings(max_examples=20, deadline=None)
@given(handovers)
def test_a_start_of_a_frame_wants_more_and_says_how_much(handover: Handover) -> None:
    data = frame.encode(handover, 5)
    for size in range(len(data)):
        assert frame.decode(data[:size], LIMIT) is None
        wanted = frame.facts_size(data[:size])
        told = size + 1 if size < 4 else HEAD.size if size < HEAD.size else len(data)
        assert wanted == told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("by", b"b" * 70_000),
        ("content_filter", b"f" * 70_000),
        ("sender", b"s" * 70_000),
        ("recipients", [b"r" * 70_000]),
        ("recipients", [b"", b"x"] * 40_000),
        ("name", "n" * 70_000),
        ("recipients", []),
    ],
)
def test_no_length_that_other_ways_allow_is_too_long_here(name: str, value: object) -> None:
    handover = part(name, value)
    data = frame.encode(handover, 0)
    assert frame.decode(data, LIMIT) == (handover, len(data), 0)


# What is no frame.


@pytest.mark.parametrize(
    "start", [b"PoR1", b"PoR", b"PoR0", b"flags\x00114\0\0", b"\0", b"p", b"x" * 99]
)
def test_another_version_or_no_frame_at_all_is_told_by_its_first_bytes(start: bytes) -> None:
    if MAGIC.startswith(start):
        assert frame.decode(start, LIMIT) is None
        start += b"?"
    for data in (start, start + b"x" * 100):
        with pytest.raises(PeerError, match="unexpected frame"):
            frame.decode(data, LIMIT)


def test_the_limit_is_enforced_as_soon_as_the_head_shows_it() -> None:
    data = frame.encode(HANDOVER, 2**63)  # the content is not limited here
    assert frame.decode(data, len(data)) is not None
    assert frame.decode(data[: HEAD.size], len(data)) is None
    for size in (HEAD.size, len(data)):
        with pytest.raises(PeerError, match=f"oversized frame of {len(data)} bytes"):
            frame.decode(data[:size], len(data) - 1)


@pytest.mark.parametrize("place", range(-9, -1))
def test_every_size_is_limited(place: int) -> None:
    head = list(HEAD.unpack(frame.encode(HANDOVER, 0)[: HEAD.size]))
    head[place] = 2**32 - 1
    with pytest.raises(PeerError, match=r"oversized frame of \d{10,11} bytes"):
        frame.decode(HEAD.pack(*head), 2**32 - 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "a\nb"),
        ("name", "a\0b"),
        ("name", "a\x7fb"),
        ("address", "a\nb"),
        ("address", "\r"),
        ("by", b"mx\nX-Inject: 1"),
    ],
)
def test_control_characters_are_refused_where_logs_and_headers_would_show_them(
    name: str, value: object
) -> None:
    with pytest.raises(PeerError, match="control characters"):
        frame.decode(frame.encode(part(name, value), 0), LIMIT)


@pytest.mark.parametrize("text", ["localhost", "127.0.0.1"])
def test_a_name_that_is_no_text_is_refused(text: str) -> None:
    data = frame.encode(HANDOVER, 0)
    broken = data.replace(text.encode(), b"\xff" * len(text), 1)
    assert broken != data
    with pytest.raises(PeerError, match="control characters"):
        frame.decode(broken, LIMIT)


@pytest.mark.parametrize(
    ("sizes", "total"), [([5], 4), ([3], 4), ([], 4), ([2, 3], 4), ([2**32 - 1, 5], 4), ([1], 0)]
)
def test_recipients_that_do_not_fit_are_refused(sizes: list[int], total: int) -> None:
    empty = frame.encode(HANDOVER._replace(recipients=[]), 0)
    head = list(HEAD.unpack(empty[: HEAD.size]))
    head[-3:-1] = len(sizes), total
    listed = b"".join(size.to_bytes(4, "big") for size in sizes)
    data = HEAD.pack(*head) + empty[HEAD.size :] + listed + b"x" * total
    with pytest.raises(PeerError, match="recipients do not fit"):
        frame.decode(data + b"x" * 10, LIMIT)


# The answer.


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.text("0123456789ABCDEFz", max_size=20),
    st.binary(),
    st.integers(0, 2**16 - 1),
    st.binary(),
)
def test_an_answer_survives(
    status: int, queue_id: str, reason: bytes, credit: int, rest: bytes
) -> None:
    data = frame.encode_verdict(status, queue_id, reason, credit)
    assert frame.decode_verdict(data + rest) == ((status, queue_id, reason, credit), len(data))
    for start, *_ in splits(data):
        if start != data:
            assert frame.decode_verdict(start) is None


@pytest.mark.parametrize(
    "answer",
    [
        b"PoR1" + b"\0" * 12,
        b"protocol\0cleanup_protocol\0queue_id\0C3A92216044\0\0",
        VERDICT.pack(MAGIC, 0, 0, 0, REASON_LIMIT + 1),
        VERDICT.pack(MAGIC, 0, 0, 0, 2**32 - 1),
    ],
)
def test_another_version_s_answer_or_an_endless_one_is_none(answer: bytes) -> None:
    with pytest.raises(PeerError, match="unexpected answer to a frame"):
        frame.decode_verdict(answer)


def test_the_longest_reason_is_one_that_the_wire_protocol_allows() -> None:
    data = frame.encode_verdict(8, "A", b"x" * REASON_LIMIT, 1)
    assert frame.decode_verdict(data) == ((8, "A", b"x" * REASON_LIMIT, 1), len(data))


# The document.


def table(title: str) -> list[list[str]]:
    """Return the cells of the table below this title, without its head."""
    _, found, below = DOCUMENT.read_text("utf-8").partition(f"\n## {title}\n")
    assert found, title
    rows = re.findall(r"(?m)^\|(.*)\|$", below.partition("\n## ")[0])
    return [[cell.strip() for cell in row.split("|")] for row in rows[2:]]


@pytest.mark.parametrize(("title", "form"), [("Head", HEAD.format), ("Answer", VERDICT.format)])
def test_the_document_shows_the_fields_in_their_order_and_size(title: str, form: str) -> None:
    assert form.startswith("!4s")
    counted = re.findall(r"(\d*)([QIH])", form[3:])
    widths = [4] + [WIDTHS[kind] for count, kind in counted for _ in range(int(count or 1))]
    places = [sum(widths[:number]) for number in range(len(widths))]
    shown = [(int(place), int(size)) for place, size, *_ in table(title)]
    assert shown == list(zip(places, widths, strict=True))


def test_the_document_names_version_and_limits() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert f"`{MAGIC.decode()}`" in text
    assert f"{HEAD.size} bytes" in text
    assert f"{REASON_LIMIT:,}" in text
