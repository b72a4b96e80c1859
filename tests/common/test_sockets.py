"""Promises of common.sockets."""

import select
import socket
import struct
import time

import pytest

from common.sockets import set_io_timeout


@pytest.mark.parametrize("seconds", [0.02, 1.5, 3600.0])
def test_the_kernel_knows_the_time_limit_of_both_directions(seconds: float) -> None:
    one, other = socket.socketpair()
    with one, other:
        set_io_timeout(one, seconds)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            whole, micro = struct.unpack("@ll", one.getsockopt(socket.SOL_SOCKET, option, 16))
            assert whole + micro / 1e6 == pytest.approx(seconds, abs=0.01)


def test_a_read_that_nobody_answers_fails_when_the_time_is_over() -> None:
    one, other = socket.socketpair()
    with one, other:
        set_io_timeout(one, 0.02)
        begin = time.monotonic()
        with pytest.raises(BlockingIOError):
            one.recv(1)
        assert 0.01 <= time.monotonic() - begin < 5


def test_a_write_that_nobody_takes_fails_when_the_time_is_over() -> None:
    one, other = socket.socketpair()
    with one, other:
        set_io_timeout(one, 0.02)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with pytest.raises(BlockingIOError):
            one.sendall(bytes(10_000_000))


def test_what_is_there_is_read_at_once() -> None:
    one, other = socket.socketpair()
    with one, other:
        set_io_timeout(one, 3600)
        other.send(b"x")
        assert select.select([one], [], [], 0)[0]
        assert one.recv(10) == b"x"
