"""clients - scenarios of the parameters that matter to clients other than qmqpd

SEE ALSO
    tests.suite.test_foreign_clients
"""

import re
import time

from tests.cleanup.service import answering
from tests.suite.address_cases import USUAL
from tests.suite.parameters.plays import MAIL, mail
from tests.suite.parameters.scenario import Play, Scenario, Trial
from tests.suite.submission import Record, Taken, hand_over

BOUNCE = 1  # flag: the sender hears of errors
BOUNCED = [b"protocol\0delivery_status_protocol\0\0", b"status\x000\0\0"]
REWRITTEN = [
    b"protocol\0trivial_rewrite_protocol\0\0",
    *[b"flags\x000\0address\0new@x.test\0\0"] * 9,
]
STANDING_IN = {"bounce_service_name": "bounce<N>"}
AGE = 3.1  # seconds of a message whose delay is logged


def submit(trial: Trial, flags: int, *content: bytes) -> Taken:
    """Give the trial's cleanup a message of a local user."""
    seconds, micros = divmod(int((time.time() - AGE) * 1e6), 1_000_000)
    records: list[Record] = [
        *((b"T", b"%d %d" % (seconds, micros)), (b"F", b"J. Doe"), (b"S", b"s@from.test")),
        *((b"R", b"r@to.test"), (b"M", b""), *((b"N", line) for line in content)),
        *((b"X", b""), (b"E", b"")),
    ]
    return hand_over(trial.instance, trial.cleanup_service, flags, records)


def returned(service: str = "bounce") -> Play:
    """The status of a message in circles, and how often a service in place of bounce was asked."""

    def play(trial: Trial) -> tuple[int, int]:
        path = trial.instance.spool / f"private/{service}{trial.number}"
        with answering(path, last=BOUNCED) as heard:
            taken = submit(trial, USUAL | BOUNCE, *[b"Received: x"] * 60)
        return taken.status, len(heard)

    return play


def shown_delay() -> Play:
    """Whether the delay of a message that goes back is logged with a fraction."""

    def play(trial: Trial) -> bool:
        returned()(trial)
        line = trial.line("status=bounced", tag=trial.tag)
        return bool(re.search(r" delay=\d+\.\d", line.text))

    return play


def author() -> Play:
    """The From header that cleanup makes."""

    def play(trial: Trial) -> list[str]:
        taken = submit(trial, USUAL, b"Received: x")
        return [value for _, value in taken.records if value.startswith("From:")]

    return play


def completed(service: str) -> Play:
    """Who is the recipient, with such a service in place of rewrite."""

    def play(trial: Trial) -> list[str]:
        path = trial.instance.spool / f"private/{service}{trial.number}"
        with answering(path, last=REWRITTEN):
            taken = submit(trial, USUAL, b"Received: x")
        return [value for kind, value in taken.records if kind == "R"]

    return play


def logged(pattern: str, data: bytes = MAIL) -> Play:
    """Whether cleanup logs something of a message."""

    def play(trial: Trial) -> bool:
        trial.exchange(data)
        return trial.logs(pattern, trial.patience)

    return play


SCENARIOS = (
    Scenario("bounce_service_name", "bounce<N>", returned(), (2, 0), (0, 2), reference=False),
    Scenario(
        "soft_bounce", "yes", returned(), (0, 2), (2, 0), beside=STANDING_IN, reader="cleanup"
    ),
    Scenario("delay_logging_resolution_limit", "0", shown_delay(), True, False, beside=STANDING_IN),
    Scenario(
        "header_from_format",
        "obsolete",
        author(),
        ['From: "J. Doe" <s@from.test>'],
        ["From: s@from.test (J. Doe)"],
    ),
    Scenario(
        "info_log_address_format",
        "internal",
        logged("info: header .* from=<q r@from.test>", mail(b"\n", sender=b"q r@from.test")),
        False,
        True,
        beside={"header_checks": "static:INFO"},
    ),
    Scenario(
        "native_rewrite",
        "no",
        completed("rewrite"),
        ["r@to.test"],
        ["new@x.test"],
        reference=False,
    ),
    Scenario(
        "rewrite_service_name",
        "other<N>",
        completed("other"),
        [],
        ["new@x.test"],
        beside={"native_rewrite": "no", "ipc_timeout": "1s"},
        reference=False,
    ),
)
