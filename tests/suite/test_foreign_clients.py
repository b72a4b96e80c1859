"""test_foreign_clients - Postfix's own programs hand mail to our cleanup as to Postfix's

DESCRIPTION
    The same client does the same on two hosts: smtpd, pickup, bounce, local
    and verify are Postfix's on both, cleanup is Postfix's on one and ours on
    the other. Replies, queue files and cleanup's log lines must be the same,
    queue ids and times aside.

SEE ALSO
    tests.suite.intake
"""

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import NamedTuple

import pytest

from tests.suite import check_cases
from tests.suite.intake import Intake, PostfixIntake, Seen, alike
from tests.suite.smtp import Client
from tests.suite.smtp_cases import Transaction, transaction

MESSAGES = int(os.environ.get("POSTROOM_SMTP_MESSAGES", "52"))  # for each of the settings
ALIASES = (
    "virtual_alias_maps",
    "inline:{ {list@x.test = m1@y.test, sub@x.test} {sub@x.test = m2@y.test m3} {carol = bob} }",
)
HEADER_RULES = " ".join(
    f"{{/^X-N: {number}$/ {answer}}}"
    for number, answer in enumerate(check_cases.ALL)
    if not set(answer) & set("{}$<") and len(answer) < 200
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
    {"header_checks": f"regexp:{{{HEADER_RULES}}}", "smtputf8_autodetect_classes": "all"},
    {
        **dict([ALIASES]),
        "native_rewrite": "no",
        "recipient_delimiter": "+",
        "sender_canonical_maps": "inline:{ {bob@x.test = robert} }",
        "always_add_missing_headers": "yes",
    },
)
SETTINGS = {"remote_header_rewrite_domain": "afar.test"}  # the rewrite service asks for it, too
QUEUED = re.compile(r"queued as (\w+)")
CLIENT = r"smtpd\[\d+\]: (\w+): client="


class Sent(NamedTuple):
    """What a client of smtpd has heard, and what came of its message."""

    replies: list[str]
    seen: Seen


class Side:
    """One of the two hosts, at one moment."""

    def __init__(self, host: Intake, number: int) -> None:
        self.host = host
        self.number = number
        self.position = host.log_position()
        self.replies: list[str] = []
        self.queue_id = ""
        self.stored: tuple[str, list[str]] = ("", [])

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

    def sent(self) -> Sent:
        """Return what can be compared."""
        replies = [self.host.plain(text, self.queue_id) for text in self.replies]
        log = self.host.log_of(self.queue_id, self.position, service=f"/s{self.number}")
        return Sent(replies, Seen(*self.stored, log))


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[Intake, Intake]]:
    """Postfix's host and ours, running."""
    made: list[Intake] = []
    try:
        for kind in (PostfixIntake, Intake):
            made.append(kind(SETTINGS, CHOICES))
            made[-1].start()
        yield made[0], made[1]
    finally:
        for host in made:
            host.close()


def both(hosts: tuple[Intake, Intake], number: int, one: Transaction) -> None:
    """Do a transaction on both hosts; fail where they differ."""
    with ThreadPoolExecutor(2) as pool:
        theirs, ours = pool.map(lambda host: Side(host, number).send(one), hosts)
    expected, found = alike(theirs.sent, ours.sent)
    assert found == expected, (CHOICES[number - 1], one)


@pytest.mark.parametrize("number", range(1, len(CHOICES) + 1))
def test_mail_by_smtp_arrives_as_with_postfix(number: int, hosts: tuple[Intake, Intake]) -> None:
    for seed in range(MESSAGES):
        both(hosts, number, transaction(Random(f"smtp {number} {seed}")))


@pytest.mark.parametrize("number", [1, 2])
def test_a_thousand_recipients_by_smtp_arrive_as_with_postfix(
    number: int, hosts: tuple[Intake, Intake]
) -> None:
    both(hosts, number, transaction(Random(f"many {number}"), recipients=1000))
