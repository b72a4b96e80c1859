"""Promises of the Milter protocol: kilter.protocol reads what we write, and the other way round.

SEE ALSO
    https://pypi.org/project/kilter.protocol/, a filter's side of it by others
"""

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kilter.protocol import messages as theirs
from kilter.protocol.buffer import SimpleBuffer

from common.errors import PeerError
from common.milter import (
    PACKET_LIMIT,
    Offer,
    Packets,
    decode_address,
    decode_number,
    decode_texts,
    encode,
    encode_connect,
    encode_macros,
    encode_texts,
)
from common.milter_terms import ALL_ACTIONS, STAGES, STEPS, Action, Change, Event, Step
from tests.splits import splits

TEXT = st.binary(max_size=40).map(lambda data: data.replace(b"\0", b""))
NAME = st.text("abcXYZ-_", min_size=1, max_size=10)
UTF8 = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20)


def read_by_others(data: bytes) -> Any:
    """Return the message that the other library finds in a packet, which must be all of it."""
    buffer = SimpleBuffer(1024 * 1024)
    buffer[:] = data
    message, size = theirs.Message.unpack(buffer)
    assert size == len(data)
    message.freeze()
    return message


def written_by_others(message: theirs.Message) -> tuple[bytes, bytes]:
    """Return letter and data of a packet that the other library makes."""
    buffer = SimpleBuffer(1024 * 1024)
    message.pack(buffer)
    packets = Packets(PACKET_LIMIT)
    packets.receive_data(buffer[:].tobytes())
    found = packets.next_packet()
    assert found
    assert packets.pending == 0
    return found


def test_all_that_we_offer_has_a_name_with_others() -> None:
    found = read_by_others(Offer.of(6).encode())
    assert found.version == 6
    assert found.action_flags == theirs.ActionFlags.ALL == ALL_ACTIONS
    every = 0
    for flag in theirs.ProtocolFlags:
        every |= flag
    # They know two more, which tell of the size of packets and which Postfix does not offer.
    extra = theirs.ProtocolFlags.MDS_256K | theirs.ProtocolFlags.MDS_1M
    assert found.protocol_flags == every & ~extra == STEPS[6]


@pytest.mark.parametrize(
    ("ours", "name"),
    [
        (Step.NO_CONNECT, "NO_CONNECT"),
        (Step.NO_HELO, "NO_HELO"),
        (Step.NO_MAIL, "NO_SENDER"),
        (Step.NO_RECIPIENT, "NO_RECIPIENT"),
        (Step.NO_BODY, "NO_BODY"),
        (Step.NO_HEADER, "NO_HEADERS"),
        (Step.NO_END_OF_HEADER, "NO_END_OF_HEADERS"),
        (Step.NO_DATA, "NO_DATA"),
        (Step.NO_UNKNOWN, "NO_UNKNOWN"),
        (Step.SKIP, "SKIP"),
        (Step.REJECTED_RECIPIENTS, "REJECTED_RECIPIENT"),
        (Step.NO_REPLY_CONNECT, "NR_CONNECT"),
        (Step.NO_REPLY_HELO, "NR_HELO"),
        (Step.NO_REPLY_MAIL, "NR_SENDER"),
        (Step.NO_REPLY_RECIPIENT, "NR_RECIPIENT"),
        (Step.NO_REPLY_DATA, "NR_DATA"),
        (Step.NO_REPLY_UNKNOWN, "NR_UNKNOWN"),
        (Step.NO_REPLY_HEADER, "NR_HEADER"),
        (Step.NO_REPLY_END_OF_HEADER, "NR_END_OF_HEADERS"),
        (Step.NO_REPLY_BODY, "NR_BODY"),
        (Step.LEADING_SPACE, "HEADER_LEADING_SPACE"),
    ],
)
def test_a_step_has_the_number_that_others_give_it(ours: Step, name: str) -> None:
    assert ours.value == theirs.ProtocolFlags[name].value


def test_an_older_version_is_offered_what_it_knows() -> None:
    assert [read_by_others(Offer.of(version).encode()).protocol_flags for version in (2, 3, 4)] == [
        0x7F,
        0x17F,
        0x37F,
    ]


@given(NAME, st.integers(0, 65535))
def test_a_client_that_connects_is_understood(name: str, port: int) -> None:
    packet = encode_connect(b"mx.test", b"4", port, b"192.0.2.1")
    assert read_by_others(packet) == theirs.Connect("mx.test", IPv4Address("192.0.2.1"), port)


@given(TEXT, NAME)
def test_events_with_strings_are_understood(text: bytes, name: str) -> None:
    assert read_by_others(encode_texts(Event.HELO, b"localhost")) == theirs.Helo("localhost")
    assert read_by_others(encode_texts(Event.MAIL, text)) == theirs.EnvelopeFrom(text)
    assert read_by_others(encode_texts(Event.RECIPIENT, text)) == theirs.EnvelopeRecipient(text)
    header = encode_texts(Event.HEADER, name.encode(), text)
    assert read_by_others(header) == theirs.Header(name, text)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (Event.DATA, theirs.Data),
        (Event.END_OF_HEADER, theirs.EndOfHeaders),
        (Event.ABORT, theirs.Abort),
        (Event.QUIT, theirs.Close),
    ],
)
def test_an_event_without_data_is_understood(event: Event, kind: type[theirs.Message]) -> None:
    assert isinstance(read_by_others(encode(event)), kind)


@given(st.binary(max_size=100))
def test_a_body_is_understood(chunk: bytes) -> None:
    assert read_by_others(encode(Event.BODY, chunk)) == theirs.Body(chunk)
    assert read_by_others(encode(Event.END_OF_BODY, chunk)) == theirs.EndOfMessage(chunk)


@given(st.dictionaries(NAME, NAME, max_size=5))
def test_macros_are_understood(macros: dict[str, str]) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in macros.items()]
    found = read_by_others(encode_macros(Event.MAIL, pairs))
    assert found == theirs.Macro(ord("M"), macros)


@given(
    st.integers(2, 6),
    st.integers(0, ALL_ACTIONS),
    st.integers(0, STEPS[6]),
    st.dictionaries(st.sampled_from(theirs.Stage), st.lists(NAME, min_size=1), max_size=7),
)
def test_what_a_filter_takes_is_understood(
    version: int, actions: int, steps: int, macros: dict[theirs.Stage, list[str]]
) -> None:
    message = theirs.Negotiate(
        version,
        theirs.ActionFlags(actions),
        theirs.ProtocolFlags(steps),
        macros if actions & Action.CHOOSE_MACROS else {},
    )
    letter, data = written_by_others(message)
    assert letter == Event.NEGOTIATE
    answer = Offer.of(6).agreed(Offer.decode(data))
    assert (answer.version, answer.actions, answer.steps) == (version, actions, steps)
    for stage, names in message.macros.items():
        for event in STAGES[stage.value]:
            assert answer.macros[event] == tuple(name.encode() for name in names)


@pytest.mark.parametrize("stage", list(theirs.Stage))
def test_a_stage_of_macros_is_that_of_its_event(stage: theirs.Stage) -> None:
    named = {
        theirs.Stage.CONNECT: Event.CONNECT,
        theirs.Stage.HELO: Event.HELO,
        theirs.Stage.ENVELOPE_FROM: Event.MAIL,
        theirs.Stage.ENVELOPE_RECIPIENT: Event.RECIPIENT,
        theirs.Stage.DATA: Event.DATA,
        theirs.Stage.END_MESSAGE: Event.END_OF_BODY,
        theirs.Stage.END_HEADERS: Event.END_OF_HEADER,
    }
    assert named[stage] in STAGES[stage.value]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"\0\0\0\6", "too short"),
        (b"\0\0\0\7" + bytes(8), "version 7 conflict"),
        (b"\0\0\0\6\0\0\2\0" + bytes(4), "request mask 0x200 conflict"),
        (b"\0\0\0\6\0\0\1\0" + bytes(4) + b"\0\0\0\7x\0", "bad list of macros"),
        (b"\0\0\0\6\0\0\1\0" + bytes(4) + b"\0\0\0\0x", "bad list of macros"),
        (b"\0\0\0\6\0\0\1\0" + bytes(4) + b"\0", "too short"),
    ],
)
def test_a_filter_that_takes_what_there_is_not_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(PeerError, match=complaint):
        Offer.of(6).agreed(Offer.decode(data))


def test_a_step_that_was_not_offered_is_not_taken() -> None:
    assert Offer.of(2).agreed(Offer(2, 0, STEPS[6])).steps == STEPS[2]


@given(NAME, st.binary(max_size=30).map(lambda data: data.replace(b"\0", b"")), st.integers(0, 99))
def test_changes_of_headers_are_understood(name: str, value: bytes, index: int) -> None:
    letter, data = written_by_others(theirs.AddHeader(name, value))
    assert letter == Change.ADD_HEADER
    assert decode_texts(data, 2) == [name.encode(), value]
    for kind, change in (
        (theirs.ChangeHeader, Change.CHANGE_HEADER),
        (theirs.InsertHeader, Change.INSERT_HEADER),
    ):
        letter, data = written_by_others(kind(index, name, value))
        assert letter == change
        number, rest = decode_number(data)
        assert (number, decode_texts(rest, 2)) == (index, [name.encode(), value])


@given(UTF8, UTF8)
def test_changes_of_the_envelope_are_understood(text: str, arguments: str) -> None:
    letter, data = written_by_others(theirs.AddRecipient(text))
    assert (letter, decode_address(data)) == (Change.ADD_RECIPIENT, (text.encode(), b""))
    letter, data = written_by_others(theirs.RemoveRecipient(text))
    assert (letter, decode_texts(data, 1)) == (Change.DELETE_RECIPIENT, [text.encode()])
    both = text.encode(), arguments.encode()
    letter, data = written_by_others(theirs.AddRecipientPar(text, arguments))
    assert (letter, decode_address(data)) == (Change.ADD_RECIPIENT_ARGUMENTS, both)
    letter, data = written_by_others(theirs.ChangeSender(text, arguments))
    assert (letter, decode_address(data)) == (Change.CHANGE_SENDER, both)


@pytest.mark.parametrize(
    ("message", "letter"),
    [
        (theirs.Continue(), b"c"),
        (theirs.Accept(), b"a"),
        (theirs.Reject(), b"r"),
        (theirs.TemporaryFailure(), b"t"),
        (theirs.Discard(), b"d"),
        (theirs.Skip(), b"s"),
        (theirs.Progress(), Change.PROGRESS),
        (theirs.ReplaceBody(b"x"), Change.REPLACE_BODY),
        (theirs.Quarantine("x"), Change.QUARANTINE),
        (theirs.ReplyCode(b"550 5.7.1 x\0"), b"y"),
    ],
)
def test_a_reply_has_the_letter_that_others_give_it(message: theirs.Message, letter: bytes) -> None:
    assert written_by_others(message)[0] == letter


def all_packets(parts: list[bytes], limit: int = 1000) -> Iterator[tuple[bytes, bytes]]:
    packets = Packets(limit)
    for part in parts:
        packets.receive_data(part)
        while (found := packets.next_packet()) is not None:
            yield found
    assert packets.pending == 0


def test_packets_come_in_whatever_pieces() -> None:
    whole = encode(Event.BODY, b"one") + encode(Event.QUIT) + encode(Event.BODY, b"")
    expected = [(b"B", b"one"), (b"Q", b""), (b"B", b"")]
    for parts in splits(whole):
        assert list(all_packets(parts)) == expected


@pytest.mark.parametrize(
    ("head", "complaint"),
    [
        (b"\0\0\0\0", "bad packet length: 0"),
        (b"\0\0\1\1", "unreasonable packet length: 257 > 256"),
        (b"\xff\xff\xff\xff", "unreasonable packet length"),
    ],
)
def test_a_length_that_no_packet_has_is_refused_before_the_packet_comes(
    head: bytes, complaint: str
) -> None:
    packets = Packets(256)
    packets.receive_data(head)
    with pytest.raises(PeerError, match=complaint):
        packets.next_packet()


@pytest.mark.parametrize(
    ("data", "count", "complaint"),
    [
        (b"", 1, "missing"),
        (b"one", 1, "missing"),
        (b"one\0two", 2, "missing"),
        (b"one\0two", 1, "left-over"),
        (b"one\0two\0", 1, "left-over"),
    ],
)
def test_strings_that_are_cut_or_too_many_are_refused(
    data: bytes, count: int, complaint: str
) -> None:
    with pytest.raises(PeerError, match=complaint):
        decode_texts(data, count)


@pytest.mark.parametrize("data", [b"", b"a", b"a\0b", b"a\0b\0c\0"])
def test_an_address_that_is_cut_or_has_too_much_behind_it_is_refused(data: bytes) -> None:
    with pytest.raises(PeerError):
        decode_address(data)
