"""conftest - options of the suite, and the instances that tests share"""

import os
from collections.abc import Iterator

import pytest

from tests.suite.instance import Postroom
from tests.suite.relay import Relay


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("postroom")
    group.addoption("--reference", action="store_true", help="play the corpus to the real Postfix")
    group.addoption("--long", action="store_true", help="run the long form of some tests")


def chosen(config: pytest.Config, option: str) -> bool:
    """Tell whether an option was given, or POSTROOM_OPTION is set in the environment."""
    variable = f"POSTROOM_{option.upper()}"
    return bool(config.getoption(option, default=False) or os.environ.get(variable))


@pytest.fixture
def postroom() -> Iterator[Postroom]:
    """A running instance of this test's own."""
    with Postroom() as instance:
        instance.start()
        yield instance


@pytest.fixture
def stopped() -> Iterator[Relay]:
    """A relay host that was made and not started."""
    with Relay() as instance:
        yield instance


@pytest.fixture
def relay(stopped: Relay) -> Relay:
    """A running relay host."""
    return stopped.start()
