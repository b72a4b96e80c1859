"""Promises of cleanup.ordinary and cleanup.plain_header that one message alone does not show."""

import time

import pytest

from cleanup.plain_header import FLUSH_SIZE, PLAIN_HEADER
from tests.cleanup.both_ways import Relay, Sent, check_both_ways

HEADER = b"From: s@from.test\nTo: r@to.test\nDate: today\nMessage-Id: <1@from.test>\n\n"


def sent(sender: bytes = b"s@from.test", *recipients: bytes) -> Sent:
    return Sent(content=HEADER, sender=sender, recipients=recipients or (b"r@to.test",))


def test_what_is_complete_for_one_configuration_may_not_be_for_another() -> None:
    dotless = sent(b"s@from", b"r@to")
    texts = {"append_dot_mydomain": "no"}, {"append_dot_mydomain": "yes", "mydomain": "d.test"}
    for settings in (*texts, *texts):
        found = check_both_ways(Relay(settings), dotless).file
        assert (b"r@to.d.test" in found) == (settings["append_dot_mydomain"] == "yes")


@pytest.mark.parametrize("text", [b"x" * FLUSH_SIZE, b"a: b\n " * (FLUSH_SIZE // 6)])
def test_what_is_no_header_is_seen_at_once(text: bytes) -> None:
    before = time.thread_time()
    PLAIN_HEADER.findall(text)
    assert time.thread_time() - before < 0.1
