"""Promises of what runs the targets: faults are seen, kept and told."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fuzz import bounds
from tests.fuzz.__main__ import Result, report
from tests.fuzz.bounds import Limited, TooSlowError
from tests.fuzz.bug import Bug
from tests.fuzz.engine import Account, Engine, run_chance
from tests.fuzz.target import Target, load

NAME = "attributes"
ACCOUNT = Account(executions=5, seconds=1.0, slowest=0.1, growth=0, peak=50)


def refuse_long(data: bytes) -> None:
    """Fail for what is longer than any seed."""
    assert len(data) < 200


def target(name: str = NAME) -> Target:
    """Return a target whose check is the one above."""
    return replace(load(name), check=refuse_long)


def test_an_input_that_fails_is_kept(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run_chance(Engine(target(), tmp_path, 60, 0))
    (kept,) = tmp_path.glob(f"{NAME}-crash-*")
    with pytest.raises(AssertionError):
        refuse_long(kept.read_bytes())


def test_the_account_is_written_when_the_runs_are_over(tmp_path: Path) -> None:
    seen: list[bytes] = []
    run_chance(Engine(replace(target(), check=seen.append), tmp_path, 60, 50))
    account = Account(**json.loads((tmp_path / f"{NAME}.json").read_text()))
    assert account.executions == len(seen) >= 50


def test_an_input_that_takes_too_long_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    check = Limited(sum)
    check(bytes(10))
    monkeypatch.setattr(bounds, "SECONDS", 1e-6)
    with pytest.raises(TooSlowError, match="for 100000 bytes"):
        check(bytes(100_000))


def test_what_inputs_leave_behind_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "COUNT_EVERY", 10)
    kept: list[list[bytes]] = []
    clean, leaking = Limited(len), Limited(lambda data: kept.append([data]))
    for _ in range(80):
        clean(b"")
    assert abs(clean.growth) < 20
    for _ in range(80):
        leaking(b"")
    assert leaking.growth >= 40


def test_caches_that_fill_up_at_first_are_no_growth() -> None:
    check = Limited(len)
    check.blocks = [10, 50_000, 60_000, 60_500, 60_000, 60_000, 90_000, 60_010]
    assert check.growth == 10


@pytest.mark.parametrize(("failure", "status"), [("", 0), ("exit status 77", 1)])
def test_a_failed_target_is_named(
    failure: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report([Result("one", ACCOUNT, ""), Result("two", ACCOUNT, failure)]) == status
    assert ("two: exit status 77" in capsys.readouterr().out) == bool(failure)


def test_a_bug_that_cannot_be_planted_is_an_error() -> None:
    with (
        pytest.raises(AssertionError, match="has no single"),
        Bug("common.attribute", "number", "no such text", "").planted(),
    ):
        pass
