"""cleanup_links - messages to cleanups of our own, several on their way at once

DESCRIPTION
    A message goes by the first link that has room, or a new one. What cleanup
    has certainly not begun when a link breaks goes by another. The message
    that it was at may be in the queue: its owner hears of a failure.

    Owners are called by nobody: whoever holds the epoll instance calls
    advance() where it reports a link, check_time() at next_deadline(), and
    asks for arrivals(). Each message that was sent arrives there once, unless
    settle() ends the waiting for it.

SEE ALSO
    docs/frame.md
    common.cleanup_client, for any other cleanup
"""

import math
import select
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from socket import SocketType
from typing import Generic

from common.cleanup_client import CONNECT_RETRY, CleanupService, Parcel
from common.cleanup_link import STALL, Link, Passage, T
from common.errors import PeerError

ATTEMPTS = 3  # links that a message may go by; one after another breaks under some

UNREAD = "while writing to cleanup"
UNANSWERED = "while reading cleanup's status"


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
        self._retry_at = 0.0
        self._arrived: deque[Passage[T]] = deque()

    def __contains__(self, descriptor: int) -> bool:
        """Tell whether advance() wants to hear of this descriptor."""
        return descriptor in self._links

    def __len__(self) -> int:
        """Return how many messages are on their way."""
        return sum(len(one.waiting) for one in self._links.values()) + len(self._queue)

    def send(self, owner: T, parcel: Parcel) -> Passage[T] | None:
        """Send a message, None if there is no cleanup that takes frames.

        Raises:
            MemoryError: nothing was sent.
        """
        if not self._service.native:
            return None
        passage = Passage(owner, parcel, time.monotonic())
        try:
            self._send(passage)
        except OSError:
            return None
        return passage

    def advance(self, descriptor: int) -> None:
        """Go on where something has happened."""
        link = self._links[descriptor]
        try:
            self._arrived.extend(link.receive())
        except (PeerError, OSError, MemoryError) as error:
            self._fail(link, error)
            return
        if link.unsent:
            refused = link.flush()
            if not link.is_of_use():
                self._drop(link)
            elif not link.unsent:
                self._epoll.modify(descriptor, select.EPOLLIN)
            if refused:
                self._send_again(refused, f"lost connection {UNREAD}")

    def arrivals(self) -> Iterator[Passage[T]]:
        """Yield the messages that are answered, or lost, each once."""
        while self._arrived:
            yield self._arrived.popleft()

    def settle(self, passage: Passage[T]) -> bool:
        """Wait for an answer no longer; tell whether it had come.

        Else nothing of the message stays: cleanup takes back what it cannot answer.
        """
        for link in list(self._links.values()):
            if passage in link.waiting:
                for one in self._break_off(link):
                    if one is not passage:
                        self._send_again(one, f"lost connection {UNREAD}")
        for line in (self._queue, self._arrived):
            with suppress(ValueError):
                line.remove(passage)
        return bool(passage.queue_id)

    def close(self) -> None:
        """Wait for no answer any longer; what has none is lost, as settle() has it."""
        for link in list(self._links.values()):
            self._queue.extend(self._break_off(link))
        while self._queue:
            self._lose(self._queue.popleft(), f"given up {UNANSWERED}")

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
                where = UNREAD if link.unsent else UNANSWERED
                given_up = self._break_off(link)
                if given_up:
                    self._lose(given_up.popleft(), f"timeout {where}")
                for passage in given_up:
                    self._send_again(passage, f"timeout {UNANSWERED}")
        if self._queue and now >= self._retry_at:
            queue, self._queue = self._queue, deque()
            while queue and not self._queue:  # what finds no room says that the next will not
                self._send_again(queue.popleft(), f"connect #1 to subsystem {self._path}: timeout")
            self._queue.extend(queue)

    def _deadline(self, link: Link[T]) -> float:
        service = self._service
        return link.progress + (service.io_timeout if link.attended else service.greeting_timeout)

    def _send(self, passage: Passage[T]) -> None:
        """Send a message by any link, now or later.

        Raises:
            OSError: nobody takes frames.
            MemoryError: nothing was sent.
        """
        now = time.monotonic()
        while link := next((one for one in self._links.values() if one.has_room(now)), None):
            if self._sent(link, passage):
                return
        try:
            sent = self._sent(self._open(), passage)
        except BlockingIOError:
            sent = False
        if not sent:
            if not self._queue:
                self._retry_at = now + CONNECT_RETRY
            self._queue.append(passage)

    def _sent(self, link: Link[T], passage: Passage[T]) -> bool:
        sent = link.send(passage)
        passage.attempts += sent
        if link.unsent:
            self._epoll.modify(link.connection, select.EPOLLIN | select.EPOLLOUT)
        elif not link.is_of_use():
            self._drop(link)
        return sent

    def _open(self) -> Link[T]:
        connection = SocketType(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            connection.connect(self._path)  # EAGAIN while cleanup's backlog is full
            self._epoll.register(connection, select.EPOLLIN)
        except OSError:
            connection.close()
            raise
        link = self._links[connection.fileno()] = Link(connection)
        return link

    def _drop(self, link: Link[T]) -> None:
        del self._links[link.connection.fileno()]
        link.connection.close()

    def _fail(self, link: Link[T], error: Exception) -> None:
        """Let all go that wait for a cleanup which has vanished."""
        self._drop(link)
        waiting = link.waiting
        if waiting and not (len(waiting) == 1 and link.cut_off(error)):
            # The first may be stored; cleanup begins none before it has answered another.
            self._lose(waiting.popleft(), f"{reason_of(error)} {UNANSWERED}")
        for passage in waiting:
            self._send_again(passage, f"{reason_of(error)} {UNREAD}")

    def _break_off(self, link: Link[T]) -> deque[Passage[T]]:
        """Close a link; return the messages of which from then on nothing stays."""
        with suppress(PeerError, OSError, MemoryError):
            link.connection.shutdown(socket.SHUT_RD)
            while True:  # up to the end of the stream
                self._arrived.extend(link.receive())
        self._drop(link)
        return link.waiting

    def _send_again(self, passage: Passage[T], failure: str) -> None:
        """Send a message that cleanup has not begun; but not for ever."""
        late = time.monotonic() >= passage.since + self._service.greeting_timeout
        if late or passage.attempts >= ATTEMPTS:
            self._lose(passage, failure)
            return
        try:
            self._send(passage)
        except MemoryError:
            self._lose(passage, "out of memory")
        except OSError:
            self._arrived.append(passage)  # for whoever takes other forms

    def _lose(self, passage: Passage[T], failure: str) -> None:
        passage.failure = failure
        self._arrived.append(passage)


def reason_of(error: Exception) -> str:
    """Return what is logged of it."""
    if isinstance(error, MemoryError):
        return "out of memory"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
