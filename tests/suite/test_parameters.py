"""test_parameters - every parameter has its effect, and what is seen without it

DESCRIPTION
    The tables are in tests.suite.parameters: a scenario for each parameter,
    played with the default and with another value. --reference
    (POSTROOM_REFERENCE=1) plays them to the real Postfix, as far as it has
    the parameter.

SEE ALSO
    spec/parameters.md
"""

import os
from collections.abc import Iterator

import pytest

from common.params import (
    PARAMETERS,
    ChildParams,
    CleanupParams,
    QmqpdParams,
    SuiteParams,
    declared,
)
from master.endpoints import ipv6_works
from tests.suite.conftest import chosen
from tests.suite.parameters import (
    addresses,
    cleanup,
    clients,
    common,
    milters,
    qmqpd,
    tables,
    whole,
)
from tests.suite.parameters.scenario import Scenario
from tests.suite.parameters.stage import Stage
from tests.suite.parameters.stand import Pair, Whole, may_play

SCENARIOS = (
    *(*common.SCENARIOS, *qmqpd.SCENARIOS, *cleanup.SCENARIOS),
    *(*addresses.SCENARIOS, *milters.SCENARIOS, *clients.SCENARIOS),
)
WHOLE = (*whole.SCENARIOS, *tables.SCENARIOS)
READERS = {"qmqpd": QmqpdParams, "cleanup": CleanupParams}


@pytest.fixture(scope="module")
def reference(pytestconfig: pytest.Config) -> bool:
    return chosen(pytestconfig, "reference")


@pytest.fixture(scope="module")
def stage(reference: bool) -> Iterator[Stage]:
    made = Stage(SCENARIOS, reference=reference, root=os.geteuid() == 0)
    yield made
    made.close()


@pytest.fixture(scope="module")
def pair(reference: bool) -> Iterator[Pair]:
    made = Pair(WHOLE, reference=reference)
    yield made
    made.close()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
def test_a_parameter_has_its_effect(scenario: Scenario, stage: Stage, reference: bool) -> None:
    if reference and not scenario.reference:
        pytest.skip("not in Postfix")
    if scenario.private and os.geteuid() != 0:
        pytest.skip("only root can give a client a name")
    default, changed = stage.play(scenario)
    assert default == scenario.default
    assert changed == scenario.changed


@pytest.mark.parametrize("scenario", WHOLE, ids=lambda scenario: scenario.parameter)
def test_a_parameter_has_its_effect_on_an_instance(
    scenario: Whole, pair: Pair, reference: bool
) -> None:
    if reference and not scenario.reference:
        pytest.skip("not in Postfix")
    if not may_play(scenario):
        pytest.skip("only root can have it otherwise")
    if scenario.ipv6 and not ipv6_works():
        pytest.skip("no IPv6 here")
    default, changed = pair.play(scenario)
    assert default == scenario.default
    assert changed == scenario.changed


def test_no_parameter_is_without_a_scenario() -> None:
    played = {one.parameter for one in SCENARIOS} | {one.parameter for one in WHOLE}
    assert played == set(PARAMETERS)


@pytest.mark.parametrize("reader", READERS)
def test_a_daemon_is_seen_to_read_all_that_it_declares(reader: str) -> None:
    """What both declare has a scenario in which only this one is told."""
    suite = {one.name for one in declared(SuiteParams)}
    shared = {one.name for one in declared(ChildParams)} - suite
    own = {one.name for one in declared(READERS[reader])} - suite - shared
    assert own <= {one.parameter for one in SCENARIOS if one.reader in ("", reader)}
    assert shared <= {one.parameter for one in SCENARIOS if one.reader == reader}
