"""test_reload - a reload is in force when the command returns, and disturbs nobody"""

import re

import pytest

from tests.suite.instance import Postroom
from tests.suite.qmqp import submit

BROKEN = "message_size_limit", "plenty"
# What an operator gets wrong in master.cf: a field that is none, a field too few.
BROKEN_SERVICES = ["odd unix x - n - - cleanup", "short unix n -"]


def test_workers_that_start_after_a_reload_take_a_changed_main_cf(postroom: Postroom) -> None:
    assert postroom.reload().returncode == 0
    postroom.configure({"qmqpd_client_port_logging": "yes"})
    for worker in postroom.children("qmqpd"):
        worker.kill()
    position = postroom.log_position()
    assert submit(postroom.port).verdict == "K"
    postroom.wait_for_log(r"disconnect from \S+\]:\d+$", position)


def test_a_reload_with_a_bad_main_cf_names_the_place_and_the_old_values_stay(
    postroom: Postroom,
) -> None:
    break_main_cf(postroom)
    done = postroom.reload()
    assert done.returncode == 1
    assert_one_clear_line(done.stdout + done.stderr, "main.cf", line_of(postroom), BROKEN[0])
    assert submit(postroom.port).verdict == "K"
    postroom.configure({BROKEN[0]: "10240000"})
    assert postroom.reload().returncode == 0
    assert submit(postroom.port).verdict == "K"


@pytest.mark.parametrize("broken", BROKEN_SERVICES)
def test_a_reload_with_a_bad_master_cf_names_the_place_and_the_old_services_stay(
    broken: str, postroom: Postroom
) -> None:
    path = postroom.config_dir / "master.cf"
    good = path.read_text()
    path.write_text(good + broken + "\n")
    done = postroom.reload()
    assert done.returncode == 1
    assert_one_clear_line(done.stdout + done.stderr, "master.cf", good.count("\n") + 1)
    assert submit(postroom.port).verdict == "K"
    path.write_text(good)
    assert postroom.reload().returncode == 0
    assert submit(postroom.port).verdict == "K"


@pytest.mark.parametrize("action", ["start", "check"])
def test_a_bad_main_cf_is_refused_with_file_line_and_parameter(action: str) -> None:
    with Postroom() as instance:
        break_main_cf(instance)
        done = instance.command(action)
        assert done.returncode == 1
        assert_one_clear_line(done.stdout + done.stderr, "main.cf", line_of(instance), BROKEN[0])
        assert instance.master() is None


@pytest.mark.parametrize("action", ["start", "check"])
@pytest.mark.parametrize("broken", BROKEN_SERVICES)
def test_a_bad_master_cf_is_refused_with_file_and_line(action: str, broken: str) -> None:
    with Postroom() as instance:
        path = instance.config_dir / "master.cf"
        number = path.read_text().count("\n") + 1
        path.write_text(path.read_text() + broken + "\n")
        done = instance.command(action)
        assert done.returncode == 1
        assert_one_clear_line(done.stdout + done.stderr, "master.cf", number)
        assert instance.master() is None


def break_main_cf(instance: Postroom) -> None:
    """Give one parameter a value that it cannot have."""
    name, value = BROKEN
    instance.configure({name: value})


def line_of(instance: Postroom) -> int:
    """Return the number of the line in main.cf that break_main_cf wrote."""
    return (instance.config_dir / "main.cf").read_text().count("\n")


def assert_one_clear_line(output: str, file: str, number: int, parameter: str = "") -> None:
    """One line that names file, line and parameter is all an operator gets to read."""
    lines = output.splitlines()
    assert len(lines) == 1, output
    assert re.search(rf"{re.escape(file)}\b.*\b{number}\b", lines[0]), (number, output)
    assert parameter in lines[0], output
