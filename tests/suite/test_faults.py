"""test_faults - whichever system call fails, or is the last one, mail is safe and goes on

SEE ALSO
    tests.suite.faults, for all calls, errors and sizes
"""

import pytest

from tests.suite import mistakes, peers
from tests.suite.faults import BODIES, KILL, SETTINGS, play
from tests.suite.instance import Postroom

COMMIT = {"openat", "rename", "writev", "utimensat", "fchmod", "fsync"}


@pytest.fixture
def instance() -> Postroom:
    peers.system_program("strace", "strace")
    return Postroom(SETTINGS)


@pytest.mark.parametrize(
    ("program", "fault", "size", "least"),
    [
        ("cleanup", "error=EIO", "large", {*COMMIT, "pwrite64", "sendto", "recvfrom"}),
        ("cleanup", "error=ENOSPC", "small", COMMIT),
        ("cleanup", "error=EMFILE", "small", {"accept4", "openat"}),
        ("cleanup", KILL, "small", {*COMMIT, "sendto", "recvfrom", "accept4", "close"}),
        ("qmqpd", "error=EIO", "large", {"sendto", "recvfrom"}),
        ("qmqpd", "error=EMFILE", "small", {"accept4", "socket"}),
        ("qmqpd", KILL, "small", {"sendto", "recvfrom", "accept4", "socket", "write"}),
    ],
)
def test_each_call_may_fail_once(
    instance: Postroom, program: str, fault: str, size: str, least: set[str]
) -> None:
    with instance:
        account = play(instance.start(), program, fault, BODIES[size])
    print(account)
    assert account.complaints == []
    assert {call for call, count in account.calls.items() if count} >= least
    assert account.verdicts["D"] == 0
    if fault == "error=ENOSPC":
        assert account.deaths == 0


@pytest.mark.parametrize(
    ("mistake", "complaint"),
    [
        (mistakes.ERRORS_PASSED_OVER, "the error was passed over"),
        (mistakes.NOTHING_REMOVED, "stored all the same"),
    ],
    ids=["error passed over", "nothing removed"],
)
def test_a_daemon_that_passes_errors_over_is_found_out(
    instance: Postroom, mistake: str, complaint: str
) -> None:
    with instance:
        mistakes.make(instance, mistake)
        account = play(instance.start(), "cleanup", "error=EIO", BODIES["small"], ["fsync"])
    assert any(complaint in one for one in account.complaints), account
