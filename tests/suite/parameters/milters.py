"""milters - scenarios of the parameters by which cleanup speaks to Milters

SEE ALSO
    cleanup(8)
"""

from tests.suite.milter import SILENCE, Script, Scripted, negotiation, packet, texts
from tests.suite.parameters.plays import MAIL
from tests.suite.parameters.scenario import Play, Scenario, Trial

PLACE = "unix:<TOP>/spool/public/milter<N>"  # of the trial's own Milter
BESIDE = {"non_smtpd_milters": PLACE}


def milter(trial: Trial, script: Script | None = None) -> Scripted:
    """Return the Milter of a trial."""
    path = trial.instance.spool / f"public/milter{trial.number}"
    made = Scripted(script, str(path))
    path.chmod(0o777)
    return made


def heard(trial: Trial, event: str, script: Script | None = None) -> list[bytes]:
    """Return what the Milter hears with an event, the queue id aside."""
    with milter(trial, script) as listening:
        queue_id = trial.exchange(MAIL).queue_id.encode()
        found = [text for letter, text in listening.told() if letter == event]
        return [text.replace(queue_id, b"ID") for text in found]


def offered() -> Play:
    """What a Milter of an old version is offered."""
    return lambda trial: heard(trial, "O", {"O": negotiation(version=2, actions=0x3F)})


def macros(event: str) -> Play:
    """The macros that the Milter gets with an event."""

    def play(trial: Trial) -> bytes:
        found = [text for text in heard(trial, "D") if text[:1] == event.encode()]
        return found[0][1:]

    return play


def met() -> Play:
    """Whether a Milter hears of a message."""

    def play(trial: Trial) -> bool:
        with milter(trial) as listening:
            trial.exchange(MAIL)
            return bool(listening.conversations)

    return play


def outcome(script: Script) -> Play:
    """What becomes of a message when the Milter does this: the queue, or the reply."""

    def play(trial: Trial) -> str:
        with milter(trial, script):
            answer = trial.exchange(MAIL)
        for queue in ("incoming", "hold"):
            for queue_id in trial.instance.queue_files(queue):
                if answer.verdict == "K" and queue_id == answer.queue_id:
                    return queue
        return (answer.payload or b"").decode()

    return play


def gives_up(script: Script) -> Play:
    """Whether cleanup gives a silent Milter up within a few seconds."""

    def play(trial: Trial) -> bool:
        with milter(trial, script), trial.connect() as client:
            client.send(MAIL)
            return trial.closed(client) == 0

    return play


NONSENSE = {"M": packet("z")}
MARKS: Script = {"E": packet("h", texts(b"X-New", b"v1")) + packet("c")}
SILENT = {letter: {letter: SILENCE} for letter in "OME"}
V = b"v\0Postfix 3.7.11\0"
FIRST = b"j\0mx.example.test\0{daemon_name}\0mx.example.test\0{daemon_addr}\x00127.0.0.1\0"
UNDERSCORE = b"_\0localhost [127.0.0.1]\0"

SCENARIOS = (
    Scenario("non_smtpd_milters", PLACE, met(), False, True),
    Scenario(
        "milter_header_checks",
        "regexp:{{/^X-New/ REJECT no thanks}}",
        outcome(MARKS),
        "incoming",
        "DError: 5.7.1 no thanks",
        beside=BESIDE,
    ),
    Scenario(
        "milter_protocol",
        "2",
        offered(),
        [b"\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"],
        [b"\0\0\0\2\0\0\1\xff\0\0\0\x7f"],
        beside=BESIDE,
    ),
    Scenario(
        "milter_default_action",
        "quarantine",
        outcome(NONSENSE),
        "ZError: 4.7.1 Service unavailable - try again later",
        "hold",
        beside=BESIDE,
    ),
    # Postfix's manual says that this holds for the negotiation, too; its cleanup waits longer.
    Scenario(
        "milter_connect_timeout",
        "1s",
        gives_up(SILENT["O"]),
        False,
        True,
        beside=BESIDE,
        reference=False,
    ),
    Scenario("milter_command_timeout", "1s", gives_up(SILENT["M"]), False, True, beside=BESIDE),
    Scenario("milter_content_timeout", "1s", gives_up(SILENT["E"]), False, True, beside=BESIDE),
    Scenario(
        "milter_connect_macros",
        "j",
        macros("C"),
        FIRST + V + UNDERSCORE,
        b"j\0mx.example.test\0",
        beside=BESIDE,
    ),
    Scenario("milter_helo_macros", "j", macros("H"), b"", b"j\0mx.example.test\0", beside=BESIDE),
    Scenario(
        "milter_mail_macros",
        "{mail_addr}",
        macros("M"),
        b"i\0ID\0{mail_addr}\0s@from.test\0",
        b"{mail_addr}\0s@from.test\0",
        beside=BESIDE,
    ),
    Scenario(
        "milter_rcpt_macros",
        "{rcpt_addr}",
        macros("R"),
        b"i\0ID\0{rcpt_addr}\0r@to.test\0",
        b"{rcpt_addr}\0r@to.test\0",
        beside=BESIDE,
    ),
    Scenario(
        "milter_data_macros", "j", macros("T"), b"i\0ID\0", b"j\0mx.example.test\0", beside=BESIDE
    ),
    Scenario(
        "milter_end_of_header_macros",
        "j",
        macros("N"),
        b"i\0ID\0",
        b"j\0mx.example.test\0",
        beside=BESIDE,
    ),
    Scenario(
        "milter_end_of_data_macros",
        "j",
        macros("E"),
        b"i\0ID\0",
        b"j\0mx.example.test\0",
        beside=BESIDE,
    ),
    Scenario(
        "milter_macro_daemon_name",
        "another",
        macros("C"),
        b"{daemon_name}\0mx.example.test\0",
        b"{daemon_name}\0another\0",
        beside={**BESIDE, "milter_connect_macros": "{daemon_name}"},
    ),
    Scenario(
        "milter_macro_v",
        "one 2",
        macros("C"),
        b"v\0Postfix 3.7.11\0",
        b"v\0one 2\0",
        beside={**BESIDE, "milter_connect_macros": "v"},
    ),
    Scenario(
        "milter_macro_defaults",
        "{cipher}=none, x=1",
        macros("H"),
        b"",
        b"{cipher}\0none\0",
        beside=BESIDE,
    ),
)
