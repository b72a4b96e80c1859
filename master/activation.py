"""activation - listeners that the service manager has opened for us

DESCRIPTION
    systemd opens the sockets of a .socket unit, and passes them on as
    descriptors 3 and up, with their number in LISTEN_FDS and whom they are for
    in LISTEN_PID. So clients can connect before we run, and while we are
    started anew. Those that belong to a service of master.cf are taken in
    place of new ones; the others are closed.

SEE ALSO
    sd_listen_fds(3), systemd.socket(5)
"""

import os
import socket
from collections.abc import Iterable, Mapping

from master.endpoints import Endpoint
from master.services import Transport

FIRST = 3
KINDS = {
    Transport.INET: socket.SOCK_STREAM,
    Transport.UNIX: socket.SOCK_STREAM,
    Transport.PASS: socket.SOCK_STREAM,
    Transport.DATAGRAM: socket.SOCK_DGRAM,
}


def count(environment: Mapping[str, str]) -> int:
    """Return how many descriptors were passed to this process."""
    number = environment.get("LISTEN_FDS", "")
    if environment.get("LISTEN_PID") != str(os.getpid()) or not number.isdecimal():
        return 0
    return int(number)


def passed(environment: Mapping[str, str]) -> list[socket.socket]:
    """Return the sockets among them; what is none is closed."""
    found = []
    for descriptor in range(FIRST, FIRST + count(environment)):
        try:
            one = socket.socket(fileno=descriptor)
        except OSError:
            os.closerange(descriptor, descriptor + 1)
            continue
        one.setblocking(False)
        one.set_inheritable(False)
        found.append(one)
    return found


def assign(
    sockets: Iterable[socket.socket], endpoints: Iterable[Endpoint]
) -> tuple[dict[Endpoint, int], list[str]]:
    """Return whose descriptor is whose, now the caller's, and a complaint for each that nobody has.

    Local services are those below the working folder, the queue directory.
    """
    wanted = {place(one): one for one in endpoints if one.transport in KINDS}
    taken: dict[Endpoint, int] = {}
    complaints = []
    for one in sockets:
        endpoint = wanted.get((one.type, named(one)))
        if endpoint is None or endpoint in taken:
            complaints.append(f"socket {named(one)} of the service manager belongs to no service")
            one.close()
        else:
            taken[endpoint] = one.detach()
    return taken, complaints


def place(endpoint: Endpoint) -> tuple[int, str]:
    """Return kind and name of the socket that an endpoint needs."""
    name = os.path.abspath(endpoint.host) if endpoint.local else str(endpoint)
    return KINDS[endpoint.transport], name


def named(one: socket.socket) -> str:
    """Return a socket's address as an endpoint shows it."""
    address = one.getsockname()
    if isinstance(address, tuple):
        host, port = address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return str(address)
