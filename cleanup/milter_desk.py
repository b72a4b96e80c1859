"""milter_desk - where Milters come to a message, and what it is while they look at it

DESCRIPTION
    There are Milters of the configuration, which see mail that does not come
    by smtpd, and those that smtpd hands over with a message. With either, the
    records of a message go to a MilterSession in place of the queue file,
    which is written when the Milters have spoken.
"""

from socket import SocketType
from typing import NamedTuple

from cleanup.headers import HeaderRules
from cleanup.message import EMPTY_SIZE_RECORD, Message
from cleanup.milter_handover import take_over
from cleanup.milter_session import MilterSession
from cleanup.milters import MilterRules
from cleanup.writer import QueueFile


class Rules(NamedTuple):
    """What the configuration says."""

    headers: HeaderRules
    milters: MilterRules | None


class MilterDesk:
    """The Milters of one message."""

    session: MilterSession | None = None  # while there are any, or may be

    def __init__(self, rules: Rules, message: Message, connection: SocketType) -> None:
        self._rules = rules
        self._message = message
        self._connection = connection
        message.desk = self
        if rules.milters:
            self._begin()

    def expect(self) -> bool:
        """Make ready for Milters of the client's; False if it is too late for that."""
        if self.session is None:
            if self._message.length > len(EMPTY_SIZE_RECORD):
                return False
            self._begin()
        assert self.session
        self.session.adopt(None, [])
        return True

    def take_over(self, count: int, opening: bytes) -> None:
        """Take so many Milters from the client, which has sent this much of them.

        Raises:
            PeerError, OSError: they do not come.
        """
        assert self.session
        params = self._rules.headers.params
        self.session.adopt(*take_over(self._connection, opening, count, params))

    def finish(self, file: QueueFile) -> None:
        """Show the content to the Milters, and write what they have left of the message.

        Raises:
            QueueError: the message cannot be kept.
        """
        message = self._message
        if self.session is None or message.is_lost or message.discard:
            return
        if not message.status:
            self.session.finish()
        # What was too large goes back to its sender, and is not shown to anybody.
        found = self.session.unseen() if message.status else self.session.records()
        for records in found:
            if message.is_lost or message.discard:
                return
            file.write(records)

    def close(self) -> None:
        """Let the Milters go."""
        # Memory that refers to itself waits for the collector.
        self._message.desk = self._message.milters = None
        if self.session:
            self.session.close()

    def _begin(self) -> None:
        message = self._message
        message.known_attributes = {}
        self.session = message.milters = MilterSession(
            self._rules.milters, self._rules.headers, message
        )
