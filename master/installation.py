"""installation - a Postroom on disk, as it is started by exec

DESCRIPTION
    An interpreter finds everything else: the modules of its environment, and
    those of PYTHONPATH if that is set. Own is the one that runs now; that of
    an upgrade is the one whose "postroom upgrade" was called, be it the same
    place with other files in it or another place.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

SEARCH_PATH = "PYTHONPATH"
# Titles of processes are written over arguments and environment, which are short at an exec of
# ours: this keeps room for the longest command lines of master.cf.
TITLE_ROOM = "POSTROOM_TITLE_ROOM", "-" * 2000


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the programs are."""

    interpreter: str  # an absolute path
    path: str = ""  # PYTHONPATH

    @classmethod
    def own(cls) -> "Installation":
        """Return the one that this process runs.

        To be asked before the environment is cleaned, and before the working directory changes.
        """
        folders = os.environ.get(SEARCH_PATH, "").split(os.pathsep)
        path = os.pathsep.join(os.path.abspath(folder) for folder in folders if folder)
        return cls(sys.executable, path)

    @property
    def files(self) -> list[Path]:
        """What decides which modules are found; these are absolute paths."""
        return [Path(one) for one in (self.interpreter, *self.path.split(os.pathsep)) if one]

    def words(self, *arguments: str) -> list[str]:
        """Return the command line of its master."""
        # -P: nothing is imported from the working directory, which is the queue's.
        return [self.interpreter, "-P", "-m", "master", *arguments]

    def environment(self) -> dict[str, str]:
        """Return the variables for it: our own, and what it needs to be found."""
        variables = {**os.environ, TITLE_ROOM[0]: TITLE_ROOM[1]}
        return {**variables, SEARCH_PATH: self.path} if self.path else variables
