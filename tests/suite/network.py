"""network - a network of the test's own: loopback, addresses, resolver

DESCRIPTION
    private_network() takes the calling thread, and whatever it starts then,
    into fresh network and mount namespaces: every address of 10.66.0.0/15 is
    local there, and a few of IPv6; /etc/hosts, /etc/resolv.conf and
    /etc/nsswitch.conf are the test's own. Nothing reaches the world or the
    machine's own files.

SEE ALSO
    namespaces(7), resolv.conf(5)
"""

import contextlib
import ctypes
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.suite import peers

HOSTS = ["10.66.0.0/15", "fd66::7/128", "fd66::8/128"]  # all of them are this machine
NAME_SERVER = "127.0.0.53"

FILES: Mapping[str, str] = {
    "hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost\n",
    "nsswitch.conf": "hosts: files dns\n",
    "resolv.conf": f"nameserver {NAME_SERVER}\n",  # with the system's own patience: 5 s, twice
}

CLONE_FS, CLONE_NEWNS, CLONE_NEWNET = 0x200, 0x20000, 0x40000000  # sched.h
NAMESPACES = {"net": CLONE_NEWNET, "mnt": CLONE_NEWNS}
LIBC = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def private_network(files: Mapping[str, str] | None = None) -> Iterator[None]:
    """Live in namespaces of our own; files replaces texts below /etc, by name."""
    peers.superuser("a network of its own")
    with contextlib.ExitStack() as undo:
        folder = os.getcwd()
        for kind, flag in NAMESPACES.items():
            outside = os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
            undo.callback(os.close, outside)
            undo.callback(enter, outside, flag)
        undo.callback(call, LIBC.unshare, CLONE_FS)  # threads of before share what follows
        call(LIBC.unshare, CLONE_FS | CLONE_NEWNS | CLONE_NEWNET)
        command("mount", "--make-rprivate", "/")
        command("ip", "link", "set", "lo", "up")
        for hosts in HOSTS:
            command("ip", "address", "add", hosts, "dev", "lo")
        texts = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="pr-etc-")))
        for name, text in {**FILES, **(files or {})}.items():
            (texts / name).write_text(text)
            command("mount", "--bind", str(texts / name), f"/etc/{name}")
            undo.callback(command, "umount", f"/etc/{name}")
        try:
            yield
        finally:
            undo.close()
            os.chdir(folder)


def enter(namespace: int, flag: int) -> None:
    """Move the calling thread into a namespace."""
    call(LIBC.setns, namespace, flag)


def call(function: "ctypes._NamedFuncPointer", *arguments: int) -> None:
    """Call a function of the C library, which fails with -1 and errno."""
    if function(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def command(*words: str) -> None:
    """Run a command that must succeed."""
    subprocess.run(words, check=True, timeout=10)
