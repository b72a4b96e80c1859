"""Promises of bench.soak: what grows is found, and too little to tell is no growth."""

import pytest

from bench.soak import PER, WARM, Samples, slope


@pytest.mark.parametrize("part", [0.0, 0.02, -0.01])
def test_a_slope_is_what_a_hundred_thousand_messages_add(part: float) -> None:
    usual = 1_000_000
    samples: Samples = [
        (count, {"qmqpd": usual + int(part * usual * (count - WARM) / PER)})
        for count in range(WARM, WARM + 200_000, 5_000)
    ]
    # What came before everything had been touched once does not count.
    assert slope([(5_000, {"qmqpd": 1}), *samples], "qmqpd") == pytest.approx(part, rel=0.05)


@pytest.mark.parametrize("counts", [(), (5_000,), (5_000, WARM)])
def test_a_run_that_was_too_short_has_no_slope(counts: tuple[int, ...]) -> None:
    assert slope([(count, {"qmqpd": 1}) for count in counts], "qmqpd") == 0.0
