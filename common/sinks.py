"""sinks - where log lines go: syslog, a file, a pipe, standard output

DESCRIPTION
    A sink takes one line whole or raises BlockingIOError; how long that is
    waited for is common.log's business.

SEE ALSO
    spec/logging.md, section 1
    common.rfc5424, for collectors on the network
"""

import os
import socket
import stat
import time
from typing import Protocol

from common.date import MONTHS
from common.errors import ConfigError
from common.params import SuiteParams

SYSLOG_SOCKET = "/dev/log"
STANDARD_OUTPUT = "/dev/stdout"
OPEN_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
FACILITY_CODES = {
    "kern": 0,
    "user": 1,
    "mail": 2,
    "daemon": 3,
    "auth": 4,
    "security": 4,
    "syslog": 5,
    "lpr": 6,
    "news": 7,
    "uucp": 8,
    "cron": 9,
    "authpriv": 10,
    "ftp": 11,
    **{f"local{number}": 16 + number for number in range(8)},
}


class Sink(Protocol):
    """Where lines go. write() raises BlockingIOError when it would have to wait."""

    wants_time: bool

    def write(self, severity: int, line: bytes) -> None:
        """Hand over one line, all of it or nothing."""

    def fileno(self) -> int:
        """Return the descriptor to wait on, -1 if there is none at the moment."""

    def close(self) -> None:
        """Give descriptors up."""


class FileSink:
    """A file, pipe or terminal; the descriptor belongs to this object."""

    wants_time = True

    def __init__(self, descriptor: int, *, is_socket: bool | None = None) -> None:
        """Take the descriptor; it need not be open yet if is_socket is given."""
        self.descriptor = descriptor
        self._is_socket = refers_to_socket(descriptor) if is_socket is None else is_socket
        self._socket: socket.socket | None = None

    def write(self, severity: int, line: bytes) -> None:
        """Append the line."""
        if not self._is_socket:
            os.write(self.descriptor, line + b"\n")
            return
        # A socket as standard output cannot be opened a second time: it is sent to instead.
        if self._socket is None:
            self._socket = socket.socket(fileno=os.dup(self.descriptor))
        self._socket.send(line + b"\n", socket.MSG_DONTWAIT)

    def fileno(self) -> int:
        """Return the open descriptor."""
        return self.descriptor

    def close(self) -> None:
        """Close it."""
        os.close(self.descriptor)


def refers_to_socket(descriptor: int) -> bool:
    """Tell whether a descriptor is a socket's."""
    return stat.S_ISSOCK(os.fstat(descriptor).st_mode)


class DatagramSink:
    """A local socket that takes each line as a datagram; connected again after it went away."""

    wants_time = False

    def __init__(self, path: str) -> None:
        self.path = path
        self.socket: socket.socket | None = None

    def write(self, severity: int, line: bytes) -> None:
        """Send the line."""
        datagram = self._datagram(severity, line)
        connected = self.socket is not None
        try:
            self.connected().send(datagram)
        except BlockingIOError:
            raise
        except OSError:
            self.close()
            if not connected:
                raise
            self.connected().send(datagram)  # whoever reads it was restarted meanwhile

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self.socket.fileno() if self.socket else -1

    def close(self) -> None:
        """Forget the connection; the next line makes a new one."""
        if self.socket:
            self.socket.close()
        self.socket = None

    def connected(self) -> socket.socket:
        """Return the socket, connected now if it was not.

        Raises:
            OSError: nobody reads there.
        """
        if self.socket is None:
            fresh = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            fresh.setblocking(False)
            try:
                fresh.connect(self.path)
            except OSError:
                fresh.close()
                raise
            self.socket = fresh
        return self.socket

    def _datagram(self, severity: int, line: bytes) -> bytes:
        return line


class SyslogSink(DatagramSink):
    """The local syslog socket, which takes lines in the classic syslog form."""

    def __init__(self, facility: str, path: str = SYSLOG_SOCKET) -> None:
        super().__init__(path)
        self.facility = FACILITY_CODES[facility] << 3

    def _datagram(self, severity: int, line: bytes) -> bytes:
        stamp = timestamp(int(time.time()))
        return f"<{self.facility | severity}>{stamp} ".encode() + line


class PostlogSink(DatagramSink):
    """The socket of postlogd, which writes lines into the log file as they are."""

    wants_time = True


def timestamp(second: int) -> str:
    """Return local time as syslog writes it: "Nov  2 12:47:22"."""
    now = time.localtime(second)
    month = MONTHS[now.tm_mon - 1]
    return f"{month} {now.tm_mday:2} {now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02}"


def open_sink(params: SuiteParams, inherited: Sink | None = None) -> Sink:
    """Return the sink that the configuration names; inherited is a log file opened by master.

    Raises:
        ConfigError: the log file cannot be opened or is in no allowed place.
    """
    if inherited is not None:
        return inherited
    path = params.maillog_file
    if not path:
        return SyslogSink(params.syslog_facility)
    check_place(params)
    return FileSink(open_log_file(path))


def check_place(params: SuiteParams) -> None:
    """Check that the log file, if there is one, is where it may be.

    Raises:
        ConfigError: it is not.
    """
    path, prefixes = params.maillog_file, params.maillog_file_prefixes
    if path and not path.startswith(prefixes):
        raise ConfigError(
            f"parameter maillog_file: {path} begins with nothing of maillog_file_prefixes"
            f" ({' '.join(prefixes)})"
        )


def check_openable(params: SuiteParams) -> None:
    """Check that the log file can be opened or made; it is left as it is.

    Raises:
        ConfigError: it cannot.
    """
    path = params.maillog_file
    if path in ("", STANDARD_OUTPUT):
        return
    try:
        os.close(os.open(path, OPEN_FLAGS & ~os.O_CREAT))
    except FileNotFoundError as error:
        folder = os.path.dirname(path) or "."
        if not os.path.isdir(folder) or not os.access(folder, os.W_OK | os.X_OK):
            reason = "Permission denied" if os.path.isdir(folder) else error.strerror
            raise ConfigError(f"parameter maillog_file: open {path}: {reason}") from None
    except OSError as error:
        raise ConfigError(f"parameter maillog_file: open {path}: {error.strerror}") from None


def open_log_file(path: str) -> int:
    """Return a descriptor that appends to the log and never blocks on a pipe or terminal.

    Standard output is opened a second time where the system allows it, so
    that the mode of the caller's own descriptor stays as it is.

    Raises:
        ConfigError: it cannot be opened.
    """
    try:
        if path != STANDARD_OUTPUT:
            return os.open(path, OPEN_FLAGS, 0o600)
        if stat.S_ISREG(os.fstat(1).st_mode) or stat.S_ISSOCK(os.fstat(1).st_mode):
            return os.dup(1)
        return os.open("/proc/self/fd/1", OPEN_FLAGS & ~os.O_CREAT)
    except OSError as error:
        raise ConfigError(f"open {path}: {error.strerror}") from None
