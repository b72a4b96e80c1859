"""listeners - the sockets and FIFOs that clients come to

DESCRIPTION
    master opens each address once and keeps it for as long as a service has
    it, over every reload; the processes of the service inherit it. No client
    is refused while they are exchanged.

    inet, unix and pass are sockets that listen, unix-dgram is one that is
    bound, fifo a pipe with a name, held open at both ends.

    An address that a second mail system uses is "Address already in use":
    ports are not shared. A local file is replaced if it exists, which is safe
    because only the holder of the lock gets here.

SEE ALSO
    spec/master-protocol.md, section 6
"""

import errno
import io
import os
import socket
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress

from common.child import Identity
from common.errors import ConfigError
from master.endpoints import Endpoint
from master.plan import Plan
from master.services import Transport

LEAST_BACKLOG = 1024  # clients that wait in the kernel while workers are exchanged
LOCAL_SOCKET_MODE = 0o666  # the directory decides who gets near
FIFO_MODE = 0o622
FIFO_FLAGS = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
RETRY_SECONDS = 0.02

Listener = socket.socket | io.FileIO


class Listeners:
    """What is open, by address."""

    def __init__(self, owner: Identity | None) -> None:
        self._owner = owner
        self._open: dict[Endpoint, Listener] = {}

    def open(self, plans: Iterable[Plan], patience: float = 0.0) -> None:
        """Open what is not open yet, all of it or nothing.

        A busy address is tried again for that many seconds: the workers of a
        master that was killed need a moment to leave.

        Raises:
            ConfigError: an address cannot be used.
        """
        deadline = time.monotonic() + patience
        opened: list[Endpoint] = []
        wanted = [(endpoint, plan.service) for plan in plans for endpoint in plan.endpoints]
        # Ports first, which may be taken: a file in the place of another cannot be undone.
        for endpoint, service in sorted(wanted, key=lambda one: one[0].local):
            try:
                if endpoint not in self._open:
                    self._open[endpoint] = self._bind(endpoint, deadline)
                    opened.append(endpoint)
                listen(endpoint, self._open[endpoint], service.process_limit)
            except OSError as error:
                self._close(opened)
                raise ConfigError(
                    f"{service.origin}: service {service.name}:"
                    f" {described(endpoint)}: {error.strerror}"
                ) from None

    def keep_only(self, endpoints: Collection[Endpoint]) -> None:
        """Close every other socket, and remove its file."""
        gone = [one for one in self._open if one not in endpoints]
        self._close(gone)
        paths = {one.host for one in self._open if one.local}
        for endpoint in gone:
            if endpoint.local and endpoint.host not in paths:
                with acting_as(self._owner), suppress(OSError):
                    os.unlink(endpoint.host)

    def descriptors(self, endpoints: Iterable[Endpoint]) -> list[int]:
        """Return the descriptors of a service, in its order."""
        return [self._open[endpoint].fileno() for endpoint in endpoints]

    def close(self, but: Collection[Endpoint] = ()) -> None:
        """Close all but those; files stay, and refuse connections."""
        self._close([one for one in self._open if one not in but])

    def _close(self, endpoints: Iterable[Endpoint]) -> None:
        for endpoint in endpoints:
            self._open.pop(endpoint).close()

    def _bind(self, endpoint: Endpoint, deadline: float) -> Listener:
        while True:
            try:
                return self._bind_once(endpoint)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                    raise
                time.sleep(RETRY_SECONDS)

    def _bind_once(self, endpoint: Endpoint) -> Listener:
        if not endpoint.local:
            return bind_port(endpoint)
        with acting_as(self._owner):
            with suppress(FileNotFoundError):
                os.unlink(endpoint.host)
            if endpoint.transport is Transport.FIFO:
                return make_fifo(endpoint.host)
            return bind_local(endpoint)


@contextmanager
def acting_as(owner: Identity | None) -> Iterator[None]:
    """Work in the directories of mail_owner with no more rights than that account has.

    As root we could be led out of them by a link that is put there at the right moment.
    """
    if owner is None:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    os.setgroups(owner.groups)
    os.setegid(owner.gid)
    os.seteuid(owner.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def bind_port(endpoint: Endpoint) -> socket.socket:
    """Return a socket at a network address."""
    listener = socket.socket(endpoint.family, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if endpoint.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(endpoint.address)
    except OSError:
        listener.close()
        raise
    return listener


def bind_local(endpoint: Endpoint) -> socket.socket:
    """Return a local socket; its file is made."""
    datagram = endpoint.transport is Transport.DATAGRAM
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if datagram else socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        listener.bind(endpoint.address)
        os.chmod(endpoint.host, LOCAL_SOCKET_MODE)
    except OSError:
        listener.close()
        raise
    return listener


def make_fifo(path: str) -> io.FileIO:
    """Return a new FIFO, open for reading and writing, so that it never ends."""
    os.mkfifo(path)
    os.chmod(path, FIFO_MODE)
    return io.FileIO(os.open(path, FIFO_FLAGS), "r+")


def listen(endpoint: Endpoint, listener: Listener, process_limit: int) -> None:
    """Let clients connect, where they do that."""
    if isinstance(listener, socket.socket) and endpoint.transport is not Transport.DATAGRAM:
        listener.listen(max(LEAST_BACKLOG, process_limit))


def described(endpoint: Endpoint) -> str:
    """Return what was tried, as it stands in the message for the operator."""
    if endpoint.local:
        return f"bind {endpoint.host}"
    return f"bind {endpoint.host} port {endpoint.port}"
