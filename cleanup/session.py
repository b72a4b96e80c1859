"""session - the dialogue of one message, without a socket and without a file

DESCRIPTION
    The caller passes what the client sent and writes what comes back to the
    queue file. When `finished` is set, the message has its verdict and its
    size record, which replaces the first bytes of the file.

    greeting -> option flags -> envelope -> header -> body -> extracted -> status

SEE ALSO
    spec/cleanup-protocol.md
"""

from typing import ClassVar

from cleanup.envelope import EnvelopeStage
from cleanup.headers import HeaderRules
from cleanup.message import EMPTY_SIZE_RECORD, Journal, Message
from cleanup.stage import DiscardStage, Finished, Stage
from common import attribute
from common.errors import PeerError
from common.record import Reader


class Session:
    """One message, from the greeting to the verdict."""

    may_bring_milters: ClassVar[bool] = True
    credit: int = 0  # no message follows on the same connection
    rest: bytes = b""

    def __init__(self, rules: HeaderRules, log: Journal, queue_id: str, now: int) -> None:
        self.message = Message(rules.params, log, queue_id, now)
        self._opening: bytes | None = b""  # before the first record
        self._records = Reader()
        self._stage: Stage = EnvelopeStage(self.message, rules)

    @property
    def finished(self) -> bool:
        """Whether the client has sent its end record."""
        return isinstance(self._stage, Finished)

    def greeting(self) -> bytes:
        """Return what the client is told first."""
        queue_id = self.message.queue_id.encode()
        return attribute.encode([(b"protocol", b"cleanup_protocol"), (b"queue_id", queue_id)])

    def receive_data(self, data: bytes) -> bytes:
        """Take bytes from the client, return bytes for the queue file.

        Raises:
            PeerError: the stream cannot be understood any further.
        """
        if self._opening is not None:
            data = self._receive_options(data)
        self._records.receive_data(data)
        while (follower := self._stage.advance(self._records)) is not None:
            self._stage = follower
        # The first record may tell that Milters will come: nothing may be written until then.
        return b"" if self.message.length <= len(EMPTY_SIZE_RECORD) else self.message.take_output()

    def fail(self, bit: int) -> None:
        """Refuse the message for a reason outside the dialogue, as a full disk."""
        self.message.refuse(bit)
        if not self.finished:
            self._stage = DiscardStage()

    def verdict(self) -> bytes:
        """Return what the client is told last."""
        status = b"%d" % self.message.verdict()
        return attribute.encode([(b"status", status), (b"reason", self.message.reason)])

    def _receive_options(self, data: bytes) -> bytes:
        """Take the option list; return the bytes behind it."""
        assert self._opening is not None
        self._opening += data
        found = attribute.decode(self._opening)
        if found is None:
            return b""
        pairs, length = found
        (flags,) = attribute.values(pairs, b"flags")
        number = attribute.number(flags)
        if number < 0:
            raise PeerError(f"bad flags {number}")
        self.message.ask(number)
        rest = self._opening[length:]
        self._opening = None
        return rest
