"""both - the same command lines for Debian's postmap or another program and for ours

DESCRIPTION
    A Script is some files and some command lines that follow each other in
    one folder. Each side has a folder of its own with the same names in it.
    Debian's programs run many at a time, since one that fails sleeps a second
    first; ours run as forks of the test, which costs no start.

    shown() makes complaints comparable: what Debian's program says of errno
    is often that of another call, and its packages are not ours.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from commands.map import postmap
from tests.suite import peers

AGE = 1000  # seconds: Debian's programs read a file again and again that was just written
CRASHED = 70
WORKERS = 100  # they sleep more than they work

Command = Callable[[Path, int, list[str]], int]


class Step(NamedTuple):
    """A command line and its input."""

    arguments: tuple[str, ...]
    stdin: bytes = b""

    @property
    def has_no_order(self) -> bool:
        """Tell whether Debian's program prints its lines in an order of chance."""
        return any(word.startswith(("texthash:", "inline:")) for word in self.arguments)


class Outcome(NamedTuple):
    """What came of a step."""

    status: int
    stdout: bytes
    stderr: list[bytes]


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
        for name, content in {**self.files, "etc/main.cf": self.main_cf.encode()}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            os.utime(path, (time.time() - AGE,) * 2)


def compare(scripts: Iterable[Script], top: Path, *, complaints: bool = True) -> int:
    """See that both sides say the same at every step; return how many steps there were.

    complaints: standard error counts too.
    """
    steps = 0
    for one, folder, outcomes in play(str(peers.postmap()), list(scripts), top):
        for step, outcome in zip(one.steps, outcomes, strict=True):
            steps += 1
            theirs_shown, ours_shown = shown(outcome), shown(ours(step, folder / "ours"))
            if step.has_no_order:
                theirs_shown, ours_shown = sorted_lines(theirs_shown), sorted_lines(ours_shown)
            if any(b": fatal: " in line for line in theirs_shown.stderr):
                # Debian's program forgets what it has not written yet.
                kept = ours_shown.stdout[: len(theirs_shown.stdout)]
                ours_shown = ours_shown._replace(stdout=kept)
            if not complaints:
                theirs_shown, ours_shown = (
                    one._replace(stderr=[]) for one in (theirs_shown, ours_shown)
                )
            assert ours_shown == theirs_shown, (
                f"{folder}: {step}\n{one.readable()} {one.main_cf}\n"
                f"theirs: {difference(theirs_shown, ours_shown)}\n"
                f"ours:   {difference(ours_shown, theirs_shown)}"
            )
    return steps


def play(
    program: str, scripts: Sequence[Script], top: Path
) -> Iterator[tuple[Script, Path, list[Outcome]]]:
    """Yield each script, its folder, and what Debian's program made of its steps.

    The folder has the files for both sides, below "theirs" and "ours".
    """
    folders = [top / str(number) for number in range(len(scripts))]
    for one, folder in zip(scripts, folders, strict=True):
        one.lay_out(folder / "theirs")
        one.lay_out(folder / "ours")

    def theirs(number: int) -> list[Outcome]:
        folder = folders[number] / "theirs"
        return [debians(program, step, folder) for step in scripts[number].steps]

    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        yield from zip(scripts, folders, pool.map(theirs, range(len(scripts))), strict=True)


def difference(one: Outcome, other: Outcome) -> Outcome:
    """Return what is in one outcome and not in the other."""
    lines, others = one.stdout.split(b"\n"), other.stdout.split(b"\n")
    kept = b"\n".join(line for line in lines if line not in others)
    return Outcome(one.status, kept, [line for line in one.stderr if line not in other.stderr])


def sorted_lines(outcome: Outcome) -> Outcome:
    """Return an outcome whose lines have an order."""
    return outcome._replace(stdout=b"\n".join(sorted(outcome.stdout.split(b"\n"))))


def debians(program: str, step: Step, folder: Path) -> Outcome:
    """Run Debian's program."""
    done = subprocess.run(
        [Path(program).name, "-c", "etc", *step.arguments],
        executable=program,
        input=step.stdin,
        capture_output=True,
        check=False,
        cwd=folder,
        env=ENVIRONMENT,
        timeout=60,
    )
    return Outcome(done.returncode, done.stdout, done.stderr.split(b"\n"))


def ours(step: Step, folder: Path, command: Command = postmap) -> Outcome:
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
            become(command, step, folder, [stdin.fileno(), stdout.fileno(), stderr.fileno()])
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        outputs = []
        for file in (stdout, stderr):
            file.seek(0)
            outputs.append(file.read())
    return Outcome(status, outputs[0], outputs[1].split(b"\n"))


def become(command: Command, step: Step, folder: Path, descriptors: list[int]) -> None:
    """Be the command, and end."""
    status = CRASHED
    try:
        for target, descriptor in enumerate(descriptors):
            os.dup2(descriptor, target)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
        os.environ.clear()
        os.environ.update(ENVIRONMENT)
        os.chdir(folder)
        status = command(Path("/nonexistent"), 0, ["-c", "etc", *step.arguments])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin", "TZ": "UTC", "greeting": "hello", "SHOUT": "HEY"}

STALE_ERRNO = re.compile(rb"((?:query|sequence|delete|write) error): .*")
PACKAGE = re.compile(rb"\. Is the postfix-\w+ package installed\?")


def shown(outcome: Outcome) -> Outcome:
    """Return an outcome with what need not be the same taken out of its complaints."""
    lines = []
    for line in outcome.stderr:
        text = STALE_ERRNO.sub(rb"\1", line)
        text = PACKAGE.sub(b"", text)
        if text.endswith(b"?") and b"sqlite" in text:
            text = text[:-1]  # a newline at the end of Debian's complaint
        lines.append(text)
    return Outcome(outcome.status, outcome.stdout, lines)
