"""Debian's postmap and ours: the same tables and questions, the same answers.

SEE ALSO
    tests.commands.map_cases, for what is asked
"""

import os
from pathlib import Path
from random import Random

import pytest

from tests.commands import map_cases
from tests.commands.both import compare

# Scripts of each family; a longer run finds what is rarer.
COUNT = int(os.environ.get("POSTROOM_MAP_CASES", "60"))


@pytest.mark.parametrize("family", sorted(map_cases.FAMILIES))
def test_both_say_the_same(family: str, tmp_path: Path) -> None:
    make = map_cases.FAMILIES[family]
    scripts = [make(Random(f"{family} {number}")) for number in range(COUNT)]
    assert compare(scripts, tmp_path) >= COUNT
