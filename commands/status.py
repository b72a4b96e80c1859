"""status - the services and processes of the running mail system

SYNOPSIS
    postroom status [--json]

DESCRIPTION
    Exit status 0 if the mail system runs, 1 if it does not. master tells what
    it knows; memory and CPU time of its processes are looked up here.

    PSS is a process's share of the memory: pages that several processes have
    in common count in parts.

SEE ALSO
    master.orders, the other side
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from commands.instance import NOT_RUNNING, Facts, Instance, SilentError

ANSWER_SECONDS = 3.0
PSS_LIMIT = 500  # processes; beyond that the sums would take longer than an operator waits
MEGABYTE = 1024 * 1024

SERVICE_COLUMNS = ("service", "type", "command", "processes", "available", "limit", "state", "at")
SANDBOX_COLUMNS = ("service", "sandbox", "without")
PROCESS_COLUMNS = ("pid", "command", "gen", "age", "state", "requests", "rss", "pss", "cpu")


def main(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Show the state."""
    parser = argparse.ArgumentParser(prog="postroom status")
    parser.add_argument("--json", action="store_true", help="the same facts for programs")
    options = parser.parse_args(arguments)
    instance = Instance.of(config_dir)
    if not instance.runs():
        print(json.dumps({"running": False}) if options.json else NOT_RUNNING)
        return 1
    try:
        facts = instance.ask("status", ANSWER_SECONDS)
    except SilentError as error:
        print("the Postfix mail system is running")
        print(f"postroom: warning: master does not answer: {error}", file=sys.stderr)
        return 0
    measure(facts, elsewhere=facts.pop("peer") != facts["pid"])
    print(json.dumps({"running": True, **facts}, indent=2) if options.json else table(facts))
    return 0


def measure(facts: Facts, *, elsewhere: bool) -> None:
    """Add memory and CPU time of each process; those that have just left stay without.

    So do all of them if the mail system lives in another process namespace.
    """
    processes = facts["processes"]
    master = {"pid": facts["pid"], "service": "", "command": "master", "generation": 0}
    age = round(time.time() - facts["started"], 1)
    processes.insert(0, {**master, "age": age, "state": facts["phase"], "requests": 0})
    for one in processes:
        one.update(rss=None, pss=None, cpu_seconds=None)
        if elsewhere:
            continue  # these numbers mean other processes here
        try:
            process = psutil.Process(one["pid"])
            with process.oneshot():
                times = process.cpu_times()
                one["cpu_seconds"] = round(times.user + times.system, 2)
                one["rss"] = process.memory_info().rss
            if len(processes) <= PSS_LIMIT:
                one["pss"] = process.memory_full_info().pss
        except psutil.Error:
            continue


def table(facts: Facts) -> str:
    """Return the facts for a reader."""
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(facts["started"]))
    return "\n".join(
        [
            f"the Postfix mail system is {facts['phase']}: PID: {facts['pid']}",
            f"Postroom {facts['version']}, as Postfix {facts['mail_version']}, since {since}",
            f"configuration {facts['config_directory']}, queue {facts['queue_directory']}",
            "",
            *aligned([SERVICE_COLUMNS, *map(service_row, facts["services"])]),
            "",
            *aligned([SANDBOX_COLUMNS, *map(sandbox_row, filter(is_native, facts["services"]))]),
            "",
            *aligned([PROCESS_COLUMNS, *map(process_row, facts["processes"])]),
        ]
    )


def service_row(one: Facts) -> tuple[str, ...]:
    """Return a service's line."""
    state = "ended" if one["ended"] else "ok"
    if one["throttled_seconds"]:
        state = f"throttled for {one['throttled_seconds']:.0f} s"
    return (
        *(one["name"], one["type"], one["command"]),
        *(str(one["processes"]), str(one["available"]), str(one["process_limit"] or "-")),
        *(state, " ".join(one["endpoints"])),
    )


def is_native(one: Facts) -> bool:
    """Tell whether a service is a daemon of ours."""
    return bool(one["native"])


def sandbox_row(one: Facts) -> tuple[str, ...]:
    """Return what a service's processes have shut themselves in with."""
    layers = one["sandbox"]
    if layers is None:
        return one["name"], "unknown", ""  # no process has come so far
    held = [name for name, holds in layers.items() if holds]
    without = [name for name, holds in layers.items() if not holds]
    return one["name"], " ".join(held) or "off", " ".join(without) if held else ""


def process_row(one: Facts) -> tuple[str, ...]:
    """Return a process's line."""
    return (
        *(str(one["pid"]), one["command"], str(one["generation"]), duration(one["age"])),
        *(one["state"], str(one["requests"])),
        *(megabytes(one["rss"]), megabytes(one["pss"])),
        "-" if one["cpu_seconds"] is None else f"{one['cpu_seconds']:.2f}s",
    )


def aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return lines whose columns stand below each other."""
    table = list(rows)
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def duration(seconds: float) -> str:
    """Return a time in its two largest units."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{days}d{hours % 24}h"
    if hours:
        return f"{hours}h{minutes % 60}m"
    return f"{minutes}m{int(seconds) % 60}s" if minutes else f"{seconds:.0f}s"


def megabytes(size: int | None) -> str:
    """Return a size in MB."""
    return "-" if size is None else f"{size / MEGABYTE:.1f}M"
