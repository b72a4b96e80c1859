"""test_powercut - what was acknowledged survives a power cut

SEE ALSO
    tests.suite.powercut, for a thousand cuts on each kind of file system
"""

import json
import random
from pathlib import Path

import pytest

from tests.suite import peers
from tests.suite.disk import ENTRY, SECTOR, Act, Replay
from tests.suite.namespaces import confined

MESSAGES, CUTS = 120, 60


def cut(mistake: str = "") -> tuple[int, dict[str, int]]:
    """Play a short form; return its exit status and its account."""
    peers.system_program("mkfs.ext4", "e2fsprogs")
    lengths = ("--rounds", "1", "--messages", str(MESSAGES), "--cuts", str(CUTS))
    done = confined("tests.suite.powercut", "--kinds", "ext4", *lengths, "--mistake", mistake)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_power_cut_costs_no_acknowledged_message() -> None:
    status, toll = cut()
    assert status == 0, toll
    assert toll["cuts"] == CUTS
    assert toll["checked"] > CUTS * MESSAGES / 4
    assert not any(toll[name] for name in ("lost", "torn", "twice", "strange", "unmountable"))


@pytest.mark.parametrize("mistake", ["nothing synced", "answered too soon"])
def test_a_daemon_that_answers_for_what_is_not_safe_is_found_out(mistake: str) -> None:
    status, toll = cut(mistake)
    assert status == 1
    assert toll["lost"] > 0


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    """A disk of four sectors, of which the second was flushed and the others were not."""
    acts = [(Act.WRITE, 1, b"b"), (Act.FLUSH, 0, b""), (Act.WRITE, 2, b"c"), (Act.WRITE, 3, b"d")]
    (tmp_path / "log").write_bytes(
        b"".join(
            ENTRY.pack(act, place * SECTOR, len(text) * SECTOR) + text * SECTOR
            for act, place, text in acts
        )
    )
    (tmp_path / "base").write_bytes(b"a" * 4 * SECTOR)
    return Replay(tmp_path / "base", tmp_path / "log", tmp_path / "image")


def test_a_cut_disk_holds_what_was_flushed_and_any_part_of_the_rest(
    replay: Replay, tmp_path: Path
) -> None:
    result, length = tmp_path / "cut", (tmp_path / "log").stat().st_size
    seen = set()
    for seed in range(200):
        replay.cut(length, result, random.Random(seed))
        data = result.read_bytes()
        assert data == b"".join(data[at : at + 1] * SECTOR for at in range(0, 4 * SECTOR, SECTOR))
        seen.add(data[::SECTOR])
    assert seen == {b"abaa", b"abca", b"abad", b"abcd"}


def test_what_was_written_after_the_cut_is_not_there(replay: Replay, tmp_path: Path) -> None:
    result = tmp_path / "cut"
    seen = set()
    for seed in range(50):
        replay.cut(ENTRY.size + SECTOR, result, random.Random(seed))
        seen.add(result.read_bytes()[::SECTOR])
    assert seen == {b"aaaa", b"abaa"}
