"""engine - one target, for as long as it is let

SYNOPSIS
    python -P -m tests.fuzz.engine TARGET FOLDER SECONDS RUNS [plain]

DESCRIPTION
    Feeds inputs to a target until one fails, or time or runs are over (0: no
    limit). With atheris the branches that an input takes lead to the next.
    Without it, or plain, chance alone makes the inputs, three times as many.

    FOLDER/TARGET.json tells how far it is, FOLDER/inputs/TARGET holds inputs
    that took new branches, FOLDER/TARGET-crash-... the one that failed.

SEE ALSO
    tests.fuzz.__main__, which runs all targets
    https://github.com/google/atheris
"""

import contextlib
import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from tests.fuzz.bounds import Limited
from tests.fuzz.mutation import LONGEST, Chance
from tests.fuzz.target import Target, load

PRODUCT = ["cleanup", "commands", "common", "master", "qmqpd"]

HANG_SECONDS = 30  # on the clock: then it does not end at all
MEMORY_LIMIT = 1024  # megabytes
NOTE_EVERY = 2.0  # seconds between two accounts


@dataclass(frozen=True, slots=True)
class Account:
    """How far a target is."""

    executions: int
    seconds: float
    slowest: float  # seconds of the processor for one input
    growth: int  # blocks of memory
    peak: int  # megabytes


class Engine:
    """A target at work."""

    def __init__(self, target: Target, folder: Path, seconds: int, runs: int) -> None:
        self.target = target
        self.folder = folder
        self.seconds = seconds
        self.runs = runs
        self._check = Limited(target.check)
        self._begun = self._noted = time.monotonic()

    def take(self, data: bytes) -> None:
        """Check one input, and note now and then how far we are."""
        self._check(data)
        now = time.monotonic()
        if now - self._noted > NOTE_EVERY or self._check.executions == self.runs:
            self._noted = now
            self.note()

    def note(self) -> None:
        """Write the account."""
        account = Account(
            executions=self._check.executions,
            seconds=round(time.monotonic() - self._begun, 1),
            slowest=round(self._check.slowest, 3),
            growth=self._check.growth,
            peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        )
        (self.folder / f"{self.target.name}.json").write_text(json.dumps(asdict(account)))

    @property
    def inputs(self) -> Path:
        """The folder of inputs that took new branches."""
        return self.folder / "inputs" / self.target.name

    @property
    def is_over(self) -> bool:
        """Whether time or runs are used up."""
        executions = self._check.executions
        late = self.seconds and time.monotonic() - self._begun > self.seconds
        return bool(late or (self.runs and executions >= self.runs))

    def keep(self, data: bytes) -> Path:
        """Keep an input that failed; return its path."""
        name = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        path = self.folder / f"{self.target.name}-crash-{name}"
        path.write_bytes(data)
        return path


def run_atheris(engine: Engine) -> None:
    """Let libFuzzer choose the inputs; does not return."""
    import atheris

    engine.inputs.mkdir(parents=True, exist_ok=True)
    words = engine.folder / f"{engine.target.name}.dict"
    words.write_text("".join(map(dictionary_line, engine.target.tokens)))
    options = {
        "runs": engine.runs or -1,
        "max_total_time": engine.seconds,
        "timeout": HANG_SECONDS,
        "rss_limit_mb": MEMORY_LIMIT,
        "max_len": LONGEST,
        "dict": words,
        "artifact_prefix": engine.folder / f"{engine.target.name}-",
    }
    arguments = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup(
        [sys.argv[0], *arguments, str(engine.inputs), str(engine.target.corpus)], engine.take
    )
    atheris.Fuzz()


def dictionary_line(token: bytes) -> str:
    """Return a line of libFuzzer's dictionary."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in token) + '"\n'


def run_chance(engine: Engine) -> None:
    """Let chance make the inputs, of the seeds and of what atheris has found before."""
    seeds = engine.target.seeds()
    seeds += [path.read_bytes() for path in sorted(engine.inputs.glob("*"))]
    chance = Chance(engine.target, seeds, Random())
    while not engine.is_over:
        data = next(chance)
        try:
            engine.take(data)
        except BaseException:
            print(f"kept as {engine.keep(data)}", file=sys.stderr)
            raise
    engine.note()


def prepare(name: str, *, plain: bool) -> tuple[Target, Callable[[Engine], None]]:
    """Load a target so that its branches can be seen, if there is somebody to see them."""
    try:
        if plain:
            return load(name), run_chance
        import atheris
    except ImportError:
        return load(name), run_chance
    with atheris.instrument_imports(include=PRODUCT):
        return load(name), run_atheris


def main() -> None:
    """Run one target."""
    name, folder, seconds, runs, *plain = sys.argv[1:]
    target, run = prepare(name, plain=bool(plain))
    with contextlib.suppress(KeyboardInterrupt):
        run(Engine(target, Path(folder), int(seconds), int(runs)))


if __name__ == "__main__":
    main()
