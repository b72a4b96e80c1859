"""control - reload, stop, abort, drain: orders to the running mail system

SYNOPSIS
    postroom reload | stop | abort | drain

DESCRIPTION
    reload returns when the new configuration is in force, and says what has
    changed; a bad one is refused, and the old one stays. stop and abort
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
from collections.abc import Callable
from pathlib import Path

import psutil

from commands.instance import NOT_RUNNING, Facts, Instance, SilentError
from commands.script import Script

STOP_ANSWER_SECONDS = 5.0
LEAVE_SECONDS = 2.0  # for a child to notice that master is gone
END_SECONDS = 15.0  # master ends its processes, and itself, within ten

# What a reload may have changed, in the order of interest.
REPORTS = (
    ("added", "services added"),
    ("removed", "services removed"),
    ("changed", "services changed"),
    ("parameters", "parameters changed"),
    ("postponed", "parameters that need a stop and a start"),
    ("unconfirmed", "old processes that did not confirm that they leave"),
)


def reload(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Put the configuration on disk in force."""
    return order("reload", "refreshing", signal.SIGHUP, print_changes, config_dir, arguments)


def drain(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Let the mail system end when its work is done."""
    return order("drain", "draining", None, ignore, config_dir, arguments)


def order(
    request: str,
    doing: str,
    substitute: signal.Signals | None,
    show: Callable[[Facts], None],
    config_dir: Path,
    arguments: list[str],
) -> int:
    """Send one request and show the answer."""
    argparse.ArgumentParser(prog=f"postroom {request}").parse_args(arguments)
    instance = Instance.of(config_dir)
    script = Script(instance.main_cf)
    if not instance.runs():
        return script.fatal(NOT_RUNNING)
    master = instance.open_master()
    script.info(f"{doing} the Postfix mail system")
    try:
        answer = instance.ask(request)
    except SilentError as error:
        if substitute is None or master is None:
            return script.fatal(f"master does not answer: {error}")
        signal.pidfd_send_signal(master, substitute)
        print(f"postroom: warning: no answer ({error}), sent a signal", file=sys.stderr)
        return 0
    if not answer["ok"]:
        return script.fatal(f"{request} refused: {answer['error']}")
    show(answer)
    return 0


def print_changes(answer: Facts) -> None:
    """Say what a reload did."""
    for warning in answer["warnings"]:
        print(f"postroom: warning: {warning}", file=sys.stderr)
    lines = [
        f"{what}: {', '.join(map(str, answer[name]))}" for name, what in REPORTS if answer[name]
    ]
    print("\n".join(lines) or "nothing has changed")


def ignore(answer: Facts) -> None:
    """Show nothing."""


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
