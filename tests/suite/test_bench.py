"""Promises of a bench's rounds, on real instances; what they measure here means nothing.

SEE ALSO
    tests/bench, for what needs none
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cases import FRAME, POSTFIX, Case
from bench.contest import compare
from bench.load import RoundError, Shape, check, play, send
from tests.suite import peers
from tests.suite.instance import Postroom

FEW = Shape(1024, 12, sessions=3)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that workers without privileges reach."""
    with tempfile.TemporaryDirectory(prefix="pr-") as found:
        Path(found).chmod(0o755)
        yield Path(found)


def test_a_case_is_played_on_all_sides_and_on_disk_no_queue_file_is_removed(folder: Path) -> None:
    peers.superuser("the real Postfix")
    result = compare(Case("disk/few", FEW, (POSTFIX, FRAME), checked=True), 1, folder)
    assert [score.side for score in result.scores] == ["Postfix", "frame"]
    assert all(score.rate > 0 and score.cpu >= 0 for score in result.scores)
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert len(kept) == 2 * 2 * FEW.messages  # sides, rounds with the warm-up
    assert all(b"alias@to.test" in path.read_bytes() for path in kept)


def test_a_round_counts_only_if_nothing_is_missing(
    postroom: Postroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Shape(10_000, 5, sessions=2, lines=(0, 20))
    assert play(postroom, own).rate > 0
    assert postroom.queue_files() == {}
    position = postroom.log_position()
    send(postroom.port, own)
    check(postroom, own, position)
    monkeypatch.setattr("bench.load.LOG_TIMEOUT", 0.0)
    with pytest.raises(RoundError, match="the log does not tell"):
        check(postroom, own, position + 200)  # without the first lines
    next(iter(postroom.queue_files().values())).unlink()
    with pytest.raises(RoundError, match="4 files of 5 messages"):
        check(postroom, own, position)


def test_a_round_does_not_count_when_a_message_is_refused(postroom: Postroom) -> None:
    postroom.configure({"message_size_limit": "5000"})
    postroom.renew()
    with pytest.raises(RoundError, match="not all were accepted"):
        send(postroom.port, Shape(10_000, 2, sessions=1, lines=(60, 80)))
