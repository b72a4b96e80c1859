"""test_addresses - addresses become what they become in the real Postfix

DESCRIPTION
    The same messages go to Postfix's cleanup and to ours, under each of many
    settings. Verdicts, queue files and log lines must be the same, queue ids
    and times aside.

SEE ALSO
    tests.suite.address_cases
    canonical(5), virtual(5)
"""

import difflib
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from tests.suite import address_cases, peers
from tests.suite.address_cases import Settings
from tests.suite.instance import Instance, Postroom
from tests.suite.qmqp import submit
from tests.suite.queue_file import read_records
from tests.suite.reference import Postfix
from tests.suite.submission import Record, Taken, hand_over
from tests.suite.waiting import holds_within

MESSAGES = int(os.environ.get("POSTROOM_ADDRESS_MESSAGES", "30"))  # for each of the settings
PATIENCE = 5.0  # seconds for a log line
BASE = {
    "default_prefork_count": "0",
    "remote_header_rewrite_domain": "afar.test",  # of the rewrite service, too
}
SERVICE = """\
cleanup{number} unix n - n - 0 cleanup
    -o syslog_name=postfix/s{number}
{settings}
"""
DATE = re.compile(r"[A-Z][a-z]{2}, +\d+ [A-Z][a-z]{2} \d{4} [\d:]{8} [+-]\d{4} \(\w+\)")
STAMP = re.compile(r"\d{14}\.<ID>")
CLOCK = re.compile("warning: (file system clock|resetting file time stamps)")
OPENING = "error: "  # said once by each process, of which one side may have more


class Side:
    """A running instance with a cleanup for each of the settings."""

    def __init__(self, kind: type[Instance]) -> None:
        self.instance = kind(BASE)
        for name, text in address_cases.TABLES.items():
            (self.instance.top / name).write_text(text)
        with (self.instance.config_dir / "master.cf").open("a") as master_cf:
            for number, settings in enumerate(address_cases.SETTINGS, 1):
                master_cf.write(self._service(number, settings))
        self.instance.start()

    def _service(self, number: int, settings: Settings) -> str:
        lines = []
        for name, value in settings.items():
            filled = re.sub(r"<(\w+)>", self._file, value)
            lines.append(f"    -o {{ {name} = {filled} }}")
        return SERVICE.format(number=number, settings="\n".join(lines))

    def _file(self, found: re.Match[str]) -> str:
        known = found[1] in address_cases.TABLES
        return str(self.instance.top / found[1]) if known else found[0]

    def submit(self, number: int, flags: int, records: list[Record]) -> tuple[Taken, int]:
        """Return what the cleanup of that number makes of a message, and where its log begins."""
        position = self.instance.log_position()
        return hand_over(self.instance, f"cleanup{number}", flags, records), position

    def seen(self, taken: Taken) -> list[str]:
        """Return verdict and records of a message, without what differs."""
        records = [f"{kind} {self._plain(value, taken)}" for kind, value in taken.records]
        verdict = f"{taken.status} {taken.reason}"
        return [verdict, *(one for one in records if not one.startswith("A create_time="))]

    def log(self, number: int, taken: Taken, position: int) -> list[str]:
        """Return what its cleanup has logged since."""
        mark = re.compile(rf" postfix/s{number}/cleanup\[\d+\]: (.*)")
        found = (mark.search(line) for line in self.instance.log_lines(position))
        lines = [self._plain(one[1], taken) for one in found if one]
        return [line for line in lines if not (CLOCK.match(line) or line.startswith(OPENING))]

    def _plain(self, text: str, taken: Taken) -> str:
        text = text.replace(taken.queue_id, "<ID>").replace(str(self.instance.top), "<TOP>")
        return STAMP.sub("<STAMP>", DATE.sub("<DATE>", text))


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[Side, Side]]:
    peers.superuser("the real Postfix")
    made: list[Side] = []
    try:
        made += [Side(Postfix), Side(Postroom)]
        yield made[0], made[1]
    finally:
        for side in made:
            side.instance.close()


@pytest.mark.parametrize("number", range(1, len(address_cases.SETTINGS) + 1))
def test_both_do_the_same(number: int, sides: tuple[Side, Side]) -> None:
    for seed in range(MESSAGES):
        compare(number, Random(f"addresses {number} {seed}"), *sides)


def compare(number: int, random: Random, theirs: Side, ours: Side) -> None:
    """Give a message to the cleanup of that number on both sides; fail where they differ."""
    flags, records = address_cases.message(random)
    situation = f"{address_cases.SETTINGS[number - 1]}\n{flags} {records}"
    with ThreadPoolExecutor(2) as pool:
        (first, start), (second, begin) = pool.map(
            lambda side: side.submit(number, flags, records), (theirs, ours)
        )
    check(ours.seen(second), theirs.seen(first), situation)

    def logs() -> tuple[list[str], list[str]]:
        return ours.log(number, second, begin), theirs.log(number, first, start)

    def alike() -> bool:
        seen, wanted = logs()
        return seen == wanted

    if not holds_within(alike, PATIENCE):
        check(*logs(), situation)


def check(ours: list[str], theirs: list[str], situation: str) -> None:
    """Fail, with what differs, unless both are the same."""
    lines = difflib.unified_diff(theirs, ours, "Postfix", "ours", n=1, lineterm="")
    assert ours == theirs, "\n".join([situation, *lines])


@pytest.mark.parametrize("native", ["yes", "no"])
def test_a_table_that_has_changed_counts_for_the_next_message(native: str) -> None:
    with Postroom({"native_submission": native}) as instance:
        table = instance.top / "table"
        instance.configure({"virtual_alias_maps": f"texthash:{table}"})
        table.write_text("r@to.test first@x.test\n")
        instance.start()
        assert recipient(instance) == "first@x.test"
        table.write_text("r@to.test second@x.test\n")
        os.utime(table, (1, 1))  # however fast we are
        assert recipient(instance) == "second@x.test"
        assert any("has changed -- restarting" in line for line in instance.log_lines())


def recipient(instance: Postroom) -> str:
    """Submit a message for r@to.test; return the recipient in its queue file."""
    answer = submit(instance.port)
    assert answer.verdict == "K", answer
    records = read_records(instance.queue_files()[answer.queue_id])
    return next(one.value for one in records if one.kind == "R")
