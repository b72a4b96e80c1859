"""signals - how this process reacts to them, told without enumerations

DESCRIPTION
    These are the functions behind those of the signal module, which make
    members of enumerations of all that they are given and return: of what
    master and its children have to do for each other that would be the
    larger part. Signals and actions are numbers here, actions functions too.
"""

from _signal import pthread_sigmask as set_mask  # type: ignore[import-not-found]  # has no stub
from _signal import signal as set_action

__all__ = ["set_action", "set_mask"]
