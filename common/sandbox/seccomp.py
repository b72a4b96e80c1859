"""seccomp - system calls that are refused from now on, or are the end of the process

DESCRIPTION
    libseccomp knows the numbers of calls on each architecture and makes a
    filter of names. That is done once, in master; its children load the
    filter that is there. The library is called directly: its binding on
    PyPI, pyseccomp, takes five times as long to be imported as all this takes,
    since it runs ldconfig to find the library, or a compiler.

SEE ALSO
    seccomp(2), seccomp_rule_add(3)
"""

import ctypes
import errno
import functools
import os
from collections.abc import Callable
from functools import partial

from common.sandbox import calls
from common.sandbox.libc import prctl, system_call
from common.sandbox.needs import Needs

LIBRARY = "libseccomp.so.2"
PR_SET_SECCOMP, MODE_FILTER = 22, 2
SET_MODE_FILTER = 1
# Do not slow down for attacks by speculation, from which only other code of this process gains.
FLAG_SPECULATION = 4

KILL_PROCESS, ALLOW = 0x8000_0000, 0x7FFF_0000
UNKNOWN_CALL = 0x0005_0000 | errno.ENOSYS
ATTRIBUTE_BAD_ARCHITECTURE, ATTRIBUTE_OPTIMIZE = 2, 8
BINARY_TREE = 2
MASKED_EQUAL = 7
NO_SUCH_CALL = -1


class Comparison(ctypes.Structure):
    """struct scmp_arg_cmp."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("mask", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
    )


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


INSTRUCTION_SIZE = 8


@functools.cache
def library() -> ctypes.CDLL | None:
    """Return libseccomp, None if it is not there."""
    try:
        found = ctypes.CDLL(LIBRARY)
    except OSError:
        return None
    found.seccomp_init.restype = ctypes.c_void_p
    return found


def trouble() -> str:
    """Return why there is no such filter here, nothing if there is."""
    if library() is None:
        return f"{LIBRARY} is not installed"
    # A kernel that has filters looks for one where there is none.
    prctl(PR_SET_SECCOMP, MODE_FILTER, None, 0, 0)
    return "" if ctypes.get_errno() == errno.EFAULT else "this kernel has no filters"


def compiled(needs: Needs) -> bytes:
    """Return the filter that leaves a process what it needs; made once for the same needs.

    Raises:
        OSError: the library is not there, or does not work.
    """
    return _compiled(calls.Kind.of(needs))


@functools.cache
def _compiled(kind: calls.Kind) -> bytes:
    seccomp = library()
    if seccomp is None:
        raise OSError(trouble())
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(UNKNOWN_CALL)))
    try:
        bad = ctypes.c_uint32(KILL_PROCESS)
        answer(seccomp.seccomp_attr_set(context, ATTRIBUTE_BAD_ARCHITECTURE, bad))
        # The kernel tries a filter on all calls when it is loaded: a tree takes half the time.
        # Libraries before 2.5 make none.
        seccomp.seccomp_attr_set(context, ATTRIBUTE_OPTIMIZE, ctypes.c_uint32(BINARY_TREE))
        for name in calls.FATAL:
            add(seccomp, context, KILL_PROCESS, name, ())
        for name, conditions in calls.allowed(kind):
            add(seccomp, context, ALLOW, name, conditions)
        with open(os.memfd_create("filter"), "r+b") as file:
            answer(seccomp.seccomp_export_bpf(context, file.fileno()))
            file.seek(0)
            return file.read()
    finally:
        seccomp.seccomp_release(context)


def add(
    seccomp: ctypes.CDLL,
    context: ctypes.c_void_p,
    action: int,
    name: str,
    conditions: tuple[calls.Condition, ...],
) -> None:
    """Add a rule; a name that is not known here is left out."""
    number = seccomp.seccomp_syscall_resolve_name(name.encode())
    if number == NO_SUCH_CALL:
        return
    comparisons = (Comparison * len(conditions))(
        *(Comparison(one.argument, MASKED_EQUAL, one.mask, one.value) for one in conditions)
    )
    verdict = ctypes.c_uint32(action)
    answer(seccomp.seccomp_rule_add_array(context, verdict, number, len(conditions), comparisons))


def loader(program: bytes) -> Callable[[], object]:
    """Return what lets a filter decide about all calls from then on; no_new_privs must be set.

    It raises an OSError if the system refuses.
    """
    seccomp = library()
    assert seccomp is not None, "somebody has made the filter"
    number = seccomp.seccomp_syscall_resolve_name(b"seccomp")
    load = system_call(number, ctypes.c_uint, ctypes.c_uint, ctypes.POINTER(Program))
    filters = Program(len(program) // INSTRUCTION_SIZE, program)
    return partial(load, SET_MODE_FILTER, FLAG_SPECULATION, ctypes.pointer(filters))


def answer(result: int) -> None:
    """Check what the library says.

    Raises:
        OSError: it is an error.
    """
    if result < 0:
        raise OSError(-result, os.strerror(-result))
