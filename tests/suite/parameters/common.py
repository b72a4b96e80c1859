"""common - scenarios of what every daemon reads: names, and where its log lines go"""

import re

from common.params import POSTROOM_VERSION
from tests.suite.parameters.plays import (
    MAIL,
    all_of,
    mail,
    received_by,
    size_field,
    stored,
    tag_of,
)
from tests.suite.parameters.scenario import Play, Scenario, Trial

UTF8_HEADER = "Subject: café\n\n".encode()
SHOWN = re.compile(r"(?:Lshown:|NTo: )(.*?)(?::;)?$")
COLLECTED = {"syslog_network_target": "<COLLECTOR>"}


def shown(parameter: str) -> dict[str, str]:
    """Return settings by which both daemons write the parameter into a message."""
    return {
        "content_filter": f"shown:${parameter}",
        "undisclosed_recipients_header": f"To: ${parameter}:;",
    }


def written() -> Play:
    """What qmqpd and cleanup write into a message where shown() tells them to."""

    def play(trial: Trial) -> list[str]:
        texts = [f"{one.kind}{one.value}" for one in trial.records(MAIL)]
        return [found[1] for text in texts if (found := SHOWN.match(text))]

    return play


def own_pids() -> Play:
    """Whether the PIDs in a message are those in the log."""
    look = written()

    def play(trial: Trial) -> bool:
        found = look(trial)
        pids = [trial.line(what, tag=trial.tag).pid for what in ("client=", "message-id=")]
        return found == [str(pid) for pid in pids]

    return play


def own_services() -> Play:
    """Whether a message shows what stands first in the two lines of master.cf."""
    play = written()
    return lambda trial: play(trial) == [trial.service, trial.cleanup_service]


def collected() -> Play:
    """The facility of a line that a network collector gets, none if it gets none."""

    def play(trial: Trial) -> int | None:
        trial.exchange(MAIL)
        record = trial.collector.record(trial.tag, trial.patience)
        return int(record[1 : record.index(b">")]) >> 3 if record else None

    return play


SCENARIOS = (
    Scenario(
        "myhostname",
        "other.test",
        all_of(received_by(), stored(MAIL, "N", "^Message-Id: <.*@(.*)>")),
        [["mx.example.test (Postfix)"], ["mx.example.test"]],
        [["other.test (Postfix)"], ["other.test"]],
    ),
    Scenario("mail_name", "Other", stored(MAIL, "N", r"\((Other)\) with QMQP"), [], ["Other"]),
    Scenario(
        "mail_version",
        "9.9",
        written(),
        ["3.7.11"] * 2,
        ["9.9"] * 2,
        beside=shown("mail_version"),
    ),
    Scenario(
        "postroom_version",
        "9.9",
        written(),
        [POSTROOM_VERSION] * 2,
        ["9.9"] * 2,
        beside=shown("postroom_version"),
        reference=False,
    ),
    Scenario(
        "process_name",
        "other",
        written(),
        ["qmqpd", "cleanup"],
        ["other"] * 2,
        beside=shown("process_name"),
    ),
    # Nobody can set these two: they show the same whatever is tried.
    Scenario("process_id", "1", own_pids(), True, True, beside=shown("process_id")),
    Scenario("service_name", "other", own_services(), True, True, beside=shown("service_name")),
    Scenario(
        "syslog_name",
        "relay",
        all_of(tag_of("client="), tag_of("message-id=")),
        ["postfix/qmqpd", "postfix/cleanup"],
        ["relay/qmqpd", "relay/cleanup"],
        tagged=False,
    ),
    Scenario(
        "multi_instance_name",
        "postfix-out",
        all_of(tag_of("client="), tag_of("message-id=")),
        ["postfix/qmqpd", "postfix/cleanup"],
        ["postfix-out/qmqpd", "postfix-out/cleanup"],
        tagged=False,
    ),
    Scenario("compatibility_level", "1", size_field(5, mail(UTF8_HEADER)), "0", "2"),
    Scenario("syslog_network_target", "<COLLECTOR>", collected(), None, 2, reference=False),
    Scenario("syslog_facility", "local3", collected(), 2, 19, beside=COLLECTED, reference=False),
)
