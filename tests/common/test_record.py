"""Promises of common.record.

SEE ALSO
    spec/queue-file.md, sections 1 and 2
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import record
from common.errors import PeerError
from common.record import ONE_BYTE_MOST, SHORT_RUN_LIMIT, Reader, RecordType
from tests.splits import cut, splits

Records = list[tuple[int, bytes]]

types = st.sampled_from(list(b"NLNLNLXTSRAEMpw\0\xff"))
# Runs of equal lengths, as bodies in base64 have, and of short ones, among records of any kind.
one_of_any_kind = st.tuples(types, st.binary(max_size=300)).map(lambda found: [found])
equal = st.tuples(
    st.sampled_from(list(b"NL")),
    st.sampled_from([b"", b"abc", b"x" * 10, b"y" * 13, b"z" * 72, b"a\nb", b"c\r" * 64]),
    st.integers(1, 30),
).map(lambda found: [found[:2]] * found[2])
short = st.lists(
    st.tuples(
        st.sampled_from(list(b"NNNNNNNL")),
        st.one_of(
            st.one_of(st.integers(0, 20), st.integers(120, 145)).map(lambda length: b"y" * length),
            st.sampled_from([b"\r", b"N\0N", b"N\1", b"xx\n", b"\n" * 10]),
        ),
    ),
    max_size=40,
)
records = st.lists(st.one_of(one_of_any_kind, equal, short), max_size=8).map(
    lambda runs: [found for run in runs for found in run]
)
LIMIT = 140  # of take_text; needs two length bytes


def encode_raw(kind: int, payload: bytes) -> bytes:
    return bytes((kind,)) + record.encode_length(len(payload)) + payload


def padded_length(length: int, size: int) -> bytes:
    """Return a length in more bytes than it needs, as no writer would."""
    septets = [length >> 7 * place & 0x7F for place in range(size)]
    return bytes(septet | 0x80 for septet in septets[:-1]) + bytes(septets[-1:])


def one_by_one(parts: list[bytes]) -> Records:
    """Return the records of a stream, read with next_record alone."""
    reader, found = Reader(), []
    for part in parts:
        reader.receive_data(part)
        while (one := reader.next_record()) is not None:
            found.append(one)
    return found


def in_runs(parts: list[bytes]) -> Records:
    """Return the records of a stream, text records taken in runs."""
    reader, found = Reader(), []
    for part in parts:
        reader.receive_data(part)
        while True:
            run, clean = reader.take_text(LIMIT)
            texts = one_by_one([run])
            assert all(kind in b"NL" and len(text) <= LIMIT for kind, text in texts)
            assert not (clean and any(set(text) & set(b"\r\n") for _, text in texts))
            found += texts
            one = reader.next_record()
            if one is None:
                break
            found.append(one)
    return found


@pytest.mark.parametrize(
    ("length", "wire"),
    [
        (0, "00"),
        (1, "01"),
        (127, "7f"),
        (128, "8001"),
        (255, "ff01"),
        (2048, "8010"),
        (2**14 - 1, "ff7f"),
        (2**14, "808001"),
        (2**21 - 1, "ffff7f"),
        (2**21, "80808001"),
        (2**28 - 1, "ffffff7f"),
    ],
)
def test_a_length_is_written_low_bits_first_and_read_back(length: int, wire: str) -> None:
    assert record.encode_length(length).hex() == wire
    reader = Reader(b"N" + bytes.fromhex(wire) + b"x" * min(length, 2048))
    found = reader.next_record()
    if length <= 2048:
        assert found == (ord("N"), b"x" * length)
    else:
        assert found is None  # well-formed; the payload is still to come


def test_a_length_of_two_to_the_28th_is_refused_at_its_fourth_byte() -> None:
    wire = b"N" + record.encode_length(2**28)
    assert wire == b"N\x80\x80\x80\x80\x01"
    assert Reader(wire[:4]).next_record() is None
    with pytest.raises(PeerError, match="too many bytes"):
        Reader(wire[:5]).next_record()


@pytest.mark.parametrize("length", [0, 5, 127, 128])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_a_length_may_be_written_with_needless_bytes(length: int, size: int) -> None:
    wire = b"T" + padded_length(length, size) + b"y" * length
    for parts in splits(wire):
        assert one_by_one(parts) == [(ord("T"), b"y" * length)]


@pytest.mark.parametrize(
    ("kind", "payload", "wire"),
    [
        (RecordType.CONTENT, b"", b"M\0"),
        (RecordType.RECIPIENT, b"rcpt@to.example", b"R\x0frcpt@to.example"),
        (RecordType.CONTINUED, b"x" * 2048, b"L\x80\x10" + b"x" * 2048),
    ],
)
def test_a_record_is_type_length_payload(kind: RecordType, payload: bytes, wire: bytes) -> None:
    assert record.encode(kind, payload) == wire


def test_each_type_has_a_letter_of_its_own_but_the_filter() -> None:
    letters = [kind.value for kind in RecordType]
    assert len(set(letters)) == len(letters)
    assert all(len(letter) == 1 for letter in letters)
    assert RecordType["FILTER"] is RecordType["CONTINUED"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(types, st.binary(max_size=20)), max_size=4))
def test_any_records_survive_any_split(sent: Records) -> None:
    for parts in splits(b"".join(encode_raw(*one) for one in sent)):
        assert one_by_one(parts) == sent


@settings(max_examples=150, deadline=None)
@given(records, st.sets(st.integers(0, 2000), max_size=8))
def test_records_taken_in_runs_are_those_read_one_by_one(sent: Records, places: set[int]) -> None:
    parts = cut(b"".join(encode_raw(*one) for one in sent), places)
    assert in_runs(parts) == one_by_one(parts) == sent


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(types, st.integers(0, 200), st.integers(2, 4)), max_size=5))
def test_needless_length_bytes_do_not_confuse_a_run(sent: list[tuple[int, int, int]]) -> None:
    stream = b"".join(
        bytes((kind,)) + padded_length(length, size) + b"z" * length for kind, length, size in sent
    )
    expected = [(kind, b"z" * length) for kind, length, _ in sent]
    for parts in ([stream], [stream[place : place + 1] for place in range(len(stream))]):
        assert in_runs(parts) == expected


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sets(st.integers(0, 200), max_size=4))
def test_any_bytes_are_records_or_a_refusal_in_the_same_place(
    data: bytes, places: set[int]
) -> None:
    parts = cut(data, places)
    outcomes: list[Records | str] = []
    for reading in (one_by_one, in_runs):
        try:
            outcomes.append(reading(parts))
        except PeerError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    ("wire", "taken"),
    [
        pytest.param(b"N\1aN\1bX\0", b"N\1aN\1b", id="up to the first other type"),
        pytest.param(b"X\0N\1a", b"", id="nothing behind another type"),
        pytest.param(b"N\1aL\2b", b"N\1a", id="nothing that is not whole"),
        pytest.param(b"N\1aN", b"N\1a", id="no type without length"),
        pytest.param(b"N\1aN\x80", b"N\1a", id="no half length"),
        pytest.param(b"L\1a" + encode_raw(ord("N"), b"x" * LIMIT), None, id="the limit itself"),
        pytest.param(b"L\1a" + encode_raw(ord("N"), b"x" * (LIMIT + 1)), b"L\1a", id="above it"),
    ],
)
def test_a_run_ends_where_another_reader_must_look(wire: bytes, taken: bytes | None) -> None:
    expected = wire if taken is None else taken
    reader = Reader(wire)
    assert reader.take_text(LIMIT) == (expected, True)
    assert reader.buffered() == len(wire) - len(expected)


@pytest.mark.parametrize("length", [0, 1, 10, 13, 72, 127, 128, 140])
@pytest.mark.parametrize("count", [1, 2, 3, 1023, 1024, 1025, 2500])
def test_equal_lines_are_one_run_up_to_the_first_that_differs(length: int, count: int) -> None:
    line = encode_raw(ord("N"), b"x" * length)
    for follower, taken in (
        (b"", b""),
        (b"X\0", b""),
        (b"L\2ab", b"L\2ab"),
        (b"X" + line[1:], b""),
        (line[:-1] if length else b"N", b""),
        (encode_raw(ord("N"), b"x" * (length + 1)), None),
    ):
        more = (follower if length < LIMIT else b"") if taken is None else taken
        reader = Reader(line * count + follower)
        run = b""
        while part := reader.take_text(LIMIT)[0]:
            run += part
        assert run == line * count + more


@pytest.mark.parametrize("count", [1, 2, 20, 1030])
@pytest.mark.parametrize("length", [0, 10, 72, 140])
def test_a_run_that_ends_within_a_line_is_known_as_such(count: int, length: int) -> None:
    text = b"x" * length
    whole, cut_off = encode_raw(ord("N"), text), encode_raw(ord("L"), text)
    for stream, unfinished in ((whole * count + cut_off, True), (cut_off * count + whole, False)):
        reader = Reader(stream)
        while reader.take_text(LIMIT)[0]:
            found = reader.run_is_unfinished
        assert found == unfinished
        assert not reader.buffered()


@pytest.mark.parametrize("most", [4, 20, ONE_BYTE_MOST])
def test_short_lines_are_one_run_up_to_the_first_that_differs(most: int) -> None:
    """Whatever ends it: the run is handed out whole, and known to be finished and clean."""
    count = 3 * SHORT_RUN_LIMIT + 5
    run = b"".join(encode_raw(ord("N"), b"z" * (n * 7 % (most + 1))) for n in range(count))
    for follower, taken in (
        (b"", b""),
        (b"N", b""),
        (b"N\5half", b""),
        (b"X\0", b""),
        (b"L\3end", b"L\3end"),
        (encode_raw(ord("N"), b"x" * 128), encode_raw(ord("N"), b"x" * 128)),
        (encode_raw(ord("N"), b"x" * 127), encode_raw(ord("N"), b"x" * 127)),
        (encode_raw(ord("N"), b"x" * 127)[:-1], b""),
        (b"N\x80", b""),
    ):
        reader = Reader(run + follower)
        assert reader.take_text(LIMIT) == (run + taken, True)
        assert reader.run_is_unfinished == (taken[:1] == b"L")
    below = Reader(run).take_text(most // 2)[0]
    assert below != run
    assert all(len(text) <= most // 2 for _, text in one_by_one([below]))


@pytest.mark.parametrize("stray", [b"\r", b"\n"])
@pytest.mark.parametrize("place", [0, 1, 300, 498, 499])
def test_a_stray_line_end_is_seen_among_short_lines(stray: bytes, place: int) -> None:
    lines = [b"z" * (n * 7 % 20 + 1) for n in range(500)]
    lines[place] = stray + lines[place][1:]
    stream = b"".join(encode_raw(ord("N"), one) for one in lines)
    assert Reader(stream).take_text(LIMIT) == (stream, False)


@pytest.mark.parametrize("stray", [b"\r", b"\n"])
@pytest.mark.parametrize(
    "rest",
    [b"", b"N\n", b"N\r", b"N\nhalf", b"N\x8a", b"N\x8a\n", b"N\x80\n", b"N\x8a\r\n", b"X\n"],
)
def test_a_stray_line_end_is_seen_whatever_follows(stray: bytes, rest: bytes) -> None:
    # The length of the record behind the run may look like a line end, too.
    text = encode_raw(ord("N"), b"a" + stray + b"b")
    assert Reader(text + rest).take_text(LIMIT) == (text, False)


@pytest.mark.parametrize("stray", [b"\r", b"\n"])
@pytest.mark.parametrize("place", [0, 1, 500, 999])
@pytest.mark.parametrize("length", [10, 13, 72, 138])
def test_a_stray_line_end_is_seen_wherever_it_hides(stray: bytes, place: int, length: int) -> None:
    lines = [b"x" * length] * 1000
    assert Reader(b"".join(encode_raw(ord("N"), one) for one in lines)).take_text(LIMIT)[1]
    lines[place] = stray + lines[place][1:]
    reader = Reader(b"".join(encode_raw(ord("N"), one) for one in lines))
    assert not reader.take_text(LIMIT)[1]


def test_what_was_handed_out_is_not_kept() -> None:
    reader = Reader()
    for _ in range(100):
        reader.receive_data(record.encode(RecordType.TEXT, b"x" * 1000))
        assert reader.next_record() is not None
        assert reader.buffered() == 0
        assert len(reader._buffer) < 3000


@pytest.mark.parametrize("length", [2**14 - 1, 2**14, 70_000, 2**21 - 1, 2**21, 2**21 + 129])
def test_a_long_payload_arrives_whole(length: int) -> None:
    payload = bytes(range(251)) * (length // 251 + 1)
    wire = record.encode(RecordType.TEXT, payload[:length]) + b"X\0"
    for places in ((), (1, 2, 3, 4, 5), (1000, length)):
        assert one_by_one(cut(wire, places)) == [(ord("N"), payload[:length]), (ord("X"), b"")]
