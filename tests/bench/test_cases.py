"""Promises of bench.cases, and of what bench.client makes of them."""

import pytest

from bench.cases import CASES, FRAME, POSTFIX, QUICK, SHORT, WIRE, chosen
from bench.client import HEADER, content

KIB, MIB = 1024, 1024 * 1024


def test_each_case_has_a_name_of_its_own_that_says_where() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert {name.partition("/")[0] for name in names} == {"tmpfs", "disk"}
    assert all(case.on_disk == case.name.startswith("disk") for case in CASES)


@pytest.mark.parametrize("place", ["tmpfs", "disk"])
def test_whatever_is_promised_is_measured(place: str) -> None:
    """Sizes, sessions, recipients and checks: in memory and on disk."""
    shapes = [case.shape for case in chosen([f"{place}/*"])]
    assert {shape.size for shape in shapes} >= {KIB, 50 * KIB, MIB, 10 * MIB}
    assert {shape.sessions for shape in shapes} >= {1, 10, 50}
    assert {shape.recipients for shape in shapes} >= {1, 10_000}
    assert any(case.checked for case in chosen([f"{place}/*"]))


def test_lines_of_all_kinds_are_measured() -> None:
    lengths = {case.shape.lines for case in chosen(["tmpfs/lines/*"])}
    assert lengths == {(0, 4), (0, 20), (60, 80), (76, 76), (900, 1000), (50_000, 50_000)}


def test_postfix_comes_first_and_both_ways_of_ours_behind_it() -> None:
    compared = [case.sides for case in CASES if POSTFIX in case.sides]
    assert len(compared) == len(CASES) - 1  # recycling is ours against ours
    assert all(sides in ((POSTFIX, FRAME, WIRE), SHORT) for sides in compared)


def test_patterns_choose_cases_in_their_order() -> None:
    assert chosen([]) == list(CASES)
    assert {case.name for case in chosen(["*/sessions/1"])} == {
        "tmpfs/sessions/1",
        "disk/sessions/1",
    }
    assert [case.name for case in chosen(["disk/size/1K", "tmpfs/size/1K"])] == [
        "tmpfs/size/1K",
        "disk/size/1K",
    ]
    assert len(chosen(QUICK)) == len(QUICK)


def test_a_pattern_that_fits_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"tmpfs/nothing"):
        chosen(["tmpfs/size/1K", "tmpfs/nothing"])


@pytest.mark.parametrize("lines", [(0, 4), (60, 80), (76, 76), (50_000, 50_000)])
def test_a_content_has_the_size_and_the_lines_asked_for(lines: tuple[int, int]) -> None:
    message = content(200_000, lines)
    assert len(message) == 200_000
    assert message.startswith(HEADER)
    body = message[len(HEADER) :]
    assert body.endswith(b"\n")
    found = {len(line) for line in body.split(b"\n")[:-2]}
    assert found == set(range(lines[0], lines[1] + 1))
