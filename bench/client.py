"""client - messages of any shape, sent from several processes at once

DESCRIPTION
    qmqp-source sends lines of one length only. Here each session is a process
    that sends one prepared packet again and again, each on a connection of
    its own. Contents are the same in every run.
"""

import multiprocessing
import random
import socket
import string
from collections.abc import Iterator

from tests.suite.qmqp import packet

HOST = "127.0.0.1"
IO_TIMEOUT = 60.0  # seconds
REPLY_SIZE = 4096
LETTERS = (string.ascii_letters + string.digits + " ").encode()
HEADER = b"""\
From: <foo@from.test>
To: <bar@to.test>
Date: Fri, 1 Jan 2021 00:00:00 +0000
Message-Id: <shape@from.test>
Subject: lines

"""


class SendError(Exception):
    """Not every message was accepted."""


def content(size: int, lines: tuple[int, int]) -> bytes:
    """Return a message of that size, its body's lines as long as lines says: at least, at most.

    The last line may be shorter.
    """
    left = size - len(HEADER)
    out = [HEADER]
    for line in endless_lines(*lines):
        if len(line) >= left:
            break
        out.append(line)
        left -= len(line)
    out.append(b"x" * (left - 1) + b"\n")
    return b"".join(out)


def endless_lines(least: int, most: int) -> Iterator[bytes]:
    """Yield lines of random letters, LF included, each length as often as any other."""
    chosen = random.Random(1)
    while True:
        yield bytes(chosen.choices(LETTERS, k=chosen.randint(least, most))) + b"\n"


def send(port: int, message: bytes, messages: int, sessions: int, seconds: float) -> None:
    """Submit a message so many times; return when each is accepted.

    Raises:
        SendError: one was not, or not in time.
    """
    request = packet(message)
    context = multiprocessing.get_context("fork")
    shares = [messages // sessions + (n < messages % sessions) for n in range(sessions)]
    clients = [
        context.Process(target=submit_each, args=(port, request, share), daemon=True)
        for share in shares
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join(seconds)
        if client.exitcode is None:
            client.kill()
            client.join()
    if any(client.exitcode for client in clients):
        raise SendError(f"of {messages} messages not all were accepted")


def submit_each(port: int, request: bytes, count: int) -> None:
    """Be one session.

    Raises:
        SendError: a message was not accepted.
    """
    for _ in range(count):
        with socket.create_connection((HOST, port), timeout=IO_TIMEOUT) as connection:
            connection.sendall(request)
            reply = connection.recv(REPLY_SIZE)
        if reply.partition(b":")[2][:1] != b"K":
            raise SendError(repr(reply))
