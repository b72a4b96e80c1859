"""Promises of cleanup.ordinary and cleanup.plain_header that one message alone does not show."""

import time

import pytest

from cleanup.ordinary import PAIRS_KEPT, complete_pair
from cleanup.plain_header import FLUSH_SIZE, PLAIN_HEADER
from tests.cleanup.both_ways import Relay, Sent, check_both_ways

HEADER = b"From: s@from.test\nTo: r@to.test\nDate: today\nMessage-Id: <1@from.test>\n\n"


@pytest.fixture(autouse=True)
def forgotten() -> None:
    complete_pair.cache_clear()


def sent(sender: bytes = b"s@from.test", *recipients: bytes) -> Sent:
    return Sent(content=HEADER, sender=sender, recipients=recipients or (b"r@to.test",))


def test_a_pair_of_addresses_is_remembered_and_means_the_same_again() -> None:
    relay = Relay()
    first = relay.by_frame(sent())
    assert complete_pair.cache_info().hits == 0
    assert relay.by_frame(sent()).file == first.file
    assert complete_pair.cache_info().hits == 1


@pytest.mark.parametrize(
    "other", [sent(b"t@from.test"), sent(b"s@from.test", b"q@to.test"), sent(b"", b"r@to.test")]
)
def test_another_pair_is_another(other: Sent) -> None:
    relay = Relay()
    check_both_ways(relay, sent())
    assert other.sender in check_both_ways(relay, other).file
    assert other.recipients[0] in check_both_ways(relay, other).file


def test_what_is_complete_for_one_configuration_may_not_be_for_another() -> None:
    dotless = sent(b"s@from", b"r@to")
    texts = {"append_dot_mydomain": "no"}, {"append_dot_mydomain": "yes", "mydomain": "d.test"}
    for settings in (*texts, *texts):
        found = check_both_ways(Relay(settings), dotless).file
        assert (b"r@to.d.test" in found) == (settings["append_dot_mydomain"] == "yes")


def test_few_short_pairs_are_kept() -> None:
    relay = Relay()
    relay.by_frame(sent(b"s" * 300 + b"@from.test"))
    relay.by_frame(sent(b"s@from.test", b"r" * 300 + b"@to.test"))
    relay.by_frame(sent(b"s@from.test", b"a@to.test", b"b@to.test"))
    assert complete_pair.cache_info().currsize == 0
    for number in range(PAIRS_KEPT + 10):
        relay.by_frame(sent(b"s%d@from.test" % number))
    assert complete_pair.cache_info().currsize == PAIRS_KEPT


@pytest.mark.parametrize("text", [b"x" * FLUSH_SIZE, b"a: b\n " * (FLUSH_SIZE // 6)])
def test_what_is_no_header_is_seen_at_once(text: bytes) -> None:
    before = time.thread_time()
    PLAIN_HEADER.findall(text)
    assert time.thread_time() - before < 0.1
