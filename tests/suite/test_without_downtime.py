"""test_without_downtime - reloads and upgrades while sixteen clients submit without a pause

DESCRIPTION
    Each reload changes a parameter, and the next connection must show it; each
    upgrade puts a program in force that has a version of its own, and `status`
    must show that. No submission may fail or be reset, and the slowest of a
    hundred may take 200 ms, or three times what it takes in peace.

    The long form (--long, `make reloads`) takes two minutes.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.suite.conftest import chosen
from tests.suite.instance import Postroom, free_port
from tests.suite.load import Load, lost
from tests.suite.qmqp import submit
from tests.suite.tree import Tree
from tests.suite.visible import check_one_reload
from tests.suite.waiting import wait_for

pytestmark = pytest.mark.alone

pytestmark = pytest.mark.alone

CLIENTS = 16
SUBMISSIONS = 1_000_000  # more than there is time for
LONGEST = 0.2  # seconds
TIMES = 3
EXTRA = "127.0.0.1:{port} inet n - n - - qmqpd -o {{ qmqpd_client_port_logging = no }}\n"


@dataclass(frozen=True, slots=True)
class Form:
    """How much is done."""

    reloads: int
    upgrades: int
    peace: float  # seconds of load with nothing else, before and after


SHORT, LONG = Form(20, 3, 1.5), Form(200, 20, 10.0)


@pytest.mark.timeout(600)
def test_reloads_and_upgrades_under_load_fail_nothing_and_delay_little(
    pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    form = LONG if chosen(pytestconfig, "long") else SHORT
    tree = Tree(tmp_path / "next")
    with Postroom({"smtpd_peername_lookup": "no"}) as instance:
        instance.start()
        before = in_peace(instance, form.peace)
        with load(instance) as busy:
            change_everything(instance, tree, form)
        after = in_peace(instance, form.peace)
        assert busy.failed() == []
        assert not lost(busy.acknowledged(), instance)
        wait_for(lambda: len(instance.children("qmqpd")) <= 2 * CLIENTS, 10, "old workers to leave")
    peace = max(before.slowest(), after.slowest())
    print(
        f"\n{form.reloads} reloads, {form.upgrades} upgrades, {len(busy.sent)} submissions,"
        f" p99 {busy.slowest() * 1000:.0f} ms, slowest {busy.slowest(1.0) * 1000:.0f} ms;"
        f" in peace {len(before.sent) + len(after.sent)} submissions,"
        f" p99 {before.slowest() * 1000:.0f} and {after.slowest() * 1000:.0f} ms"
    )
    assert busy.slowest() <= max(LONGEST, TIMES * peace)


def load(instance: Postroom) -> Load:
    """Return clients that do nothing but submit."""
    return Load(instance.port, threads=CLIENTS, limit=SUBMISSIONS)


def in_peace(instance: Postroom, seconds: float) -> Load:
    """Return a load that nothing disturbed for so many seconds."""
    end = time.monotonic() + seconds
    with load(instance) as quiet:
        wait_for(lambda: time.monotonic() > end, seconds + 10, "the end of a measurement")
    assert quiet.failed() == []
    return quiet


def change_everything(instance: Postroom, tree: Tree, form: Form) -> None:
    """Reload and upgrade, evenly mixed; once, a listener comes and goes."""
    every = form.reloads // form.upgrades
    for number in range(form.reloads):
        check_one_reload(instance, number)
        if number % every == every - 1 and number // every < form.upgrades:
            check_one_upgrade(instance, tree, f"0.2.{number // every}")
        if number == form.reloads // 2:
            check_listener_that_comes_and_goes(instance)


def check_one_upgrade(instance: Postroom, tree: Tree, version: str) -> None:
    """Put a version in force; pid and children's parent stay, status shows it."""
    master = instance.master()
    tree.set_version(version)
    done = tree.postroom("-c", str(instance.config_dir), "upgrade")
    assert done.returncode == 0, (version, done)
    assert f"replaced by {version}\n" in done.stdout
    assert instance.master() == master
    facts = json.loads(instance.command("status", "--json").stdout)
    assert (facts["running"], facts["version"]) == (True, version)


def check_listener_that_comes_and_goes(instance: Postroom) -> None:
    """Add a service and take it away again."""
    path = instance.config_dir / "master.cf"
    services, port = path.read_text(), free_port()
    path.write_text(services + EXTRA.format(port=port))
    done = instance.reload()
    assert done.stdout == f"services added: 127.0.0.1:{port}/inet\n", done
    assert submit(port).verdict == "K"
    path.write_text(services)
    done = instance.reload()
    assert done.stdout == f"services removed: 127.0.0.1:{port}/inet\n", done
    with pytest.raises(ConnectionRefusedError):
        submit(port)
