"""Promises of the settings of one table."""

from pathlib import Path

import pytest

from common.errors import ConfigError
from common.tables import Options
from common.tables.settings import Settings
from tests.common.journal import Journal


def settings(folder: Path, text: str) -> Settings:
    """Return the settings of a table's file."""
    path = folder / "table.cf"
    path.write_text(text)
    return Settings(str(path), Options(Journal()))


def test_a_number_is_read(tmp_path: Path) -> None:
    assert settings(tmp_path, "timeout = 20\n").number("timeout", 10) == 20


@pytest.mark.parametrize("text", ["x", "", "9" * 5000])
def test_what_is_no_number_is_refused(text: str, tmp_path: Path) -> None:
    found = settings(tmp_path, f"timeout = {text}\n")
    with pytest.raises(ConfigError, match="bad numerical configuration"):
        found.number("timeout", 10)
