"""name_server - a DNS server that answers as a test wants: rightly, wrongly, endlessly, never

DESCRIPTION
    Knows addresses by name and names by address; whatever it does not know
    does not exist. Some questions it answers with silence, some, by TCP, with
    the begin of an answer that has no end. A reply of the test's own making
    replaces the ordinary one.

SEE ALSO
    RFC 1035, section 4
"""

import ipaddress
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.suite.network import NAME_SERVER

PORT = 53
A, PTR, AAAA = 1, 12, 28
ANSWER, NAME_ERROR, TRUNCATED = 0x8180, 0x8183, 0x8380  # flags
HEADER = struct.Struct("!6H")
LIFETIME = 60  # seconds
SAME_NAME = b"\xc0\x0c"  # a pointer to the question's name
UDP_LIMIT = 512


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asks."""

    number: int  # the client's, to be repeated
    name: str
    kind: int
    wire: bytes  # the question section

    @classmethod
    def read(cls, data: bytes) -> "Question":
        """Return the question of a message."""
        number = HEADER.unpack_from(data)[0]
        labels, place = [], HEADER.size
        while length := data[place]:
            labels.append(data[place + 1 : place + 1 + length].decode("latin-1"))
            place += 1 + length
        (kind,) = struct.unpack_from("!H", data, place + 1)
        return cls(number, ".".join(labels).lower(), kind, data[HEADER.size : place + 5])

    def address(self) -> str:
        """Return the address that a reverse name is about, empty if it is no such name."""
        labels = self.name.split(".")[:-2][::-1]
        if self.name.endswith(".in-addr.arpa"):
            return ".".join(labels)
        if self.name.endswith(".ip6.arpa"):
            return str(ipaddress.IPv6Address(int("".join(labels), 16)))
        return ""

    def reply(self, records: Iterable[bytes], flags: int = ANSWER) -> bytes:
        """Return a message that answers it with these data."""
        found = [self.record(data) for data in records]
        head = HEADER.pack(self.number, flags, 1, len(found), 0, 0)
        return head + self.wire + b"".join(found)

    def record(self, data: bytes) -> bytes:
        """Return one answer."""
        return SAME_NAME + struct.pack("!HHIH", self.kind, 1, LIFETIME, len(data)) + data


# Returns what is sent, by TCP with the length in front; None is the ordinary reply.
Reply = Callable[[Question], bytes | None]


@dataclass(slots=True)
class NameServer:
    """A server in a thread of its own while its context is entered."""

    names: dict[str, list[str]] = field(default_factory=dict)  # by address
    addresses: dict[str, list[str]] = field(default_factory=dict)  # by name
    silent: Callable[[Question], bool] = lambda question: False
    by_udp: Reply = lambda question: None
    by_tcp: Reply = lambda question: None
    endless: Callable[[Question], bool] = lambda question: False
    asked: list[str] = field(default_factory=list)  # names, as they came
    _threads: list[threading.Thread] = field(default_factory=list)
    _sockets: list[socket.socket] = field(default_factory=list)
    _kept: list[socket.socket] = field(default_factory=list)  # of clients that wait for ever

    def knows(self, address: str, name: str) -> None:
        """Learn a host, both ways."""
        self.names.setdefault(address, []).append(name)
        self.addresses.setdefault(name, []).append(address)

    def __enter__(self) -> Self:
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind((NAME_SERVER, PORT))
        listener = socket.create_server((NAME_SERVER, PORT))
        self._sockets = [datagrams, listener]
        for serve, source in ((self._serve_udp, datagrams), (self._serve_tcp, listener)):
            self._threads.append(threading.Thread(target=serve, args=[source], daemon=True))
            self._threads[-1].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # wakes its thread
        for thread in self._threads:
            thread.join(10)
        for one in (*self._sockets, *self._kept):
            one.close()

    def _serve_udp(self, source: socket.socket) -> None:
        while True:
            data, client = source.recvfrom(4096)
            if not data:
                return
            question = Question.read(data)
            self.asked.append(question.name)
            if self.silent(question):
                continue
            reply = self.by_udp(question)
            if reply is None:
                reply = self._answer(question)
                if len(reply) > UDP_LIMIT or self.endless(question):
                    reply = question.reply([], TRUNCATED)
            source.sendto(reply, client)

    def _serve_tcp(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # closed
            with suppress(OSError):
                self._serve_client(connection)
            if connection not in self._kept:
                connection.close()

    def _serve_client(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        (length,) = struct.unpack("!H", connection.recv(2))
        question = Question.read(connection.recv(length))
        if self.endless(question):
            connection.sendall(b"\xff\xff" + question.reply([]))
            self._kept.append(connection)
            return
        reply = self.by_tcp(question)
        if reply is None:
            answer = self._answer(question)
            reply = struct.pack("!H", len(answer)) + answer
        connection.sendall(reply)

    def _answer(self, question: Question) -> bytes:
        if question.kind == PTR:
            records = [encode_name(name) for name in self.names.get(question.address(), ())]
            known = bool(records)
        else:
            version = {A: 4, AAAA: 6}.get(question.kind)
            found = [ipaddress.ip_address(one) for one in self.addresses.get(question.name, ())]
            records = [one.packed for one in found if one.version == version]
            known = question.name in self.addresses
        return question.reply(records, ANSWER if known else NAME_ERROR)


def encode_name(name: str) -> bytes:
    """Return a name on the wire; any byte may stand in a label."""
    labels = [label.encode("latin-1") for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
