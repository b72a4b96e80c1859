"""milter - a Milter that does what a script says, and remembers what it was told

DESCRIPTION
    Scripted listens on a free port of loopback and serves each connection in
    a thread of its own. It reads and writes packets with a framing of its own:
    the product's code is what is under test.

    A script names, by the letter of a command, what to do when that comes:
    bytes to send, or CLOSE, or SILENCE. Commands it does not name are
    answered as a friendly Milter would.

SEE ALSO
    https://www.ietf.org/archive/id/draft-adams-milter-protocol-00.html
"""

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from tests.suite.waiting import wait_for

HOST = "127.0.0.1"
NUMBER = struct.Struct("!L")
ALL_ACTIONS = 0x1FF
VERSION = 6
UNANSWERED = frozenset("DAQK")  # macros, abort, quit

# In place of bytes to send:
CLOSE = None
SILENCE = b""

Script = Mapping[str, bytes | None]
Conversation = list[tuple[str, bytes]]


def packet(letter: str, data: bytes = b"") -> bytes:
    """Return one packet."""
    return NUMBER.pack(len(data) + 1) + letter.encode() + data


def texts(*parts: bytes) -> bytes:
    """Return strings as they stand in a packet: a NUL behind each."""
    return b"".join(part + b"\0" for part in parts)


def negotiation(
    version: int = VERSION,
    actions: int = ALL_ACTIONS,
    steps: int = 0,
    macros: Mapping[int, bytes] | None = None,
) -> bytes:
    """Return a Milter's answer to the first packet."""
    lists = b"".join(NUMBER.pack(stage) + texts(names) for stage, names in (macros or {}).items())
    return packet("O", struct.pack("!LLL", version, actions, steps) + lists)


CONTINUE = packet("c")
FRIENDLY = negotiation()


class Scripted:
    """A Milter for one test."""

    def __init__(self, script: Script | None = None, path: str = "") -> None:
        """Listen; path: of a local socket, in place of a port."""
        self.script = dict(script or {})
        self.conversations: list[Conversation] = []
        self._listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self._listener.bind(path or (HOST, 0))
        self._listener.listen()
        self._stop, self._stopper = socket.socketpair()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    @property
    def service(self) -> str:
        """Its place as a parameter names it."""
        return f"inet:{HOST}:{self.port}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopper.close()  # readable for all threads, for ever
        for thread in self._threads:
            thread.join(10)
        self._listener.close()
        self._stop.close()

    def told(self, number: int = -1) -> Conversation:
        """Return what it was told in a conversation that has ended."""
        wait_for(lambda: len(self.conversations) > max(number, 0), 10, "a Milter conversation")
        found = self.conversations[number]
        wait_for(lambda: found and found[-1][0] == "", 10, "the end of a Milter conversation")
        return found[:-1]

    def _accept(self) -> None:
        while self._comes(self._listener):
            peer, _ = self._listener.accept()
            conversation: Conversation = []
            self.conversations.append(conversation)
            thread = threading.Thread(target=self._serve, args=(peer, conversation), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, peer: socket.socket, conversation: Conversation) -> None:
        with peer, contextlib.suppress(OSError):
            while (found := self._receive(peer)) is not None:
                letter, data = found
                conversation.append((letter, data))
                if letter == "Q":
                    break
                answer = self._answer(letter)
                if answer is CLOSE:
                    break
                peer.sendall(answer)
        conversation.append(("", b""))

    def _answer(self, letter: str) -> bytes | None:
        if letter in self.script:
            return self.script[letter]
        if letter == "O":
            return FRIENDLY
        return SILENCE if letter in UNANSWERED else CONTINUE

    def _receive(self, peer: socket.socket) -> tuple[str, bytes] | None:
        """Return the next packet, None at the end."""
        head = self._read(peer, NUMBER.size)
        if not head:
            return None
        body = self._read(peer, NUMBER.unpack(head)[0])
        return (chr(body[0]), body[1:]) if body else None

    def _read(self, peer: socket.socket, count: int) -> bytes:
        data = b""
        while len(data) < count:
            if not self._comes(peer) or not (more := peer.recv(count - len(data))):
                return b""
            data += more
        return data

    def _comes(self, source: socket.socket) -> bool:
        """Wait for something to read there; False if it is time to stop."""
        readable, _, _ = select.select([source, self._stop], [], [])
        return self._stop not in readable
