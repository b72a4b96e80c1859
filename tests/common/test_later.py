"""Modules that wait until somebody looks into them, each case in an interpreter of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
POSTPONED = """\
import sys
sys.path.append({root!r})
from common.later import Later, postpone
postpone("inspect")
import dataclasses
@dataclasses.dataclass
class Told:
    '''Has a docstring.'''
    number: int
assert type(sys.modules["inspect"]) is Later
assert "ast" not in sys.modules
"""
NEEDED = """\
@dataclasses.dataclass
class Untold:
    number: int
assert Untold.__doc__ == "Untold(number: int)", Untold.__doc__
import inspect
assert type(inspect) is not Later
assert inspect.isclass(Told)
postpone("inspect")
import inspect as again
assert again is inspect
"""


def interpret(text: str) -> str:
    """Return what an empty interpreter complains about."""
    command = [sys.executable, "-IS", "-c", text.format(root=str(ROOT))]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_a_module_that_nobody_looks_into_is_not_imported() -> None:
    assert interpret(POSTPONED) == ""


def test_one_that_somebody_looks_into_is_imported_and_takes_its_place() -> None:
    assert interpret(POSTPONED + NEEDED) == ""


TITLED = """\
import sys
sys.path += {path!r}
from common.later import Later, import_setproctitle
import_setproctitle()
assert "logging" not in sys.modules
import setproctitle
setproctitle.setproctitle("told")
assert setproctitle.getproctitle() == "told"
assert callable(setproctitle.logger.debug)
import logging
assert type(logging) is not Later
logging.getLogger("x").addHandler(logging.NullHandler())
"""

PATHS = """\
import sys
sys.path += {path!r}
from common.later import Later, import_pathlib
import_pathlib()
import pathlib
assert "urllib.parse" not in sys.modules
assert pathlib.Path("/a b").as_uri() == "file:///a%20b"
import urllib.parse
assert urllib.parse.quote("a b") == "a%20b"
"""


WIDTHS = """\
import os, sys
sys.path += {path!r}
from common.later import Later, lighten
lighten()
import argparse, shutil
assert type(shutil) is Later
for columns in ("", "0", "nonsense", "72"):
    os.environ["COLUMNS"] = columns
    width = argparse.HelpFormatter("x")._width
    assert type(sys.modules["shutil"]) is Later
    assert shutil.which("sh")
    assert type(sys.modules["shutil"]) is not Later
    assert argparse.HelpFormatter("x")._width == width
    sys.modules["shutil"] = shutil
"""


@pytest.mark.parametrize("text", [TITLED, PATHS, WIDTHS])
def test_a_module_comes_without_what_it_hardly_needs_and_others_get_that_whole(text: str) -> None:
    command = [sys.executable, "-IS", "-c", text.format(path=[str(ROOT), *sys.path])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""


MASTER = """\
import sys
sys.path[:0] = {path!r}
import commands.__main__, commands.start, daemon
import cleanup.__main__, postlogd.__main__, qmqpd.__main__
commands.__main__.global_options(["start"])
from common.later import Later
imported = [name for name, module in sys.modules.items() if type(module) is not Later]
print(*sorted({heavy} & set(imported)))
"""
# What has something to do in every child, or what a master would only carry along.
HEAVY = {
    *("threading", "logging", "random", "subprocess", "concurrent.futures"),
    *("urllib.parse", "shutil", "lzma", "bz2", "datetime", "ast"),
}


def test_a_master_has_imported_no_module_that_costs_each_child_something() -> None:
    text = MASTER.format(path=[str(ROOT), *sys.path], heavy=HEAVY)
    command = [sys.executable, "-IS", "-c", text]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "\n"
