"""inject - a QMQP client

SYNOPSIS
    postroom inject [--server HOST:PORT] [-f SENDER] RECIPIENT... < message

DESCRIPTION
    Submits standard input and prints the server's reply. Without --server it
    goes to the qmqpd of this instance. The exit status says what to do with
    the message: 0, it is in the queue; 100, it was refused for good; 111, keep
    it and try again.

SEE ALSO
    https://cr.yp.to/proto/qmqp.html
"""

import argparse
import socket
import sys
from pathlib import Path

from common import netstring
from common.config import read_text
from common.errors import ConfigError

DEFAULT_PORT = 628
CONNECT_TIMEOUT = 10.0
IO_TIMEOUT = 3600.0  # the longest that the protocol's clients wait for a reply
REPLY_LIMIT = 100_000  # bytes
ACCEPTED, REFUSED, RETRY = 0, 100, 111
EXIT_CODES = {b"K": ACCEPTED, b"D": REFUSED, b"Z": RETRY}


def main(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Submit one message; return the exit status."""
    parser = argparse.ArgumentParser(prog="postroom inject")
    parser.add_argument("--server", metavar="HOST:PORT", help="or the path of a local socket")
    parser.add_argument("-f", dest="sender", default="", metavar="SENDER")
    parser.add_argument("recipients", nargs="+", metavar="RECIPIENT")
    options = parser.parse_args(arguments)
    server = options.server or own_server(config_dir)
    packet = encode_packet(sys.stdin.buffer.read(), options.sender, options.recipients)
    try:
        reply = submit(server, packet)
    except (OSError, netstring.FramingError, netstring.TooLongError) as error:
        print(f"postroom: fatal: {server}: {describe(error)}", file=sys.stderr)
        return RETRY
    print(reply.decode("utf-8", "replace"))
    return EXIT_CODES.get(reply[:1], RETRY)


def own_server(config_dir: Path) -> str:
    """Return the address of this instance's qmqpd.

    Raises:
        ConfigError: its master.cf has none on the network.
    """
    path = config_dir / "master.cf"
    for line in read_text(path).split("\n"):
        words = line.split()
        if len(words) > 7 and words[1] == "inet" and words[7] == "qmqpd":
            return words[0]
    raise ConfigError(f"{path} has no qmqpd on the network: name a --server")


def encode_packet(message: bytes, sender: str, recipients: list[str]) -> bytes:
    """Return what a QMQP client sends."""
    addresses = [address.encode("utf-8", "surrogateescape") for address in (sender, *recipients)]
    return netstring.encode(b"".join(map(netstring.encode, (message, *addresses))))


def submit(server: str, packet: bytes) -> bytes:
    """Send a packet and return the reply.

    Raises:
        OSError: no connection, or no reply.
        FramingError, TooLongError: the reply is none.
    """
    with connect(server) as connection:
        connection.settimeout(IO_TIMEOUT)
        broken: OSError | None = None
        try:
            connection.sendall(packet)
        except OSError as error:
            broken = error  # a server that has seen enough may have answered before it closed
        try:
            return read_reply(connection)
        except OSError:
            if broken:
                raise broken from None
            raise


def connect(server: str) -> socket.socket:
    """Return a connection to HOST, HOST:PORT, [ADDRESS]:PORT or a local socket's path."""
    if server.startswith("/"):
        local = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        local.connect(server)
        return local
    host, colon, port = server.rpartition(":")
    if server.endswith("]") or not colon:
        host, port = server, str(DEFAULT_PORT)
    if host.isdigit() or not host:  # a port alone, as in master.cf
        host = "127.0.0.1"
    return socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT)


def read_reply(connection: socket.socket) -> bytes:
    """Return the payload of the one netstring that the server sends."""
    reader = netstring.Reader()
    while (reply := reader.next_payload(REPLY_LIMIT)) is None:
        data = connection.recv(4096)
        if not data:
            raise ConnectionError("closed without a reply")
        reader.receive_data(data)
    return reply


def describe(error: Exception) -> str:
    """Return what went wrong, for people."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "bad reply"
