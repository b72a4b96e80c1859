"""test_bounds - defaults and bounds are those of the real Postfix, complaints in its words

DESCRIPTION
    Defaults are compared with `postconf -d`. What is no value is given to a
    daemon of the real Postfix each (--reference, POSTROOM_REFERENCE=1): it
    must die of it, in the words that we use.

SEE ALSO
    spec/parameters.md
    spec/config-syntax.md, section 2
"""

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.config import MainCf
from common.errors import ConfigError
from common.params import (
    PARAMETERS,
    READERS,
    CleanupParams,
    HostName,
    Parameter,
    Seconds,
    Words,
    declared,
)
from common.values import split_words
from tests.suite import peers
from tests.suite.conftest import chosen
from tests.suite.instance import run
from tests.suite.reference import Postfix

OWN = {
    "mail_name": "the trace header names the program that wrote it",
    "process_name": "that of postconf",
    "process_id": "that of postconf",
    "service_name": "that of postconf",
}
BAD_TIMES = ("5x", "5 m", "-1", "1.5h", "")
COMPARED = sorted(one.name for one in PARAMETERS.values() if not one.ours and one.name not in OWN)


@pytest.fixture(scope="module")
def postconf() -> dict[str, str]:
    """Return the real defaults, as they are written."""
    postconf = str(peers.program("postconf"))
    legacy = [name for name in COMPARED if PARAMETERS[name].legacy]  # not listed unless named
    written = run([postconf, "-d"]).stdout + run([postconf, "-d", *legacy]).stdout
    pairs = (line.partition(" = ") for line in written.replace(" =\n", " = \n").splitlines())
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("name", COMPARED)
def test_a_default_is_that_of_postfix(name: str, postconf: dict[str, str]) -> None:
    parameter = PARAMETERS[name]
    default = parameter.default
    written = default if isinstance(default, str) else MainCf(Path("main.cf")).text(name)
    if parameter.kind is Words:
        assert split_words(written) == split_words(postconf[name])
    else:
        assert written == postconf[name]


def test_what_is_ours_alone_is_not_in_postfix(postconf: dict[str, str]) -> None:
    assert not {one.name for one in PARAMETERS.values() if one.ours} & set(postconf)


def bad_values(one: Parameter) -> Iterator[str]:
    """Yield a text for each way in which a value can be wrong."""
    if one.choices:
        yield "nonsense"
    elif one.kind is bool:
        yield from ("maybe", "1", "")
    elif one.kind is int:
        yield from ("2x", "1.5", "")
    elif one.kind is Seconds:
        yield from BAD_TIMES
    if one.least and one.kind in (str, HostName):
        yield ""
    elif (
        one.least is not None
        and one.kind not in (str, HostName)
        and not (one.kind is Seconds and not one.least)
    ):
        yield str(one.least - 1)
    if one.most is not None:
        yield str(one.most + 1)


CASES = [(one, value) for one in PARAMETERS.values() if not one.fixed for value in bad_values(one)]


# What the real programs do not complain of, and why.
SILENT = {
    ("message_size_limit", "-1"): "unlimited in 3.7, refused in later releases",
    ("duplicate_filter_limit", "-1"): "the same",
    **{("service_throttle_time", value): "master alone reads it" for value in (*BAD_TIMES, "0")},
}
# What belongs to another program there.
REWRITING = {"append_at_myorigin", "append_dot_mydomain", "swap_bangpath", "allow_percent_hack"}


def reader(name: str) -> type:
    return next(kind for kind in reversed(READERS) if name in {one.name for one in declared(kind)})


def complaint(directory: Path, name: str, value: str) -> str:
    """Return what is said of a value in main.cf, without the place."""
    (directory / "main.cf").write_text(f"# one\n{name} = {value}\n")
    main_cf = MainCf.read(directory)
    with pytest.raises(ConfigError) as raised:
        main_cf.load(reader(name))
    place, _, text = str(raised.value).partition(": ")
    assert place == f"{directory}/main.cf, line 2"
    return text


@pytest.mark.parametrize(
    ("parameter", "value"), CASES, ids=lambda one: str(getattr(one, "name", one))
)
def test_a_bad_value_is_refused_with_file_line_and_name(
    parameter: Parameter, value: str, tmp_path: Path
) -> None:
    assert parameter.name in complaint(tmp_path, parameter.name, value)


def test_postfix_dies_of_bad_values_with_the_same_words(
    pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    if not chosen(pytestconfig, "reference"):
        pytest.skip("only with --reference")
    cases = [
        (one, value) for one, value in CASES if not one.ours and (one.name, value) not in SILENT
    ]
    with Postfix() as instance, contextlib.ExitStack() as clients:
        add_services(instance, cases)
        instance.start()
        for number in range(len(cases)):
            client = clients.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(str(instance.spool / f"public/bad{number}"))
        for one, value in cases:
            words = re.escape(complaint(tmp_path, one.name, value))
            instance.wait_for_log(rf"fatal: (file \S+: )?{words}$")


def add_services(instance: Postfix, cases: list[tuple[Parameter, str]]) -> None:
    """Give each bad value a service of its own."""
    with (instance.config_dir / "master.cf").open("a") as master_cf:
        for number, (one, value) in enumerate(cases):
            setting = f"{{ {one.name} = {value} }}"
            master_cf.write(f"bad{number} unix n - n - 1 {program_of(one)} -o {setting}\n")


def program_of(parameter: Parameter) -> str:
    """Return the real program that reads a parameter."""
    if parameter.name in REWRITING:
        return "trivial-rewrite"
    return "cleanup" if reader(parameter.name) is CleanupParams else "qmqpd"
