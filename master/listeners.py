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

    A port may move from one address to all of them, or back, while the mail
    system runs. For that moment old and new listener share it, as programs of
    one account may that both ask for it; one that does not is still refused.
    A listener that is going is hidden first: the kernel leads no client to it
    any more, and who waits there already can still be accepted.

SEE ALSO
    spec/master-protocol.md, section 6
"""

import errno
import io
import os
import select
import socket
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

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
SO_BINDTOIFINDEX = 62  # of Linux; the socket module has no name for it
NO_INTERFACE = 2**31 - 1  # a number that none has

Listener = socket.socket | io.FileIO


@dataclass(frozen=True, slots=True)
class Wanted:
    """An address to be opened, and who wants it."""

    endpoint: Endpoint
    process_limit: int
    service: str  # "FILE, line N: service NAME", for complaints


def wanted(plans: Iterable[Plan]) -> Iterator[Wanted]:
    """Yield the addresses of these services."""
    for plan in plans:
        service = f"{plan.service.origin}: service {plan.service.name}"
        for endpoint in plan.endpoints:
            yield Wanted(endpoint, plan.service.process_limit, service)


class Listeners:
    """What is open, by address."""

    def __init__(self, owner: Identity | None) -> None:
        self._owner = owner
        self._open: dict[Endpoint, Listener] = {}

    def adopt(self, descriptors: Mapping[Endpoint, int]) -> None:
        """Own listeners that somebody else has opened."""
        for endpoint, descriptor in descriptors.items():
            fifo = endpoint.transport is Transport.FIFO
            self._open[endpoint] = (
                io.FileIO(descriptor, "r+") if fifo else socket.socket(fileno=descriptor)
            )

    @property
    def addresses(self) -> dict[Endpoint, int]:
        """What is open, and its descriptors."""
        return {endpoint: one.fileno() for endpoint, one in self._open.items()}

    def open(self, all_wanted: Iterable[Wanted], patience: float = 0.0) -> None:
        """Open what is not open yet, all of it or nothing.

        A busy address is tried again for that many seconds: the workers of a
        master that was killed need a moment to leave.

        Raises:
            ConfigError: an address cannot be used.
        """
        deadline = time.monotonic() + patience
        opened: list[Endpoint] = []
        # Ports first, which may be taken: a file in the place of another cannot be undone.
        ordered = sorted(all_wanted, key=lambda one: one.endpoint.local)
        staying = {one.endpoint for one in ordered}
        for one in ordered:
            endpoint = one.endpoint
            try:
                if endpoint not in self._open:
                    rivals = self._rivals(endpoint, staying)
                    for rival in rivals:
                        rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                    self._open[endpoint] = self._bind(endpoint, deadline, shared=bool(rivals))
                    opened.append(endpoint)
                listen(endpoint, self._open[endpoint], one.process_limit)
            except OSError as error:
                self._close(opened)
                raise ConfigError(
                    f"{one.service}: {described(endpoint)}: {error.strerror}"
                ) from None

    def hide(self, endpoints: Iterable[Endpoint]) -> list[int]:
        """Lead no more clients to these ports; return the descriptors."""
        for endpoint in endpoints:
            listener = self._open[endpoint]
            if isinstance(listener, socket.socket):
                with suppress(OSError):  # then clients come until it is closed
                    listener.setsockopt(socket.SOL_SOCKET, SO_BINDTOIFINDEX, NO_INTERFACE)
        return self.descriptors(endpoints)

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

    def _rivals(self, endpoint: Endpoint, staying: Collection[Endpoint]) -> list[socket.socket]:
        """Return listeners on the same port that will go: on all addresses, or on one of them."""
        return [
            listener
            for other, listener in self._open.items()
            if isinstance(listener, socket.socket)
            and (other.family, other.port) == (endpoint.family, endpoint.port)
            and not other.local
            and other not in staying
        ]

    def _bind(self, endpoint: Endpoint, deadline: float, *, shared: bool) -> Listener:
        while True:
            try:
                return self._bind_once(endpoint, shared=shared)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                    raise
                time.sleep(RETRY_SECONDS)

    def _bind_once(self, endpoint: Endpoint, *, shared: bool) -> Listener:
        if not endpoint.local:
            return bind_port(endpoint, shared=shared)
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


def bind_port(endpoint: Endpoint, *, shared: bool) -> socket.socket:
    """Return a socket at a network address, which may share its port with another of ours."""
    listener = socket.socket(endpoint.family, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
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


def clients_wait(descriptors: Iterable[int]) -> bool:
    """Tell whether anybody waits to be accepted at any of these listeners."""
    waiting = select.poll()
    for descriptor in descriptors:
        waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(0))
