"""postponed - what is wrong with tables, said when it matters

SEE ALSO
    common.tables.table, Complaints
"""

from collections.abc import Callable
from functools import partial

from common.tables.table import Complaints


class Postponed:
    """A log that keeps what it hears until it is released.

    Each process says what is wrong with its lists once, when the first client
    comes: many workers see none.
    """

    def __init__(self, log: Complaints) -> None:
        self._log = log
        self._kept: list[Callable[[], None]] | None = []
        self.deaf = False  # forget what is said meanwhile

    def warning(self, text: str) -> None:
        """Pass a warning on, sooner or later."""
        self._pass(partial(self._log.warning, text))

    def error(self, text: str) -> None:
        """Pass an error on, sooner or later."""
        self._pass(partial(self._log.error, text))

    def release(self) -> None:
        """Pass on what was kept, and from now on everything at once."""
        kept, self._kept = self._kept, None
        for say in kept or ():
            say()

    def _pass(self, say: Callable[[], None]) -> None:
        if self.deaf:
            return
        if self._kept is None:
            say()
        else:
            self._kept.append(say)
