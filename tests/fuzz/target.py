"""target - what can be fuzzed: code that reads bytes of somebody else's

DESCRIPTION
    A module of tests.fuzz.targets is a target. Its check() takes any bytes and
    fails if a promise is broken: another exception than the code's own
    errors, answers that contradict each other, a bound that is not kept.
    TOKENS are bytes that mean something there, BUG is a mistake that must be
    found. Seeds lie in corpus/NAME.

    A module is imported when its target is loaded: whoever wants to see the
    branches that are taken prepares that before.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import targets
from tests.fuzz.bug import Bug

CORPUS = Path(__file__).parent / "corpus"

NAMES = sorted(module.name for module in pkgutil.iter_modules(targets.__path__))


@dataclass(frozen=True, slots=True)
class Target:
    """One target, ready to be checked."""

    name: str
    check: Callable[[bytes], None]
    tokens: tuple[bytes, ...]
    bug: Bug

    @property
    def corpus(self) -> Path:
        """The folder of its seeds."""
        return CORPUS / self.name

    def seeds(self) -> list[bytes]:
        """Return them, in the order of their names."""
        return [path.read_bytes() for path in sorted(self.corpus.iterdir())]


def load(name: str) -> Target:
    """Import a target and all that it checks."""
    module = importlib.import_module(f"{targets.__name__}.{name}")
    return Target(name, module.check, module.TOKENS, module.BUG)
