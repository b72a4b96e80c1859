"""instance - the running mail system, as commands find and ask it

DESCRIPTION
    An Instance is known by its queue directory: there are the lock, which
    tells whether master runs, and the control socket, where it answers.

SEE ALSO
    master.control, the other side
"""

import json
import os
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.config import Entry, MainCf, logical_lines, parse_assignment, read_text
from common.errors import ConfigError
from master import lock

ANSWER_SECONDS = 15.0  # a reload takes five at most
PIECE = 65536  # bytes of an answer at a time
CREDENTIALS = struct.Struct("3i")  # pid, uid, gid
NOT_RUNNING = "the Postfix mail system is not running"

Facts = dict[str, Any]


class SilentError(Exception):
    """The mail system gives no answer."""


@dataclass(frozen=True, slots=True)
class Instance:
    """Where a mail system can be asked."""

    main_cf: MainCf
    queue_directory: Path
    process_id_directory: str

    @classmethod
    def of(cls, config_dir: Path) -> "Instance":
        """Return the instance that a configuration belongs to, even if it has mistakes.

        Raises:
            ConfigError: main.cf cannot be read, or does not tell where the queue is.
        """
        main_cf = lenient_main_cf(config_dir)
        queue_directory = Path(main_cf.text("queue_directory"))
        return cls(main_cf, queue_directory, main_cf.text("process_id_directory"))

    def runs(self) -> bool:
        """Tell whether there is a master, by its lock."""
        return self._lock_holder() is not None

    def ask(
        self,
        request: str,
        patience: float = ANSWER_SECONDS,
        arguments: Mapping[str, str] | None = None,
    ) -> Facts:
        """Return the answer to a request, waiting so many seconds for each piece of it.

        Raises:
            SilentError: there is none.
        """
        data = b""
        try:
            with self._connected() as connection:
                connection.settimeout(patience)
                asked = {"request": request, **(arguments or {})}
                connection.sendall(json.dumps(asked).encode() + b"\n")
                while piece := connection.recv(PIECE):
                    data += piece
                return {**json.loads(data), "peer": peer_pid(connection)}
        except (OSError, ValueError) as error:
            raise SilentError(str(error)) from None

    def open_master(self) -> int | None:
        """Return a descriptor of master's process, None if it cannot be told which one that is."""
        try:
            with self._connected() as connection:
                return os.pidfd_open(peer_pid(connection))
        except OSError:
            return self._open_lock_holder()

    def _open_lock_holder(self) -> int | None:
        """Return the process that the lock file names, if it is a master of this queue.

        In another process namespace the number belongs to somebody else.
        """
        pid = self._lock_holder()
        try:
            process = os.pidfd_open(pid or 0)
            if os.path.samefile(f"/proc/{pid}/cwd", self.queue_directory):
                return process
            os.close(process)
        except OSError:
            pass
        return None

    def _lock_holder(self) -> int | None:
        return lock.holder(self.queue_directory / self.process_id_directory / "master.pid")

    def _connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        folder = -1
        try:
            # By way of a descriptor: the whole path may be too long for a socket's address.
            folder = os.open(self.queue_directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            connection.connect(f"/proc/self/fd/{folder}/{self.process_id_directory}/control")
        except OSError:
            connection.close()
            raise
        finally:
            if folder >= 0:
                os.close(folder)
        return connection


def peer_pid(connection: socket.socket) -> int:
    """Return who listens at the other end, as a number of our own namespace; 0 is out of sight."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return int(CREDENTIALS.unpack(found)[0])


def lenient_main_cf(config_dir: Path) -> MainCf:
    """Return what can be read of main.cf: a mistake in it must not keep us from stopping."""
    try:
        return MainCf.read(config_dir)
    except ConfigError:
        entries = {}
        for line in logical_lines(read_text(config_dir / "main.cf")):
            with suppress(ConfigError):
                name, value = parse_assignment(line.text, "")
                entries[name] = Entry(value, f"{config_dir / 'main.cf'}, line {line.number}")
        entries["config_directory"] = Entry(str(config_dir), "")
        return MainCf(config_dir / "main.cf", entries)
