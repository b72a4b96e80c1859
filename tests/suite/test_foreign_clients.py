"""test_foreign_clients - Postfix's own programs hand mail to our cleanup as to Postfix's

DESCRIPTION
    The same client does the same on two hosts: smtpd, pickup, bounce, local
    and verify are Postfix's on both, cleanup is Postfix's on one and ours on
    the other. Replies, queue files and cleanup's log lines must be the same,
    queue ids and times aside.

SEE ALSO
    tests.suite.intake
"""

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random

import pytest

from common.status import Status
from tests.suite import address_cases, check_cases, notices, peers, sendmail_cases
from tests.suite.instance import run
from tests.suite.intake import PATIENCE, Intake, PostfixIntake, Shown, check_alike
from tests.suite.interchange import is_ours
from tests.suite.milter import Scripted, packet
from tests.suite.smtp import Client
from tests.suite.smtp_cases import Transaction, transaction
from tests.suite.submission import Record, Taken, encoded, hand_over, submit
from tests.suite.waiting import wait_for

MESSAGES = int(os.environ.get("POSTROOM_SMTP_MESSAGES", "52"))  # for each of the settings
ALIASES = (
    "virtual_alias_maps",
    "inline:{ {list@x.test = m1@y.test, sub@x.test} {sub@x.test = m2@y.test m3} {carol = bob} }",
)
CHOICES: tuple[dict[str, str], ...] = (
    {},
    {
        **dict([ALIASES]),
        "always_bcc": "copy@x.test",
        "recipient_delimiter": "+",
        "canonical_maps": "inline:{ {bob@x.test = robert@new.test} {@old.test = @new.test} }",
        "masquerade_domains": "x.test",
    },
    {"header_checks": "regexp:<TOP>/header", "smtputf8_autodetect_classes": "all"},
    {
        **dict([ALIASES]),
        "native_rewrite": "no",
        "recipient_delimiter": "+",
        "sender_canonical_maps": "inline:{ {bob@x.test = robert} }",
        "always_add_missing_headers": "yes",
    },
    {"native_rewrite": "no", "rewrite_service_name": "nobody", "ipc_timeout": "1s"},
)
# Of these: who asks the rewrite service, and who cannot reach it.
ASKING, UNREACHABLE = 4, 5
Hosts = tuple[Intake, Intake]  # Postfix's and ours
SETTINGS = {"remote_header_rewrite_domain": "afar.test"}  # the rewrite service asks for it, too
FILES = {
    **check_cases.tables(),
    "members": "m1@x.test\nm2@x.test\nM1@x.test\n",
    "forward-nobody": "f1@x.test, f2@x.test\n",
}
# What Milters say, of whom each has a cleanup; those that say "later" are heard by the client.
LATER = [{"E": packet("y", b"451 4.7.1 later\0")}, {"M": packet("t")}]
MILTERS = [
    *({"E": packet("y", b"550 5.7.1 go away\0")}, {"C": packet("y", b"554 no code\0")}),
    *LATER,
]
QUEUED = re.compile(r"queued as (\w+)")
CLIENT = r"smtpd\[\d+\]: (\w+): client="


class Side:
    """One of the two hosts, at one moment."""

    def __init__(self, host: Intake, number: int) -> None:
        self.host = host
        self.number = number
        self.position = host.log_position()
        self.replies: list[str] = []
        self.queue_id = ""
        self.stored: Shown = []

    def send(self, one: Transaction) -> "Side":
        """Do a transaction with the SMTP service of that number."""
        with Client(f"127.80.1.{self.number}", self.host.smtp_port) as client:
            self.replies = client.send(one)
            client.quit()
        queued = QUEUED.search(self.replies[-1])
        self.queue_id = queued[1] if queued else ""
        if not queued and self.replies[-1].startswith(("4", "5")):
            line = self.host.wait_for_log(CLIENT, self.position)
            found = re.search(CLIENT, line)
            assert found
            self.queue_id = found[1]
        self.stored = self.host.stored(self.queue_id)
        return self

    def shown(self) -> Shown:
        """Return what the client has heard, and what came of its message."""
        replies = [self.host.plain(text) for text in self.replies]
        log = self.host.cleanup_log(self.position, service=f"/s{self.number}")
        return [*replies, *self.stored, *log]


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """Postfix's host and ours, running."""
    with contextlib.ExitStack() as stack:
        milters = [stack.enter_context(Scripted(script)) for script in MILTERS]
        seen_by = [{"non_smtpd_milters": f"inet:127.0.0.1:{one.port}"} for one in milters]
        made = [
            stack.enter_context(kind(SETTINGS, (*CHOICES, *seen_by), FILES))
            for kind in (PostfixIntake, Intake)
        ]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Intake.start, made))
        assert not any(map(is_ours, made[0].children("cleanup")))
        assert all(map(is_ours, made[1].children("cleanup")))
        yield made[0], made[1]


def both(hosts: Hosts, number: int, one: Transaction) -> None:
    """Do a transaction on both hosts; fail where they differ."""
    with ThreadPoolExecutor(2) as pool:
        theirs, ours = pool.map(lambda host: Side(host, number).send(one), hosts)
    check_alike(theirs.shown, ours.shown, (CHOICES[number - 1], one))
    assert [host.files("incoming", "hold") for host in hosts] == [[], []], one


def test_mail_by_smtp_arrives_as_with_postfix(hosts: Hosts) -> None:
    for number in range(1, UNREACHABLE):
        for seed in range(MESSAGES):
            both(hosts, number, transaction(Random(f"smtp {number} {seed}")))
    for number in (1, 2):
        both(hosts, number, transaction(Random(f"many {number}"), recipients=1000))


# Programs that cannot be told of errors, and those that make messages of their own.


Act = Callable[[Intake], object]


def check_both(hosts: Hosts, act: Act, count: int, what: object) -> None:
    """Do the same on both hosts, of which so many messages come; fail where they differ."""
    starts = [host.log_position() for host in hosts]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(act, hosts))
        names = list(pool.map(lambda host: host.wait_for_files(count), hosts))
    assert [len(each) for each in names] == [count, count], what
    stored = [[host.stored(one) for one in ids] for host, ids in zip(hosts, names, strict=True)]

    def shown(side: int) -> Shown:
        host, start = hosts[side], starts[side]
        files = [line for one in sorted(stored[side]) for line in one]
        return [host.plain(str(answers[side])), *files, *sorted(host.cleanup_log(start))]

    check_alike(lambda: shown(0), lambda: shown(1), what)


def test_mail_of_local_users_arrives_as_with_postfix(hosts: Hosts) -> None:
    for options, text in sendmail_cases.SENT:
        check_both(hosts, sends(options, text), 1, (options, text))
    for records in sendmail_cases.DROPPED:
        check_both(hosts, drops(records), 1, records)


def sends(options: list[str], text: str) -> Act:
    """Return what calls sendmail."""

    def act(host: Intake) -> None:
        done = host.tool("sendmail", *options, text=text)
        assert (done.returncode, done.stderr) == (0, ""), done
        wait_for(lambda: not host.files("maildrop"), PATIENCE, f"the mail{host.report()}")

    return act


def drops(records: list[Record]) -> Act:
    """Return what calls postdrop as sendmail does."""
    text = b"".join(map(encoded, records)).decode("latin-1")

    def act(host: Intake) -> None:
        command = [str(peers.program("postdrop")), "-c", str(host.config_dir)]
        done = run(command, text)
        assert done.returncode == 0, done
        assert "status\0000\0" in done.stdout, done

    return act


def test_local_users_who_sent_bad_mail_hear_of_it_as_with_postfix(hosts: Hosts) -> None:
    for (options, text), count in sendmail_cases.RETURNED:
        check_both(hosts, sends(options, text), count, (options, text))
        for host in hosts:
            assert host.files("maildrop", "hold") == []
    for number, script in enumerate(MILTERS, len(CHOICES) + 1):
        act = partial(submit_local, f"cleanup{number}")
        check_both(hosts, act, 0 if script in LATER else 2, script)


def submit_local(service: str, host: Intake) -> Taken:
    """Hand a message to a cleanup as pickup would."""
    records = [*notices.ENVELOPE, (b"R", b"r@x.test"), *notices.TEXT]
    return submit(host, service, sendmail_cases.LOCAL_FLAGS, records)


def test_mail_that_postfixs_own_daemons_make_arrives_as_with_postfix(hosts: Hosts) -> None:
    for notice in notices.CASES:
        check_both(hosts, notice.ask, notice.notices, notice)
    for aliases, messages in notices.FORWARDED:
        check_both(hosts, partial(notices.forward, aliases), messages, aliases)
    for address in ("probed@x.test", "caf\xc3\xa9@x.test", '"q r"@x.test'):
        check_both(hosts, partial(notices.probe, address), 1, address)


def test_addresses_completed_by_the_rewrite_service_are_those_of_postfix(hosts: Hosts) -> None:
    for seed in range(MESSAGES):
        flags, records = address_cases.message(Random(f"rewrite {seed}"))
        theirs, ours = (hand_over(host, f"cleanup{ASKING}", flags, records) for host in hosts)
        expected, found = (
            [f"{taken.status} {taken.reason}", *(host.plain(value) for _, value in taken.records)]
            for host, taken in zip(hosts, (theirs, ours), strict=True)
        )
        check_alike(lambda: expected, lambda: found, records)  # noqa: B023  # called at once


def test_without_the_rewrite_service_the_client_must_come_again(hosts: Hosts) -> None:
    _theirs, ours = hosts  # Postfix's waits for ever
    position = ours.log_position()
    began = time.monotonic()
    records = [*notices.ENVELOPE, (b"R", b"r@x.test"), *notices.TEXT]
    taken = hand_over(ours, f"cleanup{UNREACHABLE}", 0, records)
    assert (taken.status, taken.records) == (Status.WRITE_FAILED, [])
    assert 0.9 <= time.monotonic() - began < PATIENCE
    assert ours.files("incoming") == []
    told = ours.wait_for_log("problem talking to service rewrite: ", position)
    assert f"/s{UNREACHABLE}/cleanup[" in told
