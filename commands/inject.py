"""inject - a QMQP client

SYNOPSIS
    postroom inject [--server SERVER] [-f SENDER] RECIPIENT... < message

DESCRIPTION
    Submits standard input and prints the server's reply. SERVER is HOST,
    HOST:PORT, [ADDRESS]:PORT or the path of a local socket. Without --server
    the message goes to the qmqpd of this instance, as its master.cf says, or
    to port 628 of this machine. Without -f the sender is empty, as in bounces.

DIAGNOSTICS
    The exit status says what to do with the message: 0, it is in the queue;
    100, it was refused for good; 111, keep it and try again. No answer, and
    any trouble of our own, is a 111.

SEE ALSO
    https://cr.yp.to/proto/qmqp.html
    master.cf(5)
"""

import argparse
import os
import socket
import sys
import time
from pathlib import Path
from typing import NamedTuple

from common import netstring
from common.config import MainCf, logical_lines, read_text
from common.errors import ConfigError, PeerError
from common.params import MasterParams

LOOPBACK = "127.0.0.1"
QMQP_PORT = "628"
CONNECT_SECONDS = 30.0
# For all of the conversation: as long as a server may wait for its own cleanup.
TALK_SECONDS = 3600.0
REPLY_LIMIT = 100_000  # bytes

ACCEPTED, REFUSED, RETRY = 0, 100, 111
EXIT_CODES = {b"K": ACCEPTED, b"D": REFUSED, b"Z": RETRY}


def main(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Submit one message; return the exit status."""
    try:
        options = parse(arguments)
        server = parse_server(options.server) if options.server else own_server(config_dir)
        packet = encode_packet(sys.stdin.buffer.read(), options.sender, options.recipients)
        reply = submit(server, packet)
    except (ConfigError, PeerError) as error:
        print(f"postroom inject: fatal: {error}", file=sys.stderr)
        return RETRY
    print(printable(reply))
    return EXIT_CODES[reply[:1]]


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the command's options; wrong usage ends in 111 as well."""
    parser = argparse.ArgumentParser(prog="postroom inject", exit_on_error=False)
    parser.add_argument("--server", metavar="SERVER", help="host, host:port or a socket's path")
    parser.add_argument("-f", dest="sender", default="", metavar="SENDER")
    parser.add_argument("recipients", nargs="+", metavar="RECIPIENT")
    try:
        return parser.parse_args(arguments)
    except SystemExit as end:
        sys.exit(RETRY if end.code else ACCEPTED)
    except argparse.ArgumentError as error:
        raise ConfigError(str(error)) from None


class Server(NamedTuple):
    """Where the server is: a host with a port, or a path without."""

    host: str
    port: str = ""

    def __str__(self) -> str:
        """Return it as people write it."""
        if not self.port:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_server(text: str) -> Server:
    """Return the server that HOST, HOST:PORT, [ADDRESS]:PORT or a path stands for."""
    if text.startswith("/"):
        return Server(text)
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or (":" in host and not host.endswith("]")):
        host, port = text, ""  # no port; colons without brackets are an IPv6 address
    return Server(host.strip("[]") or LOOPBACK, port or QMQP_PORT)


def own_server(config_dir: Path) -> Server:
    """Return the address of this instance's qmqpd; of the customary one, if it has none.

    Raises:
        ConfigError: main.cf cannot be used.
    """
    if not (config_dir / "master.cf").exists():
        return Server(LOOPBACK, QMQP_PORT)
    for line in logical_lines(read_text(config_dir / "master.cf")):
        columns = line.text.split()
        if columns[1:2] == ["inet"] and columns[7:8] == ["qmqpd"]:
            host, _, port = columns[0].rpartition(":")
            return Server(host.strip("[]") or first_interface(config_dir), port)
    return Server(LOOPBACK, QMQP_PORT)


def first_interface(config_dir: Path) -> str:
    """Return an address of this machine that services without a host listen on."""
    first = MainCf.read(config_dir).load(MasterParams).inet_interfaces[:1]
    return LOOPBACK if first in ((), ("all",), ("loopback-only",)) else first[0].strip("[]")


def encode_packet(message: bytes, sender: str, recipients: list[str]) -> bytes:
    """Return what a QMQP client sends."""
    addresses = map(os.fsencode, (sender, *recipients))
    return netstring.encode(b"".join(map(netstring.encode, (message, *addresses))))


def submit(server: Server, packet: bytes) -> bytes:
    """Send a packet, return the reply: K, Z or D and a text.

    Raises:
        PeerError: no connection, no reply, or something else than a reply.
    """
    try:
        with connect(server) as connection:
            return converse(connection, packet, time.monotonic() + TALK_SECONDS)
    except TimeoutError:
        raise PeerError(f"{server}: timed out") from None
    except OSError as error:
        raise PeerError(f"{server}: {error.strerror or error}") from None
    except UnicodeError:
        raise PeerError(f"{server}: no name that a host can have") from None
    except PeerError as error:
        raise PeerError(f"{server}: {error}") from None


def connect(server: Server) -> socket.socket:
    """Return a connection; a host's addresses are tried in turn."""
    if server.port:
        return socket.create_connection(server, CONNECT_SECONDS)
    local = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        local.settimeout(CONNECT_SECONDS)
        local.connect(server.host)
    except OSError:
        local.close()
        raise
    return local


def converse(connection: socket.socket, packet: bytes, deadline: float) -> bytes:
    """Send everything, then read one reply.

    A server that has seen enough answers and closes before we are done. Then
    sending breaks, but the answer has arrived and is still worth reading.
    """
    broken: OSError | None = None
    try:
        connection.settimeout(time_left(deadline))
        connection.sendall(packet)
    except TimeoutError:
        raise
    except OSError as error:
        broken = error
    try:
        return read_reply(connection, deadline)
    except ConnectionError as error:
        raise (broken or error) from None


def read_reply(connection: socket.socket, deadline: float) -> bytes:
    """Return the payload of the one netstring that the server sends.

    Raises:
        PeerError: the server closed first, or sent something else.
    """
    reader = netstring.Reader()
    try:
        while (reply := reader.next_payload(REPLY_LIMIT)) is None:
            connection.settimeout(time_left(deadline))
            data = connection.recv(4096)
            if not data:
                raise PeerError("closed without a reply")
            reader.receive_data(data)
    except (netstring.FramingError, netstring.TooLongError):
        raise PeerError("the reply is no netstring of reasonable length") from None
    if reply[:1] not in EXIT_CODES:
        raise PeerError(f"the reply begins with none of K, Z and D: {printable(reply[:60])}")
    return reply


def time_left(deadline: float) -> float:
    """Return the seconds up to a deadline.

    Raises:
        TimeoutError: there are none.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def printable(reply: bytes) -> str:
    """Return what came from the network as text that cannot command a terminal."""
    text = reply.decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in text)
