"""reference - Debian's real Postfix, as the corpus was recorded from it

DESCRIPTION
    The same interface as instance.Postroom, with qmqpd, cleanup, rewrite,
    bounce, proxymap and postlog, and nothing that delivers. Needs root.

SEE ALSO
    conformance/README.md, "Base settings"
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.suite import peers
from tests.suite.instance import Instance, run

RECEIVING_SERVICES = """\
127.0.0.1:{port} inet n - n - - qmqpd
cleanup   unix  n - n - 0 cleanup
"""
COMMON_SERVICES = """\
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
proxymap  unix  - - n - - proxymap
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix(Instance):
    """A private instance of the real Postfix."""

    def create(self, settings: Mapping[str, str]) -> None:
        peers.superuser("the real Postfix")
        peers.program("postfix")
        services = RECEIVING_SERVICES.format(port=self.port) + COMMON_SERVICES
        write_configuration(self.top, self.spool, self.log_path, settings, services)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = str(peers.program("postfix"))
        return run([*self.within, program, "-c", str(self.config_dir), *arguments])


def write_configuration(
    top: Path, spool: Path, log: Path, settings: Mapping[str, str], services: str
) -> None:
    """Write main.cf and master.cf of a private Postfix below top, make its folders."""
    for folder in (top / "etc", spool, log.parent):  # `postfix start` makes the others
        folder.mkdir(parents=True, exist_ok=True)
    parameters = {
        "queue_directory": str(spool),
        "data_directory": str(top / "data"),
        "maillog_file": str(log),
        "maillog_file_prefixes": str(top),
        **settings,
    }
    lines = [f"{name} = {value}\n" for name, value in parameters.items()]
    (top / "etc/main.cf").write_text("".join(lines))
    (top / "etc/master.cf").write_text(services)
