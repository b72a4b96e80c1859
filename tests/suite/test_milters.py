"""Milters see the same mail, and have the same effect on it, as with Postfix's cleanup.

DESCRIPTION
    One test for each script of milter_plays: a scripted Milter does the same
    to Debian's Postfix and to us. Where we knowingly differ, the test beside
    it says how (docs/differences.md).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pytest

from tests.suite import qmqp
from tests.suite.instance import Instance, Postroom
from tests.suite.milter import CLOSE, Script, Scripted, packet, texts
from tests.suite.milter_plays import (
    CHOOSES_MACROS,
    MAIL,
    SCRIPTS,
    SETTINGS,
    Stand,
    at_end,
    header,
    named,
)
from tests.suite.queue_file import read_records
from tests.suite.reference import Postfix
from tests.suite.submission import Record

Build = Callable[..., Stand]
KINDS = (Postroom, Postfix)


@pytest.fixture(scope="module")
def build() -> Iterator[Build]:
    """Return a function that makes stands; they last as long as the module's tests."""
    with ExitStack() as stack:
        stands: dict[str, Stand] = {}

        def made(kind: type[Instance], **settings: str) -> Stand:
            key = f"{kind} {settings}"
            if key not in stands:
                milter = stack.enter_context(Scripted())
                main_cf = {**SETTINGS, "non_smtpd_milters": milter.service, **settings}
                stands[key] = Stand(stack.enter_context(kind(main_cf)).start(), milter)
            return stands[key]

        yield made


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_milter_has_the_effect_that_it_has_with_postfix(script: Script, build: Build) -> None:
    assert build(Postroom).play(script) == build(Postfix).play(script)


def test_a_message_that_comes_as_records_meets_the_same_milter(build: Build) -> None:
    for name in ("plain", "add headers", "replace the body", "change the sender", "R reject"):
        script = SCRIPTS[name]
        assert build(Postroom, native_submission="no").play(script) == build(Postroom).play(script)


def test_a_milter_gets_the_macros_that_it_asks_for(build: Build) -> None:
    once = {"max_use": "1"}
    assert build(Postroom, **once).play(CHOOSES_MACROS) == build(Postfix, **once).play(
        CHOOSES_MACROS
    )


# What Postfix's own programs hand to cleanup, with the flags that they set, but for BOUNCE.
TRACE = [(b"N", b"Received: by mx.example.test (Postfix, from userid 7)"), (b"N", b"\tid X; now")]
BODY = [*TRACE, (b"N", b"Subject: x"), (b"N", b""), (b"N", b"body"), (b"X", b""), (b"E", b"")]
TIME = (b"T", b"1795178498 361223")
LOCAL = [
    *(TIME, (b"A", b"rewrite_context=local"), (b"S", b"user")),
    *((b"R", b"r@to.test"), (b"A", b"notify_flags=2"), (b"R", b"r@to.test"), (b"M", b"")),
]
NOTICE = [
    *(TIME, (b"A", b"log_message_origin=local"), (b"A", b"trace_flags=0"), (b"S", b"")),
    *((b"R", b"r@to.test"), (b"M", b"")),
]
LATE = [*BODY[:-1], (b"R", b"late@to.test"), (b"E", b"")]
MADE: Mapping[str, tuple[int, list[Record]]] = {
    "pickup": (626, LOCAL + BODY),
    "pickup, recipients behind the content": (626, LOCAL + LATE),
    "pickup without Milters": (626 - 64, LOCAL + BODY),
    "bounce": (32, NOTICE + BODY),
    "bounce, filtered": (32 + 64 + 2, NOTICE + BODY),
    "verify": (544, NOTICE + BODY),
    "a client that asks for replies in SMTP": (114 + 128, LOCAL + BODY),
}
PLAYED: Mapping[str, Script] = {
    "changes": at_end(packet("h", texts(b"X-New", b"v1")), packet("+", texts(b"<n@to.test>"))),
    "rejects": {"E": packet("y", texts(b"554 5.7.9 no such luck"))},
    "rejects a recipient": {"R": packet("r")},
    "discards": {"N": packet("d")},
}


@pytest.mark.parametrize("played", PLAYED.values(), ids=PLAYED)
@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_mail_of_other_programs_meets_the_same_milters(
    made: tuple[int, list[Record]], played: Script, build: Build
) -> None:
    settings = {"milter_header_checks": "regexp:{{/^X-New/ WARN seen}}"}
    ours, postfixs = (build(kind, **settings).hand_over(played, *made) for kind in KINDS)
    assert ours == postfixs


MAILS = {
    "no body": b"Subject: x\n\n",
    "no end of header": b"Subject: x\n",
    "no header": b"no header\n",
    "long lines": b"Subject:   x  \nX-Tab:\ty\nX-E:\n\n" + b"x" * 150_000 + b"\ny",
    "long headers": b"X-L: " + b"y" * 70_000 + b"\nX-F: a" + b"\n bbbbbbbbb" * 9000 + b"\n\n",
    "8bit": b"Subject: x\nContent-Transfer-Encoding: 8bit\n\n\xe9\n\n.\n..\nlast\r\n",
}


@pytest.mark.parametrize("mail", MAILS.values(), ids=MAILS)
def test_a_milter_is_shown_what_postfix_shows(mail: bytes, build: Build) -> None:
    script = at_end(header("m", 1, b"Subject", b"y"))
    assert build(Postroom).play(script, mail) == build(Postfix).play(script, mail)


@pytest.mark.parametrize("mail", MAILS.values(), ids=MAILS)
def test_a_body_is_replaced_whatever_the_message_was(mail: bytes, build: Build) -> None:
    script = at_end(packet("b", b"new\r\n"))
    assert build(Postroom).play(script, mail) == build(Postfix).play(script, mail)


MADE_SHORT = {
    "undisclosed_recipients_header": "To: u:;",
    "header_checks": "regexp:{{/^X-P/ PREPEND X-N: 1}, {/^X-R/ REPLACE X-S: 2}}",
}
LACKING = {
    "nothing but a body": b"\nx\n",
    "a subject": b"Subject: x\n\nb\n",
    "a sender that is short, headers that checks make": b"From: a@b.c\nX-P: 1\n\t2\nX-R: x\n\n",
    "all": MAIL,
}


@pytest.mark.parametrize("mail", [MAIL, *MAILS.values()], ids=["plain", *MAILS])
def test_a_message_that_is_not_changed_has_the_same_records(mail: bytes, build: Build) -> None:
    check_records(build, {}, mail)


@pytest.mark.parametrize("mail", LACKING.values(), ids=LACKING)
@pytest.mark.parametrize("more", [{}, {"non_smtpd_milters": ""}], ids=["milter", "none"])
def test_headers_that_cleanup_makes_are_the_same_records(
    mail: bytes, more: dict[str, str], build: Build
) -> None:
    check_records(build, {**MADE_SHORT, **more}, mail, b"a@b.c")


def check_records(build: Build, settings: Mapping[str, str], *message: bytes) -> None:
    """Compare our queue file of a message that no Milter changes with Postfix's."""
    found = []
    for kind in (Postroom, Postfix):
        stand = build(kind, **settings)
        stand.milter.script = {}
        queue_id = qmqp.submit(stand.instance.port, *message).queue_id
        path = stand.instance.queue_files()[queue_id]
        records = read_records(path)
        path.unlink()
        size, start = (int(number) for number in records[0].value.split()[:2])
        places = {one.kind: one.offset for one in records}
        assert (places["M"] + 2, places["X"]) == (start, start + size)
        changing = {queue_id}
        found.append([(one.kind, named(one.value, changing)) for one in records[2:]])
    assert found[0] == found[1]


@pytest.mark.parametrize("action", ["accept", "reject", "tempfail", "quarantine"])
def test_a_milter_that_fails_has_the_default_action(action: str, build: Build) -> None:
    settings = {"milter_default_action": action}
    for event in "OCMRLE":
        script: Script = {event: CLOSE}
        assert build(Postroom, **settings).play(script) == build(Postfix, **settings).play(script)


CHANGED = {
    "header": packet("h", texts(b"X-New", b"v1")),
    "inserted": header("i", 0, b"X-New", b"v1"),
    "subject": header("m", 1, b"Subject", b"new"),
    "recipient": packet("+", texts(b"new@to.test")),
    "fewer": packet("-", texts(b"r@to.test")),
    "sender": packet("e", texts(b"new@from.test")),
    "body": packet("b", b"new body\r\n"),
    "quarantine": packet("q", texts(b"because")),
}
FAULTS: Mapping[str, bytes] = {
    "nonsense": packet("z"),
    "silence": b"",
    "half a packet": b"\0\0\0\x09h",
    "length 0": b"\0\0\0\0",
    "a length beyond reason": b"\x7f\0\0\x09h",
    "a change that is cut": packet("h", b"no value"),
    "a change with too much": packet("h", texts(b"X-N", b"v", b"more")),
    "no number": packet("m", b"\0\0\1"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_after_a_fault_nothing_of_the_message_stays(fault: bytes, build: Build) -> None:
    stand = build(Postroom, milter_content_timeout="1s")
    stand.milter.script = {"E": b"".join(CHANGED.values()) + fault}
    answer = qmqp.submit(stand.instance.port, MAIL, b"s@from.test", b"r@to.test", b"bare")
    assert answer.payload == b"ZError: 4.7.1 Service unavailable - try again later"
    assert stand.instance.files() == []


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_a_milter_did_before_it_failed_is_undone_where_mail_goes_on_without_it(
    fault: bytes, build: Build
) -> None:
    stand = build(Postroom, milter_content_timeout="1s", milter_default_action="accept")
    stand.milter.script = {"E": packet("a")}
    untouched = stand.play({})
    seen = stand.play({"E": b"".join(CHANGED.values()) + fault})
    ours = [line for line in seen if "warning: " not in line]
    assert [line for line in ours if not line.startswith("told Q")] == [
        line for line in untouched if not line.startswith("told Q")
    ]


BOTH: Mapping[str, tuple[Script, Script]] = {
    "both change": (
        at_end(
            packet("h", texts(b"X-New", b"v1")),
            header("m", 1, b"Subject", b""),
            packet("b", b"new\r\n"),
            packet("+", texts(b"<n@to.test>")),
            packet("e", texts(b"<n@from.test>")),
        ),
        at_end(header("m", 1, b"X-New", b"v2"), header("i", 1, b"X-Two", b"v0")),
    ),
    "the first inserts on top": (at_end(header("i", 0, b"X-Ins", b"v0")), {}),
    "the first accepts": ({"M": packet("a")}, {}),
    "the first rejects": ({"M": packet("r")}, {}),
    "the second rejects": ({}, {"M": packet("r")}),
    "the first rejects at the end": ({"E": packet("r")}, {}),
    "the first discards at the end": ({"E": packet("d")}, {}),
    "the first quarantines": (at_end(packet("q", texts(b"x"))), {}),
    "the second quarantines": ({}, at_end(packet("q", texts(b"x")))),
    "the second closes": ({}, {"M": CLOSE}),
    "the second closes at the end": (at_end(packet("h", texts(b"X-New", b"v1"))), {"E": CLOSE}),
}


@pytest.fixture(scope="module")
def pairs() -> Iterator[list[tuple[Stand, Stand]]]:
    """Return two stands on one instance, ours and Postfix's; what fails second is passed over."""
    with ExitStack() as stack:
        found = []
        for kind in (Postroom, Postfix):
            one, two = (stack.enter_context(Scripted()) for _ in range(2))
            milters = f"{one.service}, {{ {two.service}, default_action=accept }}"
            instance = stack.enter_context(kind({**SETTINGS, "non_smtpd_milters": milters}))
            instance.start()
            found.append((Stand(instance, one), Stand(instance, two)))
        yield found


@pytest.mark.parametrize(("first", "second"), BOTH.values(), ids=BOTH)
def test_two_milters_have_the_effect_that_they_have_with_postfix(
    first: Script, second: Script, pairs: list[tuple[Stand, Stand]]
) -> None:
    seen = []
    for one, two in pairs:
        two.milter.script = dict(second)
        lines = one.play(first)
        events = "".join(event for event, _ in two.milter.told())
        headers = [data for event, data in two.milter.told() if event == "L"]
        seen.append((lines, events, headers))
    assert seen[0] == seen[1]


def test_a_message_that_a_milter_makes_too_large_is_refused(build: Build) -> None:
    stand = build(Postroom, message_size_limit="20000")
    assert stand.play(at_end(packet("b", b"x" * 30_000)))[0] == "reply b'DError: message too large'"
    assert stand.instance.files() == []
    assert stand.play(at_end(packet("b", b"x" * 10_000)))[0].startswith("reply b'KOk")
