"""libc - the C library, for system calls that Python has no name for"""

import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)
# Looked up here, in master: it costs a tenth of all that a child does with them.
prctl, capset, syscall = LIBC.prctl, LIBC.capset, LIBC.syscall
syscall.restype = ctypes.c_long


def check(result: int) -> int:
    """Return what a function of the C library returned.

    Raises:
        OSError: it failed.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def call(number: int, *arguments: object) -> int:
    """Make a system call; whole numbers travel as long, as they must.

    Raises:
        OSError: it failed.
    """
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return check(syscall(ctypes.c_long(number), *words))
