"""channel - what a process may write to master's status channel

DESCRIPTION
    A byte 254 stands between what two reads find.
"""

from functools import cache

from common.child import AVAILABLE, STATUS_MESSAGE, TAKEN
from master.channel import Channel, Process
from tests.fuzz.bug import Bug

TOKENS = tuple(
    STATUS_MESSAGE.pack(pid, generation, availability)
    for pid, generation, availability in ((1, 1, 0), (1, 1, 1), (2, 1, 0), (3, 0, 1), (1, 2, 0))
)
BUG = Bug(
    *("master.channel", "Channel.read"),
    *("len(data) - len(data) % STATUS_MESSAGE.size", "len(data)"),
)

GENERATION = 1
PIDS = (1, 2, 3)


@cache
def channel() -> Channel:
    """Return the channel of a few processes."""
    return Channel.open()


def check(data: bytes) -> None:
    """Let processes report; master's books are theirs, and others' reports are gossip."""
    books = channel()
    books.processes = {pid: Process(pid, GENERATION, 0.0) for pid in PIDS}
    for burst in data.split(b"\xfe"):
        if burst:
            check_burst(books, burst[: 256 * STATUS_MESSAGE.size])
    assert not books.read().complaints


def check_burst(books: Channel, burst: bytes) -> None:
    """Check one read."""
    before = {pid: one.taken for pid, one in books.processes.items()}
    expected, complaints, served = told(burst, before)
    books.theirs.send(burst)
    reading = books.read()
    assert {pid: one.taken for pid, one in books.processes.items()} == expected
    assert reading.freed == sum(before.values()) - sum(expected.values())
    assert len(reading.complaints) == complaints
    assert reading.served == served
    assert not books.ended


def told(burst: bytes, taken: dict[int, bool]) -> tuple[dict[int, bool], int, bool]:
    """Return who is taken then, how many reports make no sense, whether a request was finished."""
    taken, complaints, served = dict(taken), 0, False
    size = STATUS_MESSAGE.size
    for start in range(0, len(burst), size):
        report = burst[start : start + size]
        if len(report) < size:
            complaints += 1
            continue
        pid, generation, availability = STATUS_MESSAGE.unpack(report)
        if availability not in (TAKEN, AVAILABLE):
            complaints += 1
        elif pid in taken and generation == GENERATION:
            served |= taken[pid] and availability == AVAILABLE
            taken[pid] = availability == TAKEN
    return taken, complaints, served
