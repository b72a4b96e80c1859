"""control - reload, upgrade, stop, abort, drain: orders to the running mail system

SYNOPSIS
    postroom reload | upgrade | stop | abort | drain

DESCRIPTION
    reload returns when the new configuration is in force, and says what has
    changed; a bad one is refused, and the old one stays. upgrade does the
    same and puts the program in force, too, to which this command belongs;
    one that cannot take over is refused. stop and abort
    return when every process is gone. drain returns when nothing is accepted
    any more; processes end when their work is done.

    If master does not answer, it is sent a signal in place of the order.

SEE ALSO
    master.orders, the other side
"""

import argparse
import os
import select
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from commands.instance import ANSWER_SECONDS, NOT_RUNNING, Facts, Instance, SilentError
from commands.script import Script
from master.installation import Installation

STOP_ANSWER_SECONDS = 5.0
UPGRADE_ANSWER_SECONDS = 60.0  # a rehearsal may take 30, old processes five, twice
LEAVE_SECONDS = 2.0  # for a child to notice that master is gone
END_SECONDS = 15.0  # master ends its processes, and itself, within ten

# What a reload or an upgrade may have changed, in the order of interest.
REPORTS = (
    ("added", "services added"),
    ("removed", "services removed"),
    ("changed", "services changed"),
    ("parameters", "parameters changed"),
    ("postponed", "parameters that need a stop and a start"),
    ("unconfirmed", "old processes that did not confirm that they leave"),
)


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of master, and how."""

    request: str
    doing: str  # for the log
    patience: float = ANSWER_SECONDS
    arguments: Mapping[str, str] = field(default_factory=dict)
    substitute: signal.Signals | None = None  # that asks for the same
    shows: bool = False  # what has changed


def reload(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Put the configuration on disk in force."""
    order = Order("reload", "refreshing", substitute=signal.SIGHUP, shows=True)
    return give(order, config_dir, arguments)


def upgrade(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Put the program that runs here in force."""
    own = Installation.own()
    target = {"interpreter": own.interpreter, "path": own.path}
    order = Order("upgrade", "upgrading", UPGRADE_ANSWER_SECONDS, target, shows=True)
    return give(order, config_dir, arguments)


def drain(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Let the mail system end when its work is done."""
    return give(Order("drain", "draining"), config_dir, arguments)


def give(order: Order, config_dir: Path, arguments: list[str]) -> int:
    """Send one request and show the answer."""
    argparse.ArgumentParser(prog=f"postroom {order.request}").parse_args(arguments)
    instance = Instance.of(config_dir)
    script = Script(instance.main_cf)
    if not instance.runs():
        return script.fatal(NOT_RUNNING)
    master = instance.open_master()
    script.info(f"{order.doing} the Postfix mail system")
    try:
        answer = instance.ask(order.request, order.patience, order.arguments)
    except SilentError as error:
        if order.substitute is None or master is None:
            return script.fatal(f"master does not answer: {error}")
        signal.pidfd_send_signal(master, order.substitute)
        print(f"postroom: warning: no answer ({error}), sent a signal", file=sys.stderr)
        return 0
    if not answer["ok"]:
        return script.fatal(f"{order.request} refused: {answer['error']}")
    if order.shows:
        print_changes(answer)
    return 0


def print_changes(answer: Facts) -> None:
    """Say what a reload or an upgrade did."""
    for warning in answer["warnings"]:
        print(f"postroom: warning: {warning}", file=sys.stderr)
    lines = [
        f"{what}: {', '.join(map(str, answer[name]))}" for name, what in REPORTS if answer[name]
    ]
    if "version_before" in answer:
        lines.insert(0, f"version {answer['version_before']} replaced by {answer['version']}")
    print("\n".join(lines) or "nothing has changed")


def stop(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """End the mail system; its processes may finish for a few seconds."""
    return end("stop", "stopping", config_dir, arguments)


def abort(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """End the mail system without waiting for work to finish."""
    return end("abort", "aborting", config_dir, arguments)


def end(request: str, doing: str, config_dir: Path, arguments: list[str]) -> int:
    """Send the request, or a signal, and wait until master is gone, and all processes with it."""
    argparse.ArgumentParser(prog=f"postroom {request}").parse_args(arguments)
    instance = Instance.of(config_dir)
    script = Script(instance.main_cf)
    if not instance.runs():
        return script.fatal(NOT_RUNNING)
    master = instance.open_master()
    if master is None:
        return script.fatal(
            "the Postfix mail system runs, but its process cannot be seen from here"
        )
    script.info(f"{doing} the Postfix mail system")
    try:
        instance.ask(request, STOP_ANSWER_SECONDS)
    except SilentError:
        signal.pidfd_send_signal(master, signal.SIGTERM)
    if not ended(master, END_SECONDS):
        print("postroom: warning: master does not end: killed", file=sys.stderr)
        kill_family(master)
    return 0


def ended(process: int, seconds: float) -> bool:
    """Wait for the end of a process; tell whether it came in time."""
    return bool(select.select([process], [], [], seconds)[0])


def kill_family(master: int) -> None:
    """End a master that does not obey; its children see that, and leave."""
    children = [os.pidfd_open(one.pid) for one in psutil.Process(pid_of(master)).children()]
    signal.pidfd_send_signal(master, signal.SIGKILL)
    ended(master, END_SECONDS)
    for child in children:
        if not ended(child, LEAVE_SECONDS):
            signal.pidfd_send_signal(child, signal.SIGKILL)


def pid_of(process: int) -> int:
    """Return the number of a process that we have a descriptor of."""
    fields = Path(f"/proc/self/fdinfo/{process}").read_text().split()
    return int(fields[fields.index("Pid:") + 1])
