"""test_runner - the judge of the recorded cases sees what is wrong

DESCRIPTION
    The mutants of test_corpus: what a broken product would do must show as a
    difference. No process is needed.
"""

import dataclasses
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.suite import corpus, peers
from tests.suite.corpus import Case, Observed, Write
from tests.suite.observed import Placeholders, logged_ids
from tests.suite.qmqp import Outcome
from tests.suite.queue_file import Record

LATE_CASES = 69  # cases to which the rule for a late connection to cleanup applies
NOW = 1_800_000_000
TODAY = "Fri, 15 Jan 2027 08:00:00 +0000 (UTC)"

CASE = Case(
    id="made-up",
    group="content",
    what="a case of this test's own",
    settings={},
    data=b"",
    write=Write([b""], 0, "wait", 0),
    deadline=1,
    reply="KOk: queued as <QUEUE-ID>",
    outcome=Outcome.EOF,
    seconds=1.0,
    stored=corpus.StoredFile("incoming", 1, corpus.digest([("E", "")]), [("E", "")]),
    log=["postfix/qmqpd[<PID>]: connect from localhost[127.0.0.1]"],
)
SEEN = Observed(
    reply=CASE.reply,
    outcome=Outcome.RESET,
    seconds=1.1,
    queue="incoming",
    records=[("E", "")],
    log=list(CASE.log),
    troubles=[],
)


@pytest.fixture
def cases() -> list[Case]:
    path = peers.recorded_cases()
    if path is None:
        peers.missing("the conformance corpus")
    return corpus.load(path)


def test_what_was_recorded_is_accepted_and_a_reset_is_an_end() -> None:
    assert CASE.differences(SEEN, late_cleanup=True) == []


@pytest.mark.parametrize(
    "change",
    [
        {"reply": "ZOk: queued as <QUEUE-ID>"},
        {"reply": None},
        {"outcome": Outcome.STILL_OPEN},
        {"seconds": 0.1},
        {"seconds": 9.0},
        {"queue": None, "records": []},
        {"queue": "hold"},
        {"records": [("E", " ")]},
        {"records": []},
        {"log": []},
        {"log": [*CASE.log, *CASE.log]},
        {"troubles": ["mode 0600"]},
    ],
)
def test_every_departure_is_a_difference(change: dict[str, Any]) -> None:
    assert len(CASE.differences(dataclasses.replace(SEEN, **change), late_cleanup=True)) == 1


def test_records_known_by_their_digest_alone_are_compared_too() -> None:
    assert CASE.stored is not None
    case = dataclasses.replace(CASE, stored=dataclasses.replace(CASE.stored, records=None))
    assert case.differences(SEEN, late_cleanup=True) == []
    other = dataclasses.replace(SEEN, records=[("X", "")])
    assert len(case.differences(other, late_cleanup=True)) == 1


def test_the_rule_for_late_cleanup_applies_to_as_many_cases_as_the_corpus_says(
    cases: list[Case],
) -> None:
    changed = [case for case in cases if case.expected_log(late_cleanup=True) != Counter(case.log)]
    assert len(changed) == LATE_CASES
    for case in changed:
        lines = case.expected_log(late_cleanup=True)
        assert sum("NOQUEUE: " in line for line in lines) == 1
        assert not any("client=" in line or "<QUEUE-ID>" in line for line in lines)
        assert lines.total() == len(case.log) - 1


def placeholders(sent: str = "") -> Placeholders:
    return Placeholders(sent, frozenset({"5BCA98C2051"}), 43106, Path("/tmp/top"), NOW, NOW + 1)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (TODAY, "<DATE>"),
        (TODAY.replace("08:", "09:"), TODAY.replace("08:", "09:")),
        ("id 5BCA98C2051", "id <QUEUE-ID>"),
        ("<20270115080000.5BCA98C2051@mx>", "<<STAMP>.<QUEUE-ID>@mx>"),
        ("<20270115090000.5BCA98C2051@mx>", "<20270115090000.<QUEUE-ID>@mx>"),
        ("localhost[127.0.0.1]:43106", "localhost[127.0.0.1]:<PORT>"),
        ("localhost[127.0.0.1]:43107", "localhost[127.0.0.1]:43107"),
    ],
)
def test_a_value_is_replaced_only_if_it_is_true(text: str, shown: str) -> None:
    assert placeholders().in_text(text) == shown


def test_a_date_that_the_client_sent_is_kept() -> None:
    assert placeholders(sent=f"Date: {TODAY}").in_text(TODAY) == TODAY


def test_a_wrong_size_stays_a_number() -> None:
    size = Record(0, "C", "10 20 1 0 11 0")
    rest = [Record(18, "M", ""), Record(20, "N", "x" * 8), Record(30, "X", "")]
    (_, shown), *_ = placeholders().in_records([size, *rest])
    assert shown == "<CONTENT-SIZE> <CONTENT-OFFSET> 1 0 11 0"


def test_queue_ids_are_found_in_both_forms_and_nowhere_else() -> None:
    frame = "Nov 20 12:47:22 mx postfix/cleanup[1]: "
    lines = ["warning: 5BCA98C2051: x", "4jWF8l2TfNzJTgF: client=y", "NOQUEUE: z", "warning: a: b"]
    assert logged_ids(frame + line for line in lines) == {"5BCA98C2051", "4jWF8l2TfNzJTgF"}


def test_the_made_up_now_is_the_made_up_today() -> None:
    assert time.strftime("%a, %d %b %Y %H:%M:%S +0000 (UTC)", time.gmtime(NOW)) == TODAY
