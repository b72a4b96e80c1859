"""later - modules that are imported only if somebody looks into them

DESCRIPTION
    The standard library's dataclasses import inspect, of which they need a
    function for classes that have no docstring. Ours have one; but inspect
    and the compiler tools that it brings take a tenth of the time in which a
    program of ours starts. So do logging, of which setproctitle wants a logger
    that it does not use, what it brings for tracebacks, and urllib, of which
    pathlib wants a function for Path.as_uri(), and shutil, of which argparse wants
    the width of the terminal. A program puts a Later in their place first of all.
"""

import importlib
import os
import sys
from contextlib import suppress
from types import ModuleType


class Later(ModuleType):
    """Stands for a module until it is needed."""

    def __getattr__(self, name: str) -> object:
        """Return what the real module has, which takes this one's place."""
        if name.startswith("__"):
            raise AttributeError(name)  # asked by the import system, of every module
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        found: object = getattr(importlib.import_module(self.__name__), name)
        return found


def lighten() -> None:
    """Spare a program of ours what nobody needs; to be called before anything else is imported.

    A master is forked for its workers: besides time it saves them memory to copy, and what
    threading and logging would do after each fork.
    """
    postpone("inspect", "traceback", "shutil")
    sys.modules["shutil"].__dict__.setdefault("get_terminal_size", terminal_size)
    import_setproctitle()
    import_pathlib()


def postpone(*names: str) -> None:
    """Let modules be imported when they are needed, those that have not been yet."""
    for name in names:
        sys.modules.setdefault(name, Later(name))


def terminal_size(fallback: tuple[int, int] = (80, 24)) -> os.terminal_size:
    """Return what shutil's function of that name does, without four libraries that compress.

    Each parser of arguments asks for it, and each fork would carry them along.
    """
    columns, lines = fallback
    with suppress(OSError, ValueError):
        columns, lines = os.get_terminal_size(1)
    with suppress(ValueError):
        columns = int(os.environ.get("COLUMNS", "")) or columns
    return os.terminal_size((columns, lines))


def import_setproctitle() -> None:
    """Import setproctitle without logging.

    It asks that for a logger, and for nothing else unless its own half in C is missing.
    """
    later = Later("logging")
    later.__dict__["getLogger"] = lambda name: later  # which has debug() and the like too
    import_beside("setproctitle", later)


def import_pathlib() -> None:
    """Import pathlib without urllib.parse, which is imported when Path.as_uri() is called."""
    later = Later("urllib.parse")
    later.__dict__["quote_from_bytes"] = _quote_from_bytes
    import_beside("pathlib", later)


def _quote_from_bytes(data: bytes) -> str:
    from urllib.parse import quote_from_bytes

    return quote_from_bytes(data)


def import_beside(name: str, later: Later) -> None:
    """Import a module that finds this one where it looks for another."""
    before = sys.modules.setdefault(later.__name__, later)
    importlib.import_module(name)
    if before is later and sys.modules[later.__name__] is later:
        del sys.modules[later.__name__]
