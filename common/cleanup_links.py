"""cleanup_links - messages to cleanups of our own, several on their way at once

DESCRIPTION
    A message goes by the first link that has room, or a new one. What cleanup
    has certainly not begun when a link breaks goes by another. The message
    that it was at may be in the queue: its owner hears of a failure.

    Owners are called by nobody: whoever holds the epoll instance calls
    advance() where it reports a link, and asks for arrivals().

SEE ALSO
    docs/frame.md
    common.cleanup_client, for any other cleanup
"""

import math
import select
import socket
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from socket import SocketType
from typing import Generic

from common.cleanup_client import CONNECT_RETRY, CleanupService
from common.cleanup_link import Framed, Link, Passage, T
from common.errors import PeerError

STALL = 0.02  # seconds without an answer in which a process is not called busy


def native_path(service: str) -> str:
    """Return the socket on which our own cleanup takes frames, below the queue directory."""
    return f"private/{service}.native"


class Links(Generic[T]):
    """All links of a process."""

    def __init__(self, service: CleanupService, epoll: select.epoll) -> None:
        """Begin without any; epoll: watches them."""
        self._service = service
        self._path = native_path(service.name)
        self._epoll = epoll
        self._links: dict[int, Link[T]] = {}  # by descriptor
        self._queue: list[Passage[T]] = []  # for which there was no room
        self._retry_at = 0.0  # for them
        self._usual = 0  # credit, as answers tell; 0: there was none yet
        self._arrived: list[Passage[T]] = []

    def __contains__(self, descriptor: int) -> bool:
        """Tell whether advance() wants to hear of this descriptor."""
        return descriptor in self._links

    def __len__(self) -> int:
        """Return how many messages are on their way."""
        return sum(len(one.waiting) for one in self._links.values()) + len(self._queue)

    def send(self, owner: T, parcel: Framed) -> Passage[T] | None:
        """Send a message, None if there is no cleanup that takes frames."""
        passage = Passage(owner, parcel, time.monotonic())
        return passage if self._service.native and self._send(passage) else None

    def advance(self, descriptor: int) -> None:
        """Go on where something has happened."""
        link = self._links[descriptor]
        try:
            self._arrived.extend(link.receive())
        except (PeerError, OSError) as error:
            self._fail(link, error)
            return
        if link.answered:
            self._usual = max(1, link.credit)
        if link.unsent:
            self._flush(link)
        self._empty_queue()

    def arrivals(self) -> list[Passage[T]]:
        """Return the messages that are answered, or lost, each once."""
        arrived, self._arrived = self._arrived, []
        return arrived

    def settle(self, passage: Passage[T]) -> bool:
        """Wait for an answer no longer; tell whether it had come.

        Else nothing of the message stays: cleanup takes back what it cannot answer.
        """
        for link in list(self._links.values()):
            if passage in link.waiting:
                self._resend(one for one in self._break_off(link) if one is not passage)
        self._queue = [one for one in self._queue if one is not passage]
        self._arrived = [one for one in self._arrived if one is not passage]
        return bool(passage.queue_id)

    def stall(self) -> float:
        """Return when cleanup will have let us wait for longer than usual, or infinity."""
        since = self._queue[0].since if self._queue else math.inf
        for link in self._links.values():
            if link.waiting and link.progress < since:
                since = link.progress
        return since + STALL

    def next_deadline(self) -> float:
        """Return when check_time() will have something to do, or infinity."""
        times = [self._deadline(one) for one in self._links.values() if one.waiting]
        if self._queue:
            times.append(self._retry_at)
        return min(times, default=math.inf)

    def check_time(self, now: float) -> None:
        """Give up what does not go on, and try what found no room once more."""
        for link in list(self._links.values()):
            if link.waiting and now >= self._deadline(link) and not link.find_attention():
                where = "writing to cleanup" if link.unsent else "reading cleanup's status"
                given_up = deque(self._break_off(link))
                if given_up:
                    self._lose(given_up.popleft(), f"timeout while {where}")
                self._resend(given_up)
        if self._queue and now >= self._retry_at:
            for passage in self._queue:
                if now >= passage.since + self._service.greeting_timeout:
                    self._lose(passage, f"connect #1 to subsystem {self._path}: timeout")
            self._queue = [one for one in self._queue if not one.failure]
            self._empty_queue()

    def _deadline(self, link: Link[T]) -> float:
        service = self._service
        return link.progress + (service.io_timeout if link.attended else service.greeting_timeout)

    def _send(self, passage: Passage[T]) -> bool:
        """Send a message by any link, or later; False if nobody takes frames."""
        link = next((one for one in self._links.values() if one.has_room()), None)
        if link is None:
            now = time.monotonic()
            if self._links and not self._usual and now < self._retry_at:
                # A first answer will tell how many go one behind the other.
                self._queue.append(passage)
                return True
            self._retry_at = now + CONNECT_RETRY
            try:
                link = self._open()
            except BlockingIOError:
                self._queue.append(passage)
                return True
            except OSError:
                return False
        link.send(passage)
        if not link.unsent:
            self._flush(link)
        return True

    def _flush(self, link: Link[T]) -> None:
        was_full = bool(link.unsent)
        refused = link.flush()
        if bool(link.unsent) is not was_full:
            events = select.EPOLLIN | select.EPOLLOUT if link.unsent else select.EPOLLIN
            self._epoll.modify(link.connection, events)
        if not link.waiting and refused:
            self._drop(link)
        for passage in refused:
            self._repeat(passage, link)

    def _empty_queue(self) -> None:
        """Send what found no room, as far as there is some now."""
        queue, self._queue = self._queue, []
        self._resend(queue)

    def _open(self) -> Link[T]:
        connection = SocketType(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            connection.connect(self._path)  # EAGAIN while cleanup's backlog is full
        except OSError:
            connection.close()
            raise
        link: Link[T] = Link(connection, max(1, self._usual))
        self._links[connection.fileno()] = link
        self._epoll.register(connection, select.EPOLLIN)
        return link

    def _drop(self, link: Link[T]) -> None:
        del self._links[link.connection.fileno()]
        link.connection.close()

    def _fail(self, link: Link[T], error: PeerError | OSError) -> None:
        """Let all go that wait for a cleanup which has vanished."""
        self._drop(link)
        waiting, refused = link.waiting, link.withdraw()
        if waiting and not refused and isinstance(error, ConnectionResetError):
            refused = [waiting.pop()]  # of which cleanup has left bytes unread
        if waiting:  # the first of these may be stored
            reason = str(error) if isinstance(error, PeerError) else error.strerror or str(error)
            self._lose(waiting.popleft(), f"{reason} while reading cleanup's status")
        self._resend(waiting)
        for passage in refused:
            self._repeat(passage, link)

    def _break_off(self, link: Link[T]) -> list[Passage[T]]:
        """Close a link; return the messages of which from then on nothing stays."""
        with suppress(PeerError, OSError):
            link.connection.shutdown(socket.SHUT_RD)
            while True:  # up to the end of the stream
                self._arrived.extend(link.receive())
        self._drop(link)
        return list(link.waiting)

    def _repeat(self, passage: Passage[T], link: Link[T]) -> None:
        """Send a message once more that cleanup never had; but not for ever."""
        if link.answered or not passage.refused:
            passage.refused = passage.refused or not link.answered
            self._resend([passage])
        else:
            self._lose(passage, "lost connection while writing to cleanup")

    def _resend(self, passages: Iterable[Passage[T]]) -> None:
        for passage in list(passages):
            if not self._send(passage):
                self._lose(passage, f"connect #1 to subsystem {self._path}: nobody is there")

    def _lose(self, passage: Passage[T], failure: str) -> None:
        passage.failure = failure
        self._arrived.append(passage)
