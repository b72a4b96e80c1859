"""intake - a host on which Postfix's own clients hand mail to a cleanup, and nothing leaves

DESCRIPTION
    smtpd, pickup, bounce, local and verify are Postfix's, and so is all they
    need; there is no queue manager, so queue files stay as cleanup left them.
    Intake has our master and our cleanup, PostfixIntake Postfix's.

    What came of a message is shown without what differs from host to host:
    queue ids, times, ports and folders.

SEE ALSO
    spec/cleanup-protocol.md, section 6
"""

import difflib
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.suite import peers
from tests.suite.instance import BASE, Instance, free_port, run
from tests.suite.queue_file import Record, read_records
from tests.suite.reference import write_configuration
from tests.suite.waiting import holds_within

Shown = list[str]  # what came of a message, a line for each fact

PATIENCE = 20.0  # seconds for a file
LOG_PATIENCE = 5.0
SHOWN = 1900  # letters of a line; Postfix writes no more than 2,000 bytes
SERVICES = """\
127.0.0.1:<SMTP> inet n - n - - smtpd
pickup    unix  n - n 60 1 pickup
    -o content_filter=filter:there
cleanup   unix  n - n - 0 cleanup
    -o { header_checks = regexp:{{/^X-Refused/ REJECT not this}} } -o message_size_limit=20000
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
{settings}
cleanup{number} unix n - n - 0 cleanup
    -o syslog_name=postfix/s{number}
{settings}
"""
SETTINGS: Mapping[str, str] = {
    "mail_name": "Postfix",
    "mydestination": "local.test",
    "alias_maps": "inline:{ {fwd = a@x.test, b@x.test} {staff = :include:<TOP>/members}"
    " {owner-staff = boss@x.test} {self = self, other@x.test} {deep = staff, fwd} }",
    "forward_path": "<TOP>/forward-${user}",
    "mail_spool_directory": "<TOP>",  # whatever happens, nothing is for this machine's users
    "notify_classes": "bounce, 2bounce, delay",
    "address_verify_map": "",
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
# What differs, in this order, and what is shown in its place.
VARYING = {
    re.compile(r"\b[0-9A-F]{10,13}\b"): "<ID>",  # times in seconds, too
    re.compile(r"[A-Z][a-z]{2}, +\d+ [A-Z][a-z]{2} \d{4} [\d:]{8} [+-]\d{4} \(\w+\)"): "<DATE>",
    re.compile(r"\d{14}\.<ID>"): "<STAMP>",
    re.compile(r"delay=[\d.]+, delays=[\d.]+"): "delay=<TIME>",
}
# Said by Postfix's cleanup alone: it compares clocks, and cuts a record that is too much.
THEIRS = re.compile("warning: (file system clock|resetting file time|.*: unexpected EOF in data)")
TIMES = re.compile(r"(?:create_time|log_client_port|client_port)=")


class Intake(Instance):
    """The host under our master."""

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        choices: tuple[Mapping[str, str], ...] = (),
        files: Mapping[str, str] | None = None,
    ) -> None:
        """Make it. choices: settings of SMTP services beside the first; files: texts by name.

        In settings, <TOP> is the folder that the files are in.
        """
        self.choices = choices
        self._files = files or {}
        self.smtp_port = free_port()
        super().__init__(settings)

    def create(self, settings: Mapping[str, str]) -> None:
        peers.superuser("Postfix's programs")
        peers.program("postfix")
        services = SERVICES.replace("<SMTP>", str(self.smtp_port))
        for number, choice in enumerate(self.choices, 1):
            lines = "\n".join(f"    -o {{ {name} = {value} }}" for name, value in choice.items())
            services += CHOICE.format(number=number, smtp=self.smtp_port, settings=lines)
        for name, text in self._files.items():
            (self.top / name).write_text(text)
        services = services.replace("<TOP>", str(self.top))
        own = {name: value for name, value in settings.items() if BASE.get(name) != value}
        given = {**BASE, **SETTINGS, **own}
        filled = {name: value.replace("<TOP>", str(self.top)) for name, value in given.items()}
        write_configuration(self.top, self.spool, self.log_path, filled, services)

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
            return [path.name for path in sorted(whole, key=lambda one: one.stat().st_mtime_ns)]

        if not holds_within(lambda: len(found()) >= count, PATIENCE):
            pytest.fail(f"waited in vain for {count} messages{self.report()}")
        return found()

    def stored(self, queue_id: str) -> Shown:
        """Return queue and records of a message, and remove its file."""
        queue, records = self.take(queue_id)
        shown = [self.plain(text) for text in map(comparable, records)]
        return [queue, *filter(None, shown)]

    def cleanup_log(self, position: int, service: str = "") -> Shown:
        """Return what cleanup has logged since a position."""
        mark = re.compile(rf" postfix{service}/cleanup\[\d+\]: (.*)")
        found = [line[1] for line in map(mark.search, self.log_lines(position)) if line]
        lines = [self.plain(line) for line in found]
        return [line[:SHOWN] for line in lines if not THEIRS.match(line)]

    def plain(self, text: str) -> str:
        """Return text without what differs."""
        text = text.replace(str(self.top), "<TOP>").replace(str(self.smtp_port), "<PORT>")
        for pattern, name in VARYING.items():
            text = pattern.sub(name, text)
        return text


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


def check_alike(theirs: Callable[[], Shown], ours: Callable[[], Shown], what: object) -> None:
    """Fail, with what differs, unless both show the same before long: log lines may be late."""
    if not holds_within(lambda: theirs() == ours(), LOG_PATIENCE):
        lines = difflib.unified_diff(theirs(), ours(), "Postfix", "ours", n=1, lineterm="")
        pytest.fail("\n".join([str(what), *lines]))
