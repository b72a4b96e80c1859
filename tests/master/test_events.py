"""The loop: descriptors, times, signals."""

import os
import signal
import socket
import time

from master.events import WRITE, Loop


def test_timers_call_in_their_order_and_not_when_cancelled() -> None:
    loop, called = Loop(), list[str]()
    loop.call_later(0.02, lambda: called.append("second"))
    loop.call_later(0.01, lambda: called.append("first"))
    loop.call_later(0.015, lambda: called.append("never")).cancel()
    loop.call_later(0.03, loop.stop)
    loop.run()
    assert called == ["first", "second"]


def test_a_timer_may_set_another() -> None:
    loop = Loop()
    begin = time.monotonic()

    def again() -> None:
        loop.call_later(0.01, loop.stop)

    loop.call_later(0.01, again)
    loop.run()
    assert time.monotonic() - begin >= 0.02


def test_a_timer_may_be_due_in_years() -> None:
    loop, years = Loop(), 1e9  # seconds
    here, there = socket.socketpair()
    there.send(b"x")
    loop.call_later(years, lambda: None)
    loop.watch(here.fileno(), loop.stop)
    loop.run()


def test_descriptors_are_watched_until_forgotten() -> None:
    loop, called = Loop(), list[bytes]()
    here, there = socket.socketpair()

    def read() -> None:
        called.append(here.recv(1))
        if called[-1] == b"2":
            loop.forget(here.fileno())
            there.send(b"3")
            loop.call_later(0.01, loop.stop)

    loop.watch(here.fileno(), read)
    there.send(b"12")
    loop.run()
    assert called == [b"1", b"2"]
    loop.forget(here.fileno())  # twice does no harm


def test_a_descriptor_given_up_in_the_same_turn_is_not_called() -> None:
    loop, called = Loop(), list[int]()
    pairs = [socket.socketpair() for _ in range(2)]

    def first_come(number: int) -> None:
        called.append(number)
        for here, _ in pairs:
            loop.forget(here.fileno())
        loop.stop()

    for number, (here, there) in enumerate(pairs):
        there.send(b"x")
        loop.watch(here.fileno(), lambda number=number: first_come(number))  # type: ignore[misc]
    loop.run()
    assert len(called) == 1


def test_writing_can_be_waited_for() -> None:
    loop = Loop()
    here, _there = socket.socketpair()
    loop.watch(here.fileno(), loop.stop, WRITE)
    loop.run()


def test_signals_wake_the_loop_and_run_in_it() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2)}
    loop, called = Loop(), list[str]()

    def last() -> None:
        called.append("two")
        loop.stop()

    try:
        loop.handle_signals(
            {
                signal.SIGUSR1: lambda: called.append("one"),
                signal.SIGUSR2: last,
            }
        )
        for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGUSR2):
            os.kill(os.getpid(), number)
        loop.run()
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
    assert called == ["one", "two"]


def test_something_is_done_after_each_turn() -> None:
    loop, turns = Loop(), list[int]()
    loop.after_turn = lambda: turns.append(1)
    loop.call_later(0.0, lambda: None)
    loop.call_later(0.01, loop.stop)
    loop.run()
    assert len(turns) >= 2
