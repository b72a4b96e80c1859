"""Promises of cleanup for any content and any records, whatever it is told to do with them.

DESCRIPTION
    A model of a few lines says what becomes of a content: records of the
    queue file must say the same. Hosts that look into messages, change
    addresses or refuse must end each stream in a file or a refusal.

SEE ALSO
    spec/cleanup-behaviour.md, sections 3 to 6
"""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cleanup.message import RETURNED, Option
from common.errors import PeerError
from common.record import Reader
from tests.cleanup.stream import (
    CONTENT,
    END,
    ENVELOPE,
    EXTRACTED,
    RECEIVED,
    RECIPIENT,
    SENDER,
    TIME,
    Outcome,
    message,
    options,
    parse,
    rec,
    text,
)
from tests.cleanup.test_addresses import MappingHost
from tests.splits import cut

BOUNCE, DISCARD = Option.BOUNCE, Option.DISCARD

ANSWERS = [
    *("REJECT", "REJECT 4.7.1 later", "WARN", "INFO x", "IGNORE", "STRIP", "DUNNO"),
    *("HOLD", "DISCARD", "FILTER a:b", "REDIRECT a@b", "BCC c@d", "BCC", "PASS"),
    *("PREPEND X-Y: 1", "PREPEND no", "REPLACE To: bob, al", "REPLACE X: y", "NONSENSE"),
]
RULES = " ".join(f"{{/^X-T: {number}$$/ {answer}}}" for number, answer in enumerate(ANSWERS))
CHECKS = f"regexp:{{{RULES}}}"
ALIASES = (
    "inline:{{r@x.test=a@y.test,b@y.test},{loop@x.test=l2@x.test},{l2@x.test=loop@x.test,c@y}}"
)
MAPS = {
    "virtual_alias_maps": ALIASES,
    "virtual_alias_expansion_limit": "4",
    "canonical_maps": "inline:{{bob@mx.example.test=Robert@new.test},{s@x=t@x.test}}",
    "sender_bcc_maps": "inline:{t@x.test=copy}",
    "recipient_bcc_maps": "inline:{a@y.test=copy2@x.test}",
    "always_bcc": "archive",
    "masquerade_domains": "x.test",
    "recipient_delimiter": "+",
}
LOOKING = {"header_checks": CHECKS, "body_checks": CHECKS, "body_checks_size_limit": "200"}
HOSTS = {
    "plain": MappingHost({}),
    "looking": MappingHost(LOOKING),
    "mapping": MappingHost(MAPS),
    "strict": MappingHost({"strict_8bitmime": "yes", "strict_mime_encoding_domain": "yes"}),
    "stripping": MappingHost({"message_reject_characters": "\\7", "message_strip_characters": "b"}),
    "small": MappingHost(
        {"message_size_limit": "700", "header_size_limit": "40", "line_length_limit": "512"}
    ),
    "failing": MappingHost({"header_checks": "fail:x", "virtual_alias_maps": "fail:x"}),
    "all": MappingHost({**MAPS, **LOOKING, "strict_8bitmime_body": "yes", "hopcount_limit": "3"}),
}

# A content of bytes that matter.
tokens = st.sampled_from(
    [
        *(b"X-T: ", b"X: ", b"\n", b"\n", b"\n ", b"\n\t", b" ", b":", b"\0", b"\r", b"\xff", b"y"),
        *("é".encode(), b"\nTo: ", b"bob", b"<al@x>", b",", b'"', b"(", b"\nResent-To: a@b"),
        *(b"Content-Type: multipart/mixed; boundary=b\n", b"--b\n", b"--b--", b"--b", b"12", b"7"),
        *(b"\nContent-Type: message/rfc822\n\n", b"\nContent-Transfer-Encoding: base64", b"\7"),
        *(b"Message-Id: <1@x>\n", b"Received: y\n", b"a" * 600, b"Bcc: secret@x\n", b"b" * 40),
    ]
)
contents = st.lists(st.one_of(tokens, tokens, st.binary(max_size=6)), max_size=25).map(b"".join)


def records_of(content: bytes, sizes: list[int]) -> bytes:
    """Return text records of a content; lines are cut where the sizes say."""
    out = []
    *whole, rest = content.split(b"\n")
    for number, line in enumerate([*whole, rest]):
        size = sizes[number % len(sizes)]
        pieces = [line[at : at + size] for at in range(0, len(line), size)] or [b""]
        out += [rec(b"L", piece) for piece in pieces[:-1]]
        if number < len(whole):
            out.append(rec(b"N", pieces[-1]))
        elif rest:
            out.append(rec(b"L", pieces[-1]))
    return b"".join(out)


# What the specification says of a content without parts and without addresses.

NAME = re.compile(rb"([!-9;-~]+)[ \t]*:")


def expected(content: bytes, sizes: list[int]) -> bytes:
    """Return header and body as they are stored, but for headers that are added."""
    lines = content.replace(b"\r", b" ").split(b"\n")
    if not lines[-1]:
        lines.pop()
    headers: list[bytes] = [b"Received: x"]
    for number in range(len(lines)):
        first_record = lines[0][: sizes[number % len(sizes)]]
        if lines[0][:1] in (b" ", b"\t"):
            headers[-1] += b"\n" + lines.pop(0)
        elif NAME.match(first_record):
            headers.append(lines.pop(0))
        else:
            break
    stored = [normal(one) for one in headers if NAME.match(one.partition(b"\0")[0])]
    body = [b"", *lines] if lines and lines[0] else lines
    return b"".join(line + b"\n" for line in (*stored, MARK, *body))


def normal(header: bytes) -> bytes:
    """Return a header without blanks before its colon, up to a NUL."""
    return NAME.sub(rb"\1:", header.partition(b"\0")[0], count=1)


MARK = b"-- here others are added --"
ADDED = re.compile(rb"(Message-Id: <2\S+ID@mx\.example\.test>\n)(Date: .*\n)(From: s@from\.test\n)")
simple = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(
                    b"X-A: ",
                    b"X-A :",
                    b"Subject:",
                    b"\n",
                    b"\n",
                    b"\n ",
                    b"\n\t",
                    b" ",
                    b":",
                    b"\0",
                ),
                *(b"\r", b"\xff", b"yy", b"\nX-B: c", b"From\n", b"\n\n", b"a" * 300, b"--b\n"),
            ]
        ),
        st.binary(max_size=4).filter(lambda data: b":" not in data),
    ),
    max_size=20,
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(simple, st.lists(st.integers(1, 2048), min_size=1, max_size=3))
@example(b"X-A\0: b\n c\n\nbody", [2048])
@example(b"\0\n", [1])
def test_any_content_is_stored_as_the_specification_says(content: bytes, sizes: list[int]) -> None:
    outcome = HOSTS["plain"].take(
        ENVELOPE + RECEIVED + records_of(content, sizes) + EXTRACTED + END
    )
    assert outcome.status == 0
    stored = text(outcome.content()).replace(b"C3A92216044", b"ID")
    found = ADDED.search(stored)
    assert found, stored
    assert stored[: found.start()] + MARK + b"\n" + stored[found.end() :] == expected(
        content, sizes
    )


# The same, whoever looks.

NEVER = "regexp:{{/^there is no such line$$/ REJECT}}"
WATCHED = MappingHost({"header_checks": NEVER, "body_checks": NEVER})


@settings(max_examples=300, deadline=None)
@given(contents, st.lists(st.integers(1, 2048), min_size=1, max_size=3))
def test_a_message_becomes_the_same_file_whether_it_is_looked_into_or_not(
    content: bytes, sizes: list[int]
) -> None:
    stream = ENVELOPE + RECEIVED + records_of(content, sizes) + EXTRACTED + END
    plain, watched = HOSTS["plain"].take(stream), WATCHED.take(stream)
    assert (plain.status, plain.session.verdict()) == (watched.status, watched.session.verdict())
    if not plain.status:
        assert plain.file == watched.file


# Any records, whatever the host is told to do.

addresses = st.sampled_from(
    [b"", b"bob", b"r@x.test", b"loop@x.test", b"s@x", b"q r@x", b"a\nb", b"c\0d", b"u@h.x.test"]
)
attributes = st.sampled_from(
    [
        *(b"a=b", b"=", b"", b"notify_flags=2", b"notify_flags=9", b"rewrite_context=remote"),
        *(
            b"dsn_orig_rcpt=rfc822;x",
            b"encoding=8bit",
            b"envelope_id=\xff",
            b"ret_flags=1",
            b"a=\n",
        ),
    ]
)
usual = st.one_of(
    addresses.map(lambda one: rec(b"R", one)),
    attributes.map(lambda one: rec(b"A", one)),
    st.sampled_from(
        [
            *(TIME, SENDER, RECIPIENT, CONTENT, RECEIVED, EXTRACTED, END, rec(b"F", b"J. Doe")),
            *(
                rec(b"V", b"+="),
                rec(b"L", b"a:b"),
                rec(b"f", b"4"),
                rec(b"O", b"o"),
                rec(b"W", b"1"),
            ),
            *(
                rec(b"m", b"0"),
                rec(b"p", b"0"),
                rec(b"D", b"x"),
                rec(b">", b"a@b"),
                rec(b"C", b"1"),
            ),
        ]
    ),
)
anything = st.tuples(st.integers(0, 255), st.binary(max_size=9)).map(
    lambda pair: rec(bytes((pair[0],)), pair[1])
)
orderly = st.builds(
    lambda envelope, content, sizes, late: (
        TIME
        + SENDER
        + b"".join(envelope)
        + CONTENT
        + RECEIVED
        + records_of(content, sizes)
        + EXTRACTED
        + b"".join(late)
        + END
    ),
    st.lists(usual.filter(lambda one: one[:1] in b"RAVLfOF"), max_size=6),
    contents,
    st.lists(st.integers(1, 2048), min_size=1, max_size=3),
    st.lists(usual.filter(lambda one: one[:1] in b"RALfO"), max_size=3),
)
streams = st.one_of(
    orderly, orderly, st.lists(st.one_of(usual, anything), max_size=16).map(b"".join)
)
flags = st.sampled_from([0, 2, 32, 114, 115, 178, 114 | 256, 626, 627, 118, 122, 123, 544])


@pytest.mark.parametrize("name", HOSTS)
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_stream_is_accepted_or_refused(name: str, data: st.DataObject) -> None:
    stream, option = data.draw(streams), data.draw(flags)
    places = data.draw(st.sets(st.integers(0, 400), max_size=3))
    whole = play(name, option, [options(option) + stream])
    assert whole == play(name, option, cut(options(option) + stream, places))


def play(name: str, option: int, parts: list[bytes]) -> tuple[object, ...]:
    """Return what comes of a stream, which must be consistent."""
    try:
        outcome = HOSTS[name].take(b"", parts=parts)
    except PeerError as error:
        return (str(error),)
    message = outcome.session.message
    if not outcome.session.finished:
        return ("more is wanted", message.status, message.faults)
    lethal = message.status | message.faults
    returned = message.take_faults()
    if returned:
        assert option & BOUNCE
        assert returned == lethal
        assert not returned & ~RETURNED
        check_returnable(outcome)
    elif not message.status and not message.discard:
        check_file(outcome)
    stored = b"" if lethal else outcome.written
    return (outcome.session.verdict(), returned, stored, message.hold, message.discard)


def check_file(outcome: Outcome) -> None:
    """See that the numbers of a file lead through it, and that text is where text belongs."""
    records = outcome.records()
    assert (records[0][0], records[-1]) == ("C", ("E", b""))
    size, offset, count, _hints, length, _ = outcome.size()
    assert outcome.file[offset - 2 : offset] == CONTENT
    assert outcome.file[offset + size :].startswith(EXTRACTED)
    assert count == sum(kind == "R" for kind, _ in records) > 0
    assert length == size
    assert not any(b"\n" in line for _, line in outcome.content())
    assert {kind for kind, _ in outcome.content()} <= {"N", "L"}
    assert {kind for kind, _ in outcome.envelope()} <= set("TFSWVLIAOR>cinoK<")


def check_returnable(outcome: Outcome) -> None:
    """See that what is there of the file names the recipients: whole records, from the front."""
    reader = Reader(outcome.written)
    kinds = []
    while (found := reader.next_record()) is not None:
        kinds.append(chr(found[0]))
    assert reader.buffered() == 0
    assert kinds.count("R") == outcome.session.message.recipient_count > 0


def test_these_hosts_do_what_they_are_for() -> None:
    """Else nothing would be said about them."""
    content = b"X-T: 17\nSubject: a\nX-T: 11\nTo: bob\n\nX-T: 2\n"
    outcome = HOSTS["all"].take(message(content, TIME + SENDER + rec(b"R", b"r@x.test") + CONTENT))
    assert ("R", b"a@y.test") in outcome.records()
    assert ("R", b"c@d") in outcome.records()
    assert ("N", b"To: Robert@new.test") in outcome.records()
    assert any("warning: body X-T: 2" in line for line in outcome.journal.lines())
    refused = HOSTS["looking"].take(message(b"X-T: 0\n"), flags=115)
    assert refused.session.message.faults
    assert parse(refused.written)[-1] == ("E", b"")
    assert HOSTS["small"].take(message(b"\n" + b"x\n" * 400)).status
    assert HOSTS["failing"].take(message()).status
    assert HOSTS["strict"].take(message(b"Subject: \xff\n\n")).status
    assert HOSTS["stripping"].take(message(b"\n\7\n")).status
