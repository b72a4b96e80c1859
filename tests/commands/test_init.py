"""Making an instance: what is in it, who may touch it, who can work on it."""

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import check_settings, init
from common.config import MainCf
from common.errors import ConfigError
from common.params import READERS, SuiteParams
from master import spool
from master.services import Defaults, parse
from tests.commands.queue_instance import QueueInstance, queue_instance
from tests.common.queue_files import queue_file
from tests.suite import peers


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """Where the instance will be."""
    return tmp_path / "new/instance"


def make(top: Path, *arguments: str) -> MainCf:
    """Make an instance; return its configuration."""
    assert init.main(Path(), 0, [str(top), *arguments]) == 0
    return MainCf.read(top / "etc")


def services(top: Path) -> list[tuple[str, str]]:
    """Return endpoint and command of each service."""
    path = top / "etc/master.cf"
    return [
        (one.endpoint, one.command) for one in parse(path.read_text(), path, Defaults()).services
    ]


def test_the_parameters_are_of_this_instance(top: Path) -> None:
    main_cf = make(top)
    params = main_cf.load(SuiteParams)
    assert params.queue_directory == f"{top}/spool"
    assert params.data_directory == f"{top}/data"
    assert params.maillog_file == f"{top}/log/mail.log"
    assert params.maillog_file.startswith(params.maillog_file_prefixes)
    assert main_cf.text("qmqpd_authorized_clients") == "127.0.0.0/8"
    assert main_cf.text("compatibility_level") == "3.6"
    assert main_cf.text("in_flow_delay") == "0"
    assert not list(check_settings.complaints(main_cf))
    for reader in READERS:
        main_cf.load(reader)


def test_a_relative_directory_gives_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert make(Path("here")).text("queue_directory") == f"{tmp_path}/here/spool"


@pytest.mark.parametrize(("arguments", "port"), [((), 10628), (("--port", "2000"), 2000)])
def test_mail_comes_in_on_the_loopback(arguments: tuple[str, ...], port: int, top: Path) -> None:
    make(top, *arguments)
    assert services(top) == [
        (f"127.0.0.1:{port}", "qmqpd"),
        ("public/cleanup", "cleanup"),
        ("public/postlog", "postlogd"),
    ]


@pytest.mark.parametrize("port", ["0", "65536", "x"])
def test_a_port_that_is_none_is_refused(port: str, top: Path) -> None:
    with pytest.raises(SystemExit):
        make(top, "--port", port)
    assert not top.exists()


def test_settings_take_the_place_of_ours_or_come_on_top(top: Path) -> None:
    main_cf = make(top, "-o", "in_flow_delay=1s", "-o", "relayhost = [a.b]", "-o", "myorigin=")
    assert main_cf.text("in_flow_delay") == "1s"
    assert main_cf.text("relayhost") == "[a.b]"
    assert main_cf.text("myorigin") == ""
    assert (top / "etc/main.cf").read_text().count("in_flow_delay") == 1


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("noequals", "missing '='"),
        ("qmqpd_timeout=x", "bad time value"),
        ("mail_owner=no-such-account", "unknown user name"),
        ("queue_directory=/nonexistent", "queue_directory"),
    ],
)
def test_a_setting_that_nobody_could_use_is_refused(setting: str, why: str, top: Path) -> None:
    if setting.startswith("mail_owner") and os.geteuid() != 0:
        pytest.skip("a private instance does not look its owner up")
    with pytest.raises(ConfigError, match=why):
        init.main(Path(), 0, [str(top), "-o", setting])
    assert not (top / "etc/main.cf").exists()


def test_an_instance_that_is_there_is_left_as_it_is(top: Path) -> None:
    make(top, "-o", "myorigin=mine.test")
    before = (top / "etc/main.cf").read_text()
    with pytest.raises(ConfigError, match=r"main\.cf exists: nothing was changed"):
        init.main(Path(), 0, [str(top), "--port", "2000"])
    assert (top / "etc/main.cf").read_text() == before
    assert services(top)[0][0] == "127.0.0.1:10628"


def test_a_link_to_nowhere_counts_as_a_configuration(top: Path) -> None:
    (top / "etc").mkdir(parents=True)
    (top / "etc/main.cf").symlink_to("/nonexistent")
    with pytest.raises(ConfigError, match=r"main\.cf exists"):
        init.main(Path(), 0, [str(top)])


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_modes_do_not_depend_on_the_umask(mask: int, top: Path) -> None:
    old = os.umask(mask)
    try:
        main_cf = make(top)
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (top, *top.iterdir())}
    open_to_all = {"instance", "etc", "spool", "log"}
    assert modes == dict.fromkeys(open_to_all, 0o755) | {"data": 0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (top / "etc").iterdir()} == {0o644}
    params = main_cf.load(SuiteParams)
    assert list(spool.problems(params, spool.mail_owner(params))) == []


def test_root_gives_the_queue_to_an_account_without_privileges(top: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("not root")
    params = make(top).load(SuiteParams)
    owner = pwd.getpwnam(params.mail_owner)
    assert owner.pw_uid != 0
    assert {(top / name).stat().st_uid for name in ("data", "spool/incoming")} == {owner.pw_uid}
    assert {(top / name).stat().st_uid for name in ("etc", "spool", "etc/main.cf")} == {0}
    shared = (top / "spool/maildrop").stat()
    assert shared.st_gid == grp.getgrnam(params.setgid_group).gr_gid


def test_without_the_accounts_of_postfix_root_takes_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users = [one for one in pwd.getpwall() if one.pw_name != "postfix"]
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("pwd.getpwall", lambda: users)
    assert init.accounts() == ("daemon", "mail")
    monkeypatch.setattr("pwd.getpwall", list)
    with pytest.raises(ConfigError, match="no account to own the queue"):
        init.accounts()


@pytest.mark.parametrize(
    ("users", "groups", "expected"),
    [
        ([("me", 1000)], [("mine", 1001)], ("me", "mine")),
        ([("me", 1000)], [("mine", 1001), ("postdrop", 106)], ("me", "postdrop")),
        ([], [], ("1000", "1001")),
    ],
)
def test_an_ordinary_user_owns_the_queue_himself(
    users: list[tuple[str, int]],
    groups: list[tuple[str, int]],
    expected: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accounts = [pwd.struct_passwd((name, "x", uid, 1001, "", "/", "")) for name, uid in users]
    known = [grp.struct_group((name, "x", gid, [])) for name, gid in groups]
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("os.getegid", lambda: 1001)
    monkeypatch.setattr("pwd.getpwall", lambda: accounts)
    monkeypatch.setattr("grp.getgrall", lambda: known)
    assert init.accounts() == expected


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        ("relay.example.test", "relay.example.test"),
        ("relay", "relay.localdomain"),
        ("my_machine", "localhost.localdomain"),
        ("", "localhost.localdomain"),
        ("-x", "localhost.localdomain"),
        ("x" * 64, "localhost.localdomain"),
    ],
)
def test_the_host_name_is_one_that_postfix_takes(
    machine: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: machine)
    assert init.valid_host_name() == name


@pytest.fixture
def instance() -> Iterator[QueueInstance]:
    """An instance as it is made, in a place that all may enter."""
    with queue_instance() as made:
        yield made


def test_debians_postconf_knows_all_parameters(instance: QueueInstance) -> None:
    done = instance.debians("postconf", "-n")
    assert (done.returncode, done.stderr) == (0, b"")


def test_debians_postcat_finds_a_queue_file(instance: QueueInstance) -> None:
    instance.put("deferred/C/C3A92216044", queue_file())
    done = instance.debians("postcat", "-q", "C3A92216044")
    assert done.returncode == 0, done
    assert b"sender: s@from.test" in done.stdout


def test_debians_postqueue_reads_the_empty_queue(instance: QueueInstance) -> None:
    peers.superuser("postqueue without a running showq")
    done = instance.debians("postqueue", "-p")
    assert (done.returncode, done.stdout) == (0, b"Mail queue is empty\n"), done


def test_debians_postfix_has_no_complaint(instance: QueueInstance) -> None:
    peers.superuser("postfix check")
    with (instance.config_dir / "master.cf").open("a") as master_cf:
        # What it insists on when there is a maillog_file.
        master_cf.write("postlog unix-dgram n - n - 1 postlogd\n")
    done = instance.debians("postfix", "check")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    log = instance.top / "log/mail.log"
    assert not log.exists() or log.read_text() == ""
