"""test_corpus - every recorded conversation is held in the same words

DESCRIPTION
    One test for each case, its id as the name. Cases follow each other on one
    instance, so that log lines belong to the case that is being played. When
    the setting changes, Postroom is reloaded; Postfix is replaced.

    Between our own daemons messages travel as frames. What reaches cleanup is
    played once more with records, the form that all others speak; and what
    needs no settings, with our daemons as programs that Postfix's master
    starts in a jail.

    --reference (POSTROOM_REFERENCE=1) plays all cases to the real Postfix: that
    checks the runner, not the product.

SEE ALSO
    conformance/README.md
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from tests.suite import corpus, peers
from tests.suite.conftest import chosen
from tests.suite.corpus import Case
from tests.suite.exchange import play
from tests.suite.instance import Instance, Postroom
from tests.suite.interchange import OwnDaemons
from tests.suite.reference import Postfix

# Cases that record Postfix waiting in silence, which Postroom does not do.
REPLACED = {
    "access-20": "cleanup is missing: Postroom answers Z, see test_contract",
    "checks-52": "a setting that only cleanup reads is broken: Postroom refuses to start",
}

# Of these no second run: they vary what comes before a message is handed over.
BEFORE_CLEANUP = frozenset({"access", "timeout"})
RECORDS = {"native_submission": "no"}

# Recorded with a master that was started directly; `postfix start' refuses the setting.
NOT_REPRODUCED = frozenset({"checks-52"})


class Stage:
    """One instance at a time."""

    def __init__(self) -> None:
        self._setting: tuple[type[Instance], str] | None = None
        self._instance: Instance | None = None

    def instance(self, kind: type[Instance], settings: Mapping[str, str]) -> Instance:
        """Return a running instance of this kind with these settings."""
        setting = kind, corpus.settings_key(settings)
        if self._instance is None or setting != self._setting:
            self._setting = None  # until it is in force
            self._instance = self._renewed(kind, settings)
            self._setting = setting
        return self._instance

    def _renewed(self, kind: type[Instance], settings: Mapping[str, str]) -> Instance:
        if kind is Postroom and isinstance(self._instance, Postroom):
            self._instance.configure_anew(settings)
            self._instance.renew()
            return self._instance
        self.close()
        if kind is Postroom:
            self._instance = made = Postroom()
            made.configure_anew(settings)
        else:
            self._instance = kind(settings)
        return self._instance.start()

    def close(self) -> None:
        """Stop the instance, if there is one."""
        instance, self._instance = self._instance, None
        if instance is not None:
            instance.close()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test for each case that this run plays."""
    if "case" in metafunc.fixturenames:
        metafunc.parametrize(("case", "kind"), parameters(metafunc.config))


def parameters(config: pytest.Config) -> list[object]:
    """Return the cases of this run."""
    path = peers.recorded_cases()
    cases = corpus.load(path) if path else []
    if chosen(config, "reference"):
        played = [case for case in cases if case.id not in NOT_REPRODUCED]
        return [pytest.param(case, Postfix, id=case.id) for case in played]
    wanted = [case for case in cases if case.id not in REPLACED]
    return [
        pytest.param(case, kind, id=name)
        for name, case, kind in [
            *((case.id, case, Postroom) for case in wanted),
            *((name, case, Postroom) for name, case in in_records(wanted)),
            *((f"{case.id}-programs", case, OwnDaemons) for case in wanted if not case.settings),
        ]
    ]


def in_records(cases: list[Case]) -> Iterator[tuple[str, Case]]:
    """Yield the cases in which a message is handed over, for a run without frames."""
    for case in cases:
        if case.reaches_cleanup and case.group not in BEFORE_CLEANUP:
            settings = {**case.settings, **RECORDS}
            yield f"{case.id}-records", replace(case, settings=settings)


def test_many_cases_are_played_in_both_forms() -> None:
    path = peers.recorded_cases()
    if path is None:
        peers.missing("the conformance corpus")
    cases = corpus.load(path)
    assert len(list(in_records(cases))) > len(cases) / 2


def test_the_recorded_cases_are_at_hand() -> None:
    if peers.recorded_cases() is None:
        peers.missing("the conformance corpus (../shared, or the folder named by POSTROOM_SHARED)")


def test_the_case_is_answered_stored_and_logged_as_recorded(
    case: Case, kind: type[Instance], stage: Stage
) -> None:
    late_cleanup = kind is not Postfix
    seen = play(stage.instance(kind, case.settings), case, late_cleanup=late_cleanup)
    differences = case.differences(seen, late_cleanup=late_cleanup)
    assert not differences, "\n".join([f"{case.id}: {case.what}", *differences])
