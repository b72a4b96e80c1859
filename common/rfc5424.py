"""rfc5424 - log lines to a collector on the network

DESCRIPTION
    NetworkSink sends each line as an RFC 5424 record: by UDP, one datagram a
    record, or by TCP, each record behind its length ("octet counting"). The
    records are made by syslog-rfc5424-formatter, behind a wrapper that keeps
    it from three things it does in the field: losing lines whose text is
    "procid", "msgid" or "structured_data"; marking local time as universal;
    passing control characters on.

SEE ALSO
    RFC 5424; RFC 5425 and RFC 6587, section 3.4.1
    parameter syslog_network_target
"""

import datetime
import ipaddress
import logging
import re
import socket
from contextlib import suppress
from dataclasses import dataclass

from syslog_rfc5424_formatter import RFC5424Formatter

from common.errors import ConfigError

TARGET = re.compile(r"(udp|tcp):(?:\[([0-9a-fA-F:]+)\]|([0-9.]+)):([0-9]{1,5})\Z")
NOT_PRINTABLE = re.compile(r"[^!-~]")
NOT_IN_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f]")
VERSION = 1  # of the protocol
APP_NAME_LIMIT, HOST_LIMIT = 48, 255  # characters
LINE = re.compile(rb"([^\[]*)\[([0-9]+)\]: (.*)", re.DOTALL)  # as common.log labels it


@dataclass(frozen=True, slots=True)
class Target:
    """A collector: udp or tcp, an IP address, a port."""

    transport: str
    address: str
    port: int

    @property
    def family(self) -> socket.AddressFamily:
        """The family of its address."""
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Return the target of "udp:192.0.2.1:514" or "tcp:[2001:db8::1]:601".

        Names are refused: a daemon must not wait for a name server to log.

        Raises:
            ConfigError: anything else.
        """
        match = TARGET.match(text)
        try:
            if match is None or not 0 < int(match[4]) < 65536:
                raise ValueError
            address = ipaddress.ip_address(match[2] or match[3])
        except ValueError:
            raise ConfigError(
                f'parameter syslog_network_target: bad target "{text}":'
                " need udp:address:port or tcp:address:port"
            ) from None
        return cls(match[1], str(address), int(match[4]))


class Formatter:
    """Records of one host."""

    def __init__(self, host: str) -> None:
        self._host = NOT_PRINTABLE.sub("?", host)[:HOST_LIMIT] or "-"
        self._formatter = RFC5424Formatter()

    def format(self, app_name: str, pid: int, text: str) -> bytes:
        """Return the record from its version on, without the priority in front."""
        record = logging.LogRecord(
            name=NOT_PRINTABLE.sub("?", app_name)[:APP_NAME_LIMIT] or "-",
            level=logging.INFO,
            pathname="",
            lineno=0,
            # No arguments: the formatter would look for its own names among them.
            msg=NOT_IN_TEXT.sub("?", text),
            args=(),
            exc_info=None,
        )
        record.process = pid
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        stamp = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
        formatted = self._formatter.format(record)
        # Its own time and the machine's name, which may be of any form, make room for ours.
        theirs = f"{VERSION} {vars(record)['isotime']} {vars(record)['hostname']} "
        rest = formatted.removeprefix(theirs)
        return f"{VERSION} {stamp} {self._host} {rest}".encode("utf-8", "replace")


class NetworkSink:
    """A collector as the sink of a common.log.Log."""

    wants_time = False

    def __init__(self, target: Target, facility: int, host: str) -> None:
        self._target = target
        self._facility = facility << 3
        self._formatter = Formatter(host)
        self._socket: socket.socket | None = None
        self._connected = False
        self._unsent = b""  # rest of a record that the connection took in part

    def prepare(self) -> None:
        """Begin to connect, so that the first line finds it done."""
        with suppress(OSError):
            self._connection()

    def write(self, severity: int, line: bytes) -> None:
        """Send one line "tag[pid]: text" as a record, all of it or, for now, nothing."""
        try:
            connection = self._connection()
            if self._target.transport == "udp":
                connection.send(self._record(severity, line))
                return
            if has_ended(connection):
                self.close()
                connection = self._connection()
            self._flush(connection)
            record = self._record(severity, line)
            self._unsent = b"%d %b" % (len(record), record)
            self._flush_some(connection)
        except BlockingIOError:
            raise
        except OSError:
            self.close()
            raise

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._socket.fileno() if self._socket else -1

    def close(self) -> None:
        """Forget the connection and what it took in part; the next line makes a new one."""
        if self._socket:
            self._socket.close()
        self._socket, self._connected, self._unsent = None, False, b""

    def _record(self, severity: int, line: bytes) -> bytes:
        match = LINE.match(line)
        tag, pid, text = match.groups() if match else (b"-", b"0", line)
        formatted = self._formatter.format(tag.decode(), int(pid), text.decode("utf-8", "replace"))
        return b"<%d>%b" % (self._facility | severity, formatted)

    def _connection(self) -> socket.socket:
        """Return the socket once it is connected; BlockingIOError until then."""
        if self._socket is None:
            kind = socket.SOCK_DGRAM if self._target.transport == "udp" else socket.SOCK_STREAM
            self._socket = socket.socket(self._target.family, kind)
            self._socket.setblocking(False)
            self._socket.connect((self._target.address, self._target.port))
            self._connected = True
        if not self._connected:
            error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, "connect to the log collector")
            if not self._is_established():
                raise BlockingIOError
            self._connected = True
        return self._socket

    def _is_established(self) -> bool:
        try:
            return self._socket is not None and bool(self._socket.getpeername())
        except OSError:
            return False

    def _flush(self, connection: socket.socket) -> None:
        """Send the rest of the last record; the next may not overtake it."""
        while self._unsent:
            self._unsent = self._unsent[connection.send(self._unsent) :]

    def _flush_some(self, connection: socket.socket) -> None:
        """Send what the connection takes; a record it took in part counts as sent."""
        whole = len(self._unsent)
        try:
            self._flush(connection)
        except BlockingIOError:
            if len(self._unsent) == whole:
                self._unsent = b""
                raise


def has_ended(connection: socket.socket) -> bool:
    """Tell whether the collector has closed; else what is sent now would be lost unnoticed."""
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
