"""Printing queue files: as postcat does, byte for byte, damaged ones too."""

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from commands import cat
from common.record import RecordType, encode
from tests.commands.queue_instance import QueueInstance, queue_instance
from tests.common.queue_files import put, queue_file, recipient, size_record, text
from tests.suite import peers

Capture = pytest.CaptureFixture[bytes]

PRINTED = """\
*** ENVELOPE RECORDS {name} ***
message_size:              20             236               1               0              20\
               0
message_arrival_time: Fri Nov 20 12:21:41 2026
create_time: Fri Nov 20 12:21:41 2026
sender: s@from.test
named_attribute: log_client_name=localhost
named_attribute: dsn_orig_rcpt=rfc822;r@to.test
original_recipient: r@to.test
recipient: r@to.test
*** MESSAGE CONTENTS {name} ***
Subject: x

body
*** HEADER EXTRACTED {name} ***
*** MESSAGE FILE END {name} ***
"""
VERBOSE_END = """\
      234  77 *** MESSAGE CONTENTS {name} ***
      236  78 regular_text: Subject: x
      248  78 regular_text: 
      250  78 regular_text: body
      256  88 *** HEADER EXTRACTED {name} ***
      258  69 *** MESSAGE FILE END {name} ***
"""  # noqa: W291


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the clock show UTC."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def printed(capture: Capture, config_dir: Path, *arguments: str) -> tuple[int, bytes, str]:
    """Run the command; return exit status, output, complaints."""
    capture.readouterr()
    status = cat.main(config_dir, 0, list(arguments))
    output, complaints = capture.readouterr()
    return status, output, complaints.decode()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), PRINTED),
        (("-beh",), PRINTED),
        (("-h",), "Subject: x\n"),
        (("-b",), "\nbody\n"),
        (("-bh",), "Subject: x\n\nbody\n"),
        (("-vod", "-s", "234"), VERBOSE_END),
    ],
)
def test_the_parts_asked_for_are_printed(
    options: tuple[str, ...], expected: str, tmp_path: Path, capfdbinary: Capture
) -> None:
    path = put(tmp_path / "file", queue_file())
    status, output, complaints = printed(capfdbinary, tmp_path, *options, str(path))
    assert (status, output.decode(), complaints) == (0, expected.format(name=path), "")


def test_standard_input_is_printed_if_no_file_is_named(
    tmp_path: Path, capfdbinary: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with put(tmp_path / "file", queue_file()).open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert printed(capfdbinary, tmp_path)[1].decode() == PRINTED.format(name="stdin")


def test_a_queue_file_is_found_by_its_id(capfdbinary: Capture) -> None:
    with queue_instance() as instance:
        instance.put("deferred/C/C3A92216044", queue_file())
        status, output, _ = printed(capfdbinary, instance.config_dir, "-q", "C3A92216044")
    assert (status, output.decode()) == (0, PRINTED.format(name="deferred/C/C3A92216044"))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-q", "../etc/passwd"], "bad mail queue ID: ../etc/passwd"),
        (["-q", "NOSUCH"], "open queue file NOSUCH: No such file or directory"),
        (["/nonexistent"], "open /nonexistent: No such file or directory"),
        (["-s", "x"], "bad offset: x"),
        (["-x"], "option -x not recognized"),
    ],
)
def test_what_cannot_be_printed_is_told(
    arguments: list[str], complaint: str, capfdbinary: Capture
) -> None:
    with queue_instance() as instance:
        status, output, complaints = printed(capfdbinary, instance.config_dir, *arguments)
    assert (status, output) == (1, b"")
    assert complaints.startswith(f"postroom cat: fatal: {complaint}")


def test_a_damaged_file_is_printed_up_to_where_it_breaks(
    tmp_path: Path, capfdbinary: Capture
) -> None:
    path = put(tmp_path / "file", queue_file()[:100])
    status, output, complaints = printed(capfdbinary, tmp_path, str(path))
    assert (status, output.count(b"\n")) == (1, 2)
    why = f"{path}: unexpected EOF in data, record type 84 length 17"
    assert complaints == f"postroom cat: fatal: {why}\n"


def test_other_files_are_not_taken_for_queue_files(tmp_path: Path, capfdbinary: Capture) -> None:
    path = put(tmp_path / "file", b"#!/bin/sh\n")
    status, output, complaints = printed(capfdbinary, tmp_path, str(path))
    assert (status, output) == (0, b"")
    assert complaints == f"postroom cat: warning: {path}: input is not a valid queue file\n"


def test_a_size_record_that_leads_backwards_is_no_endless_loop(
    tmp_path: Path, capfdbinary: Capture
) -> None:
    content = encode(RecordType.CONTENT)
    data = size_record(1, 96, 1) + content + text([b"a: b"]) + content + encode(RecordType.END)
    status, output, _ = printed(capfdbinary, tmp_path, "-e", str(put(tmp_path / "file", data)))
    assert status == 0
    assert output.count(b"MESSAGE CONTENTS") == 2


def test_complaints_cannot_command_the_terminal(tmp_path: Path, capfdbinary: Capture) -> None:
    data = queue_file(extracted=encode(RecordType.ATTRIBUTE, b"\x1b[2J"))
    _, _, complaints = printed(capfdbinary, tmp_path, str(put(tmp_path / "file", data)))
    assert complaints.endswith("malformed attribute: missing '=' after attribute name: ?[2J\n")


def test_a_reader_that_leaves_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "file", queue_file())
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr("sys.stdout", closed)
        assert cat.main(tmp_path, 0, [str(path)]) == 1


def with_pointers() -> bytes:
    """Return a file as a Milter leaves it: place holders, padding, a header behind the end."""
    held = encode(RecordType.POINTER, b"%15d" % 0)
    lines = text([b"Subject: x"]) + encode(RecordType.PADDING, b" 0") + held + text([b"", b"body"])
    data = queue_file(content=lines, extracted=held)
    back = data.index(held) + len(held)
    data = data.replace(held, encode(RecordType.POINTER, b"%15d" % len(data)), 1)
    return data + text([b"X-Late: y"]) + encode(RecordType.POINTER, b"%15d" % back)


ALL_TYPES = b"".join(bytes([kind]) + b"\x03a=b" for kind in range(256) if chr(kind) not in "CEMXp")
FILES = {
    "plain": queue_file(),
    "null-sender": queue_file(b"", [b"a@b", b'"c d"@e\xff']),
    "long-lines": queue_file(
        content=encode(RecordType.CONTINUED, b"x" * 2048) * 2 + text([b"y" * 904])
    ),
    "long-header": queue_file(
        content=encode(RecordType.CONTINUED, b"Subject: " + b"x" * 2039) + text([b"y", b"", b"z"])
    ),
    "8-bit": queue_file(content=text([b"Subject: \xe9", b"\0nul\0", b"\xff\r"])),
    "folded": queue_file(content=text([b"A: b", b"\tc", b" d", b"E : f", b"no header"])),
    "empty-body": queue_file(content=text([b"A: b"])),
    "begins-with-blank": queue_file(content=text([b" x", b"A: b"])),
    "extracted": queue_file(
        extracted=encode(RecordType.ATTRIBUTE, b"encoding=8bit") + recipient(b"x@y")
    ),
    "maildrop": queue_file()[97:],
    "all-types": encode(RecordType.TIME, b"1795177301") + ALL_TYPES,
    "pointers": with_pointers(),
    "bad-pointer": queue_file(extracted=encode(RecordType.POINTER, b"x")),
    "bad-attributes": queue_file(extracted=b"A\x04a bcA\x02=xA\x00A\x07 a = b "),
    "bad-size": queue_file().replace(b"C\x5f    ", b"C\x5fx   "),
    "two-sizes": queue_file(extracted=size_record(20, 235, 1)),
    "no-end": queue_file()[:-2],
    "cut-in-body": queue_file()[:252],
    "cut-in-length": queue_file()[:99] + b"T",
    "out-of-order": encode(RecordType.TIME, b"1") + b"X\0E\0M\0M\0",
    "garbage": b"garbage",
}
OPTIONS = (
    *("", "-b", "-e", "-h", "-bh", "-eh", "-eb", "-o", "-d", "-v", "-r"),
    *("-vr", "-vod", "-ovrd", "-ho", "-bv", "-s 97", "-vs 97"),
)


@pytest.fixture(scope="module")
def instance() -> Iterator[QueueInstance]:
    """An instance with all the files in its incoming queue."""
    with queue_instance() as made:
        for name, data in FILES.items():
            made.put(f"incoming/{name}", data)
        yield made


Run = subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="module")
def theirs(instance: QueueInstance) -> dict[tuple[str, str], Run]:
    """What Debian's postcat prints of each file with each set of options.

    All at once, since it sleeps for a second before it ends in failure.
    """
    peers.program("postcat")
    cases = [(options, name) for options in OPTIONS for name in FILES]

    def run(case: tuple[str, str]) -> Run:
        options, name = case
        path = str(instance.spool / "incoming" / name)
        return instance.debians("postcat", *options.split(), path)

    with ThreadPoolExecutor(max_workers=50) as pool:
        return dict(zip(cases, pool.map(run, cases), strict=True))


@pytest.mark.parametrize("options", OPTIONS)
def test_debians_postcat_prints_the_same(
    options: str,
    instance: QueueInstance,
    theirs: dict[tuple[str, str], Run],
    capfdbinary: Capture,
) -> None:
    for name in FILES:
        arguments = [*options.split(), str(instance.spool / "incoming" / name)]
        status, output, _ = printed(capfdbinary, instance.config_dir, *arguments)
        expected = theirs[options, name]
        assert (name, status, output) == (name, expected.returncode, expected.stdout)
