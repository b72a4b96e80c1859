"""Promises of qmqpd.capacity."""

import resource
import select
from collections.abc import Iterator

import pytest

from common.params import QmqpdParams
from qmqpd.capacity import (
    DESCRIPTORS_EACH,
    SPARE_DESCRIPTORS,
    Capacity,
    Excess,
    allow_descriptors,
    connections_allowed,
)
from qmqpd.parking import Parking
from tests.common.settings import load


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def limit_descriptors(soft: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("descriptors", "connections"), [(1024, 480), (266, 101), (67, 1), (66, 1), (65, 1)]
)
def test_each_connection_may_need_two_descriptors(descriptors: int, connections: int) -> None:
    limit_descriptors(descriptors)
    assert connections_allowed() == connections


def test_the_smaller_limit_counts() -> None:
    limit_descriptors(1024)
    of = Capacity.of
    assert of(load(QmqpdParams, qmqpd_worker_connection_limit="479")).connections == 479
    assert of(load(QmqpdParams, qmqpd_worker_connection_limit="5000")).connections == 480


def test_descriptors_are_allowed_as_connections_need_them() -> None:
    limit_descriptors(300)
    allow_descriptors(200)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == 200 * DESCRIPTORS_EACH + SPARE_DESCRIPTORS
    assert connections_allowed() == 200
    allow_descriptors(100)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard), "nothing is taken away"
    allow_descriptors(hard)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard), "more is not permitted"


def test_what_is_too_much_is_told() -> None:
    with select.epoll() as epoll:
        parking = Parking(epoll)
        capacity = Capacity(connections=1, held_bytes=100)
        assert capacity.excess(parking) is None
        parking.held_bytes = 101
        assert capacity.excess(parking) is Excess.BYTES
        assert Capacity(connections=0, held_bytes=100).excess(parking) is Excess.CONNECTIONS


@pytest.mark.parametrize(("size", "held"), [("1000", 2**28), ("100000000", 400_000_000)])
def test_four_messages_of_the_largest_size_can_be_held(size: str, held: int) -> None:
    assert Capacity.of(load(QmqpdParams, message_size_limit=size)).held_bytes == held
