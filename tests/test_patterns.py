"""Regular expressions of the source: what all supported Pythons understand alike."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_layers import ROOT, modules

# Before Python 3.11.5, a group that is repeated possessively keeps what its last, failing turn
# has taken: Debian 12's finds "a.," in "a(?:\.b)*+,". An atomic group around it does not.
POSSESSIVE_GROUP = re.compile(r"(?<![\\(])\)(?:[*+?]|\{[0-9,]+\})\+")


def literals(source: str) -> Iterator[str]:
    """Yield all strings and bytes of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            value = node.value
            yield value if isinstance(value, str) else value.decode("latin-1")


def offenders(source: str) -> list[str]:
    return [text for text in literals(source) if POSSESSIVE_GROUP.search(text)]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_group_is_repeated_possessively(path: Path) -> None:
    assert offenders(path.read_text("utf-8")) == []


@pytest.mark.parametrize("pattern", ["(a)*+", "(?:ab)++", "(a)?+", "(a){2}+", "x(a){1,2}+y"])
def test_one_would_be_seen(pattern: str) -> None:
    assert offenders(f"x = {pattern!r}")
    assert offenders(f"x = {pattern.encode()!r}")


@pytest.mark.parametrize("pattern", ["(?>(a)*)", "a*+", "[)]*+", r"\)*+", "(a)+"])
def test_others_are_none(pattern: str) -> None:
    assert not offenders(f"x = {pattern!r}")
