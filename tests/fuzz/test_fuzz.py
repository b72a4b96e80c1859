"""Fuzzing, short form: no target breaks a promise, and each finds a bug that is planted in it.

DESCRIPTION
    Seeds first, then inputs that Hypothesis makes of them. A planted bug is
    looked for with the same inputs each time: finding it is no matter of luck.
    The long form is "make fuzz".
"""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings

from common import frame
from tests.fuzz.bounds import Limited
from tests.fuzz.mutation import Chance, inputs
from tests.fuzz.target import CORPUS, NAMES, Target, load

EXAMPLES = 100  # for each target
SEARCH = 50_000  # until a planted bug must have shown

QUICK = settings(
    max_examples=EXAMPLES,
    suppress_health_check=list(HealthCheck),
)


def search(target: Target) -> None:
    """Let a target take the same inputs as the last time."""
    chance = Chance(target, target.seeds(), Random(0))
    for _ in range(SEARCH):
        target.check(next(chance))


@pytest.mark.parametrize("name", NAMES)
def test_a_target_keeps_its_promises(name: str) -> None:
    target = load(name)
    for seed in target.seeds():
        target.check(seed)
    check = Limited(target.check)

    @QUICK
    @given(inputs(target))
    def take(data: bytes) -> None:
        check(data)

    take()


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_bug_is_found_which_no_seed_shows(name: str) -> None:
    target = load(name)
    with target.bug.planted():
        for seed in target.seeds():
            target.check(seed)
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the bug leads to
            search(target)


def test_each_corpus_belongs_to_a_target() -> None:
    assert sorted(path.name for path in CORPUS.iterdir()) == NAMES


def test_the_frames_of_the_corpus_are_of_our_version() -> None:
    for seed in load("frame").seeds():
        assert seed[2:].startswith(frame.MAGIC)
