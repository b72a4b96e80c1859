"""The manual pages: they show what the program does."""

import re

import pytest

from commands import manual
from common.params import (
    PARAMETERS,
    ChildParams,
    Parameter,
    QmqpdParams,
    Seconds,
    SuiteParams,
    declared,
)

SUITE = {one.name for one in declared(SuiteParams)}


def documented(page: str) -> list[str]:
    return [name for names in manual.PAGES[page].values() for name in names]


@pytest.mark.parametrize("page", manual.PAGES)
def test_a_page_is_up_to_date(page: str) -> None:
    made = (manual.FOLDER / page).read_text()
    assert made == manual.page(page), "make them again: python -P -m commands.manual"
    assert not re.search("@[a-z]+@", made)


def test_what_only_qmqpd_and_daemons_read_is_on_its_page_once() -> None:
    names = documented("qmqpd.8")
    assert len(names) == len(set(names))
    assert set(names) <= set(PARAMETERS)
    assert {one.name for one in declared(QmqpdParams)} - SUITE <= set(names)
    assert {one.name for one in declared(ChildParams)} - SUITE <= set(names)


def test_an_entry_tells_all_that_is_known() -> None:
    pause = Parameter("pause", Seconds, "1s", "How long.", least=1, ours=True)
    entry = '.IP "\\fBpause\\fP (1s)"\nHow long. At least 1. Not in Postfix.'
    assert manual.entry(pause) == entry
    assert manual.entry(PARAMETERS["process_id"]).endswith("By default: the PID of this process.")
