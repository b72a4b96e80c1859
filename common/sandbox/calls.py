"""calls - the system calls that a daemon makes once it serves

DESCRIPTION
    Whatever is not here is answered as by a kernel that does not know it,
    since libraries have a way to do without: they may come with new calls at
    any time. FATAL are calls that no library makes by itself: whoever makes
    one of them from inside a mail daemon has taken it over.

    Names that an architecture or a library does not know are left out.

SEE ALSO
    syscalls(2)
"""

import os
import socket
import termios
from typing import NamedTuple

from common.sandbox.needs import Needs


class Condition(NamedTuple):
    """An argument's bits, as far as the mask covers them, have this value."""

    argument: int
    value: int
    mask: int = 0xFFFF_FFFF  # the kernel itself looks at no more of them


Rule = tuple[str, tuple[Condition, ...]]  # a call, and what its arguments must be

MEMORY = (
    *("brk", "mmap", "mmap2", "mprotect", "munmap", "mremap", "madvise", "membarrier"),
    *("futex", "futex_time64", "set_robust_list", "rseq", "getrandom", "sched_yield"),
    *("sched_getaffinity", "getcpu", "sysinfo", "uname"),
)
TIMES = (
    *("clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64"),
    *("clock_nanosleep", "clock_nanosleep_time64", "nanosleep", "gettimeofday", "time"),
    *("setitimer", "getitimer", "alarm", "times", "getrusage"),
)
PROCESS = (
    *("getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getgroups"),
    *("getresuid", "getresgid", "getcwd", "getrlimit", "ugetrlimit", "umask"),
    *("exit", "exit_group", "restart_syscall", "rt_sigaction", "rt_sigprocmask"),
    *("rt_sigreturn", "sigreturn", "rt_sigtimedwait", "sigaltstack"),
)
DESCRIPTORS = (
    *("read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev"),
    *("lseek", "_llseek", "close", "close_range", "dup", "dup2", "dup3", "pipe", "pipe2"),
    *("fcntl", "fcntl64", "flock", "poll", "ppoll", "ppoll_time64", "select", "_newselect"),
    *("pselect6", "pselect6_time64", "epoll_create", "epoll_create1", "epoll_ctl"),
    *("epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "fstat", "fstat64"),
)
# Facts about files are no secret that could be kept here.
PATHS = (
    *("stat", "stat64", "lstat", "lstat64", "newfstatat", "fstatat64", "statx", "statfs"),
    *("fstatfs", "access", "faccessat", "faccessat2", "readlink", "readlinkat"),
    *("getdents64", "fadvise64"),
)
CONNECTIONS = (
    *("connect", "accept", "accept4", "shutdown", "getsockname", "getpeername"),
    *("getsockopt", "setsockopt", "send", "sendto", "sendmsg", "sendmmsg"),
    *("recv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64"),
)
CHANGES = (
    *("open", "openat", "unlink", "unlinkat", "rename", "renameat", "renameat2"),
    *("fchmod", "utimensat", "utimensat_time64", "utime", "utimes", "futimesat"),
    *("fsync", "fdatasync", "ftruncate", "ftruncate64", "fallocate"),
)
FATAL = (
    *("execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev"),
    *("kcmp", "pidfd_getfd", "personality", "modify_ldt", "ioperm", "iopl", "userfaultfd"),
    *("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid"),
    *("setfsgid", "setgroups", "capset", "unshare", "setns", "chroot", "pivot_root"),
    *("mount", "umount2", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount"),
    *("fspick", "mount_setattr", "mknod", "mknodat", "swapon", "swapoff", "acct"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load"),
    *("reboot", "bpf", "perf_event_open", "add_key", "request_key", "keyctl"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "open_by_handle_at"),
    *("sethostname", "setdomainname", "settimeofday", "clock_settime", "adjtimex"),
    *("clock_adjtime", "syslog", "quotactl", "memfd_secret"),
)

OPEN_CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
DEVICE_CONTROLS = (
    *(termios.FIONBIO, termios.FIONREAD, termios.FIOCLEX, termios.FIONCLEX),
    termios.TCGETS,  # what isatty() asks
    termios.TIOCOUTQ,  # whether cleanup has read what it was sent
)
PR_SET_NAME = 15
CLONE_THREAD = 0x10000
NO_POINTER = 0xFFFF_FFFF_FFFF_FFFF
LOCAL = (socket.AF_UNIX,)
INTERNET = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)


class Kind(NamedTuple):
    """All that matters of some needs here."""

    network: bool
    threads: bool
    changes_files: bool

    @classmethod
    def of(cls, needs: Needs) -> "Kind":
        """Return what matters."""
        return cls(needs.network, needs.threads, needs.changes_files)


def allowed(needs: Kind) -> list[Rule]:
    """Return the calls that needs of this kind take."""
    names = (*MEMORY, *TIMES, *PROCESS, *DESCRIPTORS, *PATHS, *CONNECTIONS)
    rules: list[Rule] = [(name, ()) for name in names]
    rules += [("ioctl", (Condition(1, one),)) for one in DEVICE_CONTROLS]
    rules += [("socket", (Condition(0, one),)) for one in (INTERNET if needs.network else LOCAL)]
    rules.append(("prctl", (Condition(0, PR_SET_NAME),)))
    rules.append(("prlimit64", (Condition(0, 0), Condition(2, 0, NO_POINTER))))  # a look at our own
    if needs.threads:
        rules.append(("clone", (Condition(0, CLONE_THREAD, CLONE_THREAD),)))
    if needs.changes_files:
        rules += [(name, ()) for name in CHANGES]
    else:
        rules.append(("open", (Condition(1, 0, OPEN_CHANGING),)))
        rules.append(("openat", (Condition(2, 0, OPEN_CHANGING),)))
    return rules
