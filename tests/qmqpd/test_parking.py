"""Promises of qmqpd.parking."""

import gc
import math
import select
import socket
import weakref
from collections.abc import Iterator

import pytest

from common.client import Client
from common.netstring import encode
from qmqpd.connection import Connection
from qmqpd.parking import Parking
from qmqpd.step import ELSEWHERE, Step, Wait
from tests.common.journal import Journal
from tests.qmqpd.service import make_service

FRAMING = 20  # bytes of numbers, colons and commas that may be counted too


class Yard:
    """A parking, connections for it, and the clients' ends of them."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.parking = Parking(self.epoll)
        self.service = make_service(Journal())
        self.clients: dict[Connection, socket.socket] = {}

    def connection(self, address: str = "192.0.2.7", step: Step = Step.PACKET) -> Connection:
        ours, theirs = socket.socketpair()
        client = Client(socket.AF_INET, address, 1)
        made = Connection(self.service, ours, client)
        made.step = step
        self.clients[made] = theirs
        return made

    def readable(self, connection: Connection, deadline: float) -> Wait:
        return Wait(connection._socket.fileno(), select.EPOLLIN, deadline)

    def park(
        self, deadline: float = 100.0, address: str = "192.0.2.7", step: Step = Step.PACKET
    ) -> Connection:
        made = self.connection(address, step)
        self.parking.put(made, self.readable(made, deadline))
        return made

    def ready(self) -> list[Connection | None]:
        """Return whom the kernel wakes now."""
        return [self.parking.watching(found) for found, _ in self.epoll.poll(0)]


@pytest.fixture
def yard() -> Iterator[Yard]:
    found = Yard()
    yield found
    for connection, client in found.clients.items():
        connection.close()
        client.close()
    found.epoll.close()


def test_a_parked_connection_is_woken_by_its_descriptor(yard: Yard) -> None:
    one, other = yard.park(), yard.park()
    assert len(yard.parking.connections) == 2
    assert yard.ready() == []
    yard.clients[other].send(b"x")
    assert yard.ready() == [other]
    yard.clients[one].send(b"x")
    assert set(yard.ready()) == {one, other}


def test_a_connection_that_waits_for_time_only_is_not_watched(yard: Yard) -> None:
    one = yard.park()
    yard.clients[one].send(b"x")
    yard.parking.put(one, Wait(-1, 0, 50.0))
    assert yard.ready() == []
    yard.parking.put(one, yard.readable(one, 50.0))
    assert yard.ready() == [one]


def test_what_is_watched_for_can_change(yard: Yard) -> None:
    one = yard.park()
    yard.parking.put(one, Wait(one._socket.fileno(), select.EPOLLOUT, 50.0))
    assert yard.ready() == [one]
    yard.parking.put(one, yard.readable(one, 50.0))
    assert yard.ready() == []


def test_another_descriptor_can_take_over(yard: Yard) -> None:
    one = yard.park()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yard.parking.put(one, Wait(ours.fileno(), select.EPOLLIN, 50.0))
        yard.clients[one].send(b"x")
        assert yard.ready() == []
        theirs.send(b"x")
        assert yard.ready() == [one]
        yard.parking.remove(one)
        assert yard.ready() == []


def test_a_connection_that_was_closed_first_can_be_removed(yard: Yard) -> None:
    one = yard.park()
    descriptor = one._socket.fileno()
    one.close()
    yard.parking.remove(one)
    assert (len(yard.parking.connections), yard.parking.watching(descriptor)) == (0, None)
    yard.parking.remove(one)  # unknown: no error


def test_deadlines_expire_in_their_order(yard: Yard) -> None:
    late, soon, middle = yard.park(30.0), yard.park(10.0), yard.park(20.0)
    assert yard.parking.next_deadline() == 10.0
    assert list(yard.parking.expired(9.9)) == []
    assert list(yard.parking.expired(20.0)) == [soon, middle]
    assert yard.parking.next_deadline() == 30.0
    assert list(yard.parking.expired(31.0)) == [late]


def test_a_deadline_can_be_put_off(yard: Yard) -> None:
    one = yard.park(10.0)
    yard.parking.put(one, yard.readable(one, 20.0))
    assert list(yard.parking.expired(15.0)) == []
    assert yard.parking.next_deadline() == 20.0
    assert list(yard.parking.expired(20.0)) == [one]


def test_a_deadline_can_be_brought_forward(yard: Yard) -> None:
    one = yard.park(100.0)
    yard.parking.put(one, Wait(-1, 0, 10.0))
    assert yard.parking.next_deadline() == 10.0
    assert list(yard.parking.expired(10.0)) == [one]
    yard.parking.put(one, Wait(-1, 0, 200.0))
    assert list(yard.parking.expired(150.0)) == []
    assert list(yard.parking.expired(200.0)) == [one]


def test_a_connection_that_expired_and_waits_again_expires_again(yard: Yard) -> None:
    one = yard.park(10.0)
    for turn in range(3):
        now = 10.0 + turn
        assert list(yard.parking.expired(now)) == [one]
        yard.parking.put(one, Wait(-1, 0, now + 1))
        assert yard.parking.next_deadline() == now + 1


def test_nobody_expires_who_is_gone(yard: Yard) -> None:
    one, other = yard.park(10.0), yard.park(10.0)
    yard.parking.remove(one)
    assert list(yard.parking.expired(10.0)) == [other]
    assert yard.parking.next_deadline() == math.inf


def test_a_connection_may_leave_while_the_expired_are_gone_through(yard: Yard) -> None:
    parked = [yard.park(10.0) for _ in range(4)]
    seen = []
    for connection in yard.parking.expired(10.0):
        seen.append(connection)
        yard.parking.remove(connection)
        if connection is parked[0]:
            yard.parking.remove(parked[1])
    assert seen == [parked[0], parked[2], parked[3]]
    assert len(yard.parking.connections) == 0


def test_the_longest_silent_is_whose_packet_has_not_grown(yard: Yard) -> None:
    first, second, third = yard.park(), yard.park(), yard.park()
    assert yard.parking.longest_silent() is first
    yard.parking.put(first, yard.readable(first, 100.0))  # it said something
    assert yard.parking.longest_silent() is second
    second.step = Step.CLEANUP
    yard.parking.put(second, yard.readable(second, 100.0))
    assert yard.parking.longest_silent() is third
    yard.parking.remove(third)
    assert yard.parking.longest_silent() is first
    first.step = Step.PAUSE
    yard.parking.put(first, Wait(-1, 0, 100.0))
    assert yard.parking.longest_silent() is None


def test_the_longest_silent_of_those_who_hold_bytes_is_known_apart(yard: Yard) -> None:
    empty, first, second = yard.park(), yard.park(), yard.park()
    assert yard.parking.longest_silent(holding=True) is None
    for connection in (first, second, first):
        connection.session.receive_data(b"999:500:" if connection.held() == 0 else b"x")
        yard.parking.put(connection, yard.readable(connection, 100.0))
    assert yard.parking.longest_silent() is empty
    # Of the second we have nothing but a length: that is no byte that is kept.
    assert second.held() == 0
    assert yard.parking.longest_silent(holding=True) is first
    second.session.receive_data(b"x")
    yard.parking.put(second, yard.readable(second, 100.0))
    assert yard.parking.longest_silent(holding=True) is first
    yard.parking.remove(first)
    assert yard.parking.longest_silent(holding=True) is second
    second.step = Step.CLEANUP
    yard.parking.put(second, Wait(-1, 0, 100.0))
    assert yard.parking.longest_silent(holding=True) is None


def test_a_client_without_a_name_yet_can_be_sent_away_too(yard: Yard) -> None:
    nameless, at_work = yard.park(step=Step.NAME), yard.park(step=Step.CLEANUP)
    assert yard.parking.longest_silent() is nameless
    yard.parking.remove(nameless)
    assert yard.parking.longest_silent() is None
    assert list(yard.parking) == [at_work]


def test_addresses_are_counted_while_their_connections_are_parked(yard: Yard) -> None:
    one = yard.park(address="192.0.2.7")
    yard.park(address="192.0.2.7")
    yard.park(address="192.0.2.8")
    yard.parking.put(one, yard.readable(one, 100.0))
    assert dict(yard.parking.per_address) == {"192.0.2.7": 2, "192.0.2.8": 1}
    for connection in yard.parking:
        yard.parking.remove(connection)
    assert dict(yard.parking.per_address) == {}


def test_asking_for_a_strange_address_does_not_make_it_known(yard: Yard) -> None:
    assert yard.parking.clients_at("203.0.113.1") == 0
    assert "203.0.113.1" not in yard.parking.per_address


def test_held_bytes_are_those_of_packets_in_progress(yard: Yard) -> None:
    one, other = yard.connection(), yard.connection()
    one.session.receive_data(b"999:500:" + b"x" * 100)
    other.session.receive_data(b"9:5:hello,")
    for connection in (one, other, one):
        yard.parking.put(connection, yard.readable(connection, 100.0))
    assert 105 <= yard.parking.held_bytes <= 105 + FRAMING
    one.session.receive_data(b"x" * 400)
    yard.parking.put(one, yard.readable(one, 100.0))
    assert 505 <= yard.parking.held_bytes <= 505 + FRAMING
    yard.parking.remove(one)
    assert 5 <= yard.parking.held_bytes <= 5 + FRAMING
    yard.parking.remove(other)
    assert yard.parking.held_bytes == 0


def test_recipients_are_among_the_held_bytes(yard: Yard) -> None:
    one = yard.connection()
    one.session.receive_data(b"9:0:,0:," + encode(b"r" * 2000) * 100)
    yard.parking.put(one, yard.readable(one, 100.0))
    assert 200_000 <= yard.parking.held_bytes <= 200_000 + 100 * FRAMING


def test_those_at_cleanup_are_known(yard: Yard) -> None:
    one, other = yard.park(step=Step.CLEANUP), yard.park()
    assert yard.parking.delivering == {one}
    one.step, other.step = Step.REPLY, Step.CLEANUP
    for connection in (one, other):
        yard.parking.put(connection, yard.readable(connection, 100.0))
    assert yard.parking.delivering == {other}
    yard.parking.remove(other)
    assert yard.parking.delivering == set()


def test_those_at_a_cleanup_that_takes_no_frames_are_known(yard: Yard) -> None:
    one, other = yard.connection(), yard.connection()
    one.step = other.step = Step.CLEANUP
    for connection in (one, other):
        yard.parking.put(connection, ELSEWHERE)
    assert not yard.parking.conversing
    yard.parking.put(one, yard.readable(one, 100.0))  # nobody took its frame
    assert yard.parking.conversing == {one}
    yard.parking.put(one, yard.readable(one, 200.0))
    assert yard.parking.conversing == {one}
    yard.parking.remove(one)
    assert not yard.parking.conversing


def test_who_waits_for_a_name_is_found_by_its_address(yard: Yard) -> None:
    one, other = (yard.park(address="192.0.2.7", step=Step.NAME) for _ in range(2))
    third, fourth = (yard.park(address="192.0.2.8", step=Step.NAME) for _ in range(2))
    yard.park(address="192.0.2.7")
    assert yard.parking.nameless("192.0.2.7") == [one, other]
    assert yard.parking.nameless("192.0.2.8") == [third, fourth]
    assert yard.parking.nameless("192.0.2.9") == []
    one.step = Step.PACKET
    yard.parking.put(one, yard.readable(one, 100.0))
    assert yard.parking.nameless("192.0.2.7") == [other]
    for connection in (other, third, fourth):
        yard.parking.remove(connection)
    assert yard.parking.nameless("192.0.2.7") == yard.parking.nameless("192.0.2.8") == []


def test_going_through_the_parked_allows_changes(yard: Yard) -> None:
    for _ in range(5):
        yard.park()
    for connection in yard.parking:
        yard.parking.remove(connection)
    assert len(yard.parking.connections) == 0


def test_a_connection_that_is_over_is_not_kept_in_memory(yard: Yard) -> None:
    one = yard.park(300.0)
    watch = weakref.ref(one)
    yard.clients.pop(one).close()
    one.close()
    yard.parking.remove(one)
    del one
    gc.collect()
    assert watch() is None, "its packet stays in memory until the deadline that no longer counts"
