"""surroundings - host names, name server and syslog of an instance's own

DESCRIPTION
    What is started with `prefix` in front of its command runs in a mount
    namespace of its own. There one client address has a name, all others are
    looked up at a name server that never answers, and /dev/log is a socket
    that this process reads. Nothing outside changes. Needs root.

SEE ALSO
    unshare(1)
"""

import os
import random
import select
import socket
from pathlib import Path

RELAY = "127.9.0.1"  # the client that has a name
RELAY_NAME = "relay.example.test"
NAMELESS = "127.9.0.2"  # a client whose name nobody knows
NAME_PORT = 53

FILES = {
    "hosts": f"127.0.0.1 localhost\n::1 localhost\n{RELAY} {RELAY_NAME}\n",
    "resolv.conf": "nameserver {resolver}\noptions timeout:30 attempts:1\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n",
}
DEVICES = ("null", "zero", "urandom")
ENTER = """\
set -e
own=$0
for device in {devices}; do mount --bind /dev/$device $own/dev/$device; done
[ ! -e $own/syslog ] || mount --bind $own/syslog $own/dev/log
mount --bind /dev/shm $own/dev/shm
mount --rbind $own/dev /dev
for file in {files}; do mount --bind $own/$file /etc/$file; done
exec "$@"
"""


class Surroundings:
    """They exist until close(); processes that live in them may outlast it."""

    def __init__(self, top: Path, *, syslog: bool = True) -> None:
        """Make them; without syslog /dev/log is whatever is bound to log_path."""
        self._own = top / "surroundings"
        resolver = f"127.10.{random.randrange(256)}.{random.randrange(1, 255)}"
        (self._own / "dev/shm").mkdir(parents=True)
        self.log_path = self._own / "dev/log"
        for name in DEVICES:
            (self._own / "dev" / name).touch()
        for name, text in FILES.items():
            (self._own / name).write_text(text.format(resolver=resolver))
        self._syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if syslog:
            self.log_path.touch()
            self._syslog.bind(str(self._own / "syslog"))
            os.chmod(self._own / "syslog", 0o666)
        self._resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._resolver.bind((resolver, NAME_PORT))  # its questions are never read

    @property
    def prefix(self) -> list[str]:
        """What stands in front of a command that shall run inside."""
        script = ENTER.format(devices=" ".join(DEVICES), files=" ".join(FILES))
        enter = ["unshare", "--mount", "--propagation", "private"]
        return [*enter, "sh", "-c", script, str(self._own)]

    def syslog_line(self, wanted: bytes, seconds: float) -> bytes:
        """Return the first syslog datagram with these bytes in it; nothing if none comes."""
        while select.select([self._syslog], [], [], seconds)[0]:
            data = self._syslog.recv(8192)
            if wanted in data:
                return data
        return b""

    def close(self) -> None:
        """Give the sockets up."""
        self._syslog.close()
        self._resolver.close()
