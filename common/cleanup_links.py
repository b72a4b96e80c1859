"""cleanup_links - messages to cleanups of our own, several on their way at once

DESCRIPTION
    A message goes by the first link that has room. Where none has, it waits
    for a moment: while links go on, as those to a fast disk do, few processes
    that are warm serve better than many. Then another link is opened.

    What cleanup has certainly not begun when a link breaks goes by another.
    The message that it was at may be in the queue: its owner hears of a
    failure.

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
PATIENCE = 0.002  # seconds without an answer in which no other link is opened


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
        self._queue: deque[Passage[T]] = deque()  # for which there was no room
        self._connect_at = 0.0  # not before: cleanup's backlog was full
        self._credit = 1  # of a new link: what was told last
        self._arrived: list[Passage[T]] = []

    def __contains__(self, descriptor: int) -> bool:
        """Tell whether advance() wants to hear of this descriptor."""
        return descriptor in self._links

    def __len__(self) -> int:
        """Return how many messages are on their way."""
        return sum(len(one.waiting) for one in self._links.values()) + len(self._queue)

    def send(self, owner: T, parcel: Framed) -> Passage[T] | None:
        """Send a message, None if there is no cleanup that takes frames."""
        if not self._service.native:
            return None
        passage = Passage(owner, parcel, time.monotonic())
        if link := self._roomy():
            self._put(link, passage)
            return passage
        self._queue.append(passage)
        if passage.since >= self._opening_time():
            try:
                self._open(passage.since)
            except OSError:
                self._queue.remove(passage)
                return None
        return passage

    def advance(self, descriptor: int) -> None:
        """Go on where something has happened."""
        link = self._links[descriptor]
        try:
            self._arrived.extend(link.receive())
        except (PeerError, OSError) as error:
            self._fail(link, error)
        else:
            self._credit = max(1, link.credit)
            if link.unsent:
                self._flush(link)
        if self._queue:
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
                self._line_up(self._break_off(link))
        self._queue = deque(one for one in self._queue if one is not passage)
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
            times.append(self._opening_time())
        return min(times, default=math.inf)

    def check_time(self, now: float) -> None:
        """Give up what does not go on, open another link where messages wait for one."""
        for link in list(self._links.values()):
            if link.waiting and now >= self._deadline(link) and not link.find_attention():
                where = "writing to cleanup" if link.unsent else "reading cleanup's status"
                given_up = self._break_off(link)
                if given_up:
                    self._lose(given_up[0], f"timeout while {where}")
                self._line_up(given_up[1:])
        self._empty_queue()
        if self._queue and now >= self._opening_time():
            try:
                self._open(now)
            except OSError as error:
                while self._queue:
                    self._lose_connecting(error.strerror or str(error))
        while self._queue and now >= self._queue[0].since + self._service.greeting_timeout:
            self._lose_connecting("timeout")

    def _deadline(self, link: Link[T]) -> float:
        service = self._service
        return link.progress + (service.io_timeout if link.attended else service.greeting_timeout)

    def _opening_time(self) -> float:
        """Return when to open another link if there is no room until then."""
        progress = max((one.progress for one in self._links.values()), default=-math.inf)
        return max(progress + PATIENCE, self._connect_at)

    def _roomy(self) -> Link[T] | None:
        """Return the first link that takes a message now."""
        for link in self._links.values():
            if link.has_room():
                return link
        return None

    def _put(self, link: Link[T], passage: Passage[T]) -> None:
        link.send(passage)
        if not link.unsent:
            self._flush(link)

    def _flush(self, link: Link[T]) -> None:
        """Send what a link has to send, as far as cleanup takes it now."""
        was_full = bool(link.unsent)
        refused = link.flush()
        if bool(link.unsent) is not was_full:
            events = select.EPOLLIN | select.EPOLLOUT if link.unsent else select.EPOLLIN
            self._epoll.modify(link.connection, events)
        if refused and not link.waiting:
            self._drop(link)
        self._repeat(refused, link)

    def _empty_queue(self) -> None:
        """Send what waits for room, as far as there is some."""
        while self._queue and (link := self._roomy()):
            self._put(link, self._queue.popleft())

    def _open(self, now: float) -> None:
        """Open another link for what waits; where cleanup has no room for it, later.

        Raises:
            OSError: nobody takes frames.
        """
        connection = SocketType(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            connection.connect(self._path)
        except OSError as error:
            connection.close()
            if not isinstance(error, BlockingIOError):
                raise
            self._connect_at = now + CONNECT_RETRY
            return
        self._links[connection.fileno()] = Link(connection, self._credit)
        self._epoll.register(connection, select.EPOLLIN)
        self._empty_queue()

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
        self._line_up(waiting)
        self._repeat(refused, link)

    def _break_off(self, link: Link[T]) -> list[Passage[T]]:
        """Close a link; return the messages of which from then on nothing stays."""
        with suppress(PeerError, OSError):
            link.connection.shutdown(socket.SHUT_RD)
            while True:  # up to the end of the stream
                self._arrived.extend(link.receive())
        self._drop(link)
        return list(link.waiting)

    def _repeat(self, refused: Iterable[Passage[T]], link: Link[T]) -> None:
        """Let messages wait once more that cleanup never had; but not for ever."""
        for passage in refused:
            if passage.refused and not link.answered:
                self._lose(passage, "lost connection while writing to cleanup")
            else:
                passage.refused = passage.refused or not link.answered
                self._line_up([passage])

    def _line_up(self, passages: Iterable[Passage[T]]) -> None:
        """Let messages wait for room, anew."""
        for passage in passages:
            passage.since = time.monotonic()
            self._queue.append(passage)

    def _lose_connecting(self, reason: str) -> None:
        """Give up the message that has waited for longest to be sent at all."""
        self._lose(self._queue.popleft(), f"connect #1 to subsystem {self._path}: {reason}")

    def _lose(self, passage: Passage[T], failure: str) -> None:
        passage.failure = failure
        self._arrived.append(passage)
