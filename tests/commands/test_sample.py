"""The files in etc/: they show what the program does."""

import re
from pathlib import Path

import pytest

from commands import sample
from common.params import PARAMETERS, Parameter
from master.services import Defaults, parse

ETC = Path(__file__).resolve().parents[2] / "etc"


def test_the_sample_main_cf_is_up_to_date() -> None:
    made = "python -P -m commands.sample > etc/main.cf"
    assert (ETC / "main.cf").read_text() == sample.main_cf(), f"make it again: {made}"


def test_every_parameter_stands_there_once() -> None:
    names = re.findall(r"^#([a-z0-9_]+) =", sample.main_cf(), re.MULTILINE)
    assert sorted(names) == sorted(PARAMETERS)


def test_the_sample_main_cf_sets_nothing() -> None:
    assert all(not line or line[0] == "#" for line in sample.main_cf().split("\n"))


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        (
            Parameter("speed", int, "5", "How fast.", least=1, most=9, ours=True),
            "\n#   How fast. At least 1, at most 9. Not in Postfix.\n#speed = 5\n",
        ),
        (
            Parameter("colour", str, "", "Which one.", choices=("red", "blue")),
            "\n#   Which one. Possible: red, blue.\n#colour =\n",
        ),
    ],
)
def test_an_entry_tells_all_that_is_known(parameter: Parameter, expected: str) -> None:
    assert sample.entry(parameter) == expected


def test_a_computed_default_is_described() -> None:
    assert "By default: this machine's name" in sample.entry(PARAMETERS["myhostname"])


def test_the_sample_master_cf_can_be_used() -> None:
    path = ETC / "master.cf"
    services = parse(path.read_text(), path, Defaults()).services
    assert [one.command for one in services] == ["qmqpd", "cleanup", "postlogd"]


def test_the_systemd_unit_starts_in_the_foreground() -> None:
    unit = (ETC / "postroom.service").read_text()
    assert "\nType=notify\n" in unit
    assert "\nConflicts=postfix.service postfix@-.service\n" in unit
    assert re.search(r"^ExecStart=\S+/postroom -c \S+ start-fg$", unit, re.MULTILINE)
