"""errors - the three kinds of trouble that a daemon expects

DESCRIPTION
    ConfigError: the operator must act. PeerError: the other side of a
    connection went wrong; say where, answer if possible, close. QueueError:
    the message cannot be stored now; try again later. A refused message is a
    common.status.Status, not an exception. Anything else is a bug: the
    process dies, master restarts it.
"""


class ConfigError(Exception):
    """A setting that cannot be used; str() is one complete line for the operator."""


class PeerError(Exception):
    """A peer broke the protocol, vanished or stalled.

    where names what we were doing, as it stands in the log behind "while".
    """

    def __init__(self, reason: str, where: str = "") -> None:
        super().__init__(reason)
        self.where = where


class QueueError(Exception):
    """The queue cannot take the message now."""
