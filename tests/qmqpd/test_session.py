"""Promises of qmqpd.session.

SEE ALSO
    spec/qmqp.md, section 3
"""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.netstring import encode
from qmqpd.session import (
    ANSWERED,
    Limits,
    Phase,
    Session,
    SessionError,
    Submission,
    Trouble,
    whole_packet,
)
from tests.splits import cut, splits

LIMITS = Limits(message=10_240_000, address=2048)

PACKET = b"57:14:Subject: e\n\nb\n,11:s@from.test,9:r@to.test,,"
Message = tuple[bytes, bytes, list[bytes]]  # content, sender, recipients

MESSAGE = (b"Subject: e\n\nb\n", b"s@from.test", [b"r@to.test"])

HEADER, CONTENT = "receiving QMQP packet header", "receiving message content"
SENDER, RECIPIENT = "receiving sender address", "receiving recipient address"
FORMAT, TOO_LONG = "netstring format error", "netstring length exceeds storage limit"
LOST, TIMEOUT = "lost connection", "read/write timeout"

addresses = st.binary(max_size=30)
messages = st.tuples(st.binary(max_size=60), addresses, st.lists(addresses, max_size=4))


def packet(message: Message) -> bytes:
    content, sender, recipients = message
    return encode(b"".join(map(encode, [content, sender, *recipients])))


def receive(parts: list[bytes], limits: Limits = LIMITS) -> Message | None:
    """Return what a session makes of these parts; what follows the submission is not read."""
    session = Session(limits)
    for part in parts:
        submission = session.receive_data(part)
        if submission is not None:
            return submission.content, submission.sender, submission.recipients
    return None


def trouble(parts: list[bytes], limits: Limits = LIMITS) -> str:
    """Return how a session breaks, or the trouble of a client that then falls silent."""
    session = Session(limits)
    try:
        for part in parts:
            assert session.receive_data(part) is None
    except SessionError as error:
        return str(error)
    return "nothing is wrong yet"


# Packets.


def test_the_recorded_packet_is_one_submission_however_it_is_cut() -> None:
    for parts in splits(PACKET):
        assert receive(parts) == MESSAGE


@settings(max_examples=50, deadline=None)
@given(messages)
def test_any_message_survives_any_split(sent: Message) -> None:
    for parts in splits(packet(sent)):
        assert receive(parts) == sent


def test_a_large_content_arrives_whole_however_it_is_cut() -> None:
    sent = (bytes(range(256)) * 400, b"s@from.test", [b"r@to.test"])
    whole = packet(sent)
    for size in (1, 1000, 16_384, 16_385, 32_768, 65_536, len(whole)):
        assert receive(cut(whole, range(0, len(whole), size))) == sent


def test_a_large_content_is_handed_over_in_pieces_of_a_good_size() -> None:
    content = bytes(range(256)) * 400
    whole = packet((content, b"", [b"r"]))
    for size in (1, 1000, 20_000, 32_768):
        session = Session(LIMITS)
        for part in cut(whole, range(0, len(whole), size)):
            submission = session.receive_data(part)
        assert submission is not None
        assert b"".join(submission.pieces) == submission.content == content
        assert submission.size == len(content)
        assert all(len(piece) >= 16 * 1024 for piece in submission.pieces[:-1])
        assert all(submission.pieces)


@settings(max_examples=50, deadline=None)
@given(messages, st.sets(st.integers(0, 300)))
def test_a_message_is_complete_at_its_last_byte(sent: Message, places: set[int]) -> None:
    whole = packet(sent)
    assert receive(cut(whole[:-1], places)) is None
    assert receive([whole]) == sent


@pytest.mark.parametrize(
    "outer", [b"5", b"99999", b"0", b"", b"0" * 40 + b"57", b"%d" % (2**63 - 1)]
)
def test_the_outer_length_is_read_and_not_believed(outer: bytes) -> None:
    _, _, inner = PACKET.partition(b":")
    for parts in splits(outer + b":" + inner):
        assert receive(parts) == MESSAGE


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        (b"99::,11:s@from.test,9:r@to.test,,", (b"", b"s@from.test", [b"r@to.test"])),
        (
            b"99:000014:Subject: z\n\nb\n,:,09:r@to.test,,",
            (b"Subject: z\n\nb\n", b"", [b"r@to.test"]),
        ),
        (b":0:,0:,,", (b"", b"", [])),
        (b":0:,0:,0:,,", (b"", b"", [b""])),
        (b":0:,0:,:,:,,", (b"", b"", [b"", b""])),
        (b"50:5:hello,9:a@b,3:c@d,,", (b"hello", b"a@b,3:c@d", [])),
        (b"1:1:,,1:,,1:,,,", (b",", b",", [b","])),
    ],
)
def test_odd_packets_mean_what_the_field_takes_them_for(wire: bytes, message: Message) -> None:
    for parts in splits(wire):
        assert receive(parts) == message


@pytest.mark.parametrize("rest", [b"trailing garbage\r\n", PACKET, b"x", b"junk" * 1000])
def test_what_follows_the_packet_is_ignored(rest: bytes) -> None:
    assert receive([PACKET + rest]) == MESSAGE
    assert receive([PACKET[:-1], b"," + rest]) == MESSAGE


# Refusals.


@pytest.mark.parametrize(
    ("wire", "reason", "where"),
    [
        (b"x", FORMAT, HEADER),
        (b"\n", FORMAT, HEADER),
        (b" 12:", FORMAT, HEADER),
        (b"-1:", FORMAT, HEADER),
        (b"+5:", FORMAT, HEADER),
        (b"0x10:", FORMAT, HEADER),
        (b"12,", FORMAT, HEADER),
        (b"\0", FORMAT, HEADER),
        (b"\xff", FORMAT, HEADER),
        (b"GET / HTTP/1.0\r\n\r\n", FORMAT, HEADER),
        (b"EHLO x\r\n", FORMAT, HEADER),
        (b"99999999999999999999:", TOO_LONG, HEADER),
        (b"9223372036854775808:112:Date", TOO_LONG, HEADER),
        (b"9" * 4000, TOO_LONG, HEADER),
        (b"50:abc:", FORMAT, CONTENT),
        (b"50::x", FORMAT, CONTENT),
        (b"50:99999999999999999999:x", TOO_LONG, CONTENT),
        (b"50:5:hello;11:s@from.test,9:r@to.test,,", FORMAT, CONTENT),
        (b"50:4:hello,11:s@from.test,9:r@to.test,,", FORMAT, CONTENT),
        (b"50:6:hello,11:s@from.test,9:r@to.test,,", FORMAT, CONTENT),
        (b"50:5:hello,s:", FORMAT, SENDER),
        (b"50:5:hello,3:a@b;", FORMAT, SENDER),
        (b"50:5:hello,\r\n3:a@b,3:c@d,,", FORMAT, SENDER),
        (b"50:5:hello,,", FORMAT, SENDER),
        (b"50:5:hello,3:a@b,r:", FORMAT, RECIPIENT),
        (b"50:5:hello,3:a@b,1,", FORMAT, RECIPIENT),
        (b"50:5:hello,3:a@b,3:c@d,0,", FORMAT, RECIPIENT),
        (b"50:5:hello,3:a@b,3:c@d;", FORMAT, RECIPIENT),
        (b"50:5:hello,3:a@b,3:c@d,3:e@f;", FORMAT, RECIPIENT),
        (b"50:5:hello,3:a@b,3:c@d,\n", FORMAT, RECIPIENT),
        (b"50:5:hello,3:a@b,99999999999999999999:", TOO_LONG, RECIPIENT),
        (b"14:Subject: e\n\nb\n,11:s@from.test,9:r@to.test,,", FORMAT, CONTENT),
    ],
)
def test_a_broken_packet_is_refused_in_the_recorded_words(
    wire: bytes, reason: str, where: str
) -> None:
    for parts in splits(wire):
        assert trouble(parts) == f"{reason} while {where}"
    assert whole_packet(wire, LIMITS) is None


@pytest.mark.parametrize(
    ("limits", "head", "where"),
    [
        (Limits(message=10_240_000, address=2048), b"9:%d:", CONTENT),
        (Limits(message=3000, address=2048), b"9:%d:", CONTENT),
        (Limits(message=1, address=2048), b"9:%d:", CONTENT),
        (Limits(message=99, address=2048), b"9:5:hello,%d:", SENDER),
        (Limits(message=99, address=512), b"9:5:hello,%d:", SENDER),
        (Limits(message=99, address=2048), b"9:5:hello,3:a@b,%d:", RECIPIENT),
        (Limits(message=99, address=2048), b"9:5:hello,3:a@b,3:c@d,%d:", RECIPIENT),
    ],
)
def test_a_limit_may_be_reached_and_is_enforced_before_the_data(
    limits: Limits, head: bytes, where: str
) -> None:
    limit = limits.message if where == CONTENT else limits.address
    for parts in splits(head % limit):
        assert trouble(parts, limits) == "nothing is wrong yet"
    for parts in splits(head % (limit + 1)):
        assert trouble(parts, limits) == f"{TOO_LONG} while {where}"


def test_a_message_limit_of_zero_is_none() -> None:
    unlimited = Limits(message=0, address=2048)
    assert trouble([b"9:%d:" % (2**63 - 1)], unlimited) == "nothing is wrong yet"
    assert trouble([b"9:%d:" % 2**63], unlimited) == f"{TOO_LONG} while {CONTENT}"
    assert receive([PACKET], unlimited) == MESSAGE


def test_addresses_at_their_limit_arrive() -> None:
    address = b"x" * 2048
    sent = (b"", address, [address, address])
    assert receive([packet(sent)]) == sent


# Clients that leave or fall silent.


def phases() -> list[tuple[int, str, bool]]:
    """Return for each length of the recorded packet's start: where, and if a comma is due."""
    found = []
    where, edges = HEADER, {3: CONTENT, 21: SENDER, 36: RECIPIENT}
    for size in range(len(PACKET)):
        where = edges.get(size, where)
        found.append((size, where, size in (20, 35, 47)))
    return found


@pytest.mark.parametrize(("size", "where", "comma"), phases())
@pytest.mark.parametrize("reason", [Trouble.LOST, Trouble.TIMEOUT])
def test_a_client_that_stops_is_reported_by_where_it_stopped(
    size: int, where: str, comma: bool, reason: Trouble
) -> None:
    expected = Trouble.FORMAT if comma else reason
    for parts in splits(PACKET[:size]):
        session = Session(LIMITS)
        for part in parts:
            session.receive_data(part)
        error = session.end(reason)
        assert str(error) == f"{expected.value} while {where}"
        assert error.trouble is expected


@pytest.mark.parametrize(
    ("start", "where"),
    [
        (b"57:0:", CONTENT),
        (b"57::", CONTENT),
        (b"57:0:,0:", SENDER),
        (b"57:0:,0:,:", RECIPIENT),
        (b"57:0:,0:,3:a@b", RECIPIENT),
    ],
)
def test_an_empty_payload_is_waiting_for_its_comma_at_once(start: bytes, where: str) -> None:
    session = Session(LIMITS)
    session.receive_data(start)
    assert str(session.end(Trouble.LOST)) == f"{FORMAT} while {where}"


def test_only_a_client_that_may_be_there_is_answered() -> None:
    assert {Trouble.FORMAT, Trouble.TOO_LONG} == ANSWERED


def test_every_phase_is_reached_in_order() -> None:
    session, seen = Session(LIMITS), []
    for place in range(len(PACKET)):
        seen.append(session.phase)
        session.receive_data(PACKET[place : place + 1])
    assert list(dict.fromkeys(seen)) == [
        *(Phase.HEADER, Phase.CONTENT, Phase.SENDER, Phase.RECIPIENT)
    ]


# What is kept.


def test_what_is_held_is_what_the_client_sent_but_the_framing() -> None:
    for size in range(len(PACKET)):
        session = Session(LIMITS)
        session.receive_data(PACKET[:size])
        assert size - len(b"57:14:,11:,9:,") <= session.held() <= size


def test_every_byte_of_a_client_is_accounted_for() -> None:
    session = Session(LIMITS)
    session.receive_data(b"9:4:abcd,5:s@a.b,")
    for count in range(1, 100):
        session.receive_data(encode(b"r" * 2000))
        assert 9 + 2000 * count <= session.held() <= 17 + 2006 * count


def test_zeros_in_front_of_a_length_are_not_held() -> None:
    session = Session(LIMITS)
    for _ in range(100):
        session.receive_data(b"0" * 65536)
        assert session.held() < 65536
    submission = session.receive_data(PACKET)
    assert submission is not None
    assert submission.content == MESSAGE[0]


# Recipients without end: what is kept is bounded, and nobody is lost in a message that fits.


def test_recipients_without_end_take_bounded_memory() -> None:
    session = Session(Limits(message=100_000, address=2048))
    session.receive_data(b"9:0:,0:,")
    for number in range(3000):
        session.receive_data(encode(b"%d" % number + b"r" * 1990))
    assert session.held() < 1_000_000


@pytest.mark.parametrize(
    ("repeated", "count"),
    [
        pytest.param(b"r@to.test", 1000, id="the same again and again"),
        pytest.param(b"R@TO.TEST", 1000, id="in other case"),
        pytest.param(b"@" + b"r" * 1500 + b":r@to.test", 15, id="long routes, short addresses"),
        pytest.param(b"r@to.test\0" + b"x" * 1500, 30, id="cut at a NUL"),
        pytest.param(b"", 2000, id="nobody"),
    ],
)
def test_no_recipient_is_lost_of_a_message_whose_queue_file_fits(
    repeated: bytes, count: int
) -> None:
    # Cleanup drops duplicates, routes and what follows a NUL: the file stays below the limit.
    session = Session(Limits(message=50_000, address=2048))
    recipients = [*[repeated] * count, b"last@to.test"]
    submission = session.receive_data(packet((b"b\n", b"s@from.test", recipients)))
    assert submission is not None
    assert b"last@to.test" in submission.recipients


# An ordinary packet that comes in one piece needs no session; that must change nothing.


def by_session(data: bytes, limits: Limits) -> Submission | None:
    """Return what a session makes of it, None if that is no submission."""
    try:
        return Session(limits).receive_data(data)
    except SessionError:
        return None


def check_agreement(data: bytes, limits: Limits) -> None:
    """Check that no packet is taken at a glance that a session would take otherwise."""
    found = whole_packet(data, limits)
    if found is None:
        return
    expected = by_session(data, limits)
    assert expected is not None
    assert found == expected
    assert not found.too_large


some_limits = st.builds(
    Limits,
    message=st.sampled_from([0, 1, 15, 100, 1000, 2000, 10_240_000]),
    address=st.sampled_from([0, 1, 9, 10, 30, 2048]),
)
digits = st.one_of(
    st.integers(0, 40).map(lambda number: b"%d" % number),
    st.sampled_from(
        [b"", b"00", b"0014", b"0" * 17 + b"9", b"0" * 18 + b"9", b"9" * 18, b"9" * 19]
    ),
    st.sampled_from([b"+1", b"-1", b" 1", b"1_0", b"1 ", b"\xd9\xa1", b"9223372036854775808"]),
)
tokens = st.one_of(digits, st.sampled_from([b":", b",", b":", b",", b",,", b"a", b"r@to.test"]))


@settings(max_examples=500, deadline=None)
@given(messages, some_limits, st.binary(max_size=3))
def test_an_ordinary_packet_is_known_at_a_glance(
    sent: Message, limits: Limits, rest: bytes
) -> None:
    data = packet(sent) + rest
    check_agreement(data, limits)
    generous = Limits(message=0, address=2048)
    found = whole_packet(data, generous)
    assert found is not None
    assert (found.content, found.sender, found.recipients) == sent


@settings(max_examples=1000, deadline=None)
@given(
    messages,
    some_limits,
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 2), st.one_of(digits, tokens))),
)
def test_a_changed_packet_is_taken_only_for_what_it_is(
    sent: Message, limits: Limits, changes: list[tuple[int, int, bytes]]
) -> None:
    data = packet(sent)
    for place, removed, added in changes:
        data = data[:place] + added + data[place + removed :]
    check_agreement(data, limits)


@pytest.mark.parametrize("place", range(len(PACKET)))
def test_a_packet_with_one_byte_changed_is_taken_only_for_what_it_is(place: int) -> None:
    before, behind = PACKET[:place], PACKET[place:]
    for byte in (b"", *(bytes((each,)) for each in b"0123456789:,;+- x\n\0\xff")):
        for limits in (LIMITS, Limits(message=0, address=11), Limits(message=1000, address=9)):
            check_agreement(before + byte + behind, limits)
            check_agreement(before + byte + behind[1:], limits)


@settings(max_examples=1000, deadline=None)
@given(
    digits,
    st.lists(st.tuples(digits, st.sampled_from([b"", b"a", b"ab", b"r@to.test"]), st.booleans())),
    st.sampled_from([b"", b",", b",,", b",x"]),
    some_limits,
)
@example(b"1", [(b"1", b"a", True), (b"0", b"", True)], b",", Limits(0, 2048))
def test_odd_numbers_are_taken_only_for_what_they_are(
    outer: bytes, strings: list[tuple[bytes, bytes, bool]], end: bytes, limits: Limits
) -> None:
    inner = b"".join(
        (b"%d" % len(text) if true else number) + b":" + text + b","
        for number, text, true in strings
    )
    check_agreement(outer + b":" + inner + end, limits)


@settings(max_examples=500, deadline=None)
@given(st.lists(tokens).map(b"".join), some_limits)
def test_anything_at_all_is_taken_only_for_what_it_is(data: bytes, limits: Limits) -> None:
    check_agreement(data, limits)


@pytest.mark.parametrize("outer", [b"5", b"99999", b"0", b"0" * 10 + b"57", b"9" * 18])
def test_the_outer_length_is_not_believed_at_a_glance_either(outer: bytes) -> None:
    data = outer + b":" + PACKET.partition(b":")[2]
    found = whole_packet(data, LIMITS)
    assert found is not None
    assert found == by_session(data, LIMITS)


@pytest.mark.parametrize("head", [b"%b2:5:hello,", b"2:%b5:hello,", b"2:5:hello,%b0:,"])
def test_more_zeros_than_a_number_may_have_digits_are_left_to_a_session(head: bytes) -> None:
    data = head % (b"0" * 5000) + b"3:a@b,3:c@d,,"
    assert whole_packet(data, LIMITS) is None
    assert by_session(data, LIMITS) is not None


@pytest.mark.parametrize("size", range(len(PACKET)))
def test_a_packet_that_is_not_whole_is_none(size: int) -> None:
    assert whole_packet(PACKET[:size], LIMITS) is None


@pytest.mark.parametrize(("message", "address"), [(13, 2048), (1, 2048), (0, 10), (0, 0)])
def test_what_is_above_a_limit_is_left_to_a_session(message: int, address: int) -> None:
    assert whole_packet(PACKET, Limits(message, address)) is None
    assert by_session(PACKET, Limits(message, address)) is None


def test_recipients_without_end_are_left_to_a_session() -> None:
    data = packet((b"", b"", [b""] * 3000))
    assert whole_packet(data, Limits(message=1000, address=2048)) is None
    found = by_session(data, Limits(message=1000, address=2048))
    assert found is not None
    assert found.too_large
