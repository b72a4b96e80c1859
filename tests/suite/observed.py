"""observed - what a run left behind, in the words of the corpus

DESCRIPTION
    Puts placeholders where a value differs from run to run, but only after
    checking the value: a date or time must lie within the conversation, sizes
    and offsets must fit the file. A wrong number stays a number, and so shows
    as a difference.

SEE ALSO
    conformance/README.md, "Placeholders"
"""

import calendar
import itertools
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from pathlib import Path

from tests.suite.queue_file import Record

CLOCK_SLACK = 1.0  # seconds; stamps are whole seconds, rounded down

SHORT_ID = r"[0-9A-F]{6,20}"
LONG_ID = r"[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]+"
LOGGED_ID = re.compile(rf"\[\d+\]: (?:warning: )?({SHORT_ID}|{LONG_ID}): ")
LOG_LINE = re.compile(r"\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ (\S+)\[\d+\]: (.*)", re.DOTALL)
START_UP = re.compile(r"\S+/(?:master\[<PID>\]: daemon started|postfix-script\[)")
DATE = re.compile(
    r"[A-Z][a-z]{2}, [ \d]\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}(?: \([A-Z]+\))?"
)
STAMP = re.compile(r"\b\d{14}(?=\.<QUEUE-ID>)")


def logged_ids(lines: Iterable[str]) -> set[str]:
    """Return the queue ids that log lines begin with."""
    return {found[1] for line in lines if (found := LOGGED_ID.search(line))}


@dataclass(frozen=True, slots=True)
class Placeholders:
    """The facts of one run that placeholders stand for."""

    sent: str  # what the client sent, each byte a code point
    queue_ids: frozenset[str]
    port: int
    top: Path
    began: float
    ended: float

    def in_text(self, text: str) -> str:
        """Return text with every value that was checked replaced."""
        text = text.replace(str(self.top), "<TOP>")
        for queue_id in sorted(self.queue_ids, key=len, reverse=True):
            text = text.replace(queue_id, "<QUEUE-ID>")
        text = text.replace(f"]:{self.port}", "]:<PORT>")
        text = DATE.sub(lambda found: self._date(found[0]), text)
        return STAMP.sub(lambda found: self._stamp(found[0]), text)

    def in_log(self, lines: Iterable[str]) -> list[str]:
        """Return log lines without time and host; those of the start-up are left out."""
        seen = []
        for line in lines:
            parts = LOG_LINE.fullmatch(line)
            text = f"{parts[1]}[<PID>]: {self.in_text(parts[2])}" if parts else f"odd line: {line}"
            text = re.sub(r"(?<= pid )\d+(?= )", "<PID>", text)
            if not START_UP.match(text):
                seen.append(text)
        return seen

    def in_records(self, records: list[Record]) -> list[tuple[str, str]]:
        """Return records as pairs, the numbers of the size record verified."""
        size = self._size_record(records)
        return [
            (each.kind, size if each.kind == "C" else self._value(each, records))
            for each in records
        ]

    def _value(self, record: Record, records: list[Record]) -> str:
        match record.kind:
            case "T":
                seconds, _, micro = record.value.partition(" ")
                known = micro.isdigit() and self._recent(int(seconds))
                return "<TIME>" if known else record.value
            case "W":
                return self._later(int(record.value), records)
            case "p" if record.value.strip().isdigit():
                return "<OFFSET>"
            case "A":
                return self._attribute(record.value)
            case _:
                return self.in_text(record.value)

    def _attribute(self, text: str) -> str:
        name, _, value = text.partition("=")
        if name == "create_time" and value.isdigit() and self._recent(int(value)):
            return "create_time=<TIME>"
        if name in ("client_port", "log_client_port") and value == str(self.port):
            return f"{name}=<PORT>"
        return self.in_text(text)

    def _size_record(self, records: list[Record]) -> str:
        """Return the six numbers, the first, second and fifth as placeholders if they are true."""
        numbers = records[0].value.split()
        start = next(
            (after.offset for each, after in itertools.pairwise(records) if each.kind == "M"), -1
        )
        end = next((each.offset for each in records if each.kind == "X"), -1)
        size = str(end - start)
        wanted = {0: size, 1: str(start), 4: size}
        names = {0: "<CONTENT-SIZE>", 1: "<CONTENT-OFFSET>", 4: "<CONTENT-SIZE>"}
        return " ".join(
            names[place] if wanted.get(place) == number else number
            for place, number in enumerate(numbers)
        )

    def _later(self, when: int, records: list[Record]) -> str:
        arrival = next(each.value for each in records if each.kind == "T")
        return f"<TIME+{when - int(arrival.split()[0])}>"

    def _recent(self, seconds: float) -> bool:
        return self.began - CLOCK_SLACK <= seconds <= self.ended + CLOCK_SLACK

    def _date(self, text: str) -> str:
        parsed = parsedate_tz(text)
        fresh = parsed is not None and self._recent(mktime_tz(parsed)) and text not in self.sent
        return "<DATE>" if fresh else text

    def _stamp(self, text: str) -> str:
        when = calendar.timegm(time.strptime(text, "%Y%m%d%H%M%S"))
        return "<STAMP>" if self._recent(when) else text
