"""The listing: as postqueue's, byte for byte, and going on where a file is damaged."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import queue
from commands.queue import Shown, Waiting, as_table, parse_delay, read_delays
from common.record import RecordType, encode
from tests.commands.queue_instance import QueueInstance, queue_instance
from tests.common.queue_files import ARRIVAL, queue_file, recipient, text
from tests.suite import peers

SHOWN = Shown(null_address=b"MAILER-DAEMON", utf8=True)

DELAY = (
    b"\n<a@b.test>: test defer\nrecipient=a@b.test\noffset=470\ndsn_orig_rcpt=rfc822;a@b.test\n"
    b"status=4.4.1\naction=delayed\nreason=test defer\n\n"
)

TABLE = b"""\
-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------
A0001*           20 Fri Nov 20 12:21:41  s@from.test
                                         "c d"@to.test

B0002            20 Fri Nov 20 12:21:41  s@from.test
                                                                  (test defer)
                                         a@b.test
                                                          (reason unavailable)
                                         c@d.test

C0003!#        2001 Fri Nov 20 12:21:41  MAILER-DAEMON
                                         r@to.test

-- 1 Kbytes in 3 Requests.
"""
LONG_TABLE = b"""\
----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------
4jWF8l2TfNzJTgF!        20 Fri Nov 20 12:21:41 s@from.test
                                               r@to.test

-- 0 Kbytes in 1 Request.
"""
OBJECTS = [
    {
        "queue_name": "active", "queue_id": "A0001", "arrival_time": ARRIVAL,
        "message_size": 20, "forced_expire": False, "sender": "s@from.test",
        "recipients": [{"address": '"c d"@to.test'}],
    },
    {
        "queue_name": "deferred", "queue_id": "B0002", "arrival_time": ARRIVAL,
        "message_size": 20, "forced_expire": False, "sender": "s@from.test",
        "recipients": [
            {"address": "a@b.test", "delay_reason": "test defer"}, {"address": "c@d.test"},
        ],
    },
    {
        "queue_name": "hold", "queue_id": "C0003", "arrival_time": ARRIVAL,
        "message_size": 2001, "forced_expire": True, "sender": "MAILER-DAEMON",
        "recipients": [{"address": "r@to.test"}],
    },
]  # fmt: skip


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[QueueInstance]:
    """An instance whose clock shows UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    with queue_instance() as made:
        yield made
    monkeypatch.undo()
    time.tzset()


def fill(instance: QueueInstance) -> None:
    """Put one message of each kind into the queue."""
    long_line = encode(RecordType.TEXT, b"x" * 1998)
    instance.put("active/A0001", queue_file(recipients=[b"c d@to.test"]))
    instance.put("deferred/B/B0002", queue_file(recipients=[b"a@b.test", b"c@d.test"]))
    instance.put("defer/B/B0002", DELAY, 0o600)
    instance.put("hold/C0003", queue_file(b"", content=long_line), 0o710)
    instance.put("incoming/UNFINISHED", queue_file(), 0o600)
    instance.put("corrupt/D0004", queue_file())


def test_the_table_is_postqueues(
    instance: QueueInstance, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    fill(instance)
    capfdbinary.readouterr()
    assert queue.main(instance.config_dir, 0, ["-p"]) == 0
    assert capfdbinary.readouterr() == (TABLE, b"")


def test_long_queue_ids_have_wider_columns(
    instance: QueueInstance, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    instance.configure(enable_long_queue_ids="yes")
    instance.put("hold/4jWF8l2TfNzJTgF", queue_file())
    capfdbinary.readouterr()
    assert queue.main(instance.config_dir, 0, ["-p"]) == 0
    assert capfdbinary.readouterr().out == LONG_TABLE


def test_each_message_is_one_json_object(
    instance: QueueInstance, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    fill(instance)
    capfdbinary.readouterr()
    assert queue.main(instance.config_dir, 0, ["-j"]) == 0
    lines = capfdbinary.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == OBJECTS
    assert lines == [json.dumps(one).encode() for one in OBJECTS], "the order of keys is fixed"


@pytest.mark.parametrize(("mode", "output"), [("-p", b"Mail queue is empty\n"), ("-j", b"")])
def test_an_empty_queue(
    mode: str, output: bytes, instance: QueueInstance, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    capfdbinary.readouterr()
    assert queue.main(instance.config_dir, 0, [mode]) == 0
    assert capfdbinary.readouterr() == (output, b"")


def test_a_damaged_file_is_named_and_the_rest_is_listed(
    instance: QueueInstance, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    fill(instance)
    instance.put("incoming/CUT", queue_file()[:-2])
    instance.put("incoming/EMPTY", b"")
    instance.put("deferred/WRONG", queue_file())
    (instance.spool / "incoming/LINK").symlink_to("CUT")
    capfdbinary.readouterr()
    assert queue.main(instance.config_dir, 0, ["-p"]) == 0
    output, complaints = capfdbinary.readouterr()
    assert all(name in output for name in (b"A0001*", b"B0002 ", b"C0003!#", b"CUT "))
    assert sorted(complaints.decode().splitlines()) == [
        "postroom queue: warning: deferred/WRONG: in the wrong subdirectory,"
        " so no daemon finds it by name",
        "postroom queue: warning: incoming/CUT: missing end record",
        "postroom queue: warning: incoming/EMPTY: missing end record",
        "postroom queue: warning: open incoming/LINK: Too many levels of symbolic links",
    ]


@pytest.mark.parametrize("arguments", [[], ["-x"], ["-p", "-j"], ["-p", "extra"], ["-f"]])
def test_wrong_usage_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert queue.main(Path("/nonexistent"), 0, arguments) == queue.UNAVAILABLE
    assert "usage: postroom queue" in capsys.readouterr().err


def test_a_queue_directory_that_is_not_there_is_told(
    instance: QueueInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    instance.configure(queue_directory="/nonexistent")
    capsys.readouterr()
    assert queue.main(instance.config_dir, 0, ["-p"]) == queue.UNAVAILABLE
    assert capsys.readouterr().err == (
        "postroom queue: fatal: queue report unavailable: /nonexistent: No such file or directory\n"
    )


def test_a_broken_configuration_is_told(
    instance: QueueInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    instance.configure(hash_queue_depth="x")
    capsys.readouterr()
    assert queue.main(instance.config_dir, 0, ["-p"]) == queue.UNAVAILABLE
    assert "bad numerical configuration: hash_queue_depth = x" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"a b", b"a b"),
        (b"a\tb\x7f\x00", b"a?b??"),
        ("\xe9".encode(), "\xe9".encode()),
        (b"\xff \x80 \xc3(", b"? ? ?("),
    ],
)
def test_what_cannot_be_printed_is_a_question_mark(raw: bytes, shown: bytes) -> None:
    assert SHOWN.printable(raw) == shown


def test_without_smtputf8_only_ascii_is_printed() -> None:
    assert Shown(b"", utf8=False).printable("\xe9x".encode()) == b"??x"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"recipient=a@b", {b"recipient": b"a@b"}),
        (b"reason = a = b ", {b"reason": b"a = b"}),
        (b"recipient=", {b"recipient": b"(MAILER-DAEMON)"}),
        (b"<a@b>: why not", {b"recipient": b"a@b", b"reason": b"why not"}),
        (b"<>:   why", {b"recipient": b"(MAILER-DAEMON)", b"reason": b"why"}),
        (b"<a@b>:why", {}),
        (b"<a@b", {}),
        (b" recipient=a", {}),
        (b"recipient", {}),
        (b"?", {}),
    ],
)
def test_lines_of_a_defer_log(line: bytes, told: dict[bytes, bytes]) -> None:
    assert parse_delay(line) == told


def test_an_entry_counts_only_with_its_blank_line() -> None:
    log = (DELAY + b"\n\nreason=unsaid\n\n?\n\n" + DELAY.rstrip()).splitlines(keepends=True)
    nobody, nothing = b"(recipient address unavailable)", b"(description unavailable)"
    assert list(read_delays(log, SHOWN)) == [
        Waiting(b"a@b.test", b"test defer"),
        Waiting(nobody, b"unsaid"),
        Waiting(nobody, nothing),
    ]


def test_nothing_is_said_of_no_messages_but_that() -> None:
    assert list(as_table([], False)) == [b"Mail queue is empty\n"]


def odd_messages(instance: QueueInstance) -> None:
    """Fill the queue with what is hard to show."""
    addresses = [b"", b"a b@c", b'q"\\@x/y', b"\xc3\xa9@x", b"\xff\x01@y", b"a\rb@c\nd", b"x" * 99]
    logged = (
        DELAY
        + DELAY.replace(b"test defer", b"y" * 90)
        + DELAY.replace(b"test defer", b'"q" \\ \xc3\xa9\xff')
        + b"\nrecipient=\xc3\xa9@x\nreason=\n\n<>: x\n\nrecipient=lost@x\nreason=cut"
    )
    instance.put("hold/AA1", queue_file(b"", addresses))
    instance.put("maildrop/AA2", queue_file()[97:])
    instance.put("deferred/B/BB1", queue_file(recipients=[*addresses, b"a@b.test"], arrival=0))
    instance.put("defer/B/BB1", logged, 0o600)
    instance.put(
        "incoming/CC1", queue_file(content=text([b"x" * 3000] * 40), extracted=recipient(b"z"))
    )
    instance.put("incoming/CC2", queue_file()[:-2])
    instance.put("active/4jWF8l2TfNzJTgF", queue_file(recipients=[]), 0o710)


@pytest.mark.parametrize("mode", ["-p", "-j"])
@pytest.mark.parametrize(
    "settings", [{}, {"enable_long_queue_ids": "yes", "smtputf8_enable": "no"}]
)
def test_debians_postqueue_lists_the_same(
    mode: str,
    settings: dict[str, str],
    instance: QueueInstance,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    peers.superuser("postqueue without a running showq")
    fill(instance)
    odd_messages(instance)
    instance.configure(**settings)
    theirs = instance.debians("postqueue", mode)
    assert theirs.returncode == 0, theirs
    capfdbinary.readouterr()
    assert queue.main(instance.config_dir, 0, [mode]) == 0
    assert capfdbinary.readouterr().out == theirs.stdout


def test_a_reader_that_leaves_is_no_trouble(
    instance: QueueInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(instance)
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr("sys.stdout", closed)
        assert queue.main(instance.config_dir, 0, ["-p"]) == queue.UNAVAILABLE
