"""worker - the life of a daemon that serves one connection at a time

DESCRIPTION
    serve_each() accepts, reports, serves, reports, and leaves after max_use
    connections, max_idle seconds without one, when it has no room for another,
    or when master closes the status channel. A request that runs longer than
    daemon_timeout is ended by the system, with its process.

SEE ALSO
    spec/master-protocol.md, sections 3.2 and 4.3
"""

import math
import select
import signal
import socket
import time
from collections.abc import Callable
from socket import SocketType

from common.child import AVAILABLE, LISTEN_FD, STATUS_FD, TAKEN, Child
from common.log import Log
from common.params import ChildParams
from common.sockets import EXHAUSTED, accept, family_of

Serve = Callable[[SocketType], None]


def serve_each(
    child: Child,
    params: ChildParams,
    serve: Serve,
    serve_native: Serve | None = None,
    *,
    outdated: Callable[[], bool] | None = None,
) -> None:
    """Give each accepted connection to serve, until it is time to leave.

    serve_native: for connections of our own daemons, where master gave us a socket for them.
    outdated: tells that the next connection is for a process that starts afresh.
    """
    if child.one_shot:
        serve_one(child, params, serve, socket.socket(fileno=LISTEN_FD))
        return
    listeners = {fd: socket.socket(fileno=fd) for fd in child.listeners}
    families = {fd: family_of(one) for fd, one in listeners.items()}
    serves = dict.fromkeys(child.listeners, serve)
    if serve_native and child.native_listener is not None:
        serves[child.native_listener] = serve_native
    with select.epoll(len(listeners) + 1) as ready:
        ready.register(STATUS_FD, select.EPOLLIN)
        # One connection wakes one process, not all that wait; but one that may have to leave it
        # to the others must not be the only one to wake.
        exclusive = 0 if outdated else select.EPOLLEXCLUSIVE
        for listener in listeners:
            ready.register(listener, select.EPOLLIN | exclusive)
        used = 0
        while used < params.max_use:
            descriptors = wait(ready, child.log, params.max_idle)
            if not descriptors or STATUS_FD in descriptors:
                return
            if outdated and outdated():
                return
            try:
                connection, _ = accept(listeners[descriptors[0]], families[descriptors[0]])
            except (BlockingIOError, ConnectionAbortedError):
                continue  # another process was faster
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    raise
                # Whatever has used the room up, a new process has some, or master waits.
                child.log.warning(f"accept connection: {error.strerror}")
                return
            used += 1
            if not serve_one(child, params, serves[descriptors[0]], connection):
                return


def wait(ready: select.epoll, log: Log, seconds: float = math.inf) -> list[int]:
    """Return the descriptors that are ready, none after so many seconds.

    Meanwhile the log is looked after: what it could not do may be possible now.
    """
    end = time.monotonic() + seconds
    while True:
        moment = min(end, log.retry())
        found = ready.poll(None if moment == math.inf else max(0.0, moment - time.monotonic()))
        if found or time.monotonic() >= end:
            return [descriptor for descriptor, _ in found]


def serve_one(child: Child, params: ChildParams, serve: Serve, connection: SocketType) -> bool:
    """Serve a connection; tell whether master wants us to go on."""
    child.report(TAKEN)
    signal.alarm(int(params.daemon_timeout))
    try:
        serve(connection)
    finally:
        connection.close()
    signal.alarm(0)
    return child.report(AVAILABLE)
