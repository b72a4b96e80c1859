"""capabilities - giving up what root can do, also for programs that might be executed

SEE ALSO
    capabilities(7), prctl(2)
"""

import ctypes
import errno

from common.sandbox.libc import capset, check, prctl

PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
VERSION_3 = 0x20080522  # of the structures: two sets of 32 bits each
LIMIT = 64  # numbers that a capability can have

# Made here, in master: memory that a child touches first is copied.
HEADER = (ctypes.c_uint32 * 2)(VERSION_3, 0)
NOTHING = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable, twice


def empty_bounding_set() -> bool:
    """See that no program executed from now on gets any; tell whether we may.

    To be done while we have them: a container may have left us without the one for this.
    """
    for number in range(LIMIT):
        if prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0:
            return ctypes.get_errno() == errno.EINVAL  # the kernel has no more
    return True


def clear() -> None:
    """Have none, and hand none on.

    Raises:
        OSError: the system refuses.
    """
    check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
    check(capset(HEADER, NOTHING))


def forbid_new_privileges() -> None:
    """Let no set-user-id bit of a program count any more.

    Raises:
        OSError: the system refuses.
    """
    check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
