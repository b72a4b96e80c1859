"""test_interchange - any of master, qmqpd and cleanup in the place of Postfix's

DESCRIPTION
    Eight relay hosts, one for each choice of three programs. Postfix's queue
    manager and smtp deliver to a sink. On each, 300 messages by qmqp-source
    arrive once and whole, the log tells of each what the log of Postfix
    tells, and Postfix's own commands do what they do on a host of its own.

    Under Postfix's master ours are programs of native_daemon_directory, which
    stand in a copy of daemon_directory in the place of Postfix's.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from tests.suite import peers
from tests.suite.instance import COMPLAINT, run
from tests.suite.interchange import daemon_directory, is_ours
from tests.suite.processes import Process
from tests.suite.qmqp import submit
from tests.suite.relay import PostfixRelay, Relay, sink
from tests.suite.waiting import wait_for

SENDER = "s@smtp.test"
SESSIONS = 10
# Bytes of content by recipient: each message can be told by what is in it.
BATCHES = {"a": 150, "b": 400, "c": 1200, "d": 9000, "e": 30_000, "f": 100_000}
BATCH = 50
MESSAGES = BATCH * len(BATCHES)
PROGRAMS = ("qmqpd", "cleanup")
SETTINGS = {
    "mail_name": "Postfix",
    # Who has a connection in the cache when that is reloaded complains.
    "smtp_connection_cache_on_demand": "no",
}

# What the log tells of a message, in this order; who sent it stands somewhere in between.
CLIENT = "qmqpd: client=localhost[127.0.0.1]"
STORY = (
    r"cleanup: message-id=<[0-9]+@\S+>",
    r"qmgr: from=<s@smtp\.test>, size=[0-9]+, nrcpt=1 \(queue active\)",
    r"smtp: to=<\w@smtp\.test>, relay=127\.0\.0\.1\[127\.0\.0\.1\]:[0-9]+,"
    r" delay=[0-9.]+, delays=[0-9./]+, dsn=2\.0\.0, status=sent \(250 2\.0\.0 Ok\)",
    "qmgr: removed",
)
# As the sink writes it: what it heard, its trace header, ours, the content, a line of its own.
ARRIVED = re.compile(
    r"(?:X-.*\n)*X-Rcpt-Args: <(\w)@smtp\.test> .*\n"
    r"Received: from mx\.example\.test \(\[127\.0\.0\.1\]\)\n(?:\t.*\n)+"
    r"Received: from localhost \(localhost \[127\.0\.0\.1\]\)\n"
    r"\tby mx\.example\.test \(Postfix\) with QMQP id (\w+)\n"
    r"\tfor <\1@smtp\.test>; .*\n"
    r"((?s:.*)\n)\n"
)
# As qmqp-source makes it: lines of growing length.
CONTENT = re.compile(
    r"From: <s@smtp\.test>\nTo: <\w@smtp\.test>\nDate: .*\nMessage-Id: <\S+>\n\n(?:X+\n)+\n?"
)
LINE = re.compile(r"postfix/(\w+)\[[0-9]+\]: ([0-9A-F]{6,}): (.*)")
# Of Postfix's cleanup, which looks at a coarser clock than the file system's.
CLOCK = re.compile("file system clock is|resetting file time stamps")
TIME = re.compile(
    r"\w{3} \w{3} [ 0-9]{2} [0-9:]{8} [0-9]{4}"
    r"|\w{3}, [ 0-9]{2} \w{3} [0-9]{4} [0-9:]{8} \+0000 \(UTC\)"
)
# A message that has to wait, as postcat shows it.
WAITING = """\
*** ENVELOPE RECORDS deferred/I/ID ***
message_size:             368             NUMBER               1               0             368\
               0
message_arrival_time: TIME
create_time: TIME
sender: s@smtp.test
named_attribute: log_client_name=localhost
named_attribute: log_client_address=127.0.0.1
named_attribute: log_client_port=NUMBER
named_attribute: log_message_origin=localhost[127.0.0.1]
named_attribute: log_protocol_name=QMQP
named_attribute: client_name=localhost
named_attribute: client_address=127.0.0.1
named_attribute: client_port=NUMBER
named_attribute: client_address_type=2
named_attribute: protocol_name=QMQP
named_attribute: dsn_orig_rcpt=rfc822;box@retry.test
original_recipient: box@retry.test
recipient: box@retry.test
*** MESSAGE CONTENTS deferred/I/ID ***
Received: from localhost (localhost [127.0.0.1])
	by mx.example.test (Postfix) with QMQP id ID
	for <box@retry.test>; TIME
Subject: waits
Message-Id: <NUMBER.ID@mx.example.test>
Date: TIME
From: s@smtp.test

a line of its body
a line of its body
a line of its body
*** HEADER EXTRACTED deferred/I/ID ***
*** MESSAGE FILE END deferred/I/ID ***
"""


class Cell:
    """One choice of programs: who is ours, and whether our master executes them, too."""

    def __init__(self, folder: Path, ours: frozenset[str], *, executed: bool) -> None:
        self.ours = ours
        self.executed = executed
        native = [name for name in PROGRAMS if name in ours]
        forked = [] if executed else native
        settings = dict(SETTINGS)
        if executed:
            settings["daemon_directory"] = str(daemon_directory(folder, native))
        if "master" in ours:
            settings["native_services"] = " ".join([*forked, "postlogd"])
        self.relay = Relay(settings) if "master" in ours else PostfixRelay(settings)

    def check_processes(self) -> None:
        """See that whoever works is who shall."""
        master = self.relay.master()
        assert master
        assert is_ours(master) == ("master" in self.ours)
        for name in PROGRAMS:
            found = self.relay.children(name)
            assert found, f"no {name}"
            assert {is_ours(each) for each in found} == {name in self.ours}, name
            if self.ours.issuperset({"master", name}):
                forks = {stack_end(each) == stack_end(master) for each in found}
                assert forks == {not self.executed}, name


def stack_end(process: Process) -> str:
    """Return where the stack lies: in a copy of a process as in that, in a program elsewhere."""
    maps = Path(f"/proc/{process.pid}/maps").read_text()
    return next(line.split()[0].split("-")[1] for line in maps.splitlines() if "[stack]" in line)


CELLS = [
    frozenset(name for name, chosen in zip(("master", *PROGRAMS), choice, strict=True) if chosen)
    for choice in product((True, False), repeat=3)
]


def label(ours: frozenset[str]) -> str:
    return "+".join(sorted(ours)) or "none"


@pytest.fixture(
    params=[
        *(pytest.param((ours, "master" not in ours), id=label(ours)) for ours in CELLS),
        pytest.param((frozenset(("master", *PROGRAMS)), True), id="all-executed"),
    ]
)
def cell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cell]:
    """A running host; ids name who is ours."""
    peers.superuser("the real Postfix")
    ours, executed = request.param
    found = Cell(tmp_path, ours, executed=executed)
    with found.relay:
        found.relay.start()
        yield found


@pytest.fixture
def mail(cell: Cell) -> Iterator[Path]:
    """The folder where mail for smtp.test arrives."""
    with sink(cell.relay.sink_port, cell.relay.top / "sink") as folder:
        yield folder


def test_mail_flows_once_and_whole_and_postfixs_commands_work(cell: Cell, mail: Path) -> None:
    relay = cell.relay
    first, second = list(BATCHES)[:3], list(BATCHES)[3:]
    send(relay, mail, first, BATCH * len(first))
    cell.check_processes()
    check_status(relay)
    reload(relay)
    send(relay, mail, second, MESSAGES)
    cell.check_processes()
    ids = check_delivered(mail)
    check_log(relay, ids)
    check_tools(relay)
    complaints = [line for line in relay.log_lines() if COMPLAINT.search(line)]
    assert [line for line in complaints if not CLOCK.search(line)] == []
    stop(relay)
    position = relay.log_position()
    assert relay.postfix("status").returncode == 1
    relay.wait_for_log("the Postfix mail system is not running$", position)


def stop(relay: Relay) -> None:
    """Stop it by Postfix's command, which waits for the master only."""
    known = relay.note_processes()
    assert relay.postfix("stop").returncode == 0
    wait_for(lambda: not any(each.alive() for each in known), 5, "all processes to end")


def send(relay: Relay, mail: Path, recipients: list[str], total: int) -> None:
    """Submit a batch for each recipient, and wait until so many messages have arrived."""
    for name in recipients:
        sizes = ("-m", str(BATCH), "-s", str(SESSIONS), "-l", str(BATCHES[name]))
        addresses = ("-f", SENDER, "-t", f"{name}@smtp.test")
        where = f"127.0.0.1:{relay.port}"
        done = run([str(peers.program("qmqp-source")), *sizes, *addresses, where])
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    wait_for(lambda: len(list(mail.iterdir())) >= total, 30, f"{total} messages{relay.report()}")
    relay.wait_until_empty()


def reload(relay: Relay) -> None:
    """Reload by Postfix's command; return when no process of before is left."""
    old = relay.children()
    assert relay.postfix("reload").returncode == 0
    wait_for(lambda: not any(each.alive() for each in old), 10, "old processes to leave")


def check_delivered(mail: Path) -> set[str]:
    """See that each message has arrived once, as it was sent; return their queue ids."""
    ids, batches = Counter[str](), Counter[str]()
    for path in mail.iterdir():
        (recipient, queue_id, content) = parts(path.read_text())
        assert CONTENT.fullmatch(content), path
        assert len(content) == BATCHES[recipient], path
        ids[queue_id] += 1
        batches[recipient] += 1
    assert batches == dict.fromkeys(BATCHES, BATCH)
    assert set(ids.values()) == {1}
    return set(ids)


def parts(message: str) -> tuple[str, str, str]:
    """Return recipient, queue id and content of a message as the sink has it."""
    match = ARRIVED.fullmatch(message)
    assert match, message[:2000]
    return match[1], match[2], match[3]


def check_log(relay: Relay, ids: set[str]) -> None:
    """See that the log tells each message's story, once, and of each client's coming and going."""
    stories: dict[str, list[str]] = {}
    for line in relay.log_lines():
        if match := LINE.search(line):
            stories.setdefault(match[2], []).append(f"{match[1]}: {match[3]}")
    assert set(stories) == ids
    for queue_id, story in stories.items():
        assert CLIENT in story, (queue_id, story)
        story.remove(CLIENT)
        fits = [re.fullmatch(*both) for both in zip(STORY, story, strict=False)]
        assert len(story) == len(STORY), (queue_id, story)
        assert all(fits), (queue_id, story)
    for event in ("connect", "disconnect"):
        lines = relay.log_lines()
        ending = f": {event} from localhost[127.0.0.1]"
        assert sum(line.endswith(ending) for line in lines) == MESSAGES


def check_status(relay: Relay) -> None:
    """See that "postfix status" finds the master."""
    master = relay.master()
    assert master
    position = relay.log_position()
    assert relay.postfix("status").returncode == 0
    relay.wait_for_log(f"the Postfix mail system is running: PID: {master.pid}$", position)


def check_tools(relay: Relay) -> None:
    """Look at a message that has to wait, hold it, release it, requeue and delete it."""
    message = b"Subject: waits\n\n" + b"a line of its body\n" * 3
    answer = submit(relay.port, message, SENDER.encode(), b"box@retry.test")
    assert answer.verdict == "K", answer
    queue_id = answer.queue_id
    relay.wait_for_log(rf"{queue_id}: to=<box@retry.test>, .* status=deferred \(later\)")
    wait_for(lambda: relay.files("deferred"), 10, "the deferred message")

    (listed,) = [json.loads(line) for line in relay.queued()]
    assert listed["queue_name"] == "deferred"
    assert (listed["queue_id"], listed["sender"]) == (queue_id, SENDER)
    assert listed["recipients"] == [{"address": "box@retry.test", "delay_reason": "later"}]
    listing = tool(relay, "postqueue", "-p")
    size = listed["message_size"]
    assert re.search(rf"(?m)^{queue_id}  +{size} \w{{3}} .* {SENDER}$", listing), listing
    assert "(later)" in listing
    assert listing.endswith("-- 0 Kbytes in 1 Request.\n")

    text = tool(relay, "postcat", "-q", queue_id)
    text = TIME.sub("TIME", text)
    text = re.sub("(?<=port=)[0-9]+|(?<=<)[0-9]{14}(?=[.])|(?<= )4[78][0-9](?= )", "NUMBER", text)
    assert text.replace(queue_id, "ID").replace("deferred/" + queue_id[0], "deferred/I") == WAITING

    for options, effect, queue in (
        (("-h", queue_id), "Placed on hold: 1 message", "hold"),
        (("-H", queue_id), "Released from hold: 1 message", ""),
        (("-d", queue_id), "Deleted: 1 message", ""),
    ):
        done = run([str(peers.program("postsuper")), "-c", str(relay.config_dir), *options])
        assert done.returncode == 0, done
        assert effect in done.stderr
        if queue:
            assert [path.name for path in relay.files()] == [queue_id]
            assert relay.files() == relay.files(queue)
    assert "Mail queue is empty" in tool(relay, "postqueue", "-p")


def tool(relay: Relay, name: str, *options: str) -> str:
    """Run one of Postfix's commands on the host; return what it prints."""
    done = run([str(peers.program(name)), "-c", str(relay.config_dir), *options])
    assert done.returncode == 0, done
    return done.stdout
