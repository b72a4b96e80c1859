"""events - what master waits for: descriptors, times, signals

DESCRIPTION
    One loop, one thread. A signal handler only wakes the loop, which then
    calls back like for any descriptor; times are monotonic.

    A descriptor is taken out of the loop before it is closed: a copy of it
    in a child would keep it alive in the kernel's set.
"""

import heapq
import itertools
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

READ, WRITE = select.EPOLLIN, select.EPOLLOUT
PATIENCE_LIMIT = 86400.0  # seconds; epoll refuses to wait for more than 24 days

Callback = Callable[[], None]


@dataclass(slots=True, order=True)
class Timer:
    """A call to come."""

    when: float
    order: int
    callback: Callback = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Do not call after all."""
        self.cancelled = True


class Loop:
    """The event loop of master."""

    def __init__(self) -> None:
        self.running = False
        self.after_turn: Callback = lambda: None
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callback] = {}
        self._timers: list[Timer] = []
        self._order = itertools.count()
        self._paused: dict[int, Callback] = {}
        self._signals: dict[int, Callback] = {}

    def run(self) -> None:
        """Wait and call back until stop() is called."""
        self.running = True
        while self.running:
            ready = [fd for fd, _ in self._epoll.poll(self._patience())]
            called = [(fd, self._callbacks[fd]) for fd in ready]
            for descriptor, callback in called:
                # An earlier callback of this turn may have given the descriptor up.
                if self._callbacks.get(descriptor) is callback:
                    callback()
            self._call_due_timers()
            self.after_turn()

    def stop(self) -> None:
        """Leave run() after this turn."""
        self.running = False

    def watch(self, descriptor: int, callback: Callback, events: int = READ) -> None:
        """Call back whenever the descriptor is ready; replaces an earlier wish."""
        self._paused.pop(descriptor, None)
        if descriptor in self._callbacks:
            self._epoll.modify(descriptor, events)
        else:
            self._epoll.register(descriptor, events)
        self._callbacks[descriptor] = callback

    def forget(self, descriptor: int) -> None:
        """Stop watching the descriptor, if it is watched."""
        self._paused.pop(descriptor, None)
        if self._callbacks.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def pause(self, descriptor: int, seconds: float) -> None:
        """Leave a watched descriptor alone for a while, so that what comes is taken together."""
        callback = self._callbacks.get(descriptor)
        if callback is None:
            return
        self.forget(descriptor)
        self._paused[descriptor] = callback
        self.call_later(seconds, lambda: self._resume(descriptor, callback))

    def call_at(self, when: float, callback: Callback) -> Timer:
        """Call back once, at a monotonic time."""
        timer = Timer(when, next(self._order), callback)
        heapq.heappush(self._timers, timer)
        return timer

    def call_later(self, seconds: float, callback: Callback) -> Timer:
        """Call back once, after so many seconds."""
        return self.call_at(time.monotonic() + seconds, callback)

    def handle_signals(self, handlers: Mapping[int, Callback]) -> None:
        """Call back after each of these signals."""
        inner, outer = socket.socketpair()
        for end in (inner, outer):
            end.setblocking(False)
        self._signals.update(handlers)
        self._wakeup = inner, outer  # both stay open for as long as the loop exists
        self.watch(inner.fileno(), self._signals_arrived)
        signal.set_wakeup_fd(outer.fileno(), warn_on_full_buffer=False)
        for number in handlers:
            signal.signal(number, lambda number, frame: None)

    def signals_waiting(self) -> bool:
        """Tell whether a signal has come that nobody was called for yet."""
        try:
            return bool(self._wakeup[0].recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False

    def _resume(self, descriptor: int, callback: Callback) -> None:
        if self._paused.get(descriptor) is callback:
            self.watch(descriptor, callback)

    def _signals_arrived(self) -> None:
        for number in sorted(set(self._wakeup[0].recv(4096))):
            self._signals.get(number, lambda: None)()

    def _patience(self) -> float | None:
        """Return how long nothing is due, None for ever."""
        while self._timers and self._timers[0].cancelled:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return min(max(0.0, self._timers[0].when - time.monotonic()), PATIENCE_LIMIT)

    def _call_due_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0].when <= now:
            timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                timer.callback()
