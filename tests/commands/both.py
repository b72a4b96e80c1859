"""both - the same command lines for one of Debian's programs and for ours

DESCRIPTION
    A Script is some files and some command lines that follow each other in
    one folder. Each side has a folder of its own with the same names in it.
    Debian's programs run many at a time, since one that fails sleeps a second
    first; ours run as forks of the test, which costs no start.
"""

import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

AGE = 1000  # seconds: Debian's programs read a file again and again that was just written
CRASHED = 70
WORKERS = 100  # they sleep more than they work
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin", "TZ": "UTC", "greeting": "hello", "SHOUT": "HEY"}


class Step(NamedTuple):
    """A command line and its input."""

    arguments: tuple[str, ...]
    stdin: bytes = b""


class Outcome(NamedTuple):
    """What came of a step."""

    status: int
    stdout: bytes
    stderr: list[bytes]
    files: Mapping[str, bytes] = {}


class Program(NamedTuple):
    """A program of Debian's, and the function that is ours."""

    theirs: Path
    ours: Callable[[Path, int, list[str]], int]
    watched: tuple[str, ...] = ()  # files that it may change


@dataclass(frozen=True, slots=True)
class Script:
    """Steps in a folder with these files, and etc/main.cf."""

    steps: tuple[Step, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    main_cf: str = ""

    def readable(self) -> dict[str, bytes]:
        """Return the files that tell a reader something."""
        return {name: data for name, data in self.files.items() if b"\0" not in data}

    def lay_out(self, folder: Path) -> None:
        """Write the files."""
        for name, content in {"etc/main.cf": self.main_cf.encode(), **self.files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            os.utime(path, (time.time() - AGE,) * 2)


def play(
    program: Program, scripts: Sequence[Script], top: Path
) -> Iterable[tuple[Script, Step, Outcome, Outcome]]:
    """Yield script, step, Debian's outcome and ours, of each step."""
    folders = [top / str(number) for number in range(len(scripts))]
    for one, folder in zip(scripts, folders, strict=True):
        one.lay_out(folder / "theirs")
        one.lay_out(folder / "ours")

    def theirs(number: int) -> list[Outcome]:
        folder = folders[number] / "theirs"
        return [debians(program, step, folder) for step in scripts[number].steps]

    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        expected = list(pool.map(theirs, range(len(scripts))))
    for one, folder, outcomes in zip(scripts, folders, expected, strict=True):
        for step, outcome in zip(one.steps, outcomes, strict=True):
            yield one, step, outcome, ours(program, step, folder / "ours")


def debians(program: Program, step: Step, folder: Path) -> Outcome:
    """Run Debian's program."""
    done = subprocess.run(
        [program.theirs.name, "-c", "etc", *step.arguments],
        executable=program.theirs,
        input=step.stdin,
        capture_output=True,
        check=False,
        cwd=folder,
        env=ENVIRONMENT,
        timeout=60,
    )
    files = contents(program, folder)
    return Outcome(done.returncode, done.stdout, done.stderr.split(b"\n"), files)


def contents(program: Program, folder: Path) -> dict[str, bytes]:
    """Return the files that a program may have changed, old enough to be read at once."""
    found = {}
    for name in program.watched:
        path = folder / name
        if path.is_file():
            found[name] = path.read_bytes()
            os.utime(path, (time.time() - AGE,) * 2)
    return found


def ours(program: Program, step: Step, folder: Path) -> Outcome:
    """Run our command, in a process of its own."""
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
    ):
        stdin.write(step.stdin)
        stdin.seek(0)
        pid = os.fork()
        if pid == 0:
            become(program, step, folder, [stdin.fileno(), stdout.fileno(), stderr.fileno()])
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        outputs = []
        for file in (stdout, stderr):
            file.seek(0)
            outputs.append(file.read())
    return Outcome(status, outputs[0], outputs[1].split(b"\n"), contents(program, folder))


def become(program: Program, step: Step, folder: Path, descriptors: list[int]) -> None:
    """Be the command, and end."""
    status = CRASHED
    try:
        for target, descriptor in enumerate(descriptors):
            os.dup2(descriptor, target)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
        os.environ.clear()
        os.environ.update(ENVIRONMENT)
        os.chdir(folder)
        status = program.ours(Path("/nonexistent"), 0, ["-c", "etc", *step.arguments])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
