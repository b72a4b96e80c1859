"""test_successor - Debian's Postfix takes over the queue and delivers all of it

DESCRIPTION
    Mail comes in through Postroom. Then `postfix start', with a configuration
    of its own, runs on the same queue directory: its queue manager has to take
    every file, and its smtp client has to deliver what was submitted.
"""

import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.suite import peers
from tests.suite.instance import Postroom, free_port
from tests.suite.load import NUMBER, Load
from tests.suite.qmqp import submit
from tests.suite.reference import COMMON_SERVICES, Postfix, write_configuration
from tests.suite.waiting import wait_for

SUNK = 300  # messages for the domain that goes to smtp-sink
DISCARDED = 100  # messages for the domain that goes to discard
LONG = b"".join(b"%06d %s\n" % (number, b"x" * (number * 37 % 3000)) for number in range(400))

SERVICES = """\
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
smtp      unix  - - n - - smtp
discard   unix  - - n - - discard
error     unix  - - n - - error
retry     unix  - - n - - error
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
scache    unix  - - n - 1 scache
showq     unix  n - n - - showq
"""


class Successor(Postfix):
    """A whole Postfix, on the queue directory of an instance that has stopped."""

    def __init__(self, spool: Path, sink_port: int) -> None:
        self._inherited = spool
        super().__init__(
            {
                "transport_maps": "inline:{{discard.test=discard:},"
                f"{{sink.test=smtp:[127.0.0.1]:{sink_port}}}}}",
                "default_transport": "error:nobody expects this domain",
                "smtp_line_length_limit": "0",  # lines come out as they came in
            }
        )

    def create(self, settings: Mapping[str, str]) -> None:
        self.spool = self._inherited
        services = SERVICES + COMMON_SERVICES
        write_configuration(self.top, self.spool, self.log_path, settings, services)

    def drain_trigger(self) -> None:
        """Leave public/qmgr alone: here it belongs to a real queue manager."""


def test_debians_postfix_delivers_every_message_that_postroom_queued() -> None:
    peers.superuser("the real Postfix")
    with Postroom() as postroom:
        fill(postroom)
        with sink(postroom.top) as (port, mails), Successor(postroom.spool, port) as successor:
            successor.start()
            wait_for(lambda: not successor.files(), 60, "an empty queue" + successor.report())
            delivered = [path.read_bytes() for path in mails.iterdir()]
            check_log(successor)
            successor.stop()
    numbers = sorted(int(found[1]) for text in delivered if (found := NUMBER.search(text)))
    assert numbers == list(range(SUNK))
    (long,) = [text for text in delivered if b"Subject: long lines" in text]
    assert LONG in long.replace(b"\r\n", b"\n")
    assert len(delivered) == SUNK + 1


def fill(postroom: Postroom) -> None:
    """Queue the messages, then stop."""
    postroom.start()
    for domain, count in (("sink.test", SUNK), ("discard.test", DISCARDED)):
        with Load(postroom.port, limit=count, recipient=f"r@{domain}") as load:
            load.join()
        assert load.failed() == []
    answer = submit(postroom.port, b"Subject: long lines\n\n" + LONG, b"", b"r@sink.test")
    assert answer.verdict == "K"
    assert len(postroom.queue_files()) == SUNK + DISCARDED + 1
    postroom.stop()


def check_log(successor: Successor) -> None:
    """Nobody complained, and both ways of delivery were taken as often as they should."""
    lines = successor.log_lines()
    assert not [ln for ln in lines if re.search(r"(warning|error|fatal|panic): ", ln)]
    assert sum("postfix/smtp[" in ln and "status=sent" in ln for ln in lines) == SUNK + 1
    assert sum("postfix/discard[" in ln and "status=sent" in ln for ln in lines) == DISCARDED
    assert not successor.files("corrupt")


@contextmanager
def sink(top: Path) -> Iterator[tuple[int, Path]]:
    """Run smtp-sink; yield its port and the folder in which it puts one file for each mail."""
    mails = top / "sunk"
    mails.mkdir()
    mails.chmod(0o777)  # smtp-sink gives up root
    port = free_port()
    command = [str(peers.program("smtp-sink")), "-u", "nobody", "-d", f"{mails}/mail."]
    process = subprocess.Popen([*command, f"127.0.0.1:{port}", "100"], cwd=mails)
    try:
        wait_for(lambda: listens(port), 10, "smtp-sink")
        yield port, mails
    finally:
        process.kill()
        process.wait(10)


def listens(port: int) -> bool:
    """Tell whether a TCP port can be connected to."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
