"""Promises of bench.load: when a round counts. And of what its results become."""

import json

import pytest

from bench import report
from bench.cases import CASES
from bench.contest import Result, Score
from bench.load import Round, is_told

HOST = "Nov 21 09:00:00 mx postfix/"
LINES = [
    f"{HOST}qmqpd[7]: connect from localhost[127.0.0.1]",
    f"{HOST}qmqpd[7]: connect from localhost[127.0.0.1]",
    f"{HOST}cleanup[8]: 1A2B3C: message-id=<one@from.test>",
    f"{HOST}qmqpd[7]: 1A2B3C: client=localhost[127.0.0.1]",
    f"{HOST}cleanup[8]: 4D5E6F: message-id=<two@from.test>",
    f"{HOST}qmqpd[7]: disconnect from localhost[127.0.0.1]",
    f"{HOST}qmqpd[7]: 4D5E6F: client=localhost[127.0.0.1]",
    f"{HOST}qmqpd[7]: disconnect from localhost[127.0.0.1]",
]
IDS = ["1A2B3C", "4D5E6F"]


def test_a_round_counts_when_each_message_has_all_of_its_lines() -> None:
    assert is_told(LINES, IDS)
    assert is_told(reversed([*LINES, f"{HOST}master[1]: reload"]), IDS)


@pytest.mark.parametrize("missing", range(len(LINES)))
def test_a_round_does_not_count_when_a_line_is_missing(missing: int) -> None:
    assert not is_told(LINES[:missing] + LINES[missing + 1 :], IDS)


def test_a_round_does_not_count_when_the_lines_are_those_of_others() -> None:
    assert not is_told(LINES, ["1A2B3C", "777777"])
    assert not is_told(LINES, IDS[:1])


def score(side: str, *rates: float) -> Score:
    return Score(side, tuple(Round(rate, 1000 / rate) for rate in rates))


def test_results_are_medians_and_what_they_are_to_the_first_side() -> None:
    result = Result(CASES[0], (score("Postfix", 100, 50, 400), score("frame", 250, 300, 200)))
    first, second = report.rows(result)
    assert first.split() == [CASES[0].name, "Postfix", "100.0", "350%", "10"]
    assert second.split() == [CASES[0].name, "frame", "250.0", "40%", "4", "2.50x", "0.40x"]
    found = json.loads(report.as_json([result]))["cases"][0]
    assert found["case"] == CASES[0].name
    assert [side["rate_ratio"] for side in found["sides"]] == [1.0, 2.5]
    assert [one["rate"] for one in found["sides"][1]["rounds"]] == [250, 300, 200]
