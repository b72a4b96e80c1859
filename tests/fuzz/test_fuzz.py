"""Fuzzing, short form: no target breaks a promise, and each finds a bug that is planted in it.

DESCRIPTION
    Seeds first, then inputs that Hypothesis makes of them. The long form is
    "make fuzz".
"""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import HypothesisException

from tests.fuzz.bounds import Limited
from tests.fuzz.mutation import inputs
from tests.fuzz.target import CORPUS, NAMES, Target, load

EXAMPLES = 100  # for each target
SEARCH = 10_000  # until a planted bug must have shown

QUICK = settings(
    max_examples=EXAMPLES,
    suppress_health_check=list(HealthCheck),
)
# The same inputs each time: whether the bug is found is no matter of luck.
SAME = settings(QUICK, max_examples=SEARCH, derandomize=True, phases=[Phase.generate])


def fuzz(target: Target, how: settings) -> None:
    """Let a target take many inputs."""
    check = Limited(target.check)

    @how
    @given(inputs(target))
    def take(data: bytes) -> None:
        check(data)

    take()


@pytest.mark.parametrize("name", NAMES)
def test_a_target_keeps_its_promises(name: str) -> None:
    target = load(name)
    for seed in target.seeds():
        target.check(seed)
    fuzz(target, QUICK)


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_bug_is_found_which_no_seed_shows(name: str) -> None:
    target = load(name)
    with target.bug.planted():
        for seed in target.seeds():
            target.check(seed)
        with pytest.raises(Exception) as found:  # noqa: PT011 - whatever the bug leads to
            fuzz(target, SAME)
    assert not isinstance(found.value, HypothesisException)


def test_each_corpus_belongs_to_a_target() -> None:
    assert sorted(path.name for path in CORPUS.iterdir()) == NAMES
