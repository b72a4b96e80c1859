"""milter_plays - what a scripted Milter does, case by case, and what comes of it

DESCRIPTION
    SCRIPTS names each case. Stand is one instance with one scripted Milter;
    play() submits a message and returns all that can be seen: the reply, the
    log lines of cleanup, the queue file as Debian's postcat shows it, what is
    left in the queue, what the Milter was told. What differs from run to run
    has a name in its place.
"""

import re
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from tests.suite import peers, qmqp
from tests.suite.instance import COMPLETE, Instance
from tests.suite.milter import CLOSE, NUMBER, Script, Scripted, negotiation, packet, texts
from tests.suite.submission import Record, hand_over
from tests.suite.waiting import wait_for

MAIL = (
    b"Date: Mon, 02 Mar 2026 10:11:12 +0000\nMessage-Id: <m1@x.test>\nFrom: f@x.test\n"
    b"To: t@x.test\nSubject: s\nX-A: one\n two\nX-A: zwei\n\nbody line\nsecond\n"
)
SENDER = b"s@from.test"
RECIPIENTS = (b"r@to.test", b"bare")
SETTINGS = {
    "mail_name": "Postfix",
    "milter_connect_timeout": "2s",
    "milter_command_timeout": "2s",
    "milter_content_timeout": "2s",
}

PLACEHOLDERS = (
    (r"/pr-\w+/", "/<TOP>/"),
    (r"inet:127\.0\.0\.1:\d+", "<MILTER>"),
    (r"\[\d+\]:", ":"),
    (r"\d\d:\d\d:\d\d", "<CLOCK>"),
    (r"(client|server)_port=\d+", r"\1_port=<PORT>"),
    (r"(create_time|message_arrival_time).*", r"\1"),
    (r"\b\d{14}\.", "<STAMP>."),
    # Sizes and offsets: a file that was edited in place has others.
    (r"message_size: +\d+ +\d+ +(\d+) +(\d+) +\d+ +(\d+)", r"counts \1 \2 \3"),
)


def number(value: int) -> bytes:
    """Return a number as it stands in a packet."""
    return NUMBER.pack(value)


def header(letter: str, index: int, name: bytes, value: bytes) -> bytes:
    """Return a packet that inserts or changes a header."""
    return packet(letter, number(index) + texts(name, value))


def at_end(*packets: bytes) -> Script:
    """Return a script that asks for changes."""
    return {"E": b"".join(packets) + packet("c")}


def decided(letter: str) -> dict[str, Script]:
    """Return scripts that decide at an event, or fail there."""
    return {
        f"{letter} accept": {letter: packet("a")},
        f"{letter} reject": {letter: packet("r")},
        f"{letter} tempfail": {letter: packet("t")},
        f"{letter} discard": {letter: packet("d")},
        f"{letter} own reply": {letter: packet("y", texts(b"554 5.7.9 no such luck"))},
        f"{letter} own temporary reply": {letter: packet("y", texts(b"450 4.7.9 later"))},
        f"{letter} close": {letter: CLOSE},
        f"{letter} nonsense": {letter: packet("z")},
    }


NO_ANSWERS = dict.fromkeys("CHMRTLNB", b"")

SCRIPTS: Mapping[str, Script] = {
    "plain": {},
    "leading space": {"O": negotiation(steps=0x100000)},
    "version 2": {"O": negotiation(version=2, actions=0x3F)},
    "wants nothing": {"O": negotiation(steps=0x27F)},
    "answers nothing": {"O": negotiation(steps=0xFF080), **NO_ANSWERS},
    "steps not offered": {"O": negotiation(steps=0x40000000)},
    "skips headers": {"L": packet("s")},
    "skips the body": {"B": packet("s")},
    "skips in vain": {"C": packet("s"), "M": packet("s")},
    "progress": at_end(packet("p"), packet("p")),
    "add headers": at_end(
        packet("h", texts(b"X-New", b"v1")), packet("h", texts(b"X-Fold", b"a\n\tb"))
    ),
    "odd headers": at_end(
        packet("h", texts(b"X-New", b" lead")),
        packet("h", texts(b"X-New", b"")),
        packet("h", texts(b"X-Long", b"y" * 3000 + b"\n z")),
        packet("h", texts(b"X-Bare", b"a\nb")),
    ),
    "leading space added": {
        "O": negotiation(steps=0x100000),
        **at_end(packet("h", texts(b"X-New", b" one")), packet("h", texts(b"X-New", b"none"))),
    },
    "insert headers": at_end(
        header("i", 0, b"X-Ins", b"zero"),
        header("i", 1, b"X-Ins", b"one"),
        header("i", 99, b"X-Ins", b"many"),
    ),
    "insert a header between": at_end(header("i", 2, b"X-Ins", b"two")),
    "change headers": at_end(
        header("m", 1, b"x-a", b"new\n\tfold"),
        header("m", 2, b"X-A", b"second"),
        header("m", 3, b"X-A", b"third"),
    ),
    "change our trace header": at_end(header("m", 1, b"Received", b"by nobody")),
    "delete our trace header": at_end(header("m", 1, b"Received", b"")),
    "change header 0": at_end(header("m", 0, b"Subject", b"zero")),
    "delete headers": at_end(
        header("m", 1, b"X-A", b""),
        header("m", 1, b"Subject", b""),
        header("m", 5, b"Nope", b""),
    ),
    "add recipients": at_end(
        packet("+", texts(b"<new@to.test>")),
        packet("+", texts(b"bare2")),
        packet("+", texts(b'"q q"@to.test')),
        packet("2", texts(b"<par@to.test>", b"NOTIFY=never ORCPT=rfc822;o@x")),
        packet("2", texts(b"<two@to.test>")),
    ),
    "add odd recipients": at_end(
        packet("+", texts(b"")),
        packet("+", texts(b"<>")),
        packet("+", texts(b"<a@to.test>, <b@to.test>")),
        packet("2", texts(b"<p@to.test>", b"NOTIFY=SUCCESS,FAILURE BOGUS=1")),
        packet("2", texts(b"<q@to.test>", b"ORCPT=rfc822;a+2Bb@x")),
    ),
    "add a recipient again": at_end(packet("+", texts(b"<r@to.test>"))),
    "delete recipients": at_end(
        packet("-", texts(b"r@to.test")), packet("-", texts(b"absent@to.test"))
    ),
    "delete, add, delete": at_end(
        packet("-", texts(b"<r@to.test>")),
        packet("+", texts(b"<r@to.test>")),
        packet("-", texts(b"<bare>")),
    ),
    "delete in other letters": at_end(packet("-", texts(b"<R@to.test>"))),
    "change the sender": at_end(packet("e", texts(b"<new@from.test>"))),
    "change the sender, arguments": at_end(
        packet("e", texts(b"new", b"RET=HDRS ENVID=abc BODY=8BITMIME"))
    ),
    "change the sender twice": at_end(
        packet("e", texts(b"<a@one.test>", b"RET=FULL")), packet("e", texts(b"<b@two.test>"))
    ),
    "null sender": at_end(packet("e", texts(b"<>"))),
    "replace the body": at_end(
        packet("b", b"new body\r\nline 2\r\n"),
        packet("b", b"part\nwith lf\r"),
        packet("b", b"\nend no newline"),
    ),
    "replace the body, long": at_end(packet("b", b"x" * 5000 + b"\r\n" + b"y\r\n" * 300)),
    "replace the body, odd": at_end(packet("b", b"a\r\rb\r\nc\nd\0e\r")),
    "empty the body": at_end(packet("b", b"")),
    "quarantine": at_end(packet("q", texts(b"because"))),
    "quarantine, reject": {"E": packet("q", texts(b"because")) + packet("r")},
    "not negotiated": {
        "O": negotiation(actions=0),
        **at_end(packet("h", texts(b"X-New", b"v1"))),
    },
    **{name: one for letter in "CHMRTLNBE" for name, one in decided(letter).items()},
    "change too early": {"M": packet("h", texts(b"X-New", b"v1"))},
    "malformed reply": {"M": packet("y", texts(b"nonsense"))},
    "reply 421": {"M": packet("y", texts(b"421 4.7.0 bye"))},
    "reply of two lines": {"M": packet("y", texts(b"550-5.7.1 one\r\n550 5.7.1 two"))},
    "reply without code": {"M": packet("y", texts(b"550 plain text"))},
    "close at once": {"O": CLOSE},
    "short negotiation": {"O": packet("O", b"\0\0\0\6")},
    "later version": {"O": negotiation(version=7)},
    "more actions": {"O": negotiation(actions=0xFFFF)},
    "silent at connect": {"C": b""},
    "silent at the end": {"E": b""},
    "silent behind a change": {"E": packet("h", texts(b"X-New", b"v1"))},
    "length 0": {"E": b"\0\0\0\0"},
}
# Postfix's process remembers the wishes of one Milter for the next: this one is for one message.
WISHES = {0: b"j _", 2: b"{mail_addr}, i", 3: b"", 4: b"j", 5: b"i j", 6: b"{daemon_name}"}
CHOOSES_MACROS: Script = {"O": negotiation(macros=WISHES)}


@dataclass(slots=True)
class Stand:
    """An instance and its Milter."""

    instance: Instance
    milter: Scripted

    def play(
        self, script: Script, mail: bytes = MAIL, recipients: tuple[bytes, ...] = RECIPIENTS
    ) -> list[str]:
        """Return what is seen when the Milter does this."""
        instance, milter = self.instance, self.milter
        milter.script = dict(script)
        met, position = len(milter.conversations), instance.log_position()
        answer = qmqp.submit(instance.port, mail, SENDER, *recipients)
        instance.wait_for_log("disconnect from", position)
        wait_for(lambda: milter.conversations[met:] or met == 0, 10, "a Milter conversation")
        return self.outcome(f"reply {answer.payload!r}", position, milter)

    def hand_over(self, script: Script, flags: int, records: list[Record]) -> list[str]:
        """Return what is seen when a program hands records to cleanup, whoever hears of that."""
        milter = self.milter
        milter.script = dict(script)
        milter.conversations.clear()
        position = self.instance.log_position()
        taken = hand_over(self.instance, "cleanup", flags, records)
        # A line of Postfix's comes by its logger; one that was written later, behind it.
        with socket.create_connection(("127.0.0.1", self.instance.port)):
            pass
        self.instance.wait_for_log("disconnect from", position)
        reply = f"reply {taken.status} {taken.reason} {taken.records[1:]}"
        return self.outcome(reply, position, *(milter for _ in milter.conversations))

    def outcome(self, reply: str, position: int, *milters: Scripted) -> list[str]:
        """Return what is seen of a message behind its reply; its queue file is removed."""
        lines = self.instance.log_lines(position)
        left = sorted(self.instance.files())
        ids = set(re.findall(r"\b[0-9A-F]{9,12}\b", "\n".join(lines))) | {one.name for one in left}
        seen = [reply, *sorted(line.split(" ", 4)[4] for line in lines if "/cleanup[" in line)]
        for path in left:
            assert path.stat().st_mode & 0o777 == COMPLETE
            seen += [path.parent.name, *self.shown(path)]
            path.unlink()
        for milter in milters:
            seen += [f"told {event} {data!r}" for event, data in milter.told()]
        return [named(line, ids) for line in seen]

    def shown(self, path: object) -> list[str]:
        """Return what Debian's postcat shows of a queue file."""
        command = [str(peers.program("postcat")), "-c", str(self.instance.config_dir)]
        done = subprocess.run([*command, "-ebh", str(path)], capture_output=True, check=True)
        assert done.stderr == b""
        return done.stdout.decode("latin-1").split("\n")


def named(line: str, ids: set[str]) -> str:
    """Return a line with names for what differs from run to run."""
    for one in ids:
        line = line.replace(one, "<ID>")
    for pattern, name in PLACEHOLDERS:
        line = re.sub(pattern, name, line)
    return line
