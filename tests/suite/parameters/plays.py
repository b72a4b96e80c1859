"""plays - what can be looked at in a trial

DESCRIPTION
    Each function returns a play: a function of a Trial that returns what was
    seen. Those that look at something which may never come wait no longer
    than the trial's patience.
"""

import re
from collections.abc import Sequence

from tests.suite.parameters.scenario import LINE_PATIENCE, Play, Trial
from tests.suite.qmqp import HOST, packet
from tests.suite.waiting import holds_within, wait_for

MAIL = packet(b"Subject: one\n\nbody\n")
UNFINISHED = b"9"  # the client has more to say
NO_PACKET = b"x"  # refused at once


def mail(
    message: bytes = b"Subject: one\n\nbody\n", *recipients: bytes, sender: bytes = b""
) -> bytes:
    """Return a submission."""
    return packet(message, sender or b"s@from.test", *recipients)


def verdict(data: bytes = MAIL, source: str = HOST) -> Play:
    """The first letter of the reply."""
    return lambda trial: trial.exchange(data, source).verdict


def reply(data: bytes, pattern: str) -> Play:
    """Whether the reply holds the pattern."""

    def play(trial: Trial) -> bool:
        payload = trial.exchange(data).payload or b""
        return re.search(pattern, payload.decode("latin-1")) is not None

    return play


def waits(data: bytes, *seconds: float) -> Play:
    """How many of these spans of time pass before the reply."""

    def play(trial: Trial) -> int:
        waited = trial.exchange(data).seconds
        return sum(waited >= one for one in seconds)

    return play


def stored(data: bytes, kind: str, pattern: str) -> Play:
    """What the pattern's group finds in the queue file's records of one kind."""

    def play(trial: Trial) -> list[str]:
        texts = [record.value for record in trial.records(data) if record.kind == kind]
        return [found[1] for found in (re.search(pattern, text) for text in texts) if found]

    return play


def received_by() -> Play:
    """Who the trace header says has received the message: "HOST (PRODUCT)"."""
    return stored(MAIL, "N", r"^\tby (\S+ \(.*\)) with QMQP id")


def recipients(*raw: bytes) -> Play:
    """The recipients in the queue file."""
    return stored(mail(b"Subject: one\n\n", *raw), "R", "(.*)")


def size_field(number: int, data: bytes) -> Play:
    """A field of the size record."""

    def play(trial: Trial) -> str:
        return trial.records(data)[0].value.split()[number]

    return play


def closes(data: bytes) -> Play:
    """Whether the server closes the connection of a client that has said this, and waits."""

    def play(trial: Trial) -> bool:
        with trial.connect() as client:
            client.send(data)
            return trial.closed(client) == 0

    return play


def closes_first_of_two() -> Play:
    """Which of two unfinished clients is sent away, if any."""

    def play(trial: Trial) -> int | None:
        with trial.connect() as one, trial.connect() as two:
            for client in (one, two):
                client.send(UNFINISHED)
            return trial.closed(one, two)

    return play


def answers_without_cleanup(*, greets: bool) -> Play:
    """The verdict when cleanup takes the message and says nothing more, empty if none comes."""

    def play(trial: Trial) -> str:
        with trial.stand_in(greets=greets), trial.connect() as client:
            client.send(MAIL)
            return client.answer().verdict if trial.closed(client) == 0 else ""

    return play


def asked_of_cleanup(data: bytes, pattern: bytes) -> Play:
    """What the pattern's group finds in all that cleanup is sent."""

    def play(trial: Trial) -> bytes:
        with trial.stand_in(greets=True) as cleanup, trial.connect() as client:
            client.send(data)
            assert holds_within(lambda: b"E\0" in cleanup.received, trial.patience + 5)
            found = re.search(pattern, cleanup.received)
            return found[1] if found else b""

    return play


def cleanup_closes() -> Play:
    """Whether cleanup gives up a client that has nothing to say."""

    def play(trial: Trial) -> bool:
        with trial.cleanup()[0] as peer:
            peer.settimeout(trial.patience)
            try:
                return peer.recv(1) == b""
            except TimeoutError:
                return False

    return play


def leaves(pattern: str) -> Play:
    """Whether the process that logs this about a message leaves when it has nothing to do."""

    def play(trial: Trial) -> bool:
        trial.exchange(MAIL)
        process = trial.process_behind(pattern)
        return holds_within(lambda: not process.alive(), trial.patience)

    return play


def served_by_as_many(pattern: str, count: int = 4) -> Play:
    """Whether each of some messages is served by a process of its own."""

    def play(trial: Trial) -> bool:
        def pids() -> list[int]:
            return [line.pid for line in trial.lines() if re.search(pattern, line.text)]

        for number in range(1, count + 1):
            trial.exchange(MAIL)
            wait_for(lambda: len(pids()) == number, LINE_PATIENCE, "the end of a conversation")  # noqa: B023
        return len(set(pids())) == count

    return play


def logged(data: bytes, pattern: str) -> Play:
    """Whether qmqpd logs the pattern about a conversation."""
    return lambda trial: any(re.search(pattern, line.text) for line in trial.all_lines(data))


def tag_of(pattern: str) -> Play:
    """Tag and program of the line that holds the pattern behind the message's queue id."""

    def play(trial: Trial) -> str:
        queue_id = trial.exchange(MAIL).queue_id
        line = trial.line(f"^{queue_id}: {pattern}")
        return f"{line.tag}/{line.program}"

    return play


def all_of(*plays: Play) -> Play:
    """What each of several plays shows, one after the other."""
    sequence: Sequence[Play] = plays
    return lambda trial: [play(trial) for play in sequence]
