"""Promises of the workers' memory, as far as a few seconds can tell.

SEE ALSO
    bench.memory, for the long run
"""

from bench.memory import LARGEST, SETTINGS, usages
from tests.suite.instance import Postroom

# What 4,000 messages may add: so much the allocator takes at a time. 64 bytes a message are more.
SLACK = 256 * 1024


def test_a_worker_is_small_and_keeps_nothing_of_its_messages() -> None:
    with Postroom(SETTINGS) as instance:
        instance.start()
        first, warm, last = usages(instance, (1_000, 4_000, 8_000))
    assert max(first.values()) <= LARGEST, first
    for program, size in warm.items():
        assert last[program] - size < SLACK, (program, warm, last)
