"""processes - what runs, as /proc tells it

DESCRIPTION
    A Process is a pid together with its start time, so that a number which
    the kernel has given to somebody else is never mistaken for ours, and never
    killed.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """One process, by pid and birth (clock ticks since boot)."""

    pid: int
    born: int

    def alive(self) -> bool:
        """Tell whether it still runs; a zombie does not."""
        stat = _stat(self.pid)
        return stat is not None and stat.born == self.born and stat.state not in "ZX"

    def command(self) -> str:
        """Return its command line, or its title; empty once it is gone."""
        try:
            return (
                (PROC / str(self.pid) / "cmdline")
                .read_bytes()
                .replace(b"\0", b" ")
                .decode(errors="replace")
                .strip()
            )
        except OSError:
            return ""

    def folder(self) -> Path | None:
        """Return its working folder, None if it cannot be told."""
        try:
            return Path(os.readlink(PROC / str(self.pid) / "cwd"))
        except OSError:
            return None

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal, if it is still the same process."""
        if self.alive():
            # It may leave between the look and the signal.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


@dataclass(frozen=True, slots=True)
class _Stat:
    state: str
    parent: int
    born: int


def process(pid: int) -> Process | None:
    """Return the process that has this pid now."""
    stat = _stat(pid)
    return Process(pid, stat.born) if stat is not None and stat.state not in "ZX" else None


def children(parent: Process) -> list[Process]:
    """Return the direct children of parent that run now."""
    return [
        Process(pid, stat.born)
        for pid, stat in _all()
        if stat.parent == parent.pid and stat.state not in "ZX"
    ]


def inhabitants(folder: Path) -> list[Process]:
    """Return the processes that work in folder or below it."""
    found = [Process(pid, stat.born) for pid, stat in _all() if stat.state not in "ZX"]
    return [each for each in found if (place := each.folder()) and place.is_relative_to(folder)]


def _all() -> Iterator[tuple[int, _Stat]]:
    for name in os.listdir(PROC):
        if name.isdigit() and (stat := _stat(int(name))) is not None:
            yield int(name), stat


def _stat(pid: int) -> _Stat | None:
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name in parentheses may hold blanks and parentheses itself: proc(5).
    fields = text[text.rindex(")") + 2 :].split()
    return _Stat(state=fields[0], parent=int(fields[1]), born=int(fields[19]))
