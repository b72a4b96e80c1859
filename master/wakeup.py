"""wakeup - calls that make a service look for work

DESCRIPTION
    A service with a number in the wakeup column of master.cf is called when
    it starts, and then every so many seconds; with a question mark, from its
    first use on. A Call is a client like any other: it brings the bytes W and
    NUL, and stays until the service hangs up. As long as it stays, or waits
    for somebody to accept it, the service is not called again. A FIFO just
    gets its W. Nothing here makes the loop wait.

SEE ALSO
    spec/master-protocol.md, section 4.5
    spec/qmgr-delivery-protocols.md, section 1
"""

import errno
import os
import socket

from common.log import Log
from master.endpoints import Endpoint
from master.events import WRITE, Loop, Timer
from master.plan import Plan
from master.services import Transport

CALL = (b"W", b"\0")  # one write each
PATIENCE = 101.0  # seconds for a service to hang up


class Wakeup:
    """When one service is called."""

    def __init__(self, plan: Plan, loop: Loop, log: Log) -> None:
        self._endpoint = plan.endpoints[0]
        self._seconds = plan.wakeup
        self._if_used = plan.service.wakeup_if_used
        self._loop = loop
        self._log = log
        self._timer: Timer | None = None
        self._call: Call | None = None

    def start(self, descriptor: int) -> None:
        """Call for the first time, unless the first use is waited for; a FIFO by its descriptor."""
        self._descriptor = descriptor
        if self._seconds and not self._if_used and self._timer is None:
            self._time_came()

    def used(self) -> None:
        """Note that the service has a process: those who waited for that call."""
        if self._seconds and self._if_used and self._timer is None:
            self._time_came()

    def stop(self) -> None:
        """Call no more."""
        if self._timer:
            self._timer.cancel()
        if self._call:
            self._call.end()
        self._seconds = 0

    def _time_came(self) -> None:
        self._timer = self._loop.call_later(self._seconds, self._time_came)
        if self._call and not self._call.over:
            return
        try:
            if self._endpoint.transport is Transport.FIFO:
                os.write(self._descriptor, CALL[0])
            else:
                self._call = Call(self._endpoint, self._loop, self._log)
        except OSError as error:
            self._log.warning(f"wakeup of service {self._endpoint}: {error.strerror}")


class Call:
    """One connection to a service."""

    def __init__(self, endpoint: Endpoint, loop: Loop, log: Log) -> None:
        """Connect.

        Raises:
            OSError: there is nobody, or too many wait there already.
        """
        self.over = False
        self._endpoint = endpoint
        self._loop = loop
        self._log = log
        self._pipe = -1  # our end of what a pass service reads the call from
        self._socket = socket.socket(endpoint.family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._timer = loop.call_later(PATIENCE, self._give_up)
        trouble = self._socket.connect_ex(endpoint.address)
        if trouble in (0, errno.EINPROGRESS):
            loop.watch(self._socket.fileno(), self._connected, WRITE)
        else:
            self.end()
            raise OSError(trouble, os.strerror(trouble))

    def end(self) -> None:
        """Hang up."""
        if self.over:
            return
        self.over = True
        self._timer.cancel()
        self._loop.forget(self._socket.fileno())
        self._socket.close()
        if self._pipe >= 0:
            os.close(self._pipe)

    def _connected(self) -> None:
        self._loop.watch(self._socket.fileno(), self.end)
        try:
            for word in CALL:
                os.write(self._mouthpiece(), word)
        except (BrokenPipeError, ConnectionResetError):
            self.end()  # it has understood the first word already
        except OSError as error:
            self._warn(str(error.strerror))
            self.end()

    def _mouthpiece(self) -> int:
        """Return the descriptor to speak into; a pass service gets the other end of a pipe."""
        if self._endpoint.transport is not Transport.PASS:
            return self._socket.fileno()
        if self._pipe < 0:
            reader, self._pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                socket.send_fds(self._socket, [b"\0"], [reader])
            finally:
                os.close(reader)
        return self._pipe

    def _give_up(self) -> None:
        self._warn("read timeout")
        self.end()

    def _warn(self, text: str) -> None:
        self._log.warning(f"wakeup of service {self._endpoint}: {text}")
