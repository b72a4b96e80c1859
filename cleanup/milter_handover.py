"""milter_handover - Milters that smtpd has spoken to already

DESCRIPTION
    smtpd shows its Milters the envelope, and leaves the content to cleanup:
    in front of the content it passes on the names of macros, and of each
    Milter that still listens what was agreed with it, and the connection.

        smtpd    names of macros, defaults of macros
        smtpd      name, agreement, timeouts, default action of a Milter
        cleanup    asks for the connection
        smtpd      one byte with the connection
        cleanup    the same once more: it has come
        smtpd      the next Milter...
        cleanup  status 0

    The connections stay smtpd's: it tells Milters of the end of a message.

SEE ALSO
    seen between Postfix's programs; there is no other account of it
"""

import os
import socket
from collections.abc import Callable, Mapping
from socket import SocketType
from typing import NamedTuple

from cleanup.milter_ruling import DEFAULT_ACTIONS
from cleanup.milters import MilterRules, Names, Service, macro_name
from common import attribute
from common.errors import PeerError
from common.milter import Offer
from common.milter_terms import Event, Step
from common.params import CleanupParams

# In the order in which they come; the last one's event is none that we know.
MACROS: Mapping[bytes, tuple[Event, ...]] = {
    b"conn_macros": (Event.CONNECT,),
    b"helo_macros": (Event.HELO,),
    b"mail_macros": (Event.MAIL,),
    b"rcpt_macros": (Event.RECIPIENT,),
    b"data_macros": (Event.DATA,),
    b"eoh_macros": (Event.HEADER, Event.END_OF_HEADER),
    b"eod_macros": (Event.BODY, Event.END_OF_BODY),
    b"unk_macros": (),
}
TEXT_LIMIT = 64 * 1024  # bytes of one name or value
NUMBER_LIMIT = 2**31 - 1  # of seconds, too; the kernel waits for no more
COUNT_LIMIT = 1000  # of Milters, of macros with defaults
READ_SIZE = 32 * 1024
NEXT = attribute.encode([(b"dummy", b"")])
DONE = attribute.encode([(b"status", b"0")])


class HandedMilter(NamedTuple):
    """A Milter, what was agreed with it, and its connection."""

    service: Service
    offer: Offer
    connection: socket.socket


class Texts:
    """Names and values, each ended by a NUL, out of a stream."""

    def __init__(self, opening: bytes, receive: Callable[[], bytes]) -> None:
        self._data = opening
        self._receive = receive

    def next(self) -> bytes:
        """Return the next one.

        Raises:
            PeerError: there is none, or it has no end.
        """
        while b"\0" not in self._data:
            more = self._receive()
            if not more or len(self._data) > TEXT_LIMIT:
                raise PeerError("Milters were not handed over completely")
            self._data += more
        text, _, self._data = self._data.partition(b"\0")
        return text

    def value(self, name: bytes) -> bytes:
        """Return the value behind a name, which must be this.

        Raises:
            PeerError: it is another.
        """
        self.expect(name)
        return self.next()

    def number(self, name: bytes) -> int:
        """Return the number behind a name.

        Raises:
            PeerError: it is none, or the name another.
        """
        number = attribute.number(self.value(name))
        if not 0 <= number <= NUMBER_LIMIT:
            raise PeerError(f"bad {name.decode()} of a Milter")
        return number

    def expect(self, text: bytes) -> None:
        """Take one that must be this.

        Raises:
            PeerError: it is another.
        """
        found = self.next()
        if found != text:
            raise PeerError(f"unexpected {found[:40]!r} in place of {text!r}")

    def macros(self) -> Names:
        """Return the names of the macros that go with events."""
        found = {name: tuple(self.value(name).replace(b",", b" ").split()) for name in MACROS}
        return {event: found[name] for name, events in MACROS.items() for event in events}

    def pairs(self) -> dict[bytes, bytes]:
        """Return a table of names and values."""
        count = self.number(b"size")
        if count > COUNT_LIMIT:
            raise PeerError(f"bad size of a table: {count}")
        if not count:
            return {}
        self.expect(b"{")
        pairs = {self.next(): self.next() for _ in range(count)}
        self.expect(b"}")
        return pairs


def take_over(
    connection: SocketType, opening: bytes, count: int, params: CleanupParams
) -> tuple[MilterRules, list[HandedMilter]]:
    """Return the Milters that a client hands over, with their macros.

    opening: what the client has sent behind the record that tells the count.

    Raises:
        PeerError: they were not handed over as they should be.
        OSError: the client does not answer.
    """
    if not 0 <= count <= COUNT_LIMIT:
        raise PeerError(f"bad count of Milters: {count}")
    texts = Texts(opening, lambda: connection.recv(READ_SIZE))
    macros = texts.macros()
    defaults = {macro_name(name): value for name, value in texts.pairs().items()}
    rules = MilterRules.handed(params, macros, defaults)
    found: list[HandedMilter] = []
    try:
        for _ in range(count):
            found.append(receive_milter(texts, connection))
    except BaseException:
        for one in found:
            one.connection.close()
        raise
    connection.sendall(DONE)
    return rules, found


def receive_milter(texts: Texts, connection: SocketType) -> HandedMilter:
    """Return the next Milter."""
    name = texts.value(b"milter_name").decode("latin-1")
    version, actions = texts.number(b"milter_version"), texts.number(b"milter_actions")
    steps = texts.number(b"milter_events")
    texts.number(b"milter_non_events")  # that are over by now
    texts.number(b"milter_state")  # of smtpd's session
    service = Service(
        name=name,
        family=0,
        address="",
        connect_timeout=texts.number(b"milter_conn_timeout"),
        command_timeout=texts.number(b"milter_cmd_timeout"),
        content_timeout=texts.number(b"milter_msg_timeout"),
        version=version,
        default_action=texts.value(b"milter_action").decode("latin-1"),
    )
    if service.default_action not in DEFAULT_ACTIONS:
        raise PeerError(f"bad default action of a Milter: {service.default_action!r}")
    macros: Names = texts.macros() if texts.number(b"milter_macro_list") else {}
    texts.expect(b"")
    connection.sendall(NEXT)
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 1)  # type: ignore[arg-type]  # it only calls recvmsg()
    if len(descriptors) != 1:
        raise PeerError("a Milter came without its connection")
    try:
        milter = socket.socket(fileno=descriptors[0])
    except OSError:
        os.close(descriptors[0])
        raise PeerError("what came with a Milter is no connection") from None
    connection.sendall(NEXT)
    return HandedMilter(service, Offer(version, actions, Step(steps), macros), milter)
