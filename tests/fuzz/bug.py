"""bug - a mistake planted in the product, for as long as a test wants it

DESCRIPTION
    A function is compiled again with another piece of text in one place. A
    place that is not there, or not once, is an error: the product has changed
    and its bug must be thought of anew.
"""

import importlib
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Bug:
    """One mistake."""

    module: str
    function: str  # "name", or "Class.name"
    text: str
    instead: str

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Have it in the product for a while."""
        module = importlib.import_module(self.module)
        owner_name, _, name = self.function.rpartition(".")
        owner: Any = getattr(module, owner_name) if owner_name else module
        original = getattr(owner, name)
        source = textwrap.dedent(inspect.getsource(original))
        assert source.count(self.text) == 1, f"{self.function} has no single {self.text!r}"
        found: dict[str, Any] = {}
        exec(source.replace(self.text, self.instead), original.__globals__, found)
        setattr(owner, name, found[name])
        try:
            yield
        finally:
            setattr(owner, name, original)
