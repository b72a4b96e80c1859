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

from cleanup.headers import HeaderRules
from cleanup.message import Option
from cleanup.session import Session
from cleanup.trigger import wake_queue_manager
from cleanup.writer import QueueFile, remove_stale_logs
from common.child import FLOW_READ_FD, Child
from common.errors import PeerError, QueueError
from common.log import Log
from common.params import CleanupParams
from common.sockets import set_io_timeout
from common.status import Status
from common.worker import serve_each

PARAMS = CleanupParams

READ_SIZE = 32 * 1024  # larger reads cost page faults: every buffer would be mapped anew
NO_FILE_ID = "NOQUEUE"


def serve(child: Child) -> None:
    """Serve messages until it is time to leave."""
    params = child.main_cf.load(CleanupParams)
    child.drop_privileges(params.mail_owner, params.queue_directory)
    cleanup = Cleanup(params, child.log)
    signal.signal(signal.SIGTERM, cleanup.terminate)
    serve_each(child, params, cleanup.serve)


class Cleanup:
    """The daemon between two signals: its rules, and the file it is writing."""

    def __init__(self, params: CleanupParams, log: Log) -> None:
        self.params = params
        self.log = log
        self.rules = HeaderRules.of(params)
        self.file: QueueFile | None = None

    def serve(self, connection: socket.socket) -> None:
        """Take one message and answer."""
        set_io_timeout(connection, self.params.ipc_timeout)
        self._wait_for_queue_manager()
        self.file = self._create_file()
        name = self.file.queue_id if self.file else NO_FILE_ID
        created = self.file.created if self.file else int(time.time())
        session = Session(self.rules, self.log, name, created)
        try:
            self._converse(connection, session)
        except (PeerError, OSError) as error:
            session.message.warn(f"{error} while reading from the cleanup client")
        finally:
            self._discard_file()

    def terminate(self, number: int, frame: object) -> None:
        """Leave at once, as on SIGTERM, without the unfinished file."""
        self._discard_file()
        os._exit(number)

    def _converse(self, connection: socket.socket, session: Session) -> None:
        connection.sendall(session.greeting())
        # While the client makes records of its message:
        if self.file is None:
            session.fail(Status.WRITE_FAILED)
        else:
            hashed = self.params.hash_queue_names
            remove_stale_logs(self.file.queue_id, hashed, self.params.hash_queue_depth)
        while not session.finished:
            data = connection.recv(READ_SIZE)
            if not data:
                return  # given up; whoever did that has logged why
            self._store(session, session.receive_data(data))
        self._complete(session)
        connection.sendall(session.verdict())

    def _store(self, session: Session, data: bytes) -> None:
        if self.file is None or not data or session.status:
            return
        try:
            self.file.write(data)
        except QueueError as error:
            self._fail(session, error)

    def _complete(self, session: Session) -> None:
        """Make the message part of the queue, or see that nothing of it stays."""
        if session.status & Status.TOO_LARGE:
            self.log.warning("mail_stream_cleanup: close error")
        if session.status or self.file is None or session.message.options & Option.DISCARD:
            self._discard_file()
            return
        try:
            if session.message.options & Option.HOLD:
                self.file.hold()
            self.file.commit(session.size_record())
        except QueueError as error:
            self._fail(session, error)
            return
        self.file = None
        wake_queue_manager(self.params.queue_service_name, self.log)

    def _fail(self, session: Session, error: QueueError) -> None:
        session.message.warn(f"queue file write error: {error}")
        session.fail(Status.WRITE_FAILED)
        self._discard_file()

    def _create_file(self) -> QueueFile | None:
        """Return a new file, None if the queue cannot take one: the client is then told so."""
        try:
            return QueueFile.create(long_ids=self.params.enable_long_queue_ids)
        except QueueError as error:
            self.log.warning(f"mail_queue_enter: {error}")
            return None

    def _discard_file(self) -> None:
        if self.file:
            self.file.discard()
            self.file = None

    def _wait_for_queue_manager(self) -> None:
        """Take a token of the flow control; without one, pause once."""
        if not self.params.in_flow_delay:
            return
        try:
            os.read(FLOW_READ_FD, 1)
        except BlockingIOError:
            time.sleep(self.params.in_flow_delay)
