"""listeners - the sockets that clients connect to

DESCRIPTION
    master opens each address once and keeps it for as long as a service has
    it, over every reload; the processes of the service inherit it. No client
    is refused while they are exchanged.

    An address that a second mail system uses is "Address already in use":
    ports are not shared. A local socket is replaced if its file exists, which
    is safe because only the holder of the lock gets here.

SEE ALSO
    spec/master-protocol.md, section 6
"""

import errno
import os
import socket
import time
from collections.abc import Collection, Iterable
from contextlib import suppress

from common.child import Identity
from common.errors import ConfigError
from master.configuration import Plan
from master.endpoints import Endpoint

LEAST_BACKLOG = 1024  # clients that wait in the kernel while workers are exchanged
LOCAL_SOCKET_MODE = 0o666  # the directory decides who gets near
RETRY_SECONDS = 0.02


class Listeners:
    """The open listening sockets, by address."""

    def __init__(self, owner: Identity | None) -> None:
        self._owner = owner
        self._sockets: dict[Endpoint, socket.socket] = {}

    def open(self, plans: Iterable[Plan], patience: float = 0.0) -> None:
        """Open what is not open yet, all of it or nothing.

        A busy address is tried again for that many seconds: the workers of a
        master that was killed need a moment to leave.

        Raises:
            ConfigError: an address cannot be used.
        """
        deadline = time.monotonic() + patience
        opened: list[Endpoint] = []
        for plan in plans:
            for endpoint in plan.endpoints:
                try:
                    if endpoint not in self._sockets:
                        self._sockets[endpoint] = self._bind(endpoint, deadline)
                        opened.append(endpoint)
                    backlog = max(LEAST_BACKLOG, plan.service.process_limit)
                    self._sockets[endpoint].listen(backlog)
                except OSError as error:
                    self._close(opened)
                    raise ConfigError(
                        f"{plan.service.origin}: service {plan.service.name}:"
                        f" {described(endpoint)}: {error.strerror}"
                    ) from None

    def keep_only(self, endpoints: Collection[Endpoint]) -> None:
        """Close every other socket, and remove its file."""
        gone = [one for one in self._sockets if one not in endpoints]
        self._close(gone)
        for endpoint in gone:
            if endpoint.family == socket.AF_UNIX:
                with suppress(OSError):
                    os.unlink(endpoint.host)

    def descriptors(self, endpoints: Iterable[Endpoint]) -> list[int]:
        """Return the descriptors of a service, in its order."""
        return [self._sockets[endpoint].fileno() for endpoint in endpoints]

    def close(self) -> None:
        """Close all; files stay, and refuse connections."""
        self._close(list(self._sockets))

    def _close(self, endpoints: Iterable[Endpoint]) -> None:
        for endpoint in endpoints:
            self._sockets.pop(endpoint).close()

    def _bind(self, endpoint: Endpoint, deadline: float) -> socket.socket:
        while True:
            try:
                return self._bind_once(endpoint)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                    raise
                time.sleep(RETRY_SECONDS)

    def _bind_once(self, endpoint: Endpoint) -> socket.socket:
        listener = socket.socket(endpoint.family, socket.SOCK_STREAM)
        try:
            listener.setblocking(False)
            if endpoint.family == socket.AF_UNIX:
                self._bind_local(listener, endpoint.host)
            else:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if endpoint.family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.bind(endpoint.address)
        except OSError:
            listener.close()
            raise
        return listener

    def _bind_local(self, listener: socket.socket, path: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(path)
        listener.bind(path)
        os.chmod(path, LOCAL_SOCKET_MODE)
        if self._owner:
            os.chown(path, self._owner.uid, self._owner.gid, follow_symlinks=False)


def described(endpoint: Endpoint) -> str:
    """Return what was tried, as it stands in the message for the operator."""
    if endpoint.family == socket.AF_UNIX:
        return f"bind {endpoint.host}"
    return f"bind {endpoint.host} port {endpoint.port}"
