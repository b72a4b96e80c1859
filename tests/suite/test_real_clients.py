"""test_real_clients - clients that others wrote submit, tools that others wrote read

SEE ALSO
    qmqp-source(1), postcat(1), nullmailer-qmqp(8)
"""

import subprocess
from pathlib import Path

import pytest

from tests.suite import peers
from tests.suite.instance import Postroom, free_port, run
from tests.suite.load import numbered, stored_numbers

MESSAGES = 2000
SIZE = 1024  # bytes of each message of qmqp-source

# What nullmailer's protocol programs read from descriptor 3: sender, recipients,
# an empty line, the message. Options come as name=value lines on descriptor 0.
SPOOLED = b"s@from.test\nr@to.test\nq@to.test\n\nSubject: from nullmailer\n\nbody\n"


def test_debians_generator_fills_the_queue_with_files_that_postcat_reads(
    postroom: Postroom,
) -> None:
    generator = str(peers.program("qmqp-source"))
    options = ["-s", "10", "-m", str(MESSAGES), "-l", str(SIZE)]
    done = run([generator, *options, f"inet:127.0.0.1:{postroom.port}"])
    assert (done.returncode, done.stderr) == (0, "")
    stored = postroom.queue_files()
    assert len(stored) == len(postroom.files()) == MESSAGES
    read_with_postcat(postroom, list(stored.values()))


def read_with_postcat(instance: Postroom, paths: list[Path]) -> None:
    """Let Debian's postcat read every file; it must not complain."""
    postcat = [str(peers.program("postcat")), "-c", str(instance.config_dir)]
    done = run([*postcat, *map(str, paths)])
    assert (done.returncode, done.stderr) == (0, "")
    for mark in ("ENVELOPE RECORDS", "MESSAGE CONTENTS", "MESSAGE FILE END"):
        marked = {line.split()[-2] for line in done.stdout.splitlines() if f"*** {mark} " in line}
        assert marked == set(map(str, paths)), mark


@pytest.mark.parametrize("options", ["arguments", "lines"])
def test_nullmailers_client_delivers_and_shows_our_reply(options: str, postroom: Postroom) -> None:
    done = nullmailer(postroom, options)
    assert done.returncode == 0, done
    (queue_id,) = postroom.queue_files()
    assert f"Ok: queued as {queue_id}" in done.stdout + done.stderr
    text = postroom.queue_files()[queue_id].read_bytes()
    assert b"Subject: from nullmailer" in text
    assert b"r@to.test" in text
    assert b"q@to.test" in text


def test_nullmailers_client_tells_a_refusal_from_a_delay() -> None:
    codes = {}
    for soft in ("yes", "no"):
        with Postroom({"qmqpd_authorized_clients": "", "soft_bounce": soft}) as instance:
            instance.start()
            codes[soft] = nullmailer(instance, "arguments").returncode
            assert instance.files() == []
    # nullmailer: the bit of 32 marks an error as permanent, 16 as temporary.
    assert codes["yes"] & 32 == 0 < codes["yes"]
    assert codes["no"] & 32


def nullmailer(instance: Postroom, options: str) -> subprocess.CompletedProcess[str]:
    """Run nullmailer's QMQP program on SPOOLED, its options given in either way."""
    spooled = instance.top / "spooled"
    spooled.write_bytes(SPOOLED)
    program = [str(peers.nullmailer_qmqp())]
    lines = "\n"
    if options == "lines":
        lines = f"host=127.0.0.1\nport={instance.port}\n\n"
    else:
        program += ["--host=127.0.0.1", f"--port={instance.port}"]
    return run(["/bin/sh", "-c", 'exec "$@" 3<"$0"', str(spooled), *program], lines)


def test_our_own_client_submits_and_prints_the_reply(postroom: Postroom) -> None:
    done = postroom.inject(numbered(7), "r@to.test", "q@to.test")
    assert done.returncode == 0, done
    (queue_id,) = postroom.queue_files()
    assert f"Ok: queued as {queue_id}" in done.stdout
    assert set(stored_numbers(postroom)) == {7}


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"message_size_limit": "100"}, 100),
        ({"qmqpd_authorized_clients": ""}, 100),
        ({"qmqpd_authorized_clients": "", "soft_bounce": "yes"}, 111),
    ],
)
def test_our_own_client_exits_by_the_verdict(settings: dict[str, str], code: int) -> None:
    with Postroom(settings) as instance:
        instance.start()
        done = instance.inject(numbered(1, b"body\n" * 100), "r@to.test")
        assert done.returncode == code, done
        assert done.stdout, "the reply is printed"


def test_our_own_client_asks_for_a_later_try_if_nobody_answers() -> None:
    with Postroom() as instance:
        assert instance.inject(numbered(1), "r@to.test", port=free_port()).returncode == 111
