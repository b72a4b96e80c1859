"""hostile_acts - what somebody would try who has taken a mail daemon over

DESCRIPTION
    An act returns if it could be done, and raises OSError if it was refused;
    it may also be the end of its process. Each says which layers of the
    sandbox refuse it by themselves in every daemon: system calls (S), Landlock
    (L), or the lack of capabilities and of root (P).

    They are for a host of the test's own: none of them does harm there.
"""

import contextlib
import ctypes
import errno
import os
import signal
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from common.sandbox import seccomp
from common.sandbox.libc import LIBC, check

PTRACE_SEIZE = 0x4206
CLONE_NEWUSER, CLONE_NEWNS = 0x1000_0000, 0x0002_0000
BAD_MAGIC = 0x1234
KEYCTL_GET_KEYRING_ID, THREAD_KEYRING = 0, -1
BPF_MAP_CREATE = 0
BPF_ATTRIBUTES = struct.Struct("=5I").pack(2, 4, 4, 1, 0)  # an array of one number
COUNTER = struct.pack("=IIQQQQQ", 1, 64, 0, 0, 0, 0, 1 << 5 | 1 << 6).ljust(64, b"\0")
GARBAGE = b"no module"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the acts take place: paths, processes and ports that are somebody else's."""

    queue_file: str  # in a folder that no daemon changes files of
    scratch: str  # a folder that everybody may write to
    configuration: str  # a file of root's
    sibling: int  # pid of a process of the same account
    master: int  # pid of root's process
    port: int  # that somebody listens on
    abstract: str  # name of a socket without a path


Try = Callable[[Stage], object]


@dataclass(frozen=True, slots=True)
class Act:
    """One of them."""

    do: Try
    by: str  # the layers that refuse it
    reached: frozenset[int] = frozenset()  # errors that only who may do it can get
    since: int = 2  # the version of Landlock that refuses it

    def refused_by(self, layers: str, landlock: int) -> bool:
        """Tell whether any of these layers refuses it, with Landlock of that version."""
        held = set(self.by) & set(layers)
        return bool(held - {"L"} or (held and landlock >= self.since))


def call(name: str, *arguments: object) -> int:
    """Make a system call by its name."""
    library = seccomp.library()
    assert library is not None, "libseccomp2 is missing"
    number = library.seccomp_syscall_resolve_name(name.encode())
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return check(LIBC.syscall(ctypes.c_long(number), *words))


def read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(1)


def write(path: str) -> None:
    with open(path, "ab"):
        pass


def connect(family: int, kind: int, address: tuple[str, int] | str) -> None:
    with socket.socket(family, kind) as one:
        one.connect(address)


def bind(stage: Stage) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))


def send_datagram(stage: Stage) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", ("127.0.0.1", stage.port))


def fork(stage: Stage) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def execute(stage: Stage) -> None:
    """End as another program, which ends well."""
    os.execv("/bin/true", ["true"])


def import_module(stage: Stage) -> None:
    """Import what nobody needs and nobody has."""
    try:
        import colorsys  # noqa: F401
    except ImportError as error:
        raise PermissionError(errno.EPERM, str(error)) from None


def read_memory(stage: Stage) -> None:
    """Read a byte of another process, or find that the address means nothing there."""
    here = ctypes.create_string_buffer(1)
    part = struct.pack("PN", ctypes.addressof(here), 1)
    call("process_vm_readv", stage.sibling, part, 1, part, 1, 0)


def set_module_up(stage: Stage) -> None:
    call("init_module", GARBAGE, len(GARBAGE), b"")


def io_uring(stage: Stage) -> None:
    os.close(call("io_uring_setup", 1, ctypes.create_string_buffer(256)))


def counter(stage: Stage) -> None:
    os.close(call("perf_event_open", COUNTER, 0, -1, -1, 0))


def new_map(stage: Stage) -> None:
    os.close(call("bpf", BPF_MAP_CREATE, BPF_ATTRIBUTES, len(BPF_ATTRIBUTES)))


def mount(stage: Stage) -> None:
    check(LIBC.mount(b"none", stage.scratch.encode(), b"tmpfs", 0, None))
    check(LIBC.umount2(stage.scratch.encode(), 0))


def make_and_remove(make: Callable[[str], object], remove: Callable[[str], None]) -> Try:
    """Return the act of making something in a folder where everybody may."""

    def act(stage: Stage) -> None:
        path = f"{stage.scratch}/made.{os.getpid()}"
        make(path)
        remove(path)

    return act


def with_own_file(use: Callable[[Stage, str], object]) -> Try:
    """Return the act of using a file that everybody may write to."""

    def act(stage: Stage) -> None:
        use(stage, f"{stage.scratch}/everybodys")

    return act


def rename_and_back(stage: Stage, path: str) -> None:
    os.rename(path, f"{path}.moved")
    os.rename(f"{path}.moved", path)


def link_and_unlink(stage: Stage, path: str) -> None:
    os.link(path, f"{path}.linked")
    os.unlink(f"{path}.linked")


def attach(stage: Stage) -> None:
    call("ptrace", PTRACE_SEIZE, stage.sibling, 0, 0)


def enter_user_namespace(stage: Stage) -> None:
    call("unshare", CLONE_NEWUSER)


def enter_mount_namespace(stage: Stage) -> None:
    call("unshare", CLONE_NEWNS)


def set_user(stage: Stage) -> None:
    call("setuid", 0)


INET, UNIX, STREAM = socket.AF_INET, socket.AF_UNIX, socket.SOCK_STREAM

ACTS: dict[str, Act] = {
    "read a file that everybody may": Act(with_own_file(lambda _, path: read(path)), "L"),
    "read /etc/passwd": Act(lambda _: read("/etc/passwd"), "L"),
    "read /etc/shadow": Act(lambda _: read("/etc/shadow"), "LP"),
    "list a folder": Act(lambda one: os.listdir(one.scratch), "L"),
    "write to a file that everybody may": Act(with_own_file(lambda _, path: write(path)), "L"),
    "write to main.cf": Act(lambda one: write(one.configuration), "LP"),
    "truncate a file": Act(with_own_file(lambda _, path: os.truncate(path, 0)), "SL"),
    "make a file": Act(make_and_remove(write, os.unlink), "L"),
    "make a folder": Act(make_and_remove(os.mkdir, os.rmdir), "SL"),
    "make a FIFO": Act(make_and_remove(os.mkfifo, os.unlink), "SL"),
    "make a link": Act(make_and_remove(lambda path: os.symlink("/", path), os.unlink), "SL"),
    "make a hard link": Act(with_own_file(link_and_unlink), "SL"),
    "rename a file": Act(with_own_file(rename_and_back), "L"),
    "remove a queue file": Act(lambda one: os.unlink(one.queue_file), "L"),
    "change a file's mode": Act(lambda one: os.chmod(one.queue_file, 0o666), "S"),
    "change a file's owner": Act(lambda one: os.chown(one.queue_file, 12345, -1), "SP"),
    "read master's environment": Act(lambda one: read(f"/proc/{one.master}/environ"), "LP"),
    "execute a program": Act(execute, "S"),
    "fork": Act(fork, "S"),
    "import a module": Act(import_module, "I"),
    "trace a process": Act(attach, "SL"),
    "read another's memory": Act(read_memory, "SL", frozenset({errno.EFAULT})),
    "signal master": Act(lambda one: os.kill(one.master, 0), "SLP"),
    "signal a process of the same account": Act(lambda one: os.kill(one.sibling, 0), "SL", since=6),
    "stop a process through its descriptor": Act(
        lambda one: signal.pidfd_send_signal(os.pidfd_open(one.sibling), 0), "SL", since=6
    ),
    "become root": Act(set_user, "SP"),
    "change root": Act(lambda one: os.chroot(one.scratch), "SP"),
    "mount": Act(mount, "SP"),
    "enter a user namespace": Act(enter_user_namespace, "S"),
    "enter a mount namespace": Act(enter_mount_namespace, "SP"),
    "come before others": Act(lambda _: os.setpriority(os.PRIO_PROCESS, 0, -1), "SP"),
    "connect by TCP": Act(lambda one: connect(INET, STREAM, ("127.0.0.1", one.port)), "L", since=4),
    "listen by TCP": Act(bind, "SL", since=4),
    "open a raw socket": Act(lambda _: socket.socket(INET, socket.SOCK_RAW, 1).close(), "P"),
    "open a netlink socket": Act(
        lambda _: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close(), "S"
    ),
    "connect to an abstract socket": Act(
        lambda one: connect(UNIX, STREAM, f"\0{one.abstract}"), "L", since=6
    ),
    "use a keyring": Act(
        lambda _: call("keyctl", KEYCTL_GET_KEYRING_ID, THREAD_KEYRING, 1),
        "S",
        frozenset({errno.ENOSYS}),  # a kernel without keys; with the sandbox it is the end
    ),
    "make a BPF map": Act(new_map, "SP"),
    "count events": Act(counter, "S", frozenset({errno.ENOENT})),
    "load a module": Act(  # a kernel without modules tells nobody more than that
        set_module_up, "S", frozenset({errno.ENOEXEC, errno.EFAULT, errno.ENOSYS})
    ),
    "reboot with bad magic": Act(
        lambda _: call("reboot", BAD_MAGIC, BAD_MAGIC, 0, 0), "SP", frozenset({errno.EINVAL})
    ),
    "set an io_uring up": Act(io_uring, "S", frozenset({errno.ENOSYS})),
    "set the host's name": Act(
        lambda _: call("sethostname", b"x", -1), "SP", frozenset({errno.EINVAL})
    ),
}

# Of daemons that have no business with the internet at all.
LOCAL_ACTS: dict[str, Act] = {
    "send a datagram": Act(send_datagram, "S"),
    "open an internet socket": Act(lambda _: socket.socket().close(), "S"),
}


def attempt(act: Act, stage: Stage) -> str:
    """Return "done", or why it was refused."""
    with contextlib.suppress(NotImplementedError):
        try:
            act.do(stage)
        except OSError as error:
            if error.errno not in act.reached:
                return errno.errorcode.get(error.errno or 0, str(error))
    return "done"
