"""queue_instance - an instance whose queue is filled by hand

DESCRIPTION
    Made by the product's own `init` in a folder that programs without
    privileges can pass through, so that Debian's may read it too.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from commands import init
from tests.common.queue_files import put
from tests.suite import peers


@dataclass(frozen=True, slots=True)
class QueueInstance:
    """Where things are, and how to put files there."""

    top: Path

    @property
    def config_dir(self) -> Path:
        """The configuration directory."""
        return self.top / "etc"

    @property
    def spool(self) -> Path:
        """The queue directory."""
        return self.top / "spool"

    def put(self, path: str, data: bytes, mode: int = 0o700) -> Path:
        """Write a file of the queue, the owner's as it should be."""
        written = put(self.spool / path, data, mode)
        if os.geteuid() == 0:
            owner = self.spool.joinpath("incoming").stat().st_uid
            for one in (written, *written.parents):
                if one == self.spool:
                    break
                os.chown(one, owner, -1)
        return written

    def configure(self, **settings: str) -> None:
        """Add lines to main.cf."""
        with (self.config_dir / "main.cf").open("a") as main_cf:
            main_cf.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def debians(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run one of Debian's Postfix programs on this instance."""
        command = [str(peers.program(program)), "-c", str(self.config_dir), *arguments]
        environment = {**os.environ, "TZ": "UTC"}
        return subprocess.run(command, capture_output=True, check=False, env=environment)


@contextlib.contextmanager
def queue_instance() -> Iterator[QueueInstance]:
    """Make an instance, remove it in the end."""
    top = Path(tempfile.mkdtemp(prefix="pr-"))
    try:
        top.chmod(0o755)
        assert init.main(Path(), 0, [str(top), "-o", "myhostname=mx.example.test"]) == 0
        yield QueueInstance(top)
    finally:
        shutil.rmtree(top)
