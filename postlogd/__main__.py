"""postlogd - the daemon: writes the lines of Postfix's programs into our log

DESCRIPTION
    Our own daemons append to maillog_file themselves. Programs of Postfix do
    not: they send each line as a datagram to the local socket of this
    service, with time and host in front, and wait while it is full. So
    nothing here waits for long: the log drops what its file does not take
    within a second, and counts it.

    A process stays until master tells it to leave, takes what has been sent
    until then, and goes. The socket is master's: no line is lost, and nobody
    has to connect again, when a process is replaced.

SEE ALSO
    postlogd(8)
    spec/logging.md, section 1
"""

import select
import socket

from common.child import AVAILABLE, STATUS_FD, TAKEN, Child
from common.log import LINE_LIMIT, Log
from common.params import ChildParams
from common.sandbox.confinement import confine
from common.worker import wait
from postlogd.line import Line

PARAMS = ChildParams
TRANSPORTS = ("unix-dgram",)

BATCH = 1000  # lines, before master is listened to again


def serve(child: Child) -> None:
    """Write lines until it is time to leave."""
    params = child.main_cf.load(ChildParams)
    confine(child, params)
    work(child)


def work(child: Child) -> None:
    """Write what comes, until master's end of the status channel is closed."""
    sockets = {fd: socket.socket(fileno=fd) for fd in child.listeners}
    ready = select.epoll()
    for descriptor in (STATUS_FD, *sockets):
        ready.register(descriptor, select.EPOLLIN)
    # The first line is reported, so that master knows a process that works; then nothing changes.
    worked = leaving = False
    while not leaving:
        leaving = STATUS_FD in wait(ready, child.log)
        for one in sockets.values():
            written = write_lines(one, child.log)
            if written and not worked:
                worked = child.report(TAKEN) and child.report(AVAILABLE)


def write_lines(source: socket.socket, log: Log) -> int:
    """Write the lines that have been sent; return their number."""
    for count in range(BATCH):
        try:
            datagram = source.recv(LINE_LIMIT)
        except BlockingIOError:
            return count
        write_line(Line.parse(datagram), log)
    return BATCH


def write_line(line: Line, log: Log) -> None:
    """Write one line as it is; what has no head gets one of ours."""
    if line.head:
        log.relay(line.severity, line.head, line.text)
    elif line.text:
        log.info(line.text)
