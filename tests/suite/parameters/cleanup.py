"""cleanup - scenarios of the parameters that cleanup reads

SEE ALSO
    cleanup(8)
"""

import os
import re
import select

from tests.suite.parameters.plays import (
    MAIL,
    cleanup_closes,
    leaves,
    mail,
    recipients,
    reply,
    served_by_as_many,
    size_field,
    stored,
    verdict,
    waits,
)
from tests.suite.parameters.scenario import Play, Scenario, Trial
from tests.suite.queue_file import Record, read_records

BARE = b"bob"
MANY = b"To: " + b", ".join(b"u%d@to.test" % number for number in range(20)) + b"\n\n"
CROWD = [b"u%d@to.test" % number for number in range(1001)]
UTF8 = "é".encode()
# Addresses in a header from afar, and what becomes of them.
REMOTE_ADDRESSES = {
    b"alice": ["To: alice@far.test"],
    b"alice, bob@to.test": ["To: alice@far.test, bob@to.test"],
    b"alice@host": ["To: alice@host"],
    b"site!user": ["To: user@site"],
}
NO_FLAGS = b"\0".join((b"flags", b"0", b"", b""))


def remote_headers(pattern: str, header: bytes = b"Subject: afar") -> Play:
    """What the pattern's group finds in the header of a message that is said to come from afar."""

    message = [
        *(b"T1 0", b"Ss@from.test", b"Arewrite_context=remote", b"Rr@to.test", b"M"),
        *(b"NReceived: by x", b"N" + header, b"X", b"E"),
    ]
    records = b"".join(bytes((one[0], len(one) - 1)) + one[1:] for one in message)

    def play(trial: Trial) -> list[str]:
        peer, queue_id = trial.cleanup()
        with peer:
            peer.sendall(NO_FLAGS + records)
            assert peer.recv(4096).startswith(b"status\x000\0")
        stored = read_records(trial.instance.queue_files()[queue_id])
        texts = [one.value for one in stored if one.kind == "N"]
        return [found[1] for found in (re.match(pattern, text) for text in texts) if found]

    return play


def warn_delay() -> Play:
    """After how many seconds the sender is to be warned, if at all."""

    def play(trial: Trial) -> list[int]:
        records = trial.records(MAIL)
        arrival = int(value(records, "T").split()[0])
        return [int(one.value) - arrival for one in records if one.kind == "W"]

    return play


def wakes() -> Play:
    """What comes through a FIFO in place of another queue manager."""

    def play(trial: Trial) -> bytes:
        path = trial.instance.spool / f"public/qmgr{trial.number}"
        os.mkfifo(path)
        path.chmod(0o622)
        fifo = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        try:
            trial.records(MAIL)
            ready = select.select([fifo], [], [], trial.patience)[0]
            return os.read(fifo, 100) if ready else b""
        finally:
            os.close(fifo)

    return play


def count(*raw: bytes) -> Play:
    """How many recipients are in the queue file."""

    def play(trial: Trial) -> int:
        return sum(one.kind == "R" for one in trial.records(mail(b"\n", *raw)))

    return play


def value(records: list[Record], kind: str) -> str:
    """Return the value of the first record of a kind."""
    return next(one.value for one in records if one.kind == kind)


def id_length() -> Play:
    """Whether the queue id is a long one."""
    return lambda trial: len(trial.exchange(MAIL).queue_id) > 14


def check(pattern: str, action: str = "REJECT") -> str:
    """Return a table with one rule."""
    return f"regexp:{{{{/{pattern}/ {action}}}}}"


def parted(kind: bytes, part: bytes) -> bytes:
    """Return a message of a type with one part, which may bring headers."""
    return mail(b"Content-Type: " + kind + b"\n\n--bound\n" + part)


MIXED = b"multipart/mixed; boundary=bound"
PART = parted(MIXED, b"X-Part: 1\n\nbody\n")
ATTACHED = parted(MIXED, b"Content-Type: message/rfc822\n\nX-Nested: 1\n\nbody\n")
DEEP = parted(MIXED, b"Content-Type: multipart/mixed; boundary=a\n\n--a\n" * 3)

CHECKS = (
    Scenario("header_checks", check("^Subject: one"), verdict(), "K", "D"),
    Scenario("mime_header_checks", check("^X-Part"), verdict(PART), "K", "D"),
    Scenario("nested_header_checks", check("^X-Nested"), verdict(ATTACHED), "K", "D"),
    Scenario("body_checks", check("^body"), verdict(), "K", "D"),
    Scenario(
        "body_checks_size_limit",
        "5",
        verdict(mail(b"\nfirst\nsecond\n")),
        "D",
        "K",
        beside={"body_checks": check("second")},
    ),
    Scenario("message_reject_characters", r"\7o", verdict(), "K", "D"),
    Scenario("message_strip_characters", "y", stored(MAIL, "N", "^(bod.?)$"), ["body"], ["bod"]),
    Scenario(
        "disable_mime_input_processing",
        "yes",
        verdict(PART),
        "D",
        "K",
        beside={"header_checks": check("^X-Part")},
    ),
    Scenario("strict_8bitmime", "yes", verdict(mail(b"\n\xe9\n")), "K", "D"),
    Scenario("strict_8bitmime_body", "yes", verdict(mail(b"\n\xe9\n")), "K", "D"),
    Scenario("strict_7bit_headers", "yes", verdict(mail(b"Subject: \xe9\n\n")), "K", "D"),
    Scenario(
        "strict_mime_encoding_domain",
        "yes",
        verdict(mail(b"Content-Transfer-Encoding: base64\nContent-Type: " + MIXED + b"\n\n")),
        "K",
        "D",
    ),
    Scenario(
        "mime_boundary_length_limit",
        "2",
        verdict(mail(b"Content-Type: " + MIXED + b"\n\n--body\nX-Part: 1\n")),
        "K",
        "D",
        beside={"mime_header_checks": check("^X-Part")},
    ),
    Scenario(
        "mime_nesting_limit",
        "1",
        verdict(DEEP),
        "K",
        "D",
        beside={"header_checks": check("nothing")},
    ),
)

SCENARIOS: tuple[Scenario, ...] = (
    *CHECKS,
    Scenario("enable_long_queue_ids", "yes", id_length(), False, True),
    Scenario("hopcount_limit", "3", verdict(mail(b"Received: by x\n" * 2 + b"\n")), "K", "D"),
    Scenario(
        "smtputf8_enable",
        "no",
        size_field(5, mail(b"Subject: " + UTF8 + b"\n\n", sender=UTF8 + b"@from.test")),
        "6",
        "0",
    ),
    Scenario(
        "myorigin", "origin.test", recipients(BARE), ["bob@mx.example.test"], ["bob@origin.test"]
    ),
    Scenario("append_at_myorigin", "no", recipients(BARE), ["bob@mx.example.test"], ["bob"]),
    Scenario(
        "append_dot_mydomain", "yes", recipients(b"r@host"), ["r@host"], ["r@host.example.test"]
    ),
    Scenario(
        "mydomain",
        "other.test",
        recipients(b"r@host"),
        ["r@host.example.test"],
        ["r@host.other.test"],
        beside={"append_dot_mydomain": "yes"},
    ),
    Scenario(
        "swap_bangpath",
        "no",
        recipients(b"host.test!r"),
        ["r@host.test"],
        ["host.test!r@mx.example.test"],
    ),
    Scenario(
        "allow_percent_hack",
        "no",
        recipients(b"r%host.test"),
        ["r@host.test"],
        ["r%host.test@mx.example.test"],
    ),
    Scenario(
        "empty_address_recipient",
        "nobody",
        recipients(b""),
        ["MAILER-DAEMON@mx.example.test"],
        ["nobody@mx.example.test"],
    ),
    Scenario(
        "enable_original_recipient",
        "no",
        recipients(BARE, b"bob@mx.example.test"),
        ["bob@mx.example.test"] * 2,
        ["bob@mx.example.test"],
    ),
    Scenario(
        "duplicate_filter_limit",
        "1",
        recipients(b"a@to.test", b"b@to.test", b"b@to.test"),
        ["a@to.test", "b@to.test"],
        ["a@to.test", "b@to.test", "b@to.test"],
    ),
    Scenario(
        "duplicate_filter_limit",
        "0",
        count(*CROWD, CROWD[0], CROWD[-1]),
        1002,
        1001,
    ),
    Scenario("queue_file_attribute_count_limit", "5", verdict(), "K", "Z"),
    Scenario(
        "header_size_limit",
        "100",
        stored(mail(b"X-Long: " + b"y" * 200 + b"\n\n"), "N", "^X-Long: (y*)$"),
        ["y" * 200],
        ["y" * 92],
    ),
    Scenario(
        "header_address_token_limit",
        "10",
        stored(mail(MANY.replace(b"u1@to.test", b"bob")), "N", "(u19)"),
        ["u19"],
        [],
    ),
    Scenario(
        "message_drop_headers",
        "x-secret",
        stored(mail(b"Bcc: one\nX-Secret: two\n\n"), "N", "^(Bcc|X-Secret):"),
        ["X-Secret"],
        ["Bcc"],
    ),
    Scenario(
        "undisclosed_recipients_header",
        "To: undisclosed-recipients:;",
        stored(MAIL, "N", "^(To:.*)"),
        [],
        ["To: undisclosed-recipients:;"],
    ),
    Scenario(
        "always_add_missing_headers",
        "yes",
        remote_headers("(Message-Id|Date|From):"),
        [],
        ["Message-Id", "Date", "From"],
    ),
    *(
        Scenario(
            "remote_header_rewrite_domain",
            "far.test",
            remote_headers("(To:.*|[ \t].*)", b"To: " + written),
            ["To: " + written.decode()],
            changed,
        )
        for written, changed in REMOTE_ADDRESSES.items()
    ),
    Scenario(
        "cleanup_replace_stray_cr_lf",
        "no",
        stored(mail(b"Subject: a\rb\n\nc\rd\n"), "N", "^(Subject:.*|c.*)"),
        ["Subject: a b", "c d"],
        ["Subject: a\rb", "c\rd"],
    ),
    Scenario(
        "detect_8bit_encoding_header",
        "no",
        stored(mail(b"Content-Transfer-Encoding: 8bit\n\n"), "A", "^encoding=(.*)"),
        ["8bit"],
        [],
    ),
    Scenario("delay_warning_time", "4", warn_delay(), [], [4 * 3600]),
    Scenario("in_flow_delay", "3s", waits(MAIL, 1, 3), 1, 2),
    Scenario("queue_service_name", "qmgr<N>", wakes(), b"", b"W"),
    Scenario("daemon_timeout", "3s", cleanup_closes(), False, True, reader="cleanup"),
    Scenario("ipc_timeout", "1s", cleanup_closes(), False, True, reader="cleanup"),
    Scenario("max_idle", "1s", leaves("message-id="), False, True, reader="cleanup"),
    Scenario("max_use", "1", served_by_as_many("message-id="), False, True, reader="cleanup"),
    Scenario(
        "line_length_limit",
        "512",
        stored(mail(b"\n" + b"x" * 600 + b"\n"), "L", "(x+)"),
        [],
        ["x" * 512],
        reader="cleanup",
    ),
    Scenario(
        "message_size_limit",
        "1000",
        reply(mail(b"\n" + b"body\n" * 150), "message too large"),
        False,
        True,
        reader="cleanup",
    ),
    Scenario(
        "verp_delimiter_filter",
        "-=",
        stored(mail(b"\n", sender=b"list+@host.test-@[]"), "V", "(.*)"),
        ["+="],
        [],
        beside={"default_verp_delimiters": "-="},  # which must be among them
        reader="cleanup",
    ),
)
