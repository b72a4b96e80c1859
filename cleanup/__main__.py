"""cleanup - the daemon: one message a connection, one queue file a message

DESCRIPTION
    cleanup takes messages from receivers on its local socket, completes
    them, writes each as one file into the incoming queue, and wakes the queue
    manager. It trusts its clients with nothing: every record is checked.

SEE ALSO
    cleanup(8)
    spec/cleanup-protocol.md, spec/cleanup-behaviour.md
"""

import os
import signal
import socket
import time
from contextlib import suppress
from socket import SocketType
from typing import ClassVar, Protocol

from cleanup import bounce, checks, trace
from cleanup.checks import MilterChecks
from cleanup.headers import HeaderRules
from cleanup.inspection import Inspection
from cleanup.line import READ_SIZE, Line, waited
from cleanup.message import Journal, Message
from cleanup.milter_desk import MilterDesk, Rules
from cleanup.milters import MilterRules
from cleanup.native import NativeSession
from cleanup.session import Session
from cleanup.stale_logs import LOG_DIRECTORIES, StaleLogs
from cleanup.trigger import Trigger
from cleanup.writer import HOLD, INCOMING, QueueFile
from common.child import FLOW_READ_FD, FLOW_WRITE_FD, Child
from common.claim import Claim
from common.errors import PeerError, QueueError
from common.log import Log
from common.params import CleanupParams
from common.sandbox.confinement import confine
from common.sandbox.needs import FULL, Access, Needs
from common.sockets import wait_readable
from common.status import Status
from common.tables import needs_of_tables
from common.worker import serve_each

PARAMS = CleanupParams
NATIVE = True  # there is a socket for frames beside the public one
CLAIMS = True  # queue files are written here

# Folders of the queue, and what cleanup does there.
NEEDS = Needs(
    (
        *((INCOMING, FULL), (HOLD, FULL)),
        *((folder, Access.LIST | Access.REMOVE) for folder in LOG_DIRECTORIES),
        ("public", Access.WRITE),  # the queue manager's FIFO, which may be made anew
    )
)

NO_FILE_ID = "NOQUEUE"


def prepare(params: CleanupParams) -> Rules:
    """Return what all processes need of the parameters, made once.

    Raises:
        ConfigError: the Milters cannot be understood.
    """
    checks.prepare(params)
    headers, milters = HeaderRules.of(params), MilterRules.of(params)
    return Rules(headers.for_milters() if milters else headers, milters)


def needs(rules: Rules) -> Needs:
    """Return what a process needs when it serves."""
    return NEEDS | rules.milters.needs if rules.milters else NEEDS


def serve(child: Child) -> None:
    """Serve messages until it is time to leave."""
    rules: Rules = child.prepared
    headers, milters = rules
    params = headers.params
    addresses = headers.open_addresses and headers.open_addresses(child.main_cf, child.log)
    inspection = Inspection.of(params, child.main_cf, child.log)
    own_checks = MilterChecks.of(params, child.main_cf, child.log)
    headers = headers._replace(addresses=addresses, inspection=inspection, milter_checks=own_checks)
    rules = Rules(headers, milters)
    confine(child, params, needs_of_tables())
    cleanup = Cleanup(rules, child.log, child.claim)
    signal.signal(signal.SIGTERM, cleanup.terminate)
    signal.signal(signal.SIGALRM, cleanup.expire)
    outdated = cleanup.outdated if cleanup.opens_tables else None
    serve_each(child, params, cleanup.serve, cleanup.serve_native, outdated=outdated)


class Dialogue(Protocol):
    """A message's way from its client into a queue file; no I/O."""

    may_bring_milters: ClassVar[bool]  # with the message
    message: Message
    credit: int  # how many messages the client may have on their way, to be told with the verdict
    rest: bytes  # what came behind the message

    def __init__(self, rules: HeaderRules, log: Journal, queue_id: str, now: int) -> None: ...

    @property
    def finished(self) -> bool:
        """Whether everything has come."""

    def greeting(self) -> bytes:
        """Return what the client is told first."""

    def receive_data(self, data: bytes) -> bytes:
        """Take bytes from the client, return bytes for the queue file."""

    def fail(self, bit: int) -> None:
        """Refuse the message for a reason outside the dialogue."""

    def verdict(self) -> bytes:
        """Return what the client is told last."""


class Cleanup:
    """The daemon between two signals: its rules, and the file it is writing."""

    def __init__(self, rules: Rules, log: Log, claim: Claim | None = None) -> None:
        self.rules = rules
        self.params = rules.headers.params
        self.log = log
        self.claim = claim or Claim()
        self.service = rules.headers.rewriters.service
        self.desk: MilterDesk | None = None  # of the message at work
        self.stale_logs = StaleLogs(self.params.hash_queue_names, self.params.hash_queue_depth)
        self.trigger = Trigger(self.params.queue_service_name, log)
        self.file: QueueFile | None = None
        self._line: Line | None = None  # of a client of our own
        self._paused = False  # for the queue manager

    def serve(self, connection: SocketType) -> None:
        """Take one message as records and answer."""
        self._line = None
        self._serve(connection, Session)

    def serve_native(self, connection: SocketType) -> None:
        """Take messages as frames, one behind the other, and answer each."""
        outdated = self.outdated if self.opens_tables else None
        line = self._line = Line(connection, self.params.max_use, outdated)
        rest = self._serve(connection, NativeSession)
        while rest is not None and (data := rest or line.receive_next()):
            signal.alarm(int(self.params.daemon_timeout))  # each has a time of its own
            rest = self._serve(connection, NativeSession, data)

    @property
    def opens_tables(self) -> bool:
        """Whether tables are open here that may change."""
        rules = self.rules.headers
        return bool(rules.addresses or rules.inspection or rules.milter_checks)

    def outdated(self) -> bool:
        """Tell whether the next message is for a process that opens its tables anew."""
        rules = self.rules.headers
        if rules.addresses and rules.addresses.outdated():
            return True
        if rules.milter_checks and rules.milter_checks.outdated():
            return True
        checks = rules.inspection and rules.inspection.checks
        return bool(checks and checks.outdated())

    def _serve(
        self, connection: SocketType, kind: type[Dialogue], opening: bytes = b""
    ) -> bytes | None:
        """Take one message, of which the opening is here.

        Returns what has come behind it, None if it was not answered.
        """
        if self.rules.headers.addresses:
            self.rules.headers.addresses.begin()
        if self.service:
            self.service.begin(self.log)
        self._paused = self._wait_for_queue_manager()
        self.file = self._create_file()
        name = self.file.queue_id if self.file else NO_FILE_ID
        created = self.file.created if self.file else int(time.time())
        session = kind(self.rules.headers, self.log, name, created)
        if self.rules.milters or kind.may_bring_milters:
            self.desk = MilterDesk(self.rules, session.message, connection)
        try:
            return self._converse(connection, session, opening)
        except (PeerError, OSError, MemoryError) as error:
            # Whose message takes too much memory gets no answer; the next one may.
            reason = error.strerror if isinstance(error, OSError) else error
            reason = "out of memory" if isinstance(error, MemoryError) else reason
            session.message.warn(f"{reason} while reading from the cleanup client")
            return None
        finally:
            self._discard_file()
            if self.desk:
                self.desk.close()
                self.desk = None

    def terminate(self, number: int, frame: object) -> None:
        """Leave at once, as on SIGTERM, without the unfinished file."""
        self._discard_file()
        os._exit(number)

    def expire(self, number: int, frame: object) -> None:
        """Leave without the unfinished file when a message has taken daemon_timeout."""
        self.log.fatal("watchdog timeout")
        self._discard_file()
        os._exit(1)

    def _converse(self, connection: SocketType, session: Dialogue, opening: bytes) -> bytes | None:
        if greeting := session.greeting():
            connection.sendall(greeting)
        # While the client makes records of its message:
        if self.file is None:
            session.fail(Status.WRITE_FAILED)
        else:
            self.stale_logs.remove(self.file.queue_id)
        data = opening
        while not session.finished:
            data = data or self._receive(connection)
            if not data:
                return None  # given up; whoever did that has logged why
            self._store(session, session.receive_data(data))
            if self.service and self.service.failed:
                session.fail(Status.WRITE_FAILED)
            data = b""
        waits = waited() if self._line else 0
        self._complete(session)
        if self._line:
            paused = self._paused or self.service or waited() > waits
            session.credit = self._line.credit(waits=bool(paused))
        return session.rest if self._answer(connection, session) else None

    def _receive(self, connection: SocketType) -> bytes:
        """Return what comes next, mostly here already; empty at the end."""
        try:
            return connection.recv(READ_SIZE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            wait_readable(connection, self.params.ipc_timeout)
            return connection.recv(READ_SIZE, socket.MSG_DONTWAIT)

    def _store(self, session: Dialogue, data: bytes) -> None:
        if self.file is None or not data or session.message.is_lost:
            return
        try:
            place = (self.desk and self.desk.session) or self.file
            place.write(data)
        except QueueError as error:
            self._fail(session, error)

    def _complete(self, session: Dialogue) -> None:
        """Make the message part of the queue, or see that nothing of it stays."""
        message = session.message
        if self.desk and self.file:
            try:
                self.desk.finish(self.file)
            except QueueError as error:
                self._fail(session, error)
        if self.file and message.is_decided and not message.discard:
            self._return_faults(message, self.file)
        if message.expansions and not message.verdict() and not message.discard:
            self._trace(message)
        status = message.verdict()
        if status and status & Status.TOO_LARGE:
            self.log.warning("mail_stream_cleanup: close error")
        if status or self.file is None or message.discard:
            self._discard_file()
            return
        try:
            if message.hold:
                self.file.hold()
                self._return_token()
            self.file.commit(message.size_record())
        except QueueError as error:
            self._fail(session, error)

    def _answer(self, connection: SocketType, session: Dialogue) -> bool:
        """Tell the verdict, and whether anybody was there: a committed file only counts then."""
        file, self.file = self.file, None
        if file:
            file.release()
        try:
            connection.sendall(session.verdict())
        except OSError as error:
            # The message's owner still has it, and will send it again.
            session.message.warn(f"{error.strerror} while writing to the cleanup client")
            if file:
                file.withdraw()
            return False
        if file:
            file.reveal()
            self.trigger.pull(file.created)
        return True

    def _trace(self, message: Message) -> None:
        """See that the sender is told of recipients that were taken for several."""
        path = f"private/{self.params.trace_service_name}"
        try:
            for expansion in message.expansions:
                request = expansion.request(message.queue_id)
                trace.append(path, request, self.params.ipc_timeout)
        except OSError as error:
            self.log.warning(f"connect to {path}: {error.strerror or error}")
            message.refuse(Status.WRITE_FAILED)
        except PeerError:
            message.refuse(Status.WRITE_FAILED)
        if message.status:
            message.warn("trace service failure")
            message.warn("trace logfile update error")

    def _return_faults(self, message: Message, file: QueueFile) -> None:
        """Send a message whose faults its client leaves to us back to its sender.

        Then nothing of it is needed any more.
        """
        if not (faults := message.take_faults()):
            return
        try:
            file.lay_open(message.size_record())
            bounce.Return(message, faults).send(file.path)
        except (OSError, PeerError, QueueError) as error:
            words = error.strerror if isinstance(error, OSError) else error
            message.warn(f"cannot return the message to its sender: {words}")
            message.refuse(Status.WRITE_FAILED)
        else:
            message.discard = True

    def _fail(self, session: Dialogue, error: QueueError) -> None:
        session.message.warn(f"queue file write error: {error}")
        session.fail(Status.WRITE_FAILED)
        self._discard_file()

    def _create_file(self) -> QueueFile | None:
        """Return a new file, None if the queue cannot take one: the client is then told so."""
        try:
            return QueueFile.create(long_ids=self.params.enable_long_queue_ids, claim=self.claim)
        except QueueError as error:
            self.log.warning(f"mail_queue_enter: {error}")
            return None

    def _discard_file(self) -> None:
        if self.file:
            self.file.discard()
            self.file = None

    def _wait_for_queue_manager(self) -> bool:
        """Take a token of the flow control; without one, pause once. Tell whether we paused."""
        if not self.params.in_flow_delay:
            return False
        try:
            os.read(FLOW_READ_FD, 1)
        except BlockingIOError:
            time.sleep(self.params.in_flow_delay)
            return True
        return False

    def _return_token(self) -> None:
        """Give the token back: of a message that is held the queue manager hears nothing."""
        if self.params.in_flow_delay:
            with suppress(BlockingIOError):
                os.write(FLOW_WRITE_FD, b"\0")
