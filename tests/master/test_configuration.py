"""Both files together: what is refused, what is left alone, what a reload changes."""

import os
import threading
import time
from pathlib import Path

import pytest

from cleanup.milter_desk import Rules
from common import config
from common.errors import ConfigError
from common.params import ChildParams
from master import changes
from master.children import Nursery
from master.configuration import Configuration
from master.endpoints import Names
from master.plan import NativePlan, Plan
from master.services import Transport

MAIN_CF = """\
compatibility_level = 3.6
native_services = echod
inet_interfaces = 127.0.0.1
echod_mode = serve
default_prefork_count = 3
"""
MASTER_CF = """\
628 inet n - n - - echod
echo unix n - - - 2 echod -o max_use=7
"""
REMOTE = "native_services = echod\ncompatibility_level = 3\ninet_protocols = ipv4\n"
ECHO = ("public/echo", Transport.UNIX)


class Files:
    """A configuration directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.write(MAIN_CF, MASTER_CF)

    def write(self, main_cf: str = "", master_cf: str = "") -> None:
        """Replace one or both."""
        for name, text in (("main.cf", main_cf), ("master.cf", master_cf)):
            if text:
                (self.directory / name).write_text(text)

    def load(self, running: Configuration | None = None) -> Configuration:
        """Read them."""
        return Configuration.load(self.directory, Names(), running.main_cf if running else None)

    def complaint(self) -> str:
        """Return why they cannot be used."""
        with pytest.raises(ConfigError) as caught:
            self.load()
        return str(caught.value)


def native(plan: Plan | None) -> NativePlan:
    """Return the plan, which is one for a daemon of our own."""
    assert isinstance(plan, NativePlan)
    return plan


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_services_of_our_own_become_plans(files: Files) -> None:
    found = files.load()
    plan = native(found.plans[ECHO])
    assert (plan.params.config_directory, plan.prefork) == (str(files.directory), 2)
    assert plan.main_cf.text("max_use") == "7"
    assert plan.words(verbose=False) == [
        "echod",
        "-n",
        "echo",
        "-t",
        "unix",
        "-u",
        "-o",
        "max_use=7",
    ]
    assert found.plans["628", Transport.INET].prefork == 3
    assert found.warnings == ()


def test_a_service_may_use_its_own_names_in_settings(files: Files) -> None:
    line = "echo unix n - - - 2 echod -o { syslog_name = postfix/$service_name/$process_name }\n"
    files.write(master_cf=line)
    plan = native(files.load().plans[ECHO])
    assert plan.params.syslog_name == "postfix/echo/echod"
    files.write(MAIN_CF + "# changed\n")
    assert plan.fresh().params.syslog_name == "postfix/echo/echod"


def test_other_services_are_programs_of_postfix(files: Files) -> None:
    program = files.directory / "smtpd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    files.write(
        MAIN_CF + f"daemon_directory = {files.directory}\n", "25 inet n - n 60 1 smtpd -x\n"
    )
    found = files.load()
    plan = found.plans["25", Transport.INET]
    assert (type(plan), plan.program_path, plan.prefork) == (Plan, str(program), 0)
    assert plan.wakeup == 60
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("line", "warnings"),
    [
        ("log unix-dgram n - n 9 1 program",
         ["service log: type unix-dgram cannot be woken up"]),
        ("log unix-dgram n - n - 1 echod",
         ["{d}/master.cf, line 1: our echod does not serve type unix-dgram: {d}/echod is used"]),
        ("x unix n - n - - nosuch", ["service x: cannot execute {d}/nosuch"]),
        ("x unix n - n - - .", ["service x: cannot execute {d}/."]),
        ("echo unix n - n 60 - echod", ["service echo: our echod needs no wakeup"]),
    ],
)  # fmt: skip
def test_what_is_odd_but_can_be_run_is_told(files: Files, line: str, warnings: list[str]) -> None:
    folder = files.directory
    for name in ("program", "echod"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    files.write(MAIN_CF + f"daemon_directory = {folder}\n", line + "\n")
    found = files.load()
    assert len(found.plans) == 1
    assert list(found.warnings) == [text.replace("{d}", str(folder)) for text in warnings]


CLEANUP = "cleanup unix n - n - 0 cleanup"


@pytest.fixture
def postfix(files: Files) -> Files:
    """A host with Postfix's cleanup, where ours is wanted."""
    program = files.directory / "cleanup"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    files.write(
        f"native_services = cleanup\ndaemon_directory = {files.directory}\n", CLEANUP + "\n"
    )
    return files


def main_cf_with(files: Files, line: str) -> None:
    """Add a line to main.cf."""
    files.write((files.directory / "main.cf").read_text() + line + "\n")


PASSED = "cleanup pass n - n - 0 cleanup"


def test_what_ours_does_not_do_is_left_to_postfixs(postfix: Files) -> None:
    old = postfix.load()
    (plan,) = old.plans.values()
    assert native(plan)
    postfix.write(master_cf=PASSED + "\n")
    new = postfix.load(old)
    (plan,) = new.plans.values()
    assert (type(plan), plan.prefork) == (Plan, 0)
    folder = postfix.directory
    assert new.warnings == (
        f"{folder}/master.cf, line 1: our cleanup does not serve type pass:"
        f" {folder}/cleanup is used",
    )


def test_what_nobody_does_is_a_mistake(postfix: Files) -> None:
    postfix.write(master_cf=PASSED + "\n")
    (postfix.directory / "cleanup").unlink()
    folder = postfix.directory
    assert postfix.complaint() == (
        f"{folder}/master.cf, line 1: our cleanup does not serve type pass,"
        f" and there is no {folder}/cleanup"
    )


def test_a_log_file_that_programs_of_postfix_cannot_reach_is_told(files: Files) -> None:
    log = "maillog_file = /var/log/x\n"
    missing = "service postlog/unix-dgram is missing: Postfix's programs cannot log to maillog_file"
    files.write(MAIN_CF + log, "x unix n - n - - nosuch\n")
    assert missing in files.load().warnings
    files.write(MAIN_CF + log, "x unix n - n - - nosuch\npostlog unix-dgram n - n - 1 nosuch\n")
    assert missing not in files.load().warnings
    files.write(MAIN_CF + log, MASTER_CF)
    assert missing not in files.load().warnings


def test_one_path_is_no_place_for_two_types(files: Files) -> None:
    files.write(MAIN_CF, "a unix n - n - - x\na fifo n - n - - x\n")
    assert files.complaint() == (
        f"{files.directory}/master.cf, line 2: service a: public/a belongs to service a already"
    )


def test_disabled_services_are_not_mentioned(files: Files) -> None:
    files.write(MAIN_CF + "master_service_disable = inet\n", MASTER_CF)
    found = files.load()
    assert (list(found.plans), found.warnings) == ([ECHO], ())


@pytest.mark.parametrize(
    ("main_cf", "master_cf", "complaint"),
    [
        ("queue_directory /x\n", "", "{d}/main.cf, line 1: missing '=' after attribute name:"
         ' "queue_directory /x"'),
        (MAIN_CF + "max_use = many\n", "",
         "{d}/main.cf, line 6: bad numerical configuration: max_use = many"),
        (MAIN_CF + "default_process_limit = 0\n", "",
         "{d}/main.cf, line 6: invalid default_process_limit parameter value 0 < 1"),
        (MAIN_CF + "inet_protocols = ipx\n", "",
         '{d}/main.cf, line 6: unknown inet_protocols value "ipx" in "ipx"'),
        (MAIN_CF + "syslog_network_target = udp:host:514\n", "",
         '{d}/main.cf, line 6: parameter syslog_network_target: bad target "udp:host:514":'
         " need udp:address:port or tcp:address:port"),
        (MAIN_CF + "maillog_file = /nowhere/log\n", "",
         "{d}/main.cf, line 6: parameter maillog_file: /nowhere/log begins with nothing of"
         " maillog_file_prefixes (/var /dev/stdout)"),
        (MAIN_CF + "maillog_file = /var\n", "",
         "{d}/main.cf, line 6: parameter maillog_file: open /var: Is a directory"),
        (MAIN_CF + "maillog_file = /var/no/such\n", "",
         "{d}/main.cf, line 6: parameter maillog_file: open /var/no/such:"
         " No such file or directory"),
        ("", "echo unix n - - - 2 echod -o syslog_network_target=udp:\n",
         '{d}/master.cf, line 1: parameter syslog_network_target: bad target "udp:":'
         " need udp:address:port or tcp:address:port"),
        ("compatibility_level = x\n", "",
         '{d}/main.cf, line 1: parameter compatibility_level:'
         ' malformed compatibility level syntax: "x"'),
        (MAIN_CF + "maillog_file = /etc/log\n", "",
         "{d}/main.cf, line 6: parameter maillog_file: /etc/log begins with nothing of"
         " maillog_file_prefixes (/var /dev/stdout)"),
        (MAIN_CF + "syslog_network_target = localhost\n", "",
         '{d}/main.cf, line 6: parameter syslog_network_target: bad target "localhost":'
         " need udp:address:port or tcp:address:port"),
        ("", "echo unix n - - - 2 echod -o syslog_network_target=x\n",
         '{d}/master.cf, line 1: parameter syslog_network_target: bad target "x":'
         " need udp:address:port or tcp:address:port"),
        ("", "echo unix n - - - 2 echod -o max_use=0\n",
         "{d}/master.cf, line 1: invalid max_use parameter value 0 < 1"),
        ("", "\necho unix n - - - 2 echod -x\n",
         '{d}/master.cf, line 2: command echod: unsupported option "-x"'),
        ("", "echo unix n - - - 2\n", "{d}/master.cf, line 1: bad field count"),
        ("native_services = nosuchd\n", "echo unix n - - - 2 nosuchd\n",
         "{d}/master.cf, line 1: command nosuchd cannot be used: No module named 'nosuchd'"),
        ("native_services = ../x\n", "echo unix n - - - 2 ../x\n",
         "{d}/master.cf, line 1: command ../x cannot be used: ../x is no name of a daemon of ours"),
        (MAIN_CF, "628 inet n - n - - echod\n127.0.0.1:628 inet n - n - - echod\n",
         "{d}/master.cf, line 2: service 127.0.0.1:628:"
         " 127.0.0.1:628 belongs to service 628 already"),
    ],
)  # fmt: skip
def test_a_mistake_names_file_line_and_parameter(
    files: Files, main_cf: str, master_cf: str, complaint: str
) -> None:
    files.write(main_cf, master_cf)
    assert files.complaint() == complaint.replace("{d}", str(files.directory))


@pytest.mark.parametrize("name", ["main.cf", "master.cf"])
def test_a_missing_file_is_named(files: Files, name: str) -> None:
    (files.directory / name).unlink()
    assert files.complaint() == f"open {files.directory}/{name}: No such file or directory"


@pytest.mark.parametrize(("level", "chroot"), [("0", True), ("1", False), ("3.6", False)])
def test_the_default_of_chroot_depends_on_the_level(files: Files, level: str, chroot: bool) -> None:
    files.write(f"compatibility_level = {level}\nnative_services = echod\n")
    assert files.load().plans[ECHO].service.chroot is chroot


def test_a_process_does_not_read_what_is_half_written(files: Files) -> None:
    """An editor empties the file, then writes: in between nothing would be wrong with it."""
    plan = files.load().plans[ECHO]
    assert isinstance(plan, NativePlan)
    path = files.directory / "main.cf"
    text = path.read_text()
    path.write_text("")
    writer = threading.Timer(0.03, path.write_text, [text + "max_idle = 9\n"])
    writer.start()
    begin = time.monotonic()
    fresh = plan.fresh()
    writer.join()
    assert (fresh.main_cf.text("max_idle"), fresh.main_cf.text("native_services")) == ("9", "echod")
    assert time.monotonic() - begin < 1.0
    # It is old enough now, or its date is wrong: nobody waits.
    for date in (-60.0, 60.0):
        os.utime(path, (time.time() + date, time.time() + date))
        begin = time.monotonic()
        plan.fresh()
        assert time.monotonic() - begin < 0.09


def test_a_file_that_is_written_all_the_time_is_read_nevertheless(files: Files) -> None:
    path = files.directory / "main.cf"
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.02):
            os.utime(path)

    writer = threading.Thread(target=write)
    writer.start()
    begin = time.monotonic()
    config.wait_until_settled(path)
    stop.set()
    writer.join()
    assert 0.9 < time.monotonic() - begin < 3.0


def test_what_is_fixed_keeps_its_value_and_is_told(files: Files) -> None:
    old = files.load()
    files.write(
        MAIN_CF.replace("127.0.0.1", "127.0.0.2") + "queue_directory = /elsewhere\nmax_use = 9\n"
    )
    new = files.load(old)
    assert new.postponed == ("queue_directory",)
    assert new.params.queue_directory == old.params.queue_directory
    assert str(new.plans["628", Transport.INET].endpoints[0]) == "127.0.0.2:628"
    assert changes.between(old, new).report() == {
        "added": [],
        "removed": [],
        "changed": ["628/inet"],
        "parameters": ["inet_interfaces", "max_use"],
        "postponed": ["queue_directory"],
    }


def test_changes_of_services_are_told_by_name(files: Files) -> None:
    old = files.load()
    files.write(
        MAIN_CF.replace("count = 3", "count = 2"),
        "# one\nfresh unix n - - - - echod\n\necho unix n - - - 2 echod -o max_use=8\n",
    )
    said = changes.between(old, files.load(old))
    assert said.report() == {
        "added": ["fresh/unix"],
        "removed": ["628/inet"],
        "changed": ["echo/unix"],
        "parameters": ["default_prefork_count"],
        "postponed": [],
    }
    assert str(said) == (
        "added: fresh/unix; removed: 628/inet; changed: echo/unix;"
        " parameters: default_prefork_count"
    )


def test_lines_that_move_are_no_change(files: Files) -> None:
    old = files.load()
    files.write("\n# comment\n" + MAIN_CF, "#\n" + MASTER_CF)
    assert str(changes.between(old, files.load(old))) == "nothing has changed"


def test_a_process_sees_an_edit_without_a_reload(files: Files) -> None:
    plan = native(files.load().plans[ECHO])
    assert plan.fresh() is plan
    files.write(MAIN_CF + "daemon_timeout = 5s\nqueue_directory = /elsewhere\n")
    fresh = plan.fresh()
    assert fresh.main_cf.text("daemon_timeout") == "5s"
    assert fresh.main_cf.text("max_use") == "7"  # as master.cf says, still
    assert fresh.params.queue_directory == plan.params.queue_directory


def test_an_edit_that_cannot_be_used_is_refused(files: Files) -> None:
    plan = native(files.load().plans[ECHO])
    files.write(MAIN_CF + "daemon_timeout = soon\n")
    with pytest.raises(ConfigError, match="line 6: parameter daemon_timeout: bad time value"):
        plan.fresh()


def test_stress_is_for_services_with_remote_clients(files: Files) -> None:
    files.write(
        REMOTE,
        "628 inet n - - - 5 echod\n127.0.0.1:629 inet n - - - 5 echod\n"
        "630 inet n - - - 1 echod\n631 inet n - - - 5 echod -o stress=no\n",
    )
    plans = {plan.service.name: native(plan) for plan in files.load().plans.values()}
    assert [name for name, plan in plans.items() if plan.stressable] == ["628", "631"]
    assert plans["628"].words(verbose=False)[-3:] == ["-u", "-o", "stress="]
    assert plans["630"].stressed is None
    for name, stress in (("628", "yes"), ("631", "no")):
        stressed = native(plans[name].stressed)
        assert stressed.main_cf.text("stress") == stress
        assert " -u -o stress=yes" in " ".join(stressed.words(verbose=False))


def test_a_process_under_stress_sees_an_edit_and_stays_under_stress(files: Files) -> None:
    line = "628 inet n - - - 5 echod -o { echod_word = $process_name }\n"
    files.write(REMOTE + "max_use = ${stress?{3}:{9}}\n", line)
    stressed = native(files.load().plans["628", Transport.INET].stressed)
    assert stressed.main_cf.text("max_use") == "3"
    files.write(REMOTE + "max_use = ${stress?{4}:{9}}\n")
    fresh = stressed.fresh()
    assert isinstance(fresh.params, ChildParams)
    assert fresh.params.max_use == 4
    assert (fresh.stress, fresh.main_cf.text("echod_word")) == ("yes", "echod")


def test_a_value_that_is_wrong_only_under_stress_is_found_at_once(files: Files) -> None:
    files.write(REMOTE + "max_use = ${stress?{0}:{9}}\n")
    complaint = "{d}/main.cf, line 4: invalid max_use parameter value 0 < 1"
    assert files.complaint() == complaint.replace("{d}", str(files.directory))


def test_what_the_program_prepares_is_prepared_of_the_parameters_in_force(files: Files) -> None:
    files.write(
        "native_services = cleanup\ncompatibility_level = 3\nmyhostname = one.test\n",
        "cleanup unix n - n - 0 cleanup\n",
    )
    plan = native(files.load().plans["public/cleanup", Transport.UNIX])
    assert isinstance(plan.prepared, Rules)
    assert plan.prepared.headers.params is plan.params
    files.write("native_services = cleanup\ncompatibility_level = 3\nmyhostname = two.test\n")
    fresh = plan.fresh().prepared
    assert isinstance(fresh, Rules)
    names = (plan.prepared.headers.params.myhostname, fresh.headers.params.myhostname)
    assert names == ("one.test", "two.test")


def test_milters_that_nobody_understands_are_a_mistake_of_the_operator(postfix: Files) -> None:
    postfix.write(master_cf=CLEANUP + "\n")
    main_cf_with(postfix, "non_smtpd_milters = 127.0.0.1:8891")
    with pytest.raises(ConfigError, match="non_smtpd_milters: expected inet:host:port"):
        postfix.load()


def test_a_program_with_a_form_of_its_own_has_a_private_socket_for_it(files: Files) -> None:
    files.write(
        "native_services = cleanup qmqpd\ncompatibility_level = 3\ninet_protocols = ipv4\n",
        "628 inet n - n - - qmqpd\ncleanup unix n - n - 0 cleanup\nsecond unix n - n - 0 cleanup\n",
    )
    plans = {plan.service.name: native(plan) for plan in files.load().plans.values()}
    assert list(map(str, plans["cleanup"].endpoints)) == [
        "public/cleanup",
        "private/cleanup.native",
    ]
    assert list(map(str, plans["second"].endpoints))[-1] == "private/second.native"
    assert plans["cleanup"].words(verbose=False) == ["cleanup", "-z", "-t", "unix", "-u"]
    assert not plans["628"].program.native


def test_what_is_asked_for_beside_what_is_needed_must_be_there(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write(f"{MAIN_CF}fast_short_lines = yes\n")
    for found in (True, False):
        monkeypatch.setattr("common.fast.load", lambda found=found: found)
        if found:
            files.load()
        else:
            assert files.complaint().endswith(
                "main.cf, line 6: parameter fast_short_lines: there is no numpy (extra fast)"
            )


def test_loading_leaves_no_descriptor_behind(files: Files) -> None:
    files.load()
    before = os.listdir("/proc/self/fd")
    files.load()
    assert os.listdir("/proc/self/fd") == before


def test_what_is_ready_for_a_service_goes_with_it(files: Files) -> None:
    plans = files.load().plans
    nursery = Nursery(None, verbose=False)
    ready = {key: nursery._ready_for(native(plan)) for key, plan in plans.items()}
    nursery.forget_all_but([plans[ECHO]])
    found = {key: nursery._ready_for(native(plan)) for key, plan in plans.items()}
    assert [key for key in plans if found[key] is ready[key]] == [ECHO]
