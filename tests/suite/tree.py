"""tree - a second installation of Postroom, with a version of its own

DESCRIPTION
    A copy of the sources behind an interpreter, laid out as venv does it: what
    an operator has who installs the next release beside this one, or in its
    place. Libraries are those of the tests' own environment.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from tests.suite import peers
from tests.suite.instance import run

PACKAGES = ("cleanup", "commands", "common", "master", "postlogd", "qmqpd")
VERSION = re.compile(r'(?m)^POSTROOM_VERSION = "(.*)"$')


class Tree:
    """An installation below a folder."""

    def __init__(self, top: Path) -> None:
        self.sources = top / "src"
        self.interpreter = top / "bin/python"
        for package in PACKAGES:
            shutil.copytree(
                peers.ROOT / package,
                self.sources / package,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        base = Path(os.path.realpath(sys.executable))
        self.interpreter.parent.mkdir()
        self.interpreter.symlink_to(base)
        (top / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
        major, minor = sys.version_info[:2]
        packages = top / f"lib/python{major}.{minor}/site-packages"
        packages.mkdir(parents=True)
        libraries = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
        (packages / "postroom.pth").write_text("\n".join([str(self.sources), *libraries]) + "\n")
        self._age = time.time()

    def edit(self, module: str, old: str, new: str) -> None:
        """Replace a text that stands once in a module, such as "master/pool.py"."""
        path = self.sources / module
        text = path.read_text()
        assert text.count(old) == 1, (module, old)
        path.write_text(text.replace(old, new))
        # Python tells a changed file by its age in whole seconds, and by its size.
        self._age += 2
        os.utime(path, (self._age, self._age))

    def set_version(self, version: str) -> None:
        """Make it another release."""
        paths = (self.sources / "common").rglob("*.py")
        path, text = next((one, text) for one in paths if VERSION.search(text := one.read_text()))
        found = VERSION.search(text)
        assert found
        new = found[0].replace(found[1], version)
        self.edit(str(path.relative_to(self.sources)), found[0], new)

    def postroom(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run its command."""
        return run([str(self.interpreter), "-P", "-m", "commands", *arguments])
