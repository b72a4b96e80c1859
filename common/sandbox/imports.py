"""imports - no module is imported any more

DESCRIPTION
    A process that has shut itself in cannot read modules, and shall not run
    what somebody may have put in their place. Everything that a daemon will
    ever need is imported before; what is not shows here, as an error in the
    log, on a machine without any other lock too.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import NoReturn

from common.log import Log


class Closed:
    """In the place of all that finds modules."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Refuse.

        Raises:
            ModuleNotFoundError: always.
        """
        self._refuse(name)

    def _refuse(self, name: str) -> NoReturn:
        text = f"import of {name} after the start"
        self._log.error(text)
        raise ModuleNotFoundError(text, name=name)


def close(log: Log) -> None:
    """Refuse every import from now on, and log it."""
    sys.meta_path[:] = [Closed(log)]
