"""libc - the C library, for system calls that Python has no name for

DESCRIPTION
    What is called is looked up and given its types here, in master: done in
    each child, that takes ten times as long as the calls.
"""

import ctypes
import os
from collections.abc import Callable
from functools import partial

LIBC = ctypes.CDLL(None, use_errno=True)
prctl, capset = LIBC.prctl, LIBC.capset


def check(result: int, *call: object) -> int:
    """Return what a function of the C library returned.

    Raises:
        OSError: it failed.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def system_call(number: int, *kinds: type) -> Callable[..., int]:
    """Return a function that makes a system call with arguments of these types of ctypes.

    Like check() it raises an OSError if the call fails.
    """
    function = LIBC["syscall"]  # not the attribute, which all would share
    function.restype = ctypes.c_long
    function.argtypes = (ctypes.c_long, *kinds)
    function.errcheck = check  # type: ignore[assignment]  # whose type says only "some data"
    return partial(function, number)
