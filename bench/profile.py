"""profile - where the microseconds of a message go

SYNOPSIS
    python -P -m bench.profile [--size BYTES] [--lines LEAST-MOST] [--messages N] [-o NAME=VALUE]...

DESCRIPTION
    Postroom takes the same load three times, on tmpfs, in workers that never
    leave:

    1. processor time of client, qmqpd, cleanup and master, from the kernel;
    2. system calls of qmqpd and cleanup, counted by strace, if that is there;
    3. Python functions of qmqpd and cleanup, by cProfile: the processor time
       of their own. A profiler makes calls dear, so what is many small calls
       looks worse than it is.

    -o gives a parameter of main.cf another value, as for postroom init.
    Needs root, and Debian's postfix for its client.
"""

import argparse
import pstats
import re
import resource
import shutil
import signal
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import psutil

from bench import MEMORY
from bench.contest import SETTINGS
from bench.load import Shape, play, running
from bench.profiled import Profiled
from tests.suite.instance import Instance, Postroom
from tests.suite.peers import ROOT

PROGRAMS = ("qmqpd", "cleanup")
LASTING = {"max_use": "1000000000", "max_idle": "1h"}
SHOWN = 16  # functions of each program
SLOWER = 4  # so many times fewer messages where each is slowed down
ATTACHED = re.compile(r"attached$")
COUNT_LINE = re.compile(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", re.MULTILINE)
ATTACH_TIMEOUT = 10.0


def main() -> None:
    """Look three times, print each."""
    options = parse_options()
    tempfile.tempdir = MEMORY
    settings = {**SETTINGS, **LASTING, **dict(options.settings)}
    shape = Shape(options.size, options.messages, lines=options.lines)
    fewer = replace(shape, messages=max(shape.messages // SLOWER, 1))
    with running(Postroom(settings)) as instance:
        play(instance, fewer)
        show_times(instance, shape)
        show_calls(instance, fewer)
    show_functions(settings, fewer)


def parse_options() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="bench.profile", description="where the time goes")
    parser.add_argument("--size", type=int, default=1024, help="of a message, in bytes")
    parser.add_argument("--lines", type=bounds, help="lengths of the body's lines: 60-80")
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("-o", dest="settings", type=setting, action="append", default=[])
    return parser.parse_args()


def bounds(text: str) -> tuple[int, int]:
    """Return the lengths in "60-80"."""
    least, _, most = text.partition("-")
    return int(least), int(most or least)


def setting(text: str) -> tuple[str, str]:
    """Return name and value of "name=value"."""
    name, _, value = text.partition("=")
    return name.strip(), value.strip()


def show_times(instance: Instance, shape: Shape) -> None:
    """Print what each program has had of the processors for a message."""
    before = times(instance)
    result = play(instance, shape)
    after = times(instance)
    print(f"{result.rate:.0f} messages a second, {result.cpu:.0f} us of all processors each\n")
    print(f"{'program':10} {'user us':>8} {'system us':>10}")
    for name, (user, system) in after.items():
        user_before, system_before = before[name]
        each = 1e6 / shape.messages
        print(
            f"{name:10} {(user - user_before) * each:8.0f} {(system - system_before) * each:10.0f}"
        )


def times(instance: Instance) -> dict[str, tuple[float, float]]:
    """Return the seconds, user and system, that each program has had so far."""
    client = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {"client": (client.ru_utime, client.ru_stime)}
    master = instance.master()
    assert master
    for name, processes in {
        **{name: instance.children(name) for name in PROGRAMS},
        "master": [master],
    }.items():
        spent = [psutil.Process(one.pid).cpu_times() for one in processes]
        found[name] = (sum(one.user for one in spent), sum(one.system for one in spent))
    return found


def show_calls(instance: Instance, shape: Shape) -> None:
    """Print the system calls of each program."""
    if shutil.which("strace") is None:
        print("\nno system calls: there is no strace")
        return
    for name in PROGRAMS:
        counts = calls(instance, name, shape)
        total = sum(counts.values()) / shape.messages
        print(f"\n{name}: {total:.1f} system calls a message")
        for call, count in sorted(counts.items(), key=lambda found: -found[1]):
            if count >= shape.messages / 100:
                print(f"{count / shape.messages:10.2f} {call}")


def calls(instance: Instance, program: str, shape: Shape) -> dict[str, int]:
    """Return how often each system call was made by all processes of a program."""
    found = instance.children(program)
    with tempfile.NamedTemporaryFile("r") as summary:
        command = ["strace", "-c", "-o", summary.name]
        command += [word for process in found for word in ("-p", str(process.pid))]
        strace = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            assert strace.stderr
            for _ in found:
                line = strace.stderr.readline()
                assert ATTACHED.search(line), f"strace: {line}"
            play(instance, shape)
        finally:
            strace.send_signal(signal.SIGINT)
            strace.wait(ATTACH_TIMEOUT)
        lines = COUNT_LINE.findall(summary.read())
    return {name: int(count) for count, name in lines if name != "total"}


def show_functions(settings: dict[str, str], shape: Shape) -> None:
    """Print the functions that take most, by program."""
    with tempfile.TemporaryDirectory() as folder:
        with running(Profiled(settings, Path(folder))) as instance:
            play(instance, shape)
        for name in PROGRAMS:
            print(f"\n{name}: us of their own a message, calls a message")
            for spent, count, where in functions(Path(folder), name)[:SHOWN]:
                print(f"{spent / shape.messages * 1e6:10.1f} {count / shape.messages:8.2f} {where}")


def functions(folder: Path, program: str) -> list[tuple[float, int, str]]:
    """Return seconds, calls and names of all functions, the dearest first."""
    files = [str(path) for path in folder.glob(f"{program}.*")]
    assert files, f"no profile of {program}"
    found = pstats.Stats(*files).stats  # type: ignore[attr-defined]  # typeshed has it not
    rows = [
        (own, count, name if file == "~" else f"{shortened(file)}:{line} {name}")
        for (file, line, name), (_, count, own, _, _) in found.items()
    ]
    return sorted(rows, reverse=True)


def shortened(file: str) -> str:
    """Return a module's path as people here know it."""
    path = Path(file)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


if __name__ == "__main__":
    main()
