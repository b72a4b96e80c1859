"""crowd - many clients that nobody asked for, in a process of their own

SYNOPSIS
    python -m tests.suite.crowd PORT COUNT

DESCRIPTION
    COUNT clients of different addresses, 10.66.0.1 and on, each connect to
    PORT, read what they are told, and connect again at once, until standard
    input is closed. Then the account is written to standard output as JSON:
    how many replies there were, by verdict.

    Beside the process that measures, they would share its interpreter with
    the clients whose rate is measured.
"""

import contextlib
import json
import selectors
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"


def source(number: int) -> str:
    """Return the address of a client."""
    return f"10.66.{number // 250}.{1 + number % 250}"


@contextlib.contextmanager
def crowd(port: int, count: int) -> Iterator[Counter[str]]:
    """Have a crowd at the door; the account is complete at the end."""
    account: Counter[str] = Counter()
    command = [sys.executable, "-P", "-m", "tests.suite.crowd", str(port), str(count)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n", "the crowd did not come"
        yield account
        out, _ = process.communicate(timeout=30)
        account.update(json.loads(out))
    finally:
        process.kill()
        process.wait()


def main(port: int, count: int) -> None:
    """Be the crowd."""
    account: Counter[str] = Counter()
    with selectors.DefaultSelector() as ready:
        ready.register(sys.stdin, selectors.EVENT_READ)
        for number in range(count):
            ready.register(connected(port, source(number)), selectors.EVENT_READ, number)
        print("here", flush=True)
        while True:
            for key, _ in ready.select():
                if key.fileobj is sys.stdin:
                    print(json.dumps(account))
                    return
                client = key.fileobj
                assert isinstance(client, socket.socket)
                account[verdict(client)] += 1
                ready.unregister(client)
                client.close()
                ready.register(connected(port, source(key.data)), selectors.EVENT_READ, key.data)


def connected(port: int, address: str) -> socket.socket:
    """Return a fresh connection from an address."""
    return socket.create_connection((HOST, port), timeout=30, source_address=(address, 0))


def verdict(client: socket.socket) -> str:
    """Return the reply's first letter; it is one small segment."""
    try:
        reply = client.recv(4096)
    except OSError as error:
        return type(error).__name__
    return reply.partition(b":")[2][:1].decode() or "nothing"


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
