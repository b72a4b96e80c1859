"""milter_session - a message is shown to Milters

DESCRIPTION
    MilterSession plays the SMTP session that a message did not come by: the
    envelope as soon as it is known, the content when all of it is here. Each
    event goes to all Milters in order until one of them decides; the content
    goes to one Milter after the other, each of which sees what those before
    it have made of it. What is decided is noted in the message.

SEE ALSO
    spec/cleanup-behaviour.md, section 7
    cleanup.draft, where the message is meanwhile
"""

import sys
from collections.abc import Iterator, Mapping

from cleanup.draft import Draft, Spool
from cleanup.edits import Edits
from cleanup.headers import HeaderRules
from cleanup.message import MILTER, Message, Option
from cleanup.milter_client import MilterClient
from cleanup.milter_handover import HandedMilter
from cleanup.milter_ruling import HELD, Fate, Ruling
from cleanup.milters import CLIENT_ADDRESS, CLIENT_NAME, MilterRules, client_macros
from common import address
from common.errors import PeerError, QueueError
from common.log import printable
from common.milter import BODY_CHUNK, encode, encode_connect, encode_texts
from common.milter_terms import Event, Step
from common.status import Status

PACKET_LEAST = 1024 * 1024  # bytes of a Milter's packet that are taken in any case
RECIPIENT_REFUSED = b"4.3.5 Server configuration error"

ONE_LINE = bytes.maketrans(b"\r\n", b"__")

# What the log calls the part of the session in which a Milter decides.
STAGES = {
    Event.CONNECT: "CONNECT",
    Event.HELO: "EHLO",
    Event.MAIL: "MAIL",
    Event.RECIPIENT: "RCPT",
    Event.DATA: "DATA",
}
END_STAGE = "END-OF-MESSAGE"
ORIGIN = f"{CLIENT_NAME.decode()}[{CLIENT_ADDRESS.decode()}]"


class MilterSession:
    """One message and its Milters."""

    def __init__(self, rules: MilterRules | None, headers: HeaderRules, message: Message) -> None:
        """Begin; rules: of the Milters that see it unless the client brings others."""
        self.rules = rules
        self.headers = headers
        self.message = message
        self.draft = Draft(Spool(), message.params.line_length_limit)
        self.clients: list[MilterClient] = []
        self._are_handed = False  # the Milters have seen the envelope already
        self._named: list[bytes] = []  # recipients to be shown
        self._values = {b"i": message.queue_id.encode()}  # of macros
        self._origin = ORIGIN
        self._facts = ""  # of the session, for the log
        self._protocol = ""

    def write(self, records: bytes) -> None:
        """Take records that would go into the queue file.

        Raises:
            QueueError: not all of them fitted.
        """
        self.draft.spool.write(records)

    def adopt(self, rules: MilterRules | None, milters: list[HandedMilter]) -> None:
        """Let these see the content, who know the envelope, and nobody else."""
        self._are_handed = True
        for one in milters:
            assert rules
            client = MilterClient(one.service, rules, self.message.log, self._packet_limit)
            client.adopt(one.connection, one.offer)
            self.clients.append(client)

    def recipient(self, address: bytes) -> None:
        """Note a recipient to be shown."""
        self._named.append(address)

    def envelope(self) -> None:
        """Show the envelope, which is complete."""
        try:
            self._show_envelope()
        except QueueError as error:
            self.message.warn(f"queue file write error: {error}")
            self.message.refuse(Status.WRITE_FAILED)

    def _show_envelope(self) -> None:
        self.write(self.message.take_output())
        self.draft.load_envelope()
        sender = address.quote(self.message.sender) if self.message.sender else b""
        self._facts = f"; from=<{printable(sender)}>"
        if self._are_handed:
            self._know_client()
            return
        if not self.rules or not self.message.options & MILTER:
            return
        self.clients = [
            MilterClient(service, self.rules, self.message.log, self._packet_limit)
            for service in self.rules.services
        ]
        for client in self.clients:
            if not self.message.is_decided:
                self._rule(client.open(), Event.CONNECT)
        connect = encode_connect(CLIENT_NAME, b"4", 0, CLIENT_ADDRESS)
        self._tell(Event.CONNECT, connect)
        self._tell(Event.HELO, encode_texts(Event.HELO, CLIENT_NAME))
        self._values[b"{mail_addr}"] = sender
        self._tell(Event.MAIL, encode_texts(Event.MAIL, sender))
        self._protocol = protocol_facts(self.message.attributes())
        self._show_recipients()

    def finish(self) -> None:
        """Show the content, and take the changes.

        Raises:
            QueueError: the message cannot be kept.
        """
        message = self.message
        self.draft.load(message.data_offset, message.content_length, message.supplied)
        if not self._are_handed:
            self._show_recipients()
        if not message.options & MILTER:
            return  # a check has spoken
        if not self._are_handed:
            # For the log of checks that follow: as the Milters know it.
            message.attributes()[b"log_message_origin"] = ORIGIN.encode()
            self._tell(Event.DATA, encode(Event.DATA))
        for client in self.clients:
            if self.message.is_decided:
                return
            if client.listens and self._rule(self._show_content(client), Event.END_OF_BODY):
                return

    def records(self) -> Iterator[bytes]:
        """Yield the queue file; afterwards the message knows the facts of its size record.

        It does so too where the file becomes too large, and its sender gets what is here.

        Raises:
            QueueError: the spool cannot be read.
        """
        message, size = self.message, 0
        limit = message.params.message_size_limit or sys.maxsize
        for records in self.draft.records():
            size += len(records)
            if size > limit:
                message.warn("queue file size limit exceeded")
                message.refuse(Status.TOO_LARGE)
                break
            yield records
        message.data_offset = self.draft.data_offset
        message.content_length = self.draft.content_length

    def unseen(self) -> Iterator[bytes]:
        """Yield the records as they came.

        Raises:
            QueueError: the spool cannot be read.
        """
        yield from self.draft.spool.read(0, self.draft.spool.size)

    def close(self) -> None:
        """Let the Milters go, and the spool."""
        for client in self.clients:
            client.close()
        self.draft.spool.close()

    @property
    def _packet_limit(self) -> int:
        return max(self.message.params.message_size_limit, PACKET_LEAST)

    def _know_client(self) -> None:
        """Take from the attributes of the message what Milters may ask about its client."""
        known = self.message.attributes()
        self._values |= client_macros(known)
        self._origin = printable(known.get(b"log_message_origin", b"unknown"))
        self._facts += f" to=<{printable(self.message.last_recipient or b'')}>"
        self._protocol = protocol_facts(known)

    def _show_recipients(self) -> None:
        named, self._named = self._named, []
        for one in named:
            if self.message.is_decided:
                return
            recipient = address.quote(one)
            self._values[b"{rcpt_addr}"] = recipient
            sender = self._facts.partition(" to=")[0]
            self._facts = f"{sender} to=<{printable(recipient)}>"
            self._tell(Event.RECIPIENT, encode_texts(Event.RECIPIENT, recipient))

    def _tell(self, event: Event, packet: bytes) -> None:
        """Send an event to all Milters, until one decides."""
        for client in self.clients:
            if self.message.is_decided:
                return
            self._rule(client.tell(event, packet, self._values), event)

    def _show_content(self, client: MilterClient) -> Ruling | None:
        """Send the content to a Milter; take its changes if there is no fault in any."""
        leading_space = bool(client.offer.steps & Step.LEADING_SPACE)
        for event, packet in self._content(client, leading_space=leading_space):
            if ruling := client.tell(event, packet, self._values):
                return ruling
            if not client.listens:
                return None
        edits = Edits(self.draft, self.message, self.headers, leading_space=leading_space)
        ruling = None
        for found in client.end(encode(Event.END_OF_BODY), self._values):
            if found is None or isinstance(found, Ruling):
                ruling = found
                break
            try:
                edits.apply(*found)
            except PeerError as error:
                ruling = client.fail(error)
                break
            if edits.refused:
                client.close()
                break
        if client.failed or ruling:
            return ruling
        self.draft = edits.finish()
        return HELD if edits.held else None

    def _content(
        self, client: MilterClient, *, leading_space: bool
    ) -> Iterator[tuple[Event, bytes]]:
        """Yield the events of header and body that a Milter wants."""
        for header in self.draft.headers:
            if header is not self.draft.own:
                value = header.value if leading_space else header.value.removeprefix(b" ")
                yield Event.HEADER, encode_texts(Event.HEADER, header.name, value)
        yield Event.END_OF_HEADER, encode(Event.END_OF_HEADER)
        if client.wants(Event.BODY):
            for chunk in chunks(self.draft.body_text(), BODY_CHUNK):
                yield Event.BODY, encode(Event.BODY, chunk)
                if not client.wants(Event.BODY):
                    return

    def _rule(self, ruling: Ruling | None, event: Event) -> bool:
        """Note what a Milter has decided, and log it; tell whether it has."""
        if ruling is None:
            return False
        message, stage = self.message, STAGES.get(event, END_STAGE)
        protocol = self._protocol if event not in BEFORE_RECIPIENTS else ""
        if ruling.fate is Fate.HOLD:
            if not message.hold:
                self._report("hold", stage, "milter triggers HOLD action", protocol)
            message.hold = True
        elif ruling.fate is Fate.DISCARD:
            self._report("discard", stage, "milter triggers DISCARD action", protocol)
            message.discard = True
            message.status |= Status.CONTENT_REFUSED  # what else comes is not looked at
        else:
            self._report("reject", stage, printable(ruling.reply[4:]), protocol)
            if event is Event.RECIPIENT:
                message.warn(
                    "milter configuration error: can't reject recipient in non-smtpd(8) submission"
                )
                message.warn("message not accepted, try again later")
                message.refuse(Status.DEFERRED, RECIPIENT_REFUSED)
            in_smtp = message.options & Option.SMTP_REPLY
            reply = ruling.reply if in_smtp else ruling.reply[4:].translate(ONE_LINE)
            later = ruling.reply.startswith(b"4")
            message.refuse(Status.DEFERRED if later else Status.CONTENT_REFUSED, reply)
        return True

    def _report(self, what: str, stage: str, text: str, protocol: str) -> None:
        self.message.note(
            f"milter-{what}: {stage} from {self._origin}: {text}{self._facts}{protocol}"
        )


BEFORE_RECIPIENTS = frozenset({Event.CONNECT, Event.HELO, Event.MAIL})


def protocol_facts(known: Mapping[bytes, bytes]) -> str:
    """Return how the client came, for the log, by the attributes of its message."""
    text = ""
    if b"log_protocol_name" in known:
        text = f" proto={printable(known[b'log_protocol_name'])}"
    if b"log_helo_name" in known:
        text += f" helo=<{printable(known[b'log_helo_name'])}>"
    return text


def chunks(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield the same bytes in pieces of that size; only the last is shorter."""
    rest = b""
    for piece in pieces:
        rest += piece
        while len(rest) >= size:
            yield rest[:size]
            rest = rest[size:]
    if rest:
        yield rest
