"""queue_file - a file in the queue, as the tools read it

DESCRIPTION
    The first byte chooses what is printed. The rest is a queue file, and a
    log of delays.
"""

import io
import json
import os
import stat
from contextlib import redirect_stderr

from commands import queue
from commands.cat_printing import Options, Printer
from common.queue import Place, QueueName
from common.queue_file import DamageError, RecordFile, Summary, read_summary
from common.queue_id import QueueId
from tests.fuzz.bug import Bug
from tests.fuzz.inputs import control, memory_file

TOKENS = (
    *(b"C_", b"M\0", b"X\0", b"E\0", b"p\x011", b"p\x0f              1", b"w\x01 ", b"T\x01-"),
    *(b"S\0", b"R\x01r", b"D\x01d", b"O\x01o", b"\xff\xff\xff\x7f", b"9" * 19, b"A\x03a=b"),
    *(b"recipient=", b"reason=", b"<r@b.test>: ", b"\n\n"),
)
BUG = Bug(
    *("common.queue_file", "RecordFile.jump"),
    *("if is_number else -1 if text else 0", "if text else 0"),
)

FLAGS = ("body", "decimal", "envelope", "header", "offsets", "raw", "verbose")
PLACE = Place(QueueName.DEFERRED, QueueId("C3A92216044"), "deferred/C3A92216044")
SHOWN = queue.Shown(b"MAILER-DAEMON", utf8=True)


def check(data: bytes) -> None:
    """Walk through the file, list it, print it."""
    (choice,), data = control(data, 1)
    check_order(data)
    for layout in queue.FORMATS.values():
        for line in layout(listed(data), False):
            if line.startswith(b"{"):
                json.loads(line.decode("utf-8", "surrogateescape"))
    options = Options(start=len(data) // 3 if choice & 0x80 else 0)
    for bit, name in enumerate(FLAGS):
        setattr(options, name, bool(choice >> bit & 1))
    print_file(data, options)


def check_order(data: bytes) -> None:
    """Check that the records in the order of the file are all of it, up to the damage."""
    with memory_file(data) as file:
        records = RecordFile(file)
        end = 0
        try:
            while record := records.next_raw():
                assert record.offset == end
                end = records.offset
                assert data[record.offset : end].endswith(record.payload)
                assert end <= len(data)
        except DamageError:
            return
        assert end == len(data)


def listed(data: bytes) -> list[queue.Message]:
    """Return what a listing shows of the file."""
    status = os.stat_result((stat.S_IFREG | 0o700, 1, 1, 1, 0, 0, len(data), 0, 0, 0))
    delays = list(queue.read_delays(io.BytesIO(data), SHOWN))
    try:
        with memory_file(data) as file:
            summary = read_summary(RecordFile(file), status)
    except DamageError:
        summary = Summary(0, 0, False, b"")
    except OSError as error:
        assert error.strerror
        summary = Summary(0, 0, False, b"")
    waiting = [queue.Waiting(SHOWN.external(one.address), b"") for one in summary.recipients]
    return [queue.Message(PLACE, summary, SHOWN.external(summary.sender), delays + waiting)]


def print_file(data: bytes, options: Options) -> None:
    """Print the file as these options want it."""
    with memory_file(data) as file, redirect_stderr(io.StringIO()):
        try:
            Printer(options, b"file", RecordFile(file), io.BytesIO()).print()
        except DamageError as error:
            assert str(error)
