"""intake - a host on which Postfix's own clients hand mail to a cleanup, and nothing leaves

DESCRIPTION
    smtpd, pickup, bounce, local and verify are Postfix's, and so is all they
    need; there is no queue manager, so queue files stay as cleanup left them.
    Intake has our master and our cleanup, PostfixIntake Postfix's.

    Seen is what came of a message, without what differs from host to host:
    queue ids, times, ports and folders.

SEE ALSO
    spec/cleanup-protocol.md, section 6
"""

import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from tests.suite import peers
from tests.suite.instance import BASE, Instance, free_port, run
from tests.suite.queue_file import Record, read_records
from tests.suite.reference import write_configuration
from tests.suite.waiting import holds_within, wait_for

T = TypeVar("T")

PATIENCE = 20.0  # seconds for a file or a log line
SERVICES = """\
127.0.0.1:{smtp} inet n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
local     unix  - n n - - local
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
anvil     unix  - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""
# An SMTP service of its own for each of the settings, and a cleanup.
CHOICE = """\
127.80.1.{number}:{smtp} inet n - n - - smtpd
    -o cleanup_service_name=cleanup{number} -o syslog_name=postfix/s{number}
cleanup{number} unix n - n - 0 cleanup
    -o syslog_name=postfix/s{number}
{settings}
"""
SETTINGS: Mapping[str, str] = {
    "mail_name": "Postfix",
    "mydestination": "local.test",
    "relay_domains": "test",
    "smtpd_peername_lookup": "no",
    "smtpd_authorized_xforward_hosts": "127.0.0.0/8",
    "smtpd_recipient_limit": "2000",
    "smtpd_error_sleep_time": "0",
    "smtpd_soft_error_limit": "10000",
    "smtpd_hard_error_limit": "10000",
    "smtpd_client_connection_count_limit": "0",
    "default_prefork_count": "1",
    "max_idle": "5s",
}
QUEUES = ("incoming", "hold")
DATE = re.compile(r"[A-Z][a-z]{2}, +\d+ [A-Z][a-z]{2} \d{4} [\d:]{8} [+-]\d{4} \(\w+\)")
STAMP = re.compile(r"\d{14}\.<ID>")
BOUNDARY = re.compile(r"<ID>\.\d+/")
CLOCK = re.compile("warning: (file system clock|resetting file time stamps)")
TIMES = re.compile(r"(?:create_time|log_client_port|client_port)=")


class Seen(NamedTuple):
    """What came of a message."""

    queue: str  # where its file was, empty if there is none
    records: list[str]
    log: list[str]  # of cleanup


class Intake(Instance):
    """The host under our master."""

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        choices: tuple[Mapping[str, str], ...] = (),
    ) -> None:
        self.choices = choices
        self.smtp_port = free_port()
        super().__init__(settings)

    def create(self, settings: Mapping[str, str]) -> None:
        peers.superuser("Postfix's programs")
        peers.program("postfix")
        services = SERVICES.format(smtp=self.smtp_port)
        for number, choice in enumerate(self.choices, 1):
            lines = "\n".join(f"    -o {{ {name} = {value} }}" for name, value in choice.items())
            services += CHOICE.format(number=number, smtp=self.smtp_port, settings=lines)
        write_configuration(
            self.top, self.spool, self.log_path, {**BASE, **SETTINGS, **settings}, services
        )

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run([*self.within, str(peers.postroom()), "-c", str(self.config_dir), *arguments])

    def tool(self, name: str, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run one of Postfix's programs for this host to its end."""
        return run([str(peers.program(name)), "-C", str(self.config_dir), *arguments], text)

    # What came of it.

    def take(self, queue_id: str) -> tuple[str, list[Record]]:
        """Return queue and records of a message, and remove its file."""
        for queue in QUEUES:
            path = self.spool / queue / queue_id
            if path.exists():
                records = read_records(path)
                check_sizes(path, records)
                path.unlink()
                return queue, records
        return "", []

    def wait_for_files(self, count: int) -> list[str]:
        """Return the queue ids of all whole messages, when there are so many."""

        def found() -> list[str]:
            whole = [path for queue in QUEUES for path in self.queue_files(queue).values()]
            names = [path.name for path in sorted(whole, key=lambda one: one.stat().st_mtime_ns)]
            return names if len(names) >= count else []

        return list(wait_for(found, PATIENCE, f"{count} messages{self.report()}"))

    def stored(self, queue_id: str, *others: str) -> tuple[str, list[str]]:
        """Return queue and records of a message, without what differs, and remove its file.

        others: queue ids of other messages that may stand in this one.
        """
        queue, records = self.take(queue_id)
        shown = [self.plain(text, queue_id, *others) for text in map(comparable, records) if text]
        return queue, shown

    def log_of(self, queue_id: str, position: int, *others: str, service: str = "") -> list[str]:
        """Return what cleanup has logged of a message since a position."""
        mark = re.compile(rf" postfix{service}/cleanup\[\d+\]: (.*)")
        found = [line[1] for line in map(mark.search, self.log_lines(position)) if line]
        lines = [self.plain(line, queue_id, *others) for line in found if queue_id in line]
        return [line for line in lines if not CLOCK.match(line)]

    def plain(self, text: str, *ids: str) -> str:
        """Return text without what differs."""
        for name in ids:
            text = text.replace(name, "<ID>")
        text = text.replace(str(self.top), "<TOP>").replace(str(self.smtp_port), "<PORT>")
        return BOUNDARY.sub("<ID>.<TIME>/", STAMP.sub("<STAMP>", DATE.sub("<DATE>", text)))


class PostfixIntake(Intake):
    """The host under Postfix's master."""

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = str(peers.program("postfix"))
        return run([*self.within, program, "-c", str(self.config_dir), *arguments])


def comparable(record: Record) -> str:
    """Return a record without what differs, nothing if it is but a time or a port."""
    if record.kind == "T" or TIMES.match(record.value):
        return ""
    if record.kind == "C":  # what its lengths say, check_sizes() has seen to
        _size, _offset, recipients, hints, _length, utf8 = record.value.split()
        return f"C {recipients} {hints} {utf8}"
    return f"{record.kind} {record.value}"


def check_sizes(path: Path, records: list[Record]) -> None:
    """See that the size record leads through the file, and counts its recipients."""
    size, offset, recipients, _hints, length, _utf8 = map(int, records[0].value.split())
    kinds = {one.kind: one.offset for one in records}  # the last of each
    assert offset == kinds["M"] + 2, path
    assert offset + size == kinds["X"], path
    assert length == size, path
    assert recipients == sum(one.kind == "R" for one in records), path


def alike(theirs: Callable[[], T], ours: Callable[[], T]) -> tuple[T, T]:
    """Return what both see, waiting for log lines until they see the same."""
    holds_within(lambda: theirs() == ours(), PATIENCE)
    return theirs(), ours()
