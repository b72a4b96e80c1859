"""Promises of a hand-over of Milters: all of them come, or the message does not.

SEE ALSO
    tests/suite/test_smtpd_milters.py, where smtpd hands them over
"""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator

import pytest

from cleanup.milter_handover import COUNT_LIMIT, DONE, NEXT, TEXT_LIMIT, HandedMilter, take_over
from cleanup.milters import MilterRules
from common.errors import PeerError
from common.milter_terms import Event, Step
from common.params import CleanupParams
from common.status import Status
from tests.cleanup.stream import Host, message, options, rec
from tests.common.settings import load

NAMES = ("conn", "helo", "mail", "rcpt", "data", "eoh", "eod", "unk")
MACROS = b"".join(b"%b_macros\0%b\0" % (name.encode(), name.encode()) for name in NAMES)
DEFAULTS = b"size\x002\0{\0{bb}\x002\0{a}\x001\0}\0"
MILTER = (
    b"milter_name\0inet:a:1\0milter_version\x006\0milter_actions\x00511\0milter_events\x00128\0"
    b"milter_non_events\x000\0milter_state\x004\0milter_conn_timeout\x0030\0"
    b"milter_cmd_timeout\x0031\0milter_msg_timeout\x00300\0milter_action\0accept\0"
)
PLAIN = MILTER + b"milter_macro_list\x000\0\0"
WISHING = MILTER + b"milter_macro_list\x001\0" + MACROS.replace(b"eod\0", b"i, j\0") + b"\0"
HEAD = MACROS + DEFAULTS


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return our end and the client's."""
    ours, clients = socket.socketpair()
    with ours, clients:
        for one in (ours, clients):
            one.settimeout(10)
        yield ours, clients


def client(end: socket.socket, pieces: list[bytes], descriptors: list[int] | None) -> list[bytes]:
    """Send Milters, each with a connection when it is asked for; return what was answered.

    Without descriptors the client says no more than the first piece.
    """
    answers = []
    for piece in pieces:
        with contextlib.suppress(OSError):
            end.sendall(piece)
            if descriptors is None:
                break
            answers.append(end.recv(len(NEXT)))
            socket.send_fds(end, [b"\0"], descriptors)
            answers.append(end.recv(len(NEXT)))
    end.shutdown(socket.SHUT_WR)
    return answers


def taken(
    pair: tuple[socket.socket, socket.socket],
    opening: bytes,
    pieces: list[bytes],
    descriptors: list[int] | None,
) -> tuple[MilterRules, list[HandedMilter]]:
    ours, clients = pair
    thread = threading.Thread(target=client, args=(clients, pieces, descriptors), daemon=True)
    thread.start()
    try:
        return take_over(ours, opening, max(len(pieces), 1), load(CleanupParams))
    finally:
        ours.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.mark.parametrize("cut", [0, 1, len(MACROS), len(HEAD), len(HEAD) + 5])
def test_milters_come_with_all_that_was_agreed_wherever_the_bytes_are_cut(
    cut: int, pair: tuple[socket.socket, socket.socket]
) -> None:
    whole = HEAD + PLAIN
    with open(os.devnull) as other, socket.socket() as connection:
        assert other.fileno() != connection.fileno()
        pieces = [whole[cut:], WISHING]
        rules, (one, two) = taken(pair, whole[:cut], pieces, [connection.fileno()])
    with one.connection, two.connection:
        assert (one.service.name, one.service.default_action) == ("inet:a:1", "accept")
        assert one.service[3:6] == (30, 31, 300)
        assert (one.offer.version, one.offer.actions) == (6, 511)
        assert one.offer.steps == Step.NO_REPLY_HEADER
        assert one.offer.macros == {}
        assert two.offer.macros[Event.END_OF_BODY] == (b"i", b"j")
        assert rules.macros[Event.BODY] == rules.macros[Event.END_OF_BODY] == (b"eod",)
        assert rules.defaults == {b"a": b"1", b"{bb}": b"2"}
        assert os.fstat(one.connection.fileno()).st_ino == os.fstat(two.connection.fileno()).st_ino


def test_the_client_hears_that_each_has_come_and_then_that_all_have(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, clients = pair
    with socket.socket() as connection:
        found: list[list[bytes]] = []
        thread = threading.Thread(
            target=lambda: found.append(client(clients, [HEAD + PLAIN], [connection.fileno()]))
        )
        thread.start()
        _, (one,) = take_over(ours, b"", 1, load(CleanupParams))
        thread.join(10)
        one.connection.close()
    assert found == [[NEXT, NEXT]]
    assert clients.recv(100) == DONE


@pytest.mark.parametrize(
    "piece",
    [
        b"",
        HEAD[:-3],
        HEAD.replace(b"conn_macros", b"macros"),
        HEAD.replace(b"size\x002", b"size\0x"),
        HEAD.replace(b"size\x002", b"size\x001000000000"),
        HEAD.replace(b"}", b"]") + PLAIN,
        HEAD + PLAIN.replace(b"milter_version\x006", b"milter_version\0-1"),
        HEAD + PLAIN.replace(b"cmd_timeout\x0031", b"cmd_timeout\x0099999999999"),
        HEAD + PLAIN.replace(b"accept", b"retry"),
        HEAD + PLAIN[:-1] + b"more\0\0",
        b"x" * (TEXT_LIMIT * 3),
    ],
)
def test_what_is_no_milter_is_refused(
    piece: bytes, pair: tuple[socket.socket, socket.socket]
) -> None:
    with pytest.raises(PeerError):
        taken(pair, b"", [piece], None)


def test_a_milter_without_its_connection_is_refused(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    with pytest.raises(PeerError, match="without its connection"):
        taken(pair, HEAD, [PLAIN], [])


def test_after_a_mistake_the_connections_that_came_are_closed(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    with socket.socket() as connection:
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(PeerError):
            taken(pair, b"", [HEAD + PLAIN, b"nonsense\0"], [connection.fileno()])
        assert len(os.listdir("/proc/self/fd")) == before


def test_what_is_no_connection_is_refused_and_closed(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    with open(os.devnull) as other:
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(PeerError, match="no connection"):
            taken(pair, HEAD, [PLAIN], [other.fileno()])
        assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("count", [COUNT_LIMIT + 1, -1])
def test_there_is_no_end_of_milters_only_in_theory(
    count: int, pair: tuple[socket.socket, socket.socket]
) -> None:
    with pytest.raises(PeerError, match="bad count"):
        take_over(pair[0], HEAD, count, load(CleanupParams))


@pytest.mark.parametrize("count", [b"0", b"1"])
def test_milters_that_nobody_takes_are_a_mistake_in_the_record_stream(count: bytes) -> None:
    outcome = Host().take(rec(b"m", count) + message())
    assert outcome.status == Status.BAD


@pytest.mark.parametrize("cut", range(1, 12))
def test_nothing_is_written_before_it_is_clear_that_no_milters_will_come(cut: int) -> None:
    stream = options() + rec(b"m", b"0")
    assert Host().take(b"", parts=[stream[:cut], stream[cut:-1]]).written == b""
