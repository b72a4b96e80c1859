"""fork - a copy of master that knows nothing of its signals

DESCRIPTION
    Signals are held back while there are two of us: called in the child, a
    handler of master's would wake master. The child gets the default actions
    back, and lets all signals through.

SEE ALSO
    fork(2), sigprocmask(2)
"""

import gc
import os
import signal
from collections.abc import Callable, Sequence
from typing import NoReturn

from common.signals import set_action, set_mask

# SIGXFSZ stays ignored, as Python has it: a file over its limit is an error, not a death.
# SIGINT too: Ctrl-C reaches all of a foreground instance, and master alone acts on it.
IGNORED = {signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT}
CHANGEABLE = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}

EVERY = {int(one) for one in CHANGEABLE}
BLOCK, SET = int(signal.SIG_BLOCK), int(signal.SIG_SETMASK)

Action = tuple[int, int]  # of a signal, by their numbers
ACTIONS: list[Action] = [
    (int(one), int(signal.SIG_IGN if one in IGNORED else signal.SIG_DFL)) for one in CHANGEABLE
]


def fork(actions: Sequence[Action], live: Callable[[], NoReturn]) -> int:
    """Make a copy of this process, which lives so; return its pid.

    actions: what the child does about signals, of those at least that have another one here.

    Raises:
        OSError: the system has no room for it.
    """
    before = set_mask(BLOCK, EVERY)
    try:
        pid = os.fork()
        if pid == 0:
            begin(actions, live)
    finally:
        set_mask(SET, before)
    return pid


def begin(actions: Sequence[Action], live: Callable[[], NoReturn]) -> NoReturn:
    """Be the child, from here to its end."""
    try:
        # What master forgot about must not be collected here: it has descriptors, whose numbers
        # are ours.
        gc.freeze()
        reset_signals(actions)
        live()
    finally:
        os._exit(1)


def changed_actions() -> list[Action]:
    """Return the actions of a child, for those signals that have another one here."""
    return [(number, action) for number, action in ACTIONS if signal.getsignal(number) != action]


def reset_signals(actions: Sequence[Action]) -> None:
    """Do about these signals what a child does, and let all signals through."""
    signal.set_wakeup_fd(-1)
    for number, action in actions:
        set_action(number, action)
    set_mask(SET, ())
