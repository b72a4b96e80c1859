"""hostile - a daemon taken over, on a host of its own, with and without its sandbox

SYNOPSIS
    unshare --net --mount --pid --fork --kill-child --mount-proc \\
        python -P -m tests.suite.hostile FOLDER DAEMON

DESCRIPTION
    Each act takes place in a process that was forked for it and has become
    the daemon by the daemon's own serve(), up to where clients would be
    served. The manners of that:

    locked      as it is started
    no-seccomp  on a kernel without seccomp; no-landlock: without Landlock
    plain       with "sandbox = no": mail_owner's account, nothing else
    root        as root, with "sandbox = no"

    What came of each is printed as JSON, by manner and act.
"""

import json
import os
import pwd
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import NoReturn
from unittest import mock

import cleanup.__main__
import postlogd.__main__
import qmqpd.__main__
from common.child import Child
from common.log import Log
from common.program import Program
from common.sandbox import landlock, seccomp
from common.sinks import FileSink
from tests.common.settings import BASE, main_cf
from tests.suite.hostile_acts import ACTS, LOCAL_ACTS, Act, Stage, attempt
from tests.suite.system_host import bring_up

DAEMONS: dict[str, tuple[ModuleType, str]] = {
    # The module, and what serves there when the daemon has shut itself in.
    "qmqpd": (qmqpd.__main__, "Worker"),
    "cleanup": (cleanup.__main__, "serve_each"),
    "postlogd": (postlogd.__main__, "work"),
}
MANNERS = ("locked", "no-seccomp", "no-landlock", "plain", "root")
FOLDERS = ("incoming", "hold", "active", "public", "private", "defer", "bounce", "trace")
ACCOUNT = "nobody"
PATIENCE = 10.0  # seconds for one act


def main() -> int:
    """Let all of it happen."""
    top, daemon = Path(sys.argv[1]), sys.argv[2]
    bring_up("lo")
    with set_up(top) as stage, open(top / "log", "ab") as log:
        found = {
            manner: {
                name: outcome(daemon, manner, act, stage, log.fileno())
                for name, act in acts_of(daemon).items()
            }
            for manner in MANNERS
        }
    print(json.dumps({**found, "log": (top / "log").read_text()}))
    return 0


def acts_of(daemon: str) -> dict[str, Act]:
    """Return the acts that a daemon may not commit."""
    return ACTS if daemon == "qmqpd" else {**ACTS, **LOCAL_ACTS}


@contextmanager
def set_up(top: Path) -> Iterator[Stage]:
    """Make the spool, and what the acts are about."""
    owner = pwd.getpwnam(ACCOUNT)
    for name in FOLDERS:
        (top / "spool" / name).mkdir(parents=True)
        os.chown(top / "spool" / name, owner.pw_uid, owner.pw_gid)
    os.chdir(top / "spool")
    scratch = top / "scratch"
    scratch.mkdir()
    scratch.chmod(0o777)
    (top / "main.cf").touch(0o644)
    (scratch / "everybodys").touch()
    (scratch / "everybodys").chmod(0o666)
    os.chown(scratch / "everybodys", owner.pw_uid, owner.pw_gid)
    seccomp.library()  # acts need it where nothing can be loaded any more
    with ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1000))
        abstract = opened.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0hostile.{os.getpid()}")
        abstract.listen(1000)
        sibling = idler(owner.pw_uid, owner.pw_gid)
        opened.callback(os.kill, sibling, signal.SIGKILL)
        yield Stage(
            queue_file=str(top / "spool/active/12345"),
            scratch=str(scratch),
            configuration=str(top / "main.cf"),
            sibling=sibling,
            master=os.getpid(),
            port=listener.getsockname()[1],
            abstract=f"hostile.{os.getpid()}",
        )


def idler(uid: int, gid: int) -> int:
    """Return the pid of a new process of an account, which does nothing."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        # An account's process may be traced if it was executed under it.
        os.dup2(writer, 1)
        os.execv("/bin/sh", ["sh", "-c", "echo; exec sleep 600"])
    os.read(reader, 1)
    os.close(writer)
    return pid


def outcome(daemon: str, manner: str, act: Act, stage: Stage, log: int) -> str:
    """Return what came of an act: "done", an error, or the signal that ended its process."""
    reader, writer = os.pipe()
    owner = pwd.getpwnam(ACCOUNT)
    Path(stage.queue_file).touch()  # acts may have changed or removed it
    os.chown(stage.queue_file, owner.pw_uid, owner.pw_gid)
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        become(daemon, manner, log, lambda: os.write(writer, attempt(act, stage).encode()))
    os.close(writer)
    with open(reader, "rb") as answers:
        ended = select.select([answers], [], [], PATIENCE)[0]
        if not ended:
            os.kill(pid, signal.SIGKILL)
        text = answers.read().decode()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status < 0:
        return signal.Signals(-status).name if ended else "hangs"
    return text or ("done" if status == 0 else "failed to start")


def become(daemon: str, manner: str, log: int, act: Callable[[], object]) -> NoReturn:
    """Be the daemon up to where it serves, then act."""
    status = 1
    module, server = DAEMONS[daemon]
    try:
        with ExitStack() as changed:
            if manner == "no-seccomp":
                changed.enter_context(mock.patch.object(seccomp, "trouble", return_value="off"))
            if manner == "no-landlock":
                changed.enter_context(mock.patch.object(landlock, "version", return_value=0))
            taken_over = mock.Mock(side_effect=lambda *_, **__: act() and mock.DEFAULT)
            changed.enter_context(mock.patch.object(module, server, taken_over))
            Program.of(module).serve(child_of(module, daemon, manner, log))
            status = 0
    except BaseException as error:
        os.write(log, f"{daemon}, {manner}: {error!r}\n".encode())
    finally:
        os._exit(status)


def child_of(module: ModuleType, daemon: str, manner: str, log: int) -> Child:
    """Return what the daemon is started with."""
    program = Program.of(module)
    settings = main_cf(
        **BASE,
        mail_owner=ACCOUNT,
        queue_directory=os.getcwd(),
        sandbox="no" if manner in ("plain", "root") else "yes",
    )
    prepared, shelter = program.made_ready(settings.load(program.params))
    return Child(
        command=daemon,
        service=daemon,
        transport="unix",
        generation=1,
        listener_count=0,
        title=daemon,
        main_cf=settings,
        log=Log(f"postfix/{daemon}", FileSink(log)),
        unprivileged=manner != "root",
        prepared=prepared,
        shelter=shelter,
    )


if __name__ == "__main__":
    sys.exit(main())
