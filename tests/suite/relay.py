"""relay - a relay host with all of Debian's services, under our master or under Postfix's

DESCRIPTION
    master.cf is Debian's own, line by line; only the SMTP service has a free
    port of 127.0.0.1 in place of 25. Behind it stand a QMQP service and one
    service for each way of delivery that Debian leaves to the operator. Mail
    for NAME.test goes to the transport NAME; smtp, relay and lmtp lead to
    sinks of the test's own.

    Relay is run by our master, with our qmqpd, cleanup and postlogd in their
    places; PostfixRelay is the same host with nothing but Postfix.

SEE ALSO
    master(5)
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import psutil

from tests.suite import peers
from tests.suite.instance import BASE, Instance, free_port, run
from tests.suite.reference import write_configuration
from tests.suite.waiting import wait_for

DEBIANS = Path("/usr/share/postfix/master.cf.dist")
SMTP_LINE = "smtp      inet  n "
OWN_SERVICES = """\
127.0.0.1:{qmqp} inet n       -       n       -       -       qmqpd
file      unix  -       n       n       -       -       pipe
  flags=Rq user=nobody argv=/bin/sh -c {{cat >>{top}/box/pipe}}
"""
SETTINGS: Mapping[str, str] = {
    "mydestination": "local.test",
    "alias_maps": "inline:{{ {{ box = {top}/box/local }} }}",
    "local_recipient_maps": "",
    "virtual_mailbox_domains": "virtual.test",
    "virtual_mailbox_base": "{top}/box",
    "virtual_mailbox_maps": "inline:{{ {{ box@virtual.test = virtual }} }}",
    "virtual_uid_maps": "static:65534",
    "virtual_gid_maps": "static:65534",
    "transport_maps": "inline:{{ {{ smtp.test = smtp:[127.0.0.1]:{smtp} }}"
    " {{ relay.test = relay:[127.0.0.1]:{smtp} }} {{ lmtp.test = lmtp:inet:127.0.0.1:{lmtp} }}"
    " {{ discard.test = discard: }} {{ file.test = file: }} {{ error.test = error:5.1.1 nobody }}"
    " {{ retry.test = retry:4.3.0 later }} }}",
    "relay_domains": "smtp.test, relay.test, lmtp.test, discard.test, file.test, error.test,"
    " retry.test",
    "smtpd_peername_lookup": "no",
    # Only clients of other networks are counted, unless told otherwise.
    "smtpd_client_event_limit_exceptions": "",
    "smtpd_client_connection_count_limit": "1000",
    "in_flow_delay": "1s",
}


class Relay(Instance):
    """The relay host under our master."""

    def create(self, settings: Mapping[str, str]) -> None:
        peers.superuser("a relay host")
        peers.program("postfix")
        self.smtp_port, self.sink_port, self.lmtp_port = free_port(), free_port(), free_port()
        (self.top / "box").mkdir()
        (self.top / "box").chmod(0o777)
        places = {"top": self.top, "smtp": self.sink_port, "lmtp": self.lmtp_port}
        ours = {name: value.format(**places) for name, value in SETTINGS.items()}
        given = {name: value for name, value in settings.items() if BASE.get(name) != value}
        write_configuration(
            self.top, self.spool, self.log_path, {**BASE, **ours, **given}, self.services()
        )

    def start(self) -> Self:
        # A main.cf of the last second is read by Postfix's programs again and again until it has
        # some age, since it might still be written to.
        past = time.time() - 10.0
        os.utime(self.config_dir / "main.cf", (past, past))
        return super().start()

    def services(self) -> str:
        """Return the text of master.cf."""
        text = DEBIANS.read_text()
        assert SMTP_LINE in text
        text = text.replace(SMTP_LINE, f"127.0.0.1:{self.smtp_port} inet n ")
        return text + OWN_SERVICES.format(qmqp=self.port, top=self.top)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run([*self.within, str(peers.postroom()), "-c", str(self.config_dir), *arguments])

    def postfix(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Postfix's own control command on this host."""
        return run([str(peers.program("postfix")), "-c", str(self.config_dir), *arguments])

    def tool(self, name: str, *arguments: str, text: str = "") -> str:
        """Run one of Postfix's programs for this host to its end; return its output."""
        done = run([str(peers.program(name)), "-C", str(self.config_dir), *arguments], text)
        assert done.returncode == 0, done
        return done.stdout

    def drain_trigger(self) -> None:
        """Leave the queue manager's socket alone: there is a real one."""

    def queued(self) -> list[str]:
        """Return what mailq says of each message in the queue."""
        listing = run([str(peers.program("postqueue")), "-c", str(self.config_dir), "-j"])
        assert listing.returncode == 0, listing
        return listing.stdout.splitlines()

    def wait_until_empty(self, seconds: float = 20) -> None:
        """Wait until nothing is in any queue."""
        wait_for(lambda: not self.files(), seconds, f"an empty queue{self.report()}")


class PostfixRelay(Relay):
    """The relay host under Postfix's master."""

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.postfix(*arguments)


def listens(pid: int) -> bool:
    """Tell whether a process takes connections."""
    found = psutil.Process(pid).net_connections("inet")
    return any(one.status == psutil.CONN_LISTEN for one in found)


@contextlib.contextmanager
def sink(port: int, folder: Path, *options: str) -> Iterator[Path]:
    """Take mail by SMTP, or LMTP with -L; each message becomes a file in the folder."""
    folder.mkdir()
    folder.chmod(0o777)
    command = [str(peers.program("smtp-sink")), "-u", "nobody", "-d", f"{folder}/%s."]
    with subprocess.Popen([*command, *options, f"127.0.0.1:{port}", "100"]) as process:
        try:
            wait_for(lambda: listens(process.pid), 10, "smtp-sink")
            yield folder
        finally:
            process.kill()
