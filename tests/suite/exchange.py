"""exchange - play one recorded case against an instance

DESCRIPTION
    Sends what the case says, waits until the instance has logged the end of
    the conversation, and gathers reply, queue file and log lines. Queue files
    are removed afterwards: cases do not see each other.
"""

import stat
import time
from pathlib import Path

from tests.suite.corpus import Case, Observed
from tests.suite.instance import COMPLETE, Instance
from tests.suite.observed import Placeholders, logged_ids
from tests.suite.qmqp import Answer, Connection, Outcome
from tests.suite.queue_file import read_records
from tests.suite.waiting import holds_within

LOG_PATIENCE = 5.0  # seconds for the last line of a conversation to be logged
FILE_PATIENCE = 2.0  # seconds for cleanup to drop the file of a client that went away


def play(instance: Instance, case: Case, *, late_cleanup: bool) -> Observed:
    """Play one case; return what was seen."""
    before = set(instance.files())
    position = instance.log_position()
    began = time.time()
    answer, port = converse(instance.port, case)
    lines = _logged(instance, position, sum(case.expected_log(late_cleanup=late_cleanup).values()))
    left = _left(instance, before)
    placeholders = Placeholders(
        sent=case.data.decode("latin-1"),
        queue_ids=frozenset(logged_ids(lines) | {path.name for path in left}),
        port=port,
        top=instance.top,
        began=began,
        ended=time.time(),
    )
    try:
        return _observed(answer, left, lines, placeholders)
    finally:
        for path in left:
            path.unlink(missing_ok=True)


def converse(port: int, case: Case) -> tuple[Answer, int]:
    """Hold the conversation; return the answer and the client's own port."""
    write = case.write
    with Connection(port) as connection:
        connection.send_pieces(write.pieces, write.gap)
        match write.then:
            case "wait":
                return connection.answer(case.deadline), connection.port
            case "half-close":
                connection.half_close()
                return connection.answer(case.deadline), connection.port
            case "close" | "reset" as then:
                time.sleep(write.linger)  # part of the case: the server reads meanwhile
                connection.close() if then == "close" else connection.reset()
                return Answer(b"", Outcome(f"client-{then}"), 0.0), connection.port
    raise ValueError(f"{case.id}: unknown ending {write.then!r}")


def _logged(instance: Instance, position: int, count: int) -> list[str]:
    """Return the conversation's log lines: all are there once `disconnect' is."""

    def finished() -> bool:
        lines = instance.log_lines(position)
        return any("]: disconnect from " in line for line in lines)

    def counted() -> bool:
        return finished() or len(instance.log_lines(position)) >= count

    # A conversation that was recorded as still open has no last line to wait for.
    holds_within(finished if count > 2 else counted, LOG_PATIENCE)
    return instance.log_lines(position)


def _left(instance: Instance, before: set[Path]) -> list[Path]:
    """Return the files that the conversation left, when none is being written any more."""

    def settled() -> bool:
        return all(_mode(path) == COMPLETE for path in set(instance.files()) - before)

    holds_within(settled, FILE_PATIENCE)
    return sorted(set(instance.files()) - before)


def _observed(
    answer: Answer, left: list[Path], lines: list[str], placeholders: Placeholders
) -> Observed:
    troubles = [f"{path}: mode {_mode(path):04o}" for path in left if _mode(path) != COMPLETE]
    if len(left) > 1:
        troubles.append(f"more than one file: {left}")
    reply = answer.payload if answer.raw else None
    if answer.raw and answer.payload is None:
        troubles.append(f"not a netstring: {answer.raw!r}")
    return Observed(
        reply=None if reply is None else placeholders.in_text(reply.decode("latin-1")),
        outcome=answer.outcome,
        seconds=answer.seconds,
        queue=left[0].relative_to(placeholders.top / "spool").parts[0] if left else None,
        records=placeholders.in_records(read_records(left[0])) if left else [],
        log=placeholders.in_log(lines),
        troubles=troubles,
    )


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.lstat().st_mode)
    except FileNotFoundError:
        return COMPLETE  # gone: nothing is left to complain about
