"""qmqpd - scenarios of the parameters that qmqpd reads

SEE ALSO
    qmqpd(8)
"""

import re
from pathlib import Path

from tests.suite.parameters.plays import (
    MAIL,
    NO_PACKET,
    UNFINISHED,
    all_of,
    answers_without_cleanup,
    asked_of_cleanup,
    closes,
    closes_first_of_two,
    leaves,
    logged,
    mail,
    reply,
    served_by_as_many,
    size_field,
    stored,
    tag_of,
    verdict,
    waits,
)
from tests.suite.parameters.scenario import Play, Scenario, Trial
from tests.suite.qmqp import netstring
from tests.suite.surroundings import NAMELESS, RELAY

FAKE = {"cleanup_service_name": "fake<N>"}
DEBUGGED = {"debug_peer_list": "127.0.0.1"}
NOBODY = {"qmqpd_authorized_clients": ""}
PORT = r"\]:\d+"
LONG_ADDRESS = b"r" * 600 + b"@to.test"
NAME_PATIENCE = 4.0  # seconds; less than the default
UTF8_HEADER = "Subject: café\n\n".encode()
TABLE = {"qmqpd_authorized_clients": "cidr:<TOP>/clients<N>"}


def names_a_client() -> Play:
    """Whether a client whose lookup never ends is soon let in under the name unknown."""

    def play(trial: Trial) -> bool:
        with trial.connect(NAMELESS):
            return trial.logs(rf"^connect from unknown\[{re.escape(NAMELESS)}\]$", NAME_PATIENCE)

    return play


def knows_the_id_late() -> Play:
    """Whether cleanup has read the message when qmqpd learns its queue id."""

    def play(trial: Trial) -> bool:
        trial.all_lines(MAIL)
        texts = [line.text for line in trial.lines()]
        first = next(text for text in texts if re.search("message-id=|client=", text))
        return "message-id=" in first

    return play


def details() -> Play:
    """Whether more than the usual three lines is logged of a conversation."""
    return lambda trial: len(trial.all_lines(MAIL)) > 3


def drains() -> Play:
    """Whether a worker whose table has changed sends its client away after a while."""

    def play(trial: Trial) -> bool:
        table = Path(trial.instance.top, f"clients{trial.number}")
        table.write_text("127.0.0.0/8 yes\n")
        with trial.connect() as held:
            held.send(UNFINISHED)
            trial.line("^connect from ", tag=trial.tag)
            table.write_text("# another size\n127.0.0.0/8 yes\n")
            assert trial.exchange(MAIL).verdict == "K"
            return trial.closed(held) == 0

    return play


SCENARIOS = (
    Scenario("qmqpd_authorized_clients", "127.0.0.0/8", verdict(), "D", "K"),
    Scenario(
        "parent_domain_matches_subdomains",
        "mynetworks",
        verdict(MAIL, RELAY),
        "K",
        "D",
        beside={"qmqpd_authorized_clients": "example.test"},
        private=True,
    ),
    Scenario("qmqpd_timeout", "1s", closes(UNFINISHED), False, True),
    Scenario("qmqpd_error_delay", "3s", waits(NO_PACKET, 1, 3), 1, 2),
    Scenario(
        "qmqpd_client_port_logging",
        "yes",
        all_of(
            logged(MAIL, "^connect from .*" + PORT),
            logged(MAIL, "client=.*" + PORT),
            logged(MAIL, "^disconnect from .*" + PORT),
            stored(MAIL, "A", r"^log_message_origin=.*(\]):\d+$"),
        ),
        [False, False, False, []],
        [True, True, True, ["]"]],
    ),
    Scenario("qmqpd_client_port_logging", "yes", reply(MAIL, PORT), False, True, beside=NOBODY),
    Scenario(
        "content_filter",
        "scan:[127.0.0.1]:10025",
        stored(MAIL, "L", "(.*)"),
        [],
        ["scan:[127.0.0.1]:10025"],
    ),
    Scenario(
        "receive_override_options",
        "no_header_body_checks, no_milters, no_unknown_recipient_checks",
        asked_of_cleanup(MAIL, rb"^flags\0(\d+)\0"),
        b"114",
        b"48",
        beside=FAKE,
    ),
    Scenario(
        "receive_override_options",
        "no_address_mappings",
        asked_of_cleanup(MAIL, rb"^flags\0(\d+)\0"),
        b"114",
        b"66",
        beside=FAKE,
    ),
    Scenario("smtputf8_autodetect_classes", "qmqpd", size_field(5, mail(UTF8_HEADER)), "2", "3"),
    Scenario("debug_peer_list", "127.0.0.1", details(), False, True),
    Scenario(
        "debug_peer_level",
        "1",
        all_of(details(), logged(MAIL, "bytes while receiving")),
        [True, True],
        [True, False],
        beside=DEBUGGED,
        reference=False,
    ),
    Scenario("soft_bounce", "yes", verdict(NO_PACKET), "D", "Z", reader="qmqpd"),
    Scenario("soft_bounce", "yes", verdict(), "D", "Z", beside=NOBODY, reader="qmqpd"),
    Scenario(
        "cleanup_service_name",
        "other",
        tag_of("message-id="),
        "postfix/cleanup",
        "postfix/other/cleanup",
    ),
    Scenario("native_submission", "no", knows_the_id_late(), True, False, reference=False),
    Scenario(
        "qmqpd_name_timeout", "1s", names_a_client(), False, True, reference=False, private=True
    ),
    Scenario(
        "qmqpd_cleanup_timeout",
        "1s",
        answers_without_cleanup(greets=False),
        "",
        "Z",
        beside=FAKE,
        reference=False,
    ),
    Scenario("qmqpd_drain_timeout", "1s", drains(), False, True, beside=TABLE, reference=False),
    Scenario(
        "qmqpd_worker_connection_limit",
        "1",
        closes_first_of_two(),
        None,
        0,
        limit="1",
        reference=False,
    ),
    Scenario(
        "qmqpd_client_connection_limit",
        "1",
        closes_first_of_two(),
        None,
        1,
        limit="1",
        reference=False,
    ),
    Scenario("daemon_timeout", "3s", closes(UNFINISHED), False, True, reader="qmqpd"),
    Scenario(
        "ipc_timeout",
        "1s",
        answers_without_cleanup(greets=True),
        "",
        "Z",
        beside=FAKE,
        reader="qmqpd",
    ),
    Scenario("max_idle", "1s", leaves("^disconnect from"), False, True, reader="qmqpd"),
    Scenario("max_use", "1", served_by_as_many("^disconnect from"), False, True, reader="qmqpd"),
    Scenario(
        "line_length_limit",
        "512",
        all_of(
            verdict(mail(b"\n", b"r@to.test", sender=LONG_ADDRESS)),
            verdict(mail(b"\n", LONG_ADDRESS)),
        ),
        ["K", "K"],
        ["D", "D"],
        reader="qmqpd",
    ),
    Scenario(
        "line_length_limit",
        "512",
        asked_of_cleanup(mail(b"\n" + b"x" * 600 + b"\n"), rb"(L\x80\x04x)"),
        b"",
        b"L\x80\x04x",
        beside=FAKE,
        reader="qmqpd",
    ),
    Scenario(
        "message_size_limit",
        "1000",
        reply(netstring(netstring(b"x" * 1001)), "netstring length exceeds storage limit"),
        False,
        True,
        reader="qmqpd",
    ),
    Scenario(
        "verp_delimiter_filter",
        "-=+x",
        all_of(
            verdict(mail(b"\n", sender=b"listx@host.test-@[]")),
            reply(mail(b"\n", sender=b"listy@host.test-@[]"), 'from "-=[+]x"'),
        ),
        ["D", False],
        ["K", True],
        reader="qmqpd",
    ),
)
