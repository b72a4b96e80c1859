"""test_tools - our queue tools show what Debian's show, and Debian's work on our instance

SEE ALSO
    postcat(1), postqueue(1)
"""

import json
import os
import subprocess

import pytest

from tests.suite import peers
from tests.suite.instance import Postroom, run
from tests.suite.qmqp import submit

LONG_LINE = b"x" * 5000
MESSAGES = [
    (b"Subject: plain\n\nbody\n", b"s@from.test", [b"r@to.test"]),
    (b"Subject: folded\n header\n\n" + LONG_LINE + b"\nend", b"", [b"q@to.test", b"r@to.test"]),
    (b"", b"list-@host.test-@[]", [b"r@to.test"]),
    (b"Subject: 8 bit \xe9\n\n\x00\xff\r\n", b"s@from.test", [b'"a b"@to.test']),
]


@pytest.fixture
def filled(postroom: Postroom) -> Postroom:
    """A running instance with one message of each kind."""
    for message, sender, recipients in MESSAGES:
        assert submit(postroom.port, message, sender, *recipients).verdict == "K"
    return postroom


@pytest.mark.parametrize("options", ["", "-e", "-h", "-b", "-bh", "-o", "-v", "-ov", "-r", "-d"])
def test_cat_prints_what_postcat_prints(options: str, filled: Postroom) -> None:
    for path in filled.queue_files().values():
        arguments = [options, str(path)] if options else [str(path)]
        theirs = debians(filled, "postcat", *arguments)
        ours = filled.command("cat", *arguments)
        assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)


def test_cat_finds_a_message_by_its_queue_id(filled: Postroom) -> None:
    for queue_id in filled.queue_files():
        theirs = debians(filled, "postcat", "-q", queue_id)
        assert theirs.returncode == 0, theirs
        assert filled.command("cat", "-q", queue_id).stdout == theirs.stdout


def test_cat_of_a_queue_id_that_is_not_there_fails(filled: Postroom) -> None:
    assert filled.command("cat", "-q", "0123456789AB").returncode == 1


def test_queue_lists_what_postqueue_lists(filled: Postroom) -> None:
    theirs = listing(filled, "-p")
    ours = filled.command("queue", "-p")
    assert ours.returncode == 0, ours
    assert all(queue_id in ours.stdout for queue_id in filled.queue_files())
    assert sorted(ours.stdout.split("\n\n")) == sorted(theirs.stdout.split("\n\n"))


def test_queue_lists_the_same_objects_as_postqueue(filled: Postroom) -> None:
    theirs = [json.loads(line) for line in listing(filled, "-j").stdout.splitlines()]
    ours = [json.loads(line) for line in filled.command("queue", "-j").stdout.splitlines()]
    by_id = {item["queue_id"]: item for item in ours}
    assert {item["queue_id"]: item for item in theirs} == by_id
    assert set(by_id) == set(filled.queue_files())


def test_an_empty_queue_is_told_as_postqueue_tells_it(postroom: Postroom) -> None:
    assert postroom.command("queue", "-p").stdout == listing(postroom, "-p").stdout
    assert postroom.command("queue", "-j").stdout == ""


def test_debians_postfix_command_sees_the_instance_run(postroom: Postroom) -> None:
    peers.superuser("postfix status")
    assert debians(postroom, "postfix", "status").returncode == 0
    postroom.stop()
    assert debians(postroom, "postfix", "status").returncode == 1


def listing(instance: Postroom, option: str) -> subprocess.CompletedProcess[str]:
    """Return what Debian's postqueue lists; without a showq service it needs root to look."""
    if os.geteuid() != 0:
        peers.missing("root, for postqueue without a showq service")
    done = debians(instance, "postqueue", option)
    assert done.returncode == 0, done
    return done


def debians(instance: Postroom, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of Debian's Postfix programs on the instance's configuration."""
    return run([str(peers.program(name)), "-c", str(instance.config_dir), *arguments])
