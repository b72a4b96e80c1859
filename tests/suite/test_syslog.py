"""test_syslog - where there is no log file, lines go to the system's logger"""

import os
import re
from collections.abc import Iterator

import pytest

from tests.suite.conftest import chosen
from tests.suite.instance import Instance, Postroom
from tests.suite.qmqp import submit
from tests.suite.reference import Postfix
from tests.suite.surroundings import Surroundings

PATIENCE = 10.0  # seconds for a line to come
INFO = 6


@pytest.fixture
def surrounded(pytestconfig: pytest.Config) -> Iterator[tuple[Instance, Surroundings]]:
    """A running instance that logs to a syslog of this test's own."""
    if os.geteuid() != 0:
        pytest.skip("only root can have a syslog of its own")
    kind = Postfix if chosen(pytestconfig, "reference") else Postroom
    with kind({"maillog_file": ""}) as instance:
        surroundings = Surroundings(instance.top)
        instance.within = surroundings.prefix
        yield instance.start(), surroundings
    surroundings.close()


def test_a_line_has_the_facility_severity_and_tag_that_main_cf_asks_for(
    surrounded: tuple[Instance, Surroundings],
) -> None:
    instance, surroundings = surrounded
    for settings, facility, tag in (
        ({}, 2, "postfix"),
        ({"syslog_facility": "local3"}, 19, "postfix"),
        ({"syslog_name": "relay"}, 2, "relay"),
    ):
        before = (instance.config_dir / "main.cf").read_text()
        if settings:
            instance.configure(settings)
            instance.renew()
        assert submit(instance.port).verdict == "K"
        line = surroundings.syslog_line(b"client=", PATIENCE).decode()
        assert re.match(
            rf"<{facility << 3 | INFO}>\w{{3}} [ \d]\d [\d:]{{8}} {tag}/qmqpd\[\d+\]: ", line
        )
        (instance.config_dir / "main.cf").write_text(before)
