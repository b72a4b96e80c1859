"""test_counterparts - who talks to whom between qmqpd and cleanup, and in which form

DESCRIPTION
    Our own daemons hand messages over in frames. Next to one of Postfix's,
    each speaks Postfix's protocol without being told. The other daemon lives
    in an instance of its own: its public/cleanup is put in place of the one
    that is missing here.

SEE ALSO
    docs/frame.md
"""

import re
import socket
from pathlib import Path

from tests.suite import peers
from tests.suite.instance import Instance, Postroom
from tests.suite.qmqp import Answer, submit
from tests.suite.queue_file import read_records
from tests.suite.reference import Postfix

PUBLIC, NATIVE = "public/cleanup", "private/cleanup.native"
MESSAGE = b"Subject: passed on\n\n" + b"a line of the body\n" * 5000


def check_stored(answer: Answer, instance: Instance, message: bytes = MESSAGE) -> None:
    """Check that the message is in this instance's queue, whole and alone."""
    assert answer.verdict == "K", answer
    assert list(instance.queue_files()) == [answer.queue_id]
    records = read_records(instance.queue_files()[answer.queue_id])
    text = "".join(each.value + "\n" for each in records if each.kind == "N")
    assert text.startswith("Received: from localhost (localhost [127.0.0.1])\n")
    assert f"with QMQP id {answer.queue_id}\n" in text
    assert text.endswith(message.partition(b"\n\n")[2].decode())
    assert [each.value for each in records if each.kind == "R"] == ["r@to.test"]


# Our own.


def test_our_own_daemons_need_nothing_but_the_private_socket(postroom: Postroom) -> None:
    (postroom.spool / PUBLIC).unlink()
    check_stored(submit(postroom.port, MESSAGE), postroom)
    lines = postroom.log_lines()
    assert not [line for line in lines if "warning" in line]
    # The answer brings the queue id: so it is known which form was used.
    assert order(lines) == ["message-id", "client", "disconnect"]


def order(lines: list[str]) -> list[str]:
    """Return what the lines of one message tell, in their order."""
    found = (re.search(r"\b(message-id|client|disconnect)(?:=| from )", line) for line in lines)
    return [each[1] for each in found if each]


def test_where_frames_are_switched_off_the_public_socket_is_used() -> None:
    with Postroom({"native_submission": "no"}) as instance:
        instance.start()
        check_stored(submit(instance.port, MESSAGE), instance)
        assert order(instance.log_lines()) == ["client", "message-id", "disconnect"]
        (instance.spool / PUBLIC).unlink()
        assert submit(instance.port, MESSAGE).verdict == "Z"  # whatever else is there


def test_a_service_of_another_name_has_a_private_socket_of_that_name() -> None:
    with Postroom({"cleanup_service_name": "second"}) as instance:
        with (instance.config_dir / "master.cf").open("a") as services:
            services.write("second unix n - n - 0 cleanup\n")
        instance.start()
        for name in (PUBLIC, "public/second", NATIVE):
            (instance.spool / name).unlink()
        check_stored(submit(instance.port, MESSAGE), instance)


def test_the_private_socket_comes_and_goes_with_its_service(postroom: Postroom) -> None:
    text = (postroom.config_dir / "master.cf").read_text()
    postroom.remove_service("cleanup")
    assert postroom.reload().returncode == 0
    assert not (postroom.spool / NATIVE).exists()
    assert submit(postroom.port).verdict == "Z"
    (postroom.config_dir / "master.cf").write_text(text)
    assert postroom.reload().returncode == 0
    (postroom.spool / PUBLIC).unlink()
    check_stored(submit(postroom.port, MESSAGE), postroom)


# Postfix's.


def test_our_qmqpd_hands_mail_to_postfixs_cleanup_without_being_told() -> None:
    peers.superuser("the real Postfix")
    with Postfix({"hopcount_limit": "5"}) as postfix, Postroom() as postroom:
        postfix.start()
        postroom.remove_service("cleanup")
        postroom.start()
        put(postfix, in_place_of=postroom)
        check_stored(submit(postroom.port, MESSAGE), postfix)
        assert order(postroom.log_lines()) == ["client", "disconnect"]
        assert order(postfix.log_lines()) == ["message-id"]
        with socket.socket(socket.AF_UNIX) as left_over:  # by a master of ours that was killed
            left_over.bind(str(postroom.spool / NATIVE))
            (postroom.spool / NATIVE).chmod(0o777)
            assert submit(postroom.port).verdict == "K"
            left_over.listen()
            (postroom.spool / NATIVE).chmod(0)  # it is there, but not for us
            assert submit(postroom.port).verdict == "K"
        assert len(postfix.queue_files()) == 3
        refused = submit(postroom.port, b"Received: x\n" * 5 + b"\n")
        assert (refused.verdict, len(postfix.files())) == ("D", 3)
        assert postroom.files() == []
        assert not [line for line in postroom.log_lines() if "subsystem" in line]


def test_postfixs_qmqpd_hands_mail_to_our_cleanup() -> None:
    peers.superuser("the real Postfix")
    with Postfix() as postfix, Postroom({"hopcount_limit": "5"}) as postroom:
        postfix.remove_service("cleanup")
        postfix.start()
        postroom.start()
        put(postroom, in_place_of=postfix)
        check_stored(submit(postfix.port, MESSAGE), postroom)
        assert order(postroom.log_lines()) == ["message-id"]
        refused = submit(postfix.port, b"Received: x\n" * 5 + b"\n")
        assert (refused.verdict, len(postroom.files())) == ("D", 1)
        assert postfix.files() == []


def put(other: Instance, *, in_place_of: Instance) -> None:
    """Let an instance find the cleanup of another one where its own would be."""
    path: Path = in_place_of.spool / PUBLIC
    path.unlink(missing_ok=True)
    path.symlink_to(other.spool / PUBLIC)
