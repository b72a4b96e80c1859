"""test_check_tables - tables of checks in real cleanups: changed, slow, broken

SEE ALSO
    header_checks(5)
    tests.suite.test_tables, for the tables of qmqpd
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cleanup.line import NEXT_SECONDS
from tests.suite import peers
from tests.suite.instance import Postroom
from tests.suite.qmqp import Answer, Connection, packet, submit

BOMBS = ["(a+)+$", "(a|aa)+$", "(a|a?)+$", "(.*a){20}$", "^X-4: Subject: ((a+)+)+$"]
LONG = b"Subject: " + b"a" * 50_000 + b"b\n\n"
WAIT = 1.0


@pytest.fixture(params=["yes", "no"])
def instance(request: pytest.FixtureRequest) -> Iterator[Postroom]:
    """An instance whose qmqpd and cleanup speak in frames, or in records."""
    settings = {"native_submission": request.param, "qmqpd_prefork_count": "1"}
    with Postroom({**settings, "cleanup_prefork_count": "1"}) as made:
        yield made


def started(instance: Postroom, table: str, content: str) -> Path:
    """Start an instance with a table for headers, return its file."""
    kind, name = table.split(":")
    path = instance.top / name
    path.write_text(content)
    instance.configure({"header_checks": f"{kind}:{path}"})
    instance.start()
    return path


def answer(instance: Postroom, message: bytes) -> Answer:
    """Return what a client hears."""
    with Connection(instance.port) as connection:
        connection.send(packet(message, b"s@from.test"))
        return connection.answer()


@pytest.mark.parametrize("kind", ["regexp", "pcre", "texthash", "cdb"])
def test_a_changed_table_counts_for_the_next_message(kind: str, instance: Postroom) -> None:
    key = "/^Subject: one$/" if kind in ("regexp", "pcre") else '"subject: one"'
    if kind in ("texthash", "cdb"):
        key = "x-one:"
    message = b"X-One:\nSubject: one\n\n"

    def write(action: str) -> None:
        path.write_text(f"{key} {action}\n")
        if kind == "cdb":
            assert instance.command("map", f"cdb:{path}").returncode == 0

    path = instance.top / "table"
    write("REJECT first")
    instance.configure({"header_checks": f"{kind}:{path}"})
    instance.start()
    for action, verdict in (("", "D"), ("HOLD", "K"), ("REJECT and again", "D"), ("WARN", "K")):
        if action:
            time.sleep(2 * NEXT_SECONDS)  # a cleanup that expects one more message reads it so
            write(action)
        for _ in range(3):
            assert answer(instance, message).verdict == verdict
    changed = [line for line in instance.log_lines() if "has changed -- restarting" in line]
    assert len(changed) >= 3
    assert len(instance.files("hold")) == 3


def test_a_pattern_that_explodes_makes_clients_come_back_later(instance: Postroom) -> None:
    rules = "".join(f"if /^X-{n}:/\n/{bomb}/ REJECT\nendif\n" for n, bomb in enumerate(BOMBS))
    started(instance, "pcre:bombs", rules)
    assert submit(instance.port).verdict == "K"
    (cleanup,) = instance.children("cleanup")
    for number in range(len(BOMBS)):
        found = answer(instance, b"X-%d: " % number + LONG)
        assert found.verdict == "Z"
        assert found.seconds < WAIT
        instance.wait_for_log(rf"bombs, line {3 * number + 2}: match limit exceeded")
    assert submit(instance.port).verdict == "K"
    assert cleanup in instance.children("cleanup")  # a slow machine may have got another besides


def test_a_table_that_is_not_there_makes_clients_come_back_later(instance: Postroom) -> None:
    peers.table_library("hash")
    instance.configure({"header_checks": "cdb:/no/such/table"})
    instance.start()
    assert answer(instance, b"Subject: x\n\n").verdict == "Z"
    instance.wait_for_log("open database /no/such/table.cdb: No such file or directory")
    assert instance.files() == []
