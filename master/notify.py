"""notify - what the service manager hears of us

DESCRIPTION
    systemd tells a service by NOTIFY_SOCKET where it wants to hear when the
    service is ready, reloads and stops, and by WATCHDOG_USEC how often it
    wants to hear that the service is well. Without these nothing is said.
    Nobody waits for the manager: what it does not take is not said.

    The protocol is one datagram of NAME=value lines; a library would be
    longer than this.

SEE ALSO
    sd_notify(3), systemd.service(5)
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

from master.events import Loop

ABSTRACT = "@"  # in place of the NUL that such an address begins with


class Notifier:
    """The way to the service manager."""

    def __init__(self, address: str = "", watchdog: float = 0.0) -> None:
        self.address = address
        self.watchdog = watchdog  # seconds; 0 for none

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Notifier":
        """Return what the manager has asked for."""
        usec = environment.get("WATCHDOG_USEC", "")
        meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog = int(usec) / 1e6 if meant and usec.isdigit() else 0.0
        return cls(environment.get("NOTIFY_SOCKET", ""), watchdog)

    def ready(self, status: str) -> None:
        """Say that clients are served, after a start, a reload or an upgrade."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Say that this is about to change; ready() follows."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1", "STATUS=")

    def watch(self, loop: Loop) -> None:
        """Say from now on that the loop turns."""
        if self.watchdog:
            self._send("WATCHDOG=1")
            loop.call_later(self.watchdog / 2, lambda: self.watch(loop))

    def _send(self, *words: str) -> None:
        if not self.address:
            return
        name = self.address
        address = "\0" + name[1:] if name.startswith(ABSTRACT) else name
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(words).encode(), address)
