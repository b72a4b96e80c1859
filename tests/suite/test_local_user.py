"""test_local_user - who merely has an account on the host has no part in the mail system

DESCRIPTION
    Each act of a stranger is also done as root, for whom it must succeed: else
    its failure would prove nothing.
"""

import contextlib
import errno
import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from tests.common.forked import outcome
from tests.suite import peers
from tests.suite.instance import Postroom
from tests.suite.load import Load, lost

STRANGER = 65534
NAME = "C3A92216044"  # of a queue file that nobody has made
QUEUES = ("maildrop", "incoming", "active", "deferred", "hold", "corrupt", "defer", "bounce")
PLACES = (".", "pid", "public", "private", *QUEUES, "../data", "../etc", "../log")

Act = Callable[[Path], object]
# In a folder: what makes others read, write or wait at a place of one's choice.
PLANT: dict[str, Act] = {
    "link": lambda path: path.symlink_to("/etc/passwd"),
    "fifo": lambda path: os.mkfifo(path, 0o700),
    "file": lambda path: path.touch(0o700),
    "folder": lambda path: path.mkdir(),
    "socket": lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
}
# With a message, a log, a configuration.
USE: dict[str, Act] = {
    "overwrite": lambda path: path.open("r+b").close(),
    "hard link": lambda path: make_and_remove(path, os.link),
    "rename": lambda path: (path.rename(f"{path}x"), Path(f"{path}x").rename(path)),
    "chmod": lambda path: path.chmod(stat.S_IMODE(path.stat().st_mode)),
}


def make_and_remove(path: Path, make: Callable[[Path, Path], object]) -> None:
    """Try a second name for a file, and give it up again."""
    name = path.with_name(NAME)
    make(path, name)
    name.unlink()


def connect(path: Path) -> None:
    """Connect to a socket; which kind it is, only who may connect learns."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    except OSError as error:
        if error.errno != errno.EPROTOTYPE:
            raise


def attempt(instance: Postroom, message: Path, sockets: list[Path]) -> dict[str, bool]:
    """Do everything; tell of each act whether the system let us."""
    allowed = {}

    def let(what: str, act: Act, path: Path) -> None:
        try:
            act(path)
            allowed[what] = True
        except PermissionError:
            allowed[what] = False

    for place in PLACES:
        folder = instance.spool / place
        for name, act in PLANT.items():
            let(f"{name} in {place}", act, folder / NAME)
            with contextlib.suppress(OSError):
                (folder / NAME).rmdir() if name == "folder" else (folder / NAME).unlink()
    files = {"a message": message, "main.cf": instance.config_dir / "main.cf"}
    for kind, path in {**files, "the log": instance.log_path}.items():
        for name, act in USE.items():
            let(f"{name} {kind}", act, path)
    let("read a message", Path.read_bytes, message)
    for path in sockets:
        let(f"connect to {path.relative_to(instance.spool)}", connect, path)
    return allowed


def test_a_stranger_can_do_nothing_in_the_queue(postroom: Postroom) -> None:
    peers.superuser("a stranger's account")
    with Load(postroom.port, limit=5) as load:
        load.join()
    (message, *_) = postroom.queue_files().values()
    sockets = [one for one in postroom.spool.rglob("*") if stat.S_ISSOCK(one.stat().st_mode)]
    assert len(sockets) >= 3

    def as_stranger() -> bytes:
        os.setgroups([])
        os.setgid(STRANGER)
        os.setuid(STRANGER)
        return json.dumps(attempt(postroom, message, sockets)).encode()

    by_root = attempt(postroom, message, sockets)
    assert [what for what, allowed in by_root.items() if not allowed] == []
    by_stranger = json.loads(outcome(as_stranger))
    assert by_stranger.keys() == by_root.keys()
    assert [what for what, allowed in by_stranger.items() if allowed] == []
    assert not lost(load.acknowledged(), postroom)
