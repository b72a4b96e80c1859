"""What root refuses to run."""

import os
from pathlib import Path

import pytest

from common import guard as common_guard
from common.errors import ConfigError
from master import guard
from master.configuration import Configuration
from master.endpoints import Names

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to guard")

PRIVATE, SYSTEM = "{top}/spool", "/var/spool/postfix"
BOTH = pytest.mark.parametrize("queue", [PRIVATE, SYSTEM], ids=["private", "system"])


class Case:
    """A configuration in a folder, with one program of Postfix and one of our modules."""

    def __init__(self, top: Path) -> None:
        self.etc = top / "etc"
        self.daemons = top / "libexec/daemons"
        self.module = top / "lib/package/module.py"
        for folder in (self.etc, self.daemons, self.module.parent):
            folder.mkdir(parents=True)
        for file in (self.daemons / "smtpd", self.module):
            file.write_text("")
        (self.etc / "master.cf").write_text("smtp inet n - n - - smtpd\n")

    def load(self, queue: str) -> Configuration:
        """Read it as an instance with that queue directory."""
        main_cf = f"queue_directory = {queue}\ndaemon_directory = {self.daemons}\n"
        (self.etc / "main.cf").write_text(main_cf.format(top=self.etc.parent))
        return Configuration.load(self.etc, Names())


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    found = Case(tmp_path)
    # The project's own may belong to anybody, where tests run.
    monkeypatch.setattr(common_guard, "program_files", lambda: [found.module])
    return found


def loosen(path: Path, bit: int) -> None:
    path.chmod(path.stat().st_mode | bit)


@BOTH
def test_what_belongs_to_root_alone_is_fine(case: Case, queue: str) -> None:
    configuration = case.load(queue)
    guard.check(configuration)
    assert list(guard.complaints(configuration)) == []


@BOTH
@pytest.mark.parametrize("name", ["etc/main.cf", "etc/master.cf", "etc"])
@pytest.mark.parametrize("bit", [0o020, 0o002])
def test_a_configuration_that_others_may_write_is_refused(
    case: Case, queue: str, name: str, bit: int
) -> None:
    configuration = case.load(queue)
    path = case.etc.parent / name
    loosen(path, bit)
    with pytest.raises(ConfigError) as caught:
        guard.check(configuration)
    assert str(caught.value) == f"refusing to run as root: group or other writable: {path}"


@BOTH
def test_a_configuration_of_others_is_refused(case: Case, queue: str) -> None:
    configuration = case.load(queue)
    os.chown(case.etc / "main.cf", 65534, -1)
    with pytest.raises(ConfigError, match="refusing to run as root: not owned by root"):
        guard.check(configuration)


@pytest.mark.parametrize(
    "name",
    [
        *("libexec/daemons/smtpd", "libexec/daemons", "libexec"),
        *("lib/package/module.py", "lib/package", "lib"),
    ],
)
def test_programs_that_others_may_write_are_refused_for_a_system_and_told_for_a_private_instance(
    case: Case, name: str
) -> None:
    path = case.etc.parent / name
    loosen(path, 0o020)
    complaint = f"group or other writable: {path}"
    with pytest.raises(ConfigError, match=complaint):
        guard.check(case.load(SYSTEM))
    guard.check(case.load(PRIVATE))
    assert list(guard.complaints(case.load(PRIVATE))) == [complaint]


def test_a_link_is_followed_to_what_it_means(case: Case) -> None:
    elsewhere = case.etc.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "real").write_text("")
    case.module.unlink()
    case.module.symlink_to(elsewhere / "real")
    guard.check(case.load(SYSTEM))
    os.chown(elsewhere, 65534, -1)
    with pytest.raises(ConfigError, match=f"not owned by root: {elsewhere}"):
        guard.check(case.load(SYSTEM))


def test_a_sticky_folder_lets_nobody_replace_what_is_in_it(case: Case) -> None:
    case.etc.parent.chmod(0o1777)
    guard.check(case.load(SYSTEM))


def test_of_a_folder_and_what_is_in_it_the_folder_is_told(case: Case) -> None:
    for path in (case.daemons, case.daemons / "smtpd"):
        loosen(path, 0o002)
    assert list(guard.complaints(case.load(SYSTEM))) == [f"group or other writable: {case.daemons}"]


def test_the_interpreter_and_our_modules_are_known() -> None:
    found = common_guard.program_files()
    assert common_guard.__file__ in found
    assert os.__file__ in found
