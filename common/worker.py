"""worker - the life of a daemon that serves one connection at a time

DESCRIPTION
    serve_each() accepts, reports, serves, reports, and leaves after max_use
    connections, max_idle seconds without one, or when master closes the
    status channel. A request that runs longer than daemon_timeout is ended
    by the system, with its process.

SEE ALSO
    spec/master-protocol.md, sections 3.2 and 4.3
"""

import select
import signal
import socket
from collections.abc import Callable

from common.child import AVAILABLE, STATUS_FD, TAKEN, Child
from common.params import ChildParams

Serve = Callable[[socket.socket], None]


def serve_each(child: Child, params: ChildParams, serve: Serve) -> None:
    """Give each accepted connection to serve, until it is time to leave."""
    listeners = {fd: socket.socket(fileno=fd) for fd in child.listeners}
    with select.epoll(len(listeners) + 1) as ready:
        ready.register(STATUS_FD, select.EPOLLIN)
        for listener in listeners:
            # One connection wakes one process, not all that wait.
            ready.register(listener, select.EPOLLIN | select.EPOLLEXCLUSIVE)
        used = 0
        while used < params.max_use:
            descriptors = [found for found, _ in ready.poll(params.max_idle)]
            if not descriptors or STATUS_FD in descriptors:
                return
            try:
                connection, _ = listeners[descriptors[0]].accept()
            except (BlockingIOError, ConnectionAbortedError):
                continue  # another process was faster
            used += 1
            child.report(TAKEN)
            with connection:
                signal.alarm(int(params.daemon_timeout))
                serve(connection)
                signal.alarm(0)
            if not child.report(AVAILABLE):
                return
