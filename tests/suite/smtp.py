"""smtp - a client of SMTP that says what a transaction says, byte by byte

SEE ALSO
    tests.suite.smtp_cases
"""

import socket
from types import TracebackType
from typing import Self

from tests.suite.smtp_cases import Transaction

PATIENCE = 60.0  # seconds for a reply


class Client:
    """A connection, greeted."""

    def __init__(self, host: str, port: int) -> None:
        self._peer = socket.create_connection((host, port), PATIENCE)
        self._replies = self._peer.makefile("rb")
        self.reply()
        self.command("EHLO client.test")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._replies.close()
        self._peer.close()

    def reply(self) -> str:
        """Return the next reply, of several lines if need be."""
        lines = []
        while True:
            line = self._replies.readline().decode("latin-1")
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                return "\n".join(lines)

    def command(self, text: str) -> str:
        """Send a line, return the reply."""
        self._peer.sendall(text.encode() + b"\r\n")
        return self.reply()

    def send(self, one: Transaction) -> list[str]:
        """Return all replies to a transaction."""
        replies = [self.command(f"XFORWARD {one.xforward}")] if one.xforward else []
        replies.append(self.command(" ".join([f"MAIL FROM:<{one.sender}>", *one.options])))
        for address, options in one.recipients:
            replies.append(self.command(" ".join([f"RCPT TO:<{address}>", *options])))
        if one.chunked:
            self._peer.sendall(b"BDAT %d LAST\r\n" % len(one.content) + one.content)
        else:
            replies.append(self.command("DATA"))
            if not replies[-1].startswith("354"):
                return replies
            self._peer.sendall(stuffed(one.content) + b".\r\n")
        return [*replies, self.reply()]

    def quit(self) -> None:
        """Take leave."""
        self.command("QUIT")


def stuffed(content: bytes) -> bytes:
    """Return content with a dot in front of each line that begins with one."""
    doubled = content.replace(b"\r\n.", b"\r\n..")
    return b"." + doubled if content.startswith(b".") else doubled
