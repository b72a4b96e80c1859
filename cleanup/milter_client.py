"""milter_client - one conversation with one Milter, about one message

DESCRIPTION
    tell() sends an event with its macros, waits for the reply, and returns a
    Ruling if the message does not go on as if there were no Milter. After an
    accept, a refusal or a fault the conversation is over, and nothing is sent
    any more. A Milter that fails has its default_action for a ruling.

    Calls block, each read or write at most as long as the configuration says.

SEE ALSO
    common.milter, the packets
"""

import contextlib
import re
import socket
from collections.abc import Iterator, Mapping

from cleanup.message import Journal
from cleanup.milter_ruling import DEFAULT_ACTIONS, MISCONFIGURED, RULINGS, Fate, Ruling
from cleanup.milters import MilterRules, Service, macro_name
from common.errors import PeerError
from common.log import printable
from common.milter import Offer, Packets, encode, encode_macros
from common.milter_terms import Change, Event, Reply

READ_SIZE = 64 * 1024
CONTENT = frozenset({Event.HEADER, Event.END_OF_HEADER, Event.BODY, Event.END_OF_BODY})
BEFORE_MAIL = frozenset({Event.CONNECT, Event.HELO})
SMTP_REPLY = re.compile(rb"[45][0-9][0-9][ -]")

# The protocol's own names, for the log.
EVENT_NAMES = {
    Event.NEGOTIATE: "SMFIC_OPTNEG",
    Event.CONNECT: "SMFIC_CONNECT",
    Event.HELO: "SMFIC_HELO",
    Event.MAIL: "SMFIC_MAIL",
    Event.RECIPIENT: "SMFIC_RCPT",
    Event.DATA: "SMFIC_DATA",
    Event.HEADER: "SMFIC_HEADER",
    Event.END_OF_HEADER: "SMFIC_EOH",
    Event.BODY: "SMFIC_BODY",
    Event.END_OF_BODY: "SMFIC_BODYEOB",
}
CHANGE_NAMES = {
    Change.ADD_HEADER: "SMFIR_ADDHEADER",
    Change.INSERT_HEADER: "SMFIR_INSHEADER",
    Change.CHANGE_HEADER: "SMFIR_CHGHEADER",
    Change.ADD_RECIPIENT: "SMFIR_ADDRCPT",
    Change.ADD_RECIPIENT_ARGUMENTS: "SMFIR_ADDRCPT_PAR",
    Change.DELETE_RECIPIENT: "SMFIR_DELRCPT",
    Change.CHANGE_SENDER: "SMFIR_CHGFROM",
    Change.REPLACE_BODY: "SMFIR_REPLBODY",
    Change.QUARANTINE: "SMFIR_QUARANTINE",
}
REPLY_LETTERS = {one.value: one for one in Reply}
CHANGE_LETTERS = {one.value: one for one in Change}


class MilterClient:
    """A Milter, for as long as one message takes."""

    failed: bool = False  # the Milter cannot be used any more
    skipped: Event | None = None  # the Milter wants no more events of this kind, for now

    def __init__(
        self, service: Service, rules: MilterRules, log: Journal, packet_limit: int
    ) -> None:
        self.service = service
        self.rules = rules
        self.log = log
        self.offer: Offer
        self._packets = Packets(packet_limit)
        self._socket: socket.socket | None = None
        self._is_ours = True  # the connection
        self._unsent = b""  # macros of events that the Milter does not want

    @property
    def listens(self) -> bool:
        """Whether the Milter has not yet said all that it has to say about the message."""
        return self._socket is not None

    def adopt(self, connection: socket.socket, offer: Offer) -> None:
        """Go on with a conversation that is somebody else's to end."""
        self._socket, self.offer, self._is_ours = connection, offer, False

    def open(self) -> Ruling | None:
        """Connect and agree on a protocol."""
        self.offer = Offer.of(self.service.version)
        try:
            self._socket = connected(self.service)
        except OSError as error:
            self.log.warning(f"connect to Milter service {self.service.name}: {reason(error)}")
            return self._give_up()
        try:
            self._socket.settimeout(self.service.connect_timeout)
            self._send(self.offer.encode(), Event.NEGOTIATE)
            letter, data = self._next_packet(Event.NEGOTIATE)
            if letter != Event.NEGOTIATE:
                raise PeerError(f"unexpected reply {printable(letter)!r} in initial handshake")
            answer = Offer.decode(data)
        except PeerError as error:
            self._warn(str(error))
            return self.fail(PeerError("read error in initial handshake"))
        try:
            self.offer = self.offer.agreed(answer)
        except PeerError as error:
            return self.fail(error)
        return None

    def wants(self, event: Event) -> bool:
        """Tell whether the Milter is told of an event."""
        return self.listens and event is not self.skipped and self.offer.wants(event)

    def tell(self, event: Event, packet: bytes, values: Mapping[bytes, bytes]) -> Ruling | None:
        """Send an event that the Milter may want; return what follows for the message."""
        if self._socket is None:
            return None
        wanted = self.wants(event)
        if not wanted and (event in CONTENT or not self.offer.knows(event)):
            return None
        try:
            self._set_timeout(event)
            self._unsent += encode_macros(event, self._macros(event, values))
            if not wanted:
                return None
            self._send(self._unsent + packet, event)
            self._unsent = b""
            if not self.offer.answers(event):
                return None
            letter, data = self._next_packet(event)
            return self._take_reply(event, letter, data)
        except PeerError as error:
            return self.fail(error)

    def end(
        self, packet: bytes, values: Mapping[bytes, bytes]
    ) -> Iterator[tuple[Change, bytes] | Ruling | None]:
        """Send the end of the body; yield changes, and at last what follows for the message.

        Changes count only once the last value has come, and if the Milter has not failed then.
        """
        if self._socket is None:
            yield None
            return
        event = Event.END_OF_BODY
        try:
            self._set_timeout(event)
            macros = encode_macros(event, self._macros(event, values))
            self._send(self._unsent + macros + packet, event)
            self._unsent = b""
            while True:
                letter, data = self._next_packet(event)
                change = CHANGE_LETTERS.get(letter)
                if change is None:
                    yield self._take_reply(event, letter, data)
                    return
                yield change, data
        except PeerError as error:
            yield self.fail(error)

    def close(self, *, quit_first: bool = True) -> None:
        """End the conversation, whatever state it is in."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                if quit_first and self._is_ours:
                    self._socket.sendall(self._unsent + encode(Event.QUIT))
            self._socket.close()
            self._socket = None

    def _take_reply(self, event: Event, letter: bytes, data: bytes) -> Ruling | None:
        reply = REPLY_LETTERS.get(letter)
        if reply is None:
            change = CHANGE_LETTERS.get(letter)
            name = CHANGE_NAMES[change] if change else "(unknown filter reply)"
            raise PeerError(f"unexpected filter response {name} after event {EVENT_NAMES[event]}")
        if reply is Reply.CONTINUE:
            return None
        if reply is Reply.SKIP:
            self.skipped = event if event in CONTENT else None
            return None
        if reply is Reply.DISCARD and event in BEFORE_MAIL:
            self._warn("DISCARD action is not allowed for connect or helo")
            return None
        if reply is Reply.CUSTOM:
            return self._take_custom(event, data)
        self.close(quit_first=event not in BEFORE_MAIL)
        return RULINGS[reply]

    def _take_custom(self, event: Event, data: bytes) -> Ruling | None:
        text = data.partition(b"\0")[0]
        if not SMTP_REPLY.match(text):
            self._warn(f"malformed reply: {printable(text)}")
            self.failed = True
            self.close(quit_first=False)
            return MISCONFIGURED
        self.close(quit_first=event not in BEFORE_MAIL)
        return Ruling(Fate.REFUSE, text)

    def _macros(self, event: Event, values: Mapping[bytes, bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Yield the macros of an event that have a value."""
        for name in self.offer.macros.get(event, self.rules.macros[event]):
            plain = macro_name(name)
            for source in (values, self.rules.values, self.rules.defaults):
                if plain in source:
                    yield name, source[plain]
                    break

    def _set_timeout(self, event: Event) -> None:
        assert self._socket is not None
        service = self.service
        seconds = service.content_timeout if event in CONTENT else service.command_timeout
        self._socket.settimeout(seconds)

    def _send(self, data: bytes, event: Event) -> None:
        assert self._socket is not None
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise PeerError(f"can't send {EVENT_NAMES[event]}: {reason(error)}") from None

    def _next_packet(self, event: Event) -> tuple[bytes, bytes]:
        """Return the Milter's next packet that says something; a sign of life says nothing."""
        assert self._socket is not None
        while True:
            while (found := self._packets.next_packet()) is None:
                try:
                    data = self._socket.recv(READ_SIZE)
                except OSError as error:
                    raise PeerError(self._unread(event, reason(error))) from None
                if not data:
                    raise PeerError(self._unread(event, "Application error"))
                self._packets.receive_data(data)
            if found[0] != Change.PROGRESS:
                return found

    def _unread(self, event: Event, why: str) -> str:
        part = "data" if self._packets.pending >= 5 else "header"
        return f"can't read {EVENT_NAMES[event]} reply packet {part}: {why}"

    def fail(self, error: PeerError) -> Ruling | None:
        """Give up a Milter that cannot be understood, or does not answer; return what follows."""
        self._warn(str(error))
        return self._give_up()

    def _give_up(self) -> Ruling | None:
        self.failed = True
        self.close(quit_first=False)
        return DEFAULT_ACTIONS[self.service.default_action]

    def _warn(self, text: str) -> None:
        self.log.warning(f"milter {self.service.name}: {text}")


def connected(service: Service) -> socket.socket:
    """Return a connection to a Milter.

    Raises:
        OSError: there is none, at none of its addresses.
    """
    if isinstance(service.address, str):
        places = [(socket.AF_UNIX, service.address)]
    else:
        # As bytes: names in text would need a codec, which is not there inside a jail.
        host, port = (part.encode() for part in service.address)
        found = socket.getaddrinfo(host, port, service.family, socket.SOCK_STREAM)
        places = [(family, place) for family, _, _, _, place in found]  # type: ignore[misc]
    problem = OSError()
    for family, place in places:
        try:
            return connect(family, place, service.connect_timeout)
        except OSError as error:
            problem = error
    raise problem


def connect(family: int, place: str | tuple[object, ...], timeout: float) -> socket.socket:
    """Return a connection to one address.

    Raises:
        OSError: there is none, or this kernel has no such addresses, whatever a host's name says.
    """
    connection = socket.socket(family)
    try:
        connection.settimeout(timeout)
        connection.connect(place)
    except OSError:
        connection.close()
        raise
    return connection


def reason(error: OSError) -> str:
    """Return what the log says of an error."""
    return "Connection timed out" if isinstance(error, TimeoutError) else str(error.strerror)
