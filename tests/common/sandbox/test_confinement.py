"""test_confinement - layers that a process has put on, as the kernel tells"""

import ctypes
import errno
import os
import pwd
import resource
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.child import Child
from common.log import Log
from common.params import ChildParams
from common.sandbox import capabilities, imports, landlock, libc, seccomp, shelter
from common.sandbox.confinement import confine
from common.sandbox.layers import ALL, NONE, Layer, Told
from common.sandbox.needs import FULL, NOTHING, Access, Needs
from common.sandbox.shelter import missing
from common.sinks import FileSink, SyslogSink
from tests.common import forked
from tests.common.forked import outcome
from tests.common.journal import Journal
from tests.common.memory import shared
from tests.common.settings import main_cf
from tests.suite import peers

OWNER = pwd.getpwnam("nobody")


@pytest.fixture(autouse=True)
def as_root() -> None:
    peers.superuser("to give up what root has")


def confined(
    act: Callable[[], object],
    needs: Needs = NOTHING,
    *,
    log: Log | None = None,
    unprivileged: bool = True,
    **settings: str,
) -> str:
    """Return what an act tells in a process that has shut itself in."""

    def run() -> bytes:
        child = child_with(log or Log("test", SyslogSink("mail")), unprivileged, settings)
        put_on(child, needs)
        return str(act()).encode()

    return outcome(run).decode()


def child_with(log: Log, unprivileged: bool, settings: dict[str, str]) -> Child:
    child = forked.child(log)
    child.main_cf = main_cf(mail_owner=OWNER.pw_name, queue_directory="/", **settings)
    child.unprivileged = unprivileged
    return child


def put_on(child: Child, needs: Needs) -> None:
    """Shut this process in."""
    params = child.main_cf.load(ChildParams)
    child.shelter = shelter.prepared(params, needs)
    confine(child, params)


def own_status(*names: str) -> str:
    """Return lines about this process, which must be able to read them."""
    text = Path("/proc/self/status").read_text()
    return " ".join(line for line in text.splitlines() if line.partition(":")[0] in names)


def connect(port: int) -> None:
    """Connect by TCP to this host."""
    with socket.socket() as one:
        one.settimeout(5.0)
        one.connect(("127.0.0.1", port))


def refused(act: Callable[[], object]) -> bool:
    """Tell whether an act may not be done, as opposed to whatever else may come of it."""
    try:
        act()
    except PermissionError:
        return True
    except OSError:
        return False
    return False


PROC = Needs((("/proc", Access.READ),))


def test_no_capability_is_left_anywhere() -> None:
    sets = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    found = confined(lambda: own_status(*sets), PROC)
    assert found.split()[1::2] == ["0" * 16] * len(sets)


def test_who_shall_stay_root_keeps_them_and_nothing_else() -> None:
    found = confined(
        lambda: own_status("CapEff", "Seccomp", "NoNewPrivs"), PROC, unprivileged=False
    )
    capabilities, no_new, filters = found.split()[1::2]
    assert int(capabilities, 16)
    assert (no_new, filters) == ("1", "2")


@pytest.fixture
def own_limits() -> Iterator[None]:
    """Leave the limits of the test's process as they were."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("own_limits")
def test_limits_are_as_low_as_the_needs() -> None:
    def limits() -> str:
        kinds = ("NOFILE", "CORE", "NPROC", "FSIZE")
        found = (resource.getrlimit(getattr(resource, f"RLIMIT_{kind}")) for kind in kinds)
        return " ".join(f"{soft}:{hard}" for soft, hard in found)

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3000:
        peers.missing("permission to open 3000 files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (3000, hard))
    assert confined(limits) == "1024:1024 0:0 0:0 0:0"
    assert confined(limits, Needs(descriptors=2000)).split()[0] == "2000:2000"
    assert confined(limits, Needs(descriptors=9000)).split()[0] == "3000:3000"
    assert confined(limits, Needs((("/tmp", FULL),))).split()[3] == "-1:-1"
    assert confined(limits, Needs(threads=True)).split()[2] != "0:0"
    to_file = Log("test", FileSink(2, is_socket=False))
    assert confined(limits, log=to_file).split()[3] == "-1:-1"


def test_with_no_the_account_changes_and_that_is_all() -> None:
    found = confined(lambda: own_status("Seccomp", "NoNewPrivs", "Uid"), sandbox="no")
    assert found.split()[1:3] == [str(OWNER.pw_uid)] * 2
    assert found.split()[-3:] == ["0", "Seccomp:", "0"]


def held(**settings: str) -> Layer | None:
    """Return what a process tells of itself that has become another account's."""
    told = Told(shared(1))

    def run() -> bytes:
        child = child_with(Log("test", SyslogSink("mail")), True, settings)
        child.told = told
        put_on(child, NOTHING)
        return str(os.getuid()).encode()

    assert outcome(run) == str(OWNER.pw_uid).encode()
    return told.heard()


def test_who_may_not_empty_the_bounding_set_serves_without_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*arguments: int) -> int:
        if arguments[0] != capabilities.PR_CAPBSET_DROP:
            return int(libc.prctl(*arguments))
        ctypes.set_errno(errno.EPERM)
        return -1

    monkeypatch.setattr(capabilities, "prctl", refuse)
    assert held() == ALL & ~Layer.CAPABILITIES


def test_it_tells_what_holds() -> None:
    assert Told(shared(1)).heard() is None
    assert held() == ALL
    assert held(sandbox="no") == NONE


@pytest.mark.parametrize("known", range(7))
def test_older_kernels_lock_what_they_know(known: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if landlock.version() < known:
        peers.missing(f"Landlock of version {known}")
    monkeypatch.setattr(landlock, "version", lambda: known if known >= 2 else 0)

    def tries() -> str:
        acts: dict[str, Callable[[], object]] = {
            "file": lambda: os.listdir("/"),
            "tcp": lambda: connect(1),
            "scope": lambda: socket.socket(socket.AF_UNIX).connect(f"\0{name}"),
        }
        return ",".join(name for name, act in acts.items() if refused(act))

    name = f"test.{os.getpid()}"
    expected = {"file": 2, "tcp": 4, "scope": 6}
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0{name}")
        abstract.listen()
        found = confined(tries, Needs(network=True))
    assert found == ",".join(one for one, since in expected.items() if since <= known)


def test_a_missing_layer_is_named_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(missing()) == []
    monkeypatch.setattr(seccomp, "trouble", lambda: "it is not here")
    monkeypatch.setattr(landlock, "version", lambda: 4)
    assert list(missing()) == [
        "no seccomp (it is not here)",
        "no landlock-scopes (this kernel's Landlock is of version 4)",
    ]
    assert confined(lambda: own_status("Seccomp", "NoNewPrivs"), PROC).split()[1::2] == ["1", "0"]


def test_without_the_library_there_is_no_filter_and_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seccomp, "LIBRARY", "libnowhere.so.1")
    seccomp.library.cache_clear()
    try:
        assert seccomp.trouble() == "libnowhere.so.1 is not installed"
        assert confined(lambda: "serves") == "serves"
    finally:
        seccomp.library.cache_clear()


def test_a_lock_that_fails_is_said_and_the_daemon_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(seccomp, "loader", lambda program: fail)
    reader, writer = os.pipe()
    log = Log("test", FileSink(writer))
    assert confined(lambda: "serves", log=log) == "serves"
    os.close(writer)
    with open(reader) as lines:
        assert "warning: sandbox: no seccomp: Operation not permitted" in lines.read()


def test_an_import_is_refused_and_logged() -> None:
    journal = Journal()

    def act() -> bytes:
        imports.close(journal)
        import json.decoder  # what is there may be named again

        assert json.decoder
        try:
            import colorsys  # noqa: F401
        except ModuleNotFoundError as error:
            return f"{error}; {journal.lines()}".encode()
        return b"imported"

    assert "colorsys" not in sys.modules
    found = outcome(act).decode()
    assert found.startswith("import of colorsys after the start; ")
    assert found.count("import of colorsys") == 2


def test_a_collector_on_the_network_can_be_connected_again() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        port, wrong = server.getsockname()[1], other.getsockname()[1]

        def act() -> str:
            connect(port)
            return "only there" if refused(lambda: connect(wrong)) else "anywhere"

        target = f"tcp:127.0.0.1:{port}"
        assert confined(act, syslog_network_target=target) == "only there"
    assert shelter.of_log(main_cf().load(ChildParams)) == NOTHING
