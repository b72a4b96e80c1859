"""foreign - how a program of Postfix is started

DESCRIPTION
    The C library makes the process and executes the program, while master
    stands still for less than a millisecond: no Python runs in between, and
    no memory is copied. What the program must not have is closed by the
    kernel, since every descriptor of ours is opened to be closed by exec.

    The program finds what Postfix's master would give it: its arguments, a
    clean environment, default signals but for SIGPIPE, /dev/null on
    descriptors 0 and 2, and on 1 whatever master has there. Folder, mask and
    identity are master's own.

SEE ALSO
    spec/master-protocol.md, section 1
    posix_spawn(3)
"""

import errno
import fcntl
import os
import signal
from collections.abc import Mapping, Sequence

NULL_FD, OUTPUT_FD = 0, 1  # of master, which may have a terminal on 2
DEFAULT_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE}
NO_ROOM = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)


class ExecError(Exception):
    """A program cannot be executed; trying again soon would not help."""


def execute(
    path: str, words: list[str], environment: Mapping[str, str], descriptors: Sequence[int]
) -> int:
    """Start a program with these descriptors as 3, 4, 5 and so on; return its pid.

    Raises:
        ExecError: it is missing, or no program.
        OSError: the system has no room for it.
    """
    return spawn(path, words, environment, [NULL_FD, OUTPUT_FD, NULL_FD, *descriptors])


def spawn(
    path: str, words: list[str], environment: Mapping[str, str], descriptors: Sequence[int]
) -> int:
    """Start a program with these descriptors as 0, 1, 2 and so on, and no others.

    Raises:
        ExecError: it is missing, or no program.
        OSError: the system has no room for it.
    """
    copies: list[int] = []
    try:
        # Out of the way first: a number that the program shall have may be one that we still need.
        for one in descriptors:
            copies.append(fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, len(descriptors)))
        return os.posix_spawn(
            path,
            words,
            environment,
            file_actions=[(os.POSIX_SPAWN_DUP2, copy, to) for to, copy in enumerate(copies)],
            setsigmask=(),
            setsigdef=DEFAULT_SIGNALS,
        )
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        raise ExecError(f"exec {path}: {error.strerror}") from None
    finally:
        for copy in copies:
            os.close(copy)
