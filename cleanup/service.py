"""service - a conversation with another daemon of the host

DESCRIPTION
    The daemon says first which protocol it speaks; then each list of
    attributes that it is sent gets one back.

SEE ALSO
    spec/attr-protocol.md
"""

import socket
from types import TracebackType
from typing import Self

from common import attribute
from common.attribute import Attributes
from common.errors import PeerError

READ_SIZE = 4096


class Conversation:
    """An open conversation; leaving its context ends it."""

    def __init__(self, path: str, protocol: bytes, timeout: float) -> None:
        """Begin it; timeout: seconds for each step.

        Raises:
            OSError: nobody listens at path.
            PeerError: it is somebody else who does.
        """
        self._name = path.rpartition("/")[2]
        self._buffer = bytearray()
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._connection.settimeout(timeout)
            self._connection.connect(path)
            (found,) = attribute.values(self._receive(), b"protocol")
            if found != protocol:
                raise PeerError(f"unexpected protocol {found!r}")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def ask(self, request: bytes) -> Attributes:
        """Send an encoded list; return the one that comes back.

        Raises:
            OSError, PeerError: there is no answer.
        """
        self._connection.sendall(request)
        return self._receive()

    def command(self, request: bytes) -> None:
        """Send an encoded list for which there is no answer but that it was done.

        Raises:
            OSError, PeerError: it was not.
        """
        (status,) = attribute.values(self.ask(request), b"status")
        if attribute.number(status) != 0:
            raise PeerError(f"{self._name} service failure")

    def close(self) -> None:
        """End the conversation."""
        self._connection.close()

    def _receive(self) -> Attributes:
        while (found := attribute.decode(self._buffer)) is None:
            data = self._connection.recv(READ_SIZE)
            if not data:
                raise PeerError(f"{self._name} service failure")
            self._buffer += data
        pairs, length = found
        del self._buffer[:length]
        return pairs
