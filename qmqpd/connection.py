"""connection - one client, from accept to disconnect

DESCRIPTION
    A connection is a small machine that never waits: advance() does what can
    be done now and returns what to wait for. Its steps follow each other:
    name, access, packet, cleanup, pause, reply.

SEE ALSO
    spec/qmqp.md, sections 2 and 4
"""

import select
import socket
import time
from socket import SocketType

from common import cleanup_client, netstring
from common.cleanup_client import CONNECT_RETRY, Delivery
from common.cleanup_link import Passage
from common.client import UNKNOWN, Client
from common.log import printable
from common.status import Status, Verdict, reply_to
from qmqpd.handover import Parcel
from qmqpd.service import Service
from qmqpd.session import (
    ANSWERED,
    Phase,
    Session,
    SessionError,
    Submission,
    Trouble,
    whole_packet,
)
from qmqpd.step import ELSEWHERE, Step, Wait
from qmqpd.verp import delimiters_trouble

READ_SIZE = 64 * 1024
TURN_LIMIT = 1024 * 1024  # bytes read from one client before others get their turn
NO_QUEUE_ID = "NOQUEUE"
# The end of the connection comes right behind the reply: both go in one packet.
REPLY_FLAGS = int(socket.MSG_DONTWAIT | socket.MSG_MORE)
END = int(socket.SHUT_WR)


class Connection:
    """A client at work."""

    # What is not set here in __init__ is the same for most connections.
    step: Step = Step.NAME
    queue_id: str = ""
    label: str = ""  # the client as logs show it, once it has a name
    _session: Session | None = None
    _passage: "Passage[Connection] | None" = None  # to a cleanup of our own
    _delivery: Delivery | None = None  # to any other
    _reply: bytes = b""
    _verbosity: int = 0
    _refusal: bytes = b""  # known before cleanup has seen the message

    def __init__(self, service: Service, accepted: SocketType, client: Client) -> None:
        self.service = service
        self.client = client
        self.arrival = time.time_ns() // 1000
        self.opened = time.monotonic()
        self.deadline = self.opened + service.params.qmqpd_name_timeout
        self._socket = accepted

    @property
    def session(self) -> Session:
        """The protocol; an ordinary packet that comes in one piece needs none."""
        if self._session is None:
            self._session = Session(self.service.limits)
        return self._session

    def held(self) -> int:
        """Return how many bytes of the client are kept here."""
        return self._session.held() if self._session else 0

    def advance(self) -> Wait | None:
        """Go on; return what to wait for, None when the connection is over."""
        while self.step is not Step.DONE:
            wait = STEPS[self.step](self)
            if wait:
                return wait
        return None

    def expire(self) -> Wait | None:
        """Go on although what was waited for did not come; as advance()."""
        match self.step:
            case Step.NAME:
                self.service.resolver.give_up(self.client.address)
                self._begin(UNKNOWN)
            case Step.PACKET:
                self._abandon(self.session.end(Trouble.TIMEOUT), answer=False)
            case Step.CLEANUP:
                self._expire_delivery()
            case Step.PAUSE:
                self._set_step(Step.REPLY, self.service.params.qmqpd_timeout)
            case Step.REPLY:
                self._abandon(SessionError(Trouble.TIMEOUT, Phase.REPLY), answer=False)
        return self.advance()

    def dismiss(self, reason: str) -> None:
        """Close, whatever the client is doing; it is told to try again unless a reply is here."""
        if self._passage and self.service.links.settle(self._passage):
            self._learn(self._passage)
        if self._delivery and self._delivery.settle():
            self._report(self._delivery.status, self._delivery.reason)
        if not self._reply:
            label = self.label or self._shown()
            self.service.log.warning(f"{self.queue_id or NO_QUEUE_ID}: {label}: {reason}")
            self._reply = netstring.encode(f"ZError: {reason}, try again later".encode())
        self._send_reply()
        self.close()

    def close(self) -> None:
        """End the connection."""
        if self.step is Step.DONE:
            return
        if self.step is not Step.NAME:
            self.service.log.info(f"disconnect from {self.label}")
        self.step = Step.DONE
        if self._delivery:
            self._delivery.close()
        # They know us, and waiting for the collector takes memory.
        self._delivery = self._passage = None
        try:  # noqa: SIM105 - each client comes by
            # close() alone drops the reply if the client has sent more than its packet.
            self._socket.shutdown(END)
        except OSError:
            pass
        self._socket.close()

    def hear(self) -> Wait | None:
        """Go on, since the links know what became of the message; as advance()."""
        if self._passage:
            self._learn(self._passage)
        return self.advance()

    # The steps, in order.

    def _await_name(self) -> Wait | None:
        name: str | None = self.client.name
        if self.client.family != socket.AF_UNSPEC:
            name = self.service.resolver.name_of(self.client.address)
        if name is None:
            return Wait(-1, 0, self.deadline)
        self._begin(name)
        return None

    def _receive(self) -> Wait | None:
        turn = 0
        try:
            while turn < TURN_LIMIT:
                data = self._socket.recv(READ_SIZE, socket.MSG_DONTWAIT)
                if not data:
                    raise self.session.end(Trouble.LOST)
                turn += len(data)
                if self._verbosity:
                    self._trace(2, f"{len(data)} bytes while {self.session.phase.value}")
                submission = None
                if self._session is None:
                    submission = whole_packet(data, self.service.limits)
                if submission is None:
                    submission = self.session.receive_data(data)
                if submission:
                    self._submit(submission)
                    return None
                if len(data) < READ_SIZE:
                    break  # that was all; should more have come since, we are woken for it
        except BlockingIOError:
            pass
        except SessionError as error:
            self._abandon(error, answer=error.trouble in ANSWERED)
            return None
        except OSError:
            self._abandon(self.session.end(Trouble.LOST), answer=False)
            return None
        if turn:
            self._set_step(Step.PACKET, self.service.params.qmqpd_timeout)
        return Wait(self._socket.fileno(), select.EPOLLIN, self.deadline)

    def _deliver(self) -> Wait | None:
        delivery = self._delivery
        if delivery is None:
            return ELSEWHERE
        if delivery.advance():
            self._report(delivery.status, delivery.reason)
            return None
        self.deadline = delivery.deadline
        if not delivery.events():
            retry = min(delivery.deadline, time.monotonic() + CONNECT_RETRY)
            return Wait(-1, 0, retry)
        return Wait(delivery.fileno(), delivery.events(), self.deadline)

    def _pause(self) -> Wait | None:
        return Wait(-1, 0, self.deadline)

    def _send_reply(self) -> Wait | None:
        if self._verbosity:
            self._trace(1, f"reply: {printable(self._reply)}")
        try:
            sent = self._socket.send(self._reply, REPLY_FLAGS)
        except BlockingIOError:
            return Wait(self._socket.fileno(), select.EPOLLOUT, self.deadline)
        except OSError:
            sent = len(self._reply)  # the client did not wait for it
        self._reply = self._reply[sent:]
        if not self._reply:
            self.close()
        return None

    # What leads from one step to the next.

    def _begin(self, name: str) -> None:
        """Let the client in, or not."""
        service = self.service
        self.client = client = self.client.named(name)
        self.label = self._shown()
        service.log.info(f"connect from {self.label}")
        permitted, verbosity = service.access.standing(client)
        self._verbosity = service.verbosity + verbosity
        if self._verbosity:
            self._trace(1, f"authorized: {permitted}")
        self._set_step(Step.PACKET, service.params.qmqpd_timeout)
        if permitted is None:
            self._answer(Verdict.RETRY, b"Error: server configuration error")
        elif not permitted:
            self._refuse(f"Error: {self.label} is not authorized to use this service".encode())

    def _shown(self) -> str:
        return self.client.label(with_port=self.service.params.qmqpd_client_port_logging)

    def _submit(self, submission: Submission) -> None:
        """Begin to hand the message over."""
        if self._verbosity:
            self._trace_submission(submission)
        params = self.service.params
        parcel = Parcel(self.service.handover, self.client, self.arrival, submission)
        if parcel.delimiters:
            allowed = params.verp_delimiter_filter
            self._refusal = delimiters_trouble(parcel.delimiters, allowed)
        if submission.too_large:
            self._refusal = b"Error: message too large"
        self.step = Step.CLEANUP
        if not self._refusal:
            self._passage = self.service.links.send(self, parcel)
        if self._passage is None:
            self._converse(None if self._refusal else parcel)

    def _converse(self, parcel: cleanup_client.Parcel | None) -> None:
        """Begin to hand the message over by the public socket."""
        log = self.service.log
        self._delivery = Delivery(self.service.cleanup, parcel, self._announce, log.warning)

    def _learn(self, passage: "Passage[Connection]") -> None:
        """Take the answer to the message, or hand it over otherwise."""
        if passage.queue_id:
            self._announce(passage.queue_id)
        elif passage.failure:
            self.service.log.warning(passage.failure)
        else:
            self._passage = None
            self._converse(passage.parcel)
            return
        self._report(passage.status, passage.reason)
        self._passage = None

    def _announce(self, queue_id: str) -> None:
        self.queue_id = queue_id
        self.service.log.info(f"{queue_id}: client={self.label}")

    def _expire_delivery(self) -> None:
        """Give up a silent cleanup; before that, only an attempt to connect is due again."""
        delivery = self._delivery
        if delivery and time.monotonic() >= delivery.deadline:
            delivery.expire()
            self._report(delivery.status, delivery.reason)

    def _report(self, status: int, reason: bytes) -> None:
        """Turn cleanup's verdict into the reply."""
        if self._verbosity:
            self._trace(1, f"cleanup: status {status} {printable(reason)}")
        if status == Status.OK:
            self._reply = netstring.encode(b"KOk: queued as " + self.queue_id.encode())
            self._set_step(Step.REPLY, self.service.params.qmqpd_timeout)
            return
        soft_bounce = self.service.params.soft_bounce
        verdict, text = reply_to(status, reason, soft_bounce=soft_bounce)
        if self._refusal and self.queue_id:
            verdict, text = refusal_verdict(soft_bounce=soft_bounce), self._refusal
        queue_id = self.queue_id or NO_QUEUE_ID
        self.service.log.warning(f"{queue_id}: {self.label}: {printable(text)}")
        self._answer(verdict, text)

    def _abandon(self, error: SessionError, *, answer: bool) -> None:
        """Log why there is no message, and say so if the client can hear it."""
        queue_id = self.queue_id or NO_QUEUE_ID
        self.service.log.info(f"{queue_id}: {self.label}: {error}")
        if answer:
            self._refuse(str(error).encode())
        else:
            self.close()

    def _refuse(self, text: bytes) -> None:
        self._answer(refusal_verdict(soft_bounce=self.service.params.soft_bounce), text)

    def _answer(self, verdict: Verdict, text: bytes) -> None:
        """Reply, after the pause that makes clients think."""
        self._reply = netstring.encode(verdict.value + text)
        delay = self.service.params.qmqpd_error_delay
        if delay:
            self._set_step(Step.PAUSE, delay)
        else:
            self._set_step(Step.REPLY, self.service.params.qmqpd_timeout)

    def _trace_submission(self, submission: Submission) -> None:
        self._trace(1, f"content: {submission.size} bytes")
        self._trace(1, f"sender: {printable(submission.sender)}")
        for recipient in submission.recipients:
            self._trace(1, f"recipient: {printable(recipient)}")

    def _trace(self, level: int, text: str) -> None:
        """Log a detail of the conversation if this client's sessions are logged verbosely."""
        if level <= self._verbosity:
            self.service.log.info(f"{self.label}: {text}")

    def _set_step(self, step: Step, seconds: float) -> None:
        """Begin a step; no step outlasts the session's own limit."""
        self.step = step
        deadline = time.monotonic() + seconds
        end_of_session = self.opened + self.service.params.daemon_timeout
        self.deadline = deadline if deadline < end_of_session else end_of_session


def refusal_verdict(*, soft_bounce: bool) -> Verdict:
    """Return what a refusal is to the client: final, unless the operator only tries it."""
    return Verdict.RETRY if soft_bounce else Verdict.REFUSED


# By step.
STEPS = (
    Connection._await_name,
    Connection._receive,
    Connection._deliver,
    Connection._pause,
    Connection._send_reply,
)
