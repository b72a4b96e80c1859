"""test_checks - header and body checks do what those of the real Postfix do

DESCRIPTION
    The same messages go to Postfix and to ours, under each of many settings.
    Replies, queue files and the log lines of cleanup must be the same, queue
    ids and dates aside.

SEE ALSO
    tests.suite.check_cases
    header_checks(5)
"""

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from tests.suite import check_cases
from tests.suite.check_cases import Settings
from tests.suite.instance import Instance, Postroom
from tests.suite.qmqp import Connection, packet
from tests.suite.queue_file import read_records
from tests.suite.reference import Postfix
from tests.suite.waiting import holds_within

MESSAGES = int(os.environ.get("POSTROOM_CHECK_MESSAGES", "12"))  # for each of the settings
SHOWN = 1900  # letters of a line; Postfix writes no more than 2,000 bytes
PATIENCE = 5.0  # seconds for a log line
BASE = {"max_idle": "2s", "default_prefork_count": "1"}
SERVICE = """\
127.80.0.{number}:{port} inet n - n - - qmqpd
    -o cleanup_service_name=cleanup{number} -o syslog_name=postfix/s{number}
{settings}
cleanup{number} unix n - n - 0 cleanup
    -o syslog_name=postfix/s{number}
{settings}
"""
CLEANUP = re.compile(r" postfix/s(\d+)/(?:cleanup|smtp/cleanup)\[\d+\]: (.*)")
DATE = re.compile(r"[A-Z][a-z]{2}, +\d+ [A-Z][a-z]{2} \d{4} [\d:]{8} [+-]\d{4} \(\w+\)")
CLOCK = re.compile("warning: (file system clock|resetting file time stamps)")
STAMP = re.compile(r"\d{14}\.<ID>")


class Seen(NamedTuple):
    """What came of a message."""

    reply: str
    log: list[str]
    queue: str
    records: list[tuple[str, str]]


class Side:
    """A running instance with a service for each of the settings."""

    def __init__(self, kind: type[Instance]) -> None:
        self.instance = kind(BASE)
        for name, text in check_cases.tables().items():
            (self.instance.top / name).write_text(text)
        with (self.instance.config_dir / "master.cf").open("a") as master_cf:
            for number, settings in enumerate(check_cases.SETTINGS, 1):
                master_cf.write(self._service(number, settings))
        self.instance.start()

    def _service(self, number: int, settings: Settings) -> str:
        lines = []
        for name, value in settings.items():
            filled = re.sub(r"<(\w+)>", rf"{self.instance.top}/\1", value)
            lines.append(f"    -o {{ {name} = {filled} }}")
        return SERVICE.format(number=number, port=self.instance.port, settings="\n".join(lines))

    def submit(self, number: int, message: bytes, *recipients: bytes) -> Seen:
        """Return what comes of a message under the settings of that number."""
        instance = self.instance
        position = instance.log_position()
        with Connection(instance.port, host=f"127.80.0.{number}") as connection:
            connection.send(packet(message, b"s@from.test", *recipients))
            answer = connection.answer()
        ended = re.compile(rf" postfix/s{number}/qmqpd\[\d+\]: disconnect from ")
        assert holds_within(
            lambda: any(map(ended.search, instance.log_lines(position))), PATIENCE
        ), instance.report()
        lines = instance.log_lines(position)
        ids = [found[1] for line in lines if (found := re.search(r": ([0-9A-F]{6,}): ", line))]
        name = ids[0] if ids else "none"
        marked = (found for line in lines if (found := CLEANUP.search(line)))
        log = [found[2] for found in marked if found[1] == str(number)]
        queue, records = self._stored(name)
        reply = (answer.payload or b"").decode("latin-1")
        return Seen(
            plain(reply, name, instance.top),
            [plain(line, name, instance.top)[:SHOWN] for line in log if not CLOCK.match(line)],
            queue,
            [(kind, plain(value, name, instance.top)) for kind, value in records],
        )

    def _stored(self, name: str) -> tuple[str, list[tuple[str, str]]]:
        for queue in ("incoming", "hold"):
            path = self.instance.spool / queue / name
            if path.exists():
                records = [comparable(one.kind, one.value) for one in read_records(path)]
                path.unlink()
                return queue, list(filter(None, records))
        return "", []


def comparable(kind: str, value: str) -> tuple[str, str] | None:
    """Return a record without what differs, None if it is but a time or a port."""
    if kind == "T" or value.startswith(("create_time=", "log_client_port=", "client_port=")):
        return None
    if kind == "C":
        size, _offset, *others = value.split()  # the content begins behind the port
        return kind, " ".join([size, *others])
    return kind, value


def plain(text: str, name: str, top: Path) -> str:
    """Return text without what differs."""
    text = text.replace(name, "<ID>").replace(str(top), "<TOP>")
    return STAMP.sub("<STAMP>", DATE.sub("<DATE>", text))


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[Side, Side]]:
    made: list[Side] = []
    try:
        made += [Side(Postfix), Side(Postroom)]
        yield made[0], made[1]
    finally:
        for side in made:
            side.instance.close()


@pytest.mark.parametrize("number", range(1, len(check_cases.SETTINGS) + 1))
def test_both_do_the_same(number: int, sides: tuple[Side, Side]) -> None:
    settings = check_cases.SETTINGS[number - 1]
    for seed in range(MESSAGES):
        random = Random(f"checks {number} {seed}")
        message = check_cases.message(random)
        recipients = [b"r@to.test", b"q@to.test"][: random.randint(1, 2)]
        theirs, ours = both(sides, number, message, recipients)
        assert ours == theirs, (settings, message)


def both(
    sides: tuple[Side, Side], number: int, message: bytes, recipients: list[bytes]
) -> tuple[Seen, Seen]:
    """Submit a message to both at once."""
    with ThreadPoolExecutor(2) as pool:
        theirs, ours = pool.map(lambda side: side.submit(number, message, *recipients), sides)
    return theirs, ours
