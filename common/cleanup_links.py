"""cleanup_links - messages to cleanups of our own, several on their way at once

DESCRIPTION
    A message goes by the first link that has room. Where none has, it waits
    for a moment: while links go on, as those to a fast disk do, few processes
    that are warm serve better than many. Then another link is opened.

    What cleanup has certainly not begun when a link breaks goes by another.
    The message that it was at may be in the queue: its owner hears of a
    failure.

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
from collections.abc import Iterable, Iterator
from contextlib import suppress
from socket import SocketType
from typing import Generic

from common.cleanup_client import CONNECT_RETRY, CleanupService, Parcel
from common.cleanup_link import STALL, Link, Passage, T
from common.errors import PeerError

PATIENCE = 0.002  # seconds without an answer in which no other link is opened
RETURNS = 3  # of a message from links that broke; then it is given up

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
        self._connect_at = 0.0  # not before: cleanup's backlog was full
        self._arrived: deque[Passage[T]] = deque()

    def watches(self, descriptor: int) -> bool:
        """Tell whether advance() wants to hear of this descriptor."""
        return descriptor in self._links

    def __len__(self) -> int:
        """Return how many messages are on their way."""
        count = len(self._queue)
        for link in self._links.values():
            count += len(link.waiting)
        return count

    def send(self, owner: T, parcel: Parcel) -> Passage[T] | None:
        """Send a message, None if there is no cleanup that takes frames.

        Raises:
            MemoryError: it was not sent.
        """
        if not self._service.native:
            return None
        passage = Passage(owner, parcel, time.monotonic())
        try:
            self._queue.append(passage)
            self._empty_queue(passage.since)
            if self._queue and passage.since >= self._opening_time():
                self._open(passage.since)
        except OSError:
            self.settle(passage)
            return None
        except MemoryError:
            self.settle(passage)
            raise
        return passage

    def advance(self, descriptor: int) -> None:
        """Go on where something has happened."""
        link = self._links[descriptor]
        try:
            self._arrived.extend(link.receive())
        except (PeerError, OSError, MemoryError) as error:
            self._fail(link, error)
        else:
            if link.unsent:
                self._flush(link)
            elif not link.is_of_use():
                self._drop(link)
        if self._queue:
            self._empty_queue(time.monotonic())

    def take_up(self, connection: SocketType) -> None:
        """Use this connection to a cleanup too, from now on.

        Raises:
            OSError: there is no room to watch it.
        """
        self._epoll.register(connection, select.EPOLLIN)
        self._links[connection.fileno()] = Link(connection)

    def arrivals(self) -> Iterator[Passage[T]]:
        """Yield the messages that are answered, or lost, each once."""
        arrived = self._arrived
        while arrived:
            yield arrived.popleft()

    def settle(self, passage: Passage[T]) -> bool:
        """Wait for an answer no longer; tell whether it had come.

        Else nothing of the message stays: cleanup takes back what it cannot answer.
        """
        for link in list(self._links.values()):
            if passage in link.waiting:
                self._send_again(self._break_off(link), f"lost connection {UNREAD}")
        for line in (self._queue, self._arrived):
            with suppress(ValueError):
                line.remove(passage)
        return bool(passage.queue_id)

    def are_full(self) -> bool:
        """Tell whether messages wait for room, or for another link."""
        return bool(self._queue)

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
                where = UNREAD if link.unsent else UNANSWERED
                given_up = self._break_off(link)
                if given_up:
                    self._lose(given_up.popleft(), f"timeout {where}")
                self._send_again(given_up, f"timeout {where}")
        self._empty_queue(now)
        while self._queue and now >= self._queue[0].since + self._service.greeting_timeout:
            self._lose(self._queue.popleft(), f"connect #1 to subsystem {self._path}: timeout")
        if self._queue and now >= self._opening_time():
            try:
                self._open(now)
            except OSError:  # for whoever takes other forms
                self._arrived.extend(self._queue)
                self._queue.clear()

    def _deadline(self, link: Link[T]) -> float:
        service = self._service
        return link.progress + (service.io_timeout if link.attended else service.greeting_timeout)

    def _opening_time(self) -> float:
        """Return when to open another link if there is no room until then."""
        links = self._links.values()
        progress = max((one.progress for one in links if one.may_have_room()), default=-math.inf)
        return max(progress + PATIENCE, self._connect_at)

    def _empty_queue(self, now: float) -> None:
        """Send what waits for room, as far as there is some."""
        while self._queue and (link := self._roomy(now)):
            link.send(self._queue.popleft())
            if not link.is_full:
                self._flush(link)

    def _roomy(self, now: float) -> Link[T] | None:
        """Return the first link that takes a message now."""
        for link in self._links.values():
            if link.has_room(now):
                return link
        return None

    def _flush(self, link: Link[T]) -> None:
        """Send what a link has to send, as far as cleanup takes it now."""
        was_full = link.is_full
        refused = link.flush()
        if refused and not link.is_of_use():
            self._drop(link)
        elif link.is_full is not was_full:
            events = select.EPOLLIN | select.EPOLLOUT if link.is_full else select.EPOLLIN
            self._epoll.modify(link.connection, events)
        if refused:  # cleanup leaves, as it may
            if refused[0].failure:
                self._arrived.append(refused.pop(0))
            self._queue.extendleft(reversed(refused))

    def _open(self, now: float) -> None:
        """Open another link for what waits; where there is no room for it, later.

        Raises:
            OSError: nobody takes frames.
        """
        connection = SocketType(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            connection.connect(self._path)
            self.take_up(connection)
        except BlockingIOError:  # cleanup's backlog is full
            connection.close()
            self._connect_at = now + CONNECT_RETRY
            return
        except OSError:
            connection.close()
            raise
        self._empty_queue(now)

    def _drop(self, link: Link[T]) -> None:
        del self._links[link.connection.fileno()]
        link.connection.close()

    def _fail(self, link: Link[T], error: Exception) -> None:
        """Let all go that wait for a cleanup which has vanished."""
        self._drop(link)
        refused, waiting = link.withdraw(), link.waiting
        if waiting and not refused and link.left_unread(error):
            refused.append(waiting.pop())
        if waiting:  # the first may be stored; cleanup begins none before it has answered another
            self._lose(waiting.popleft(), f"{reason_of(error)} {UNANSWERED}")
        self._send_again((*waiting, *refused), f"{reason_of(error)} {UNREAD}")

    def _break_off(self, link: Link[T]) -> deque[Passage[T]]:
        """Close a link; return the messages of which from then on nothing stays."""
        with suppress(PeerError, OSError, MemoryError):
            link.connection.shutdown(socket.SHUT_RD)
            while True:  # up to the end of the stream
                self._arrived.extend(link.receive())
        self._drop(link)
        return link.waiting

    def _send_again(self, passages: Iterable[Passage[T]], failure: str) -> None:
        """Let messages wait for room anew that cleanup has not begun; but not for ever."""
        for passage in passages:
            passage.returns += 1
            if passage.returns < RETURNS:
                passage.since = time.monotonic()
                self._queue.append(passage)
            else:
                self._lose(passage, failure)

    def _lose(self, passage: Passage[T], failure: str) -> None:
        passage.failure = failure
        self._arrived.append(passage)


def reason_of(error: Exception) -> str:
    """Return what is logged of it."""
    if isinstance(error, MemoryError):
        return "out of memory"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
