"""one_shot - a daemon that serves a single client on standard input and output

DESCRIPTION
    As with -S by hand or from inetd: no master is there. take_descriptors()
    makes what master would have given, with the client in place of a
    listener, and nobody at the other end of the status channel.

    The client is standard input if that is a connection: who it is decides
    what it may do. Of a pipe or file this process makes two: one carries
    bytes between the streams and a local connection, the other serves that.

SEE ALSO
    spec/master-protocol.md, section 1.4
"""

import os
import select
import socket
import stat
from contextlib import suppress
from typing import NoReturn

from common.child import arrange
from common.errors import ConfigError

PIECE = 32 * 1024  # bytes


def take_descriptors() -> None:
    """Put a flow-control pipe, a status channel and the client where a daemon looks for them.

    Raises:
        ConfigError: standard input is a socket without a peer.
    """
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    os.write(writer, b"\0")  # nobody else makes the client wait
    status, nobody = socket.socketpair()
    connection = client()
    arrange([reader, writer, *(one.detach() for one in (status, connection, nobody))])


def client() -> socket.socket:
    """Return the connection to serve."""
    if stat.S_ISSOCK(os.fstat(0).st_mode):
        connection = socket.socket(fileno=os.dup(0))
        try:
            connection.getpeername()
        except OSError as error:
            raise ConfigError(f"standard input: getpeername: {error.strerror}") from None
        return connection
    ours, theirs = socket.socketpair()
    if pid := os.fork():
        theirs.close()
        carry(ours, pid)
    ours.close()
    return theirs


def carry(connection: socket.socket, pid: int) -> NoReturn:
    """Carry bytes both ways until the process has answered, and end as it does."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(connection, select.POLLIN)
    with suppress(OSError):
        while True:
            for descriptor, _ in poll.poll():
                if descriptor != 0:
                    if not (piece := connection.recv(PIECE)):
                        raise BrokenPipeError
                    write_all(piece)
                elif piece := os.read(0, PIECE):
                    connection.sendall(piece)
                else:
                    poll.unregister(0)
                    connection.shutdown(socket.SHUT_WR)
    connection.close()
    os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF)


def write_all(data: bytes) -> None:
    """Write bytes to standard output."""
    while data:
        data = data[os.write(1, data) :]
