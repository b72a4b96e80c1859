"""test_listeners - clients on IPv6 and on local sockets

DESCRIPTION
    The same clients come to Postroom and to the real Postfix, in a network of
    the test's own. Whether they are let in, what they are called in replies,
    logs, trace headers and queue files must be the same.
"""

import contextlib
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from tests.suite import peers
from tests.suite.instance import Instance, Postroom, free_port
from tests.suite.network import private_network
from tests.suite.qmqp import packet
from tests.suite.queue_file import read_records
from tests.suite.reference import Postfix

NAMED, NAMELESS = "fd66::7", "fd66::8"
FILES = {"hosts": f"127.0.0.1 localhost\n::1 localhost\n{NAMED} six.example.test\n"}
# One for each list of clients: a port of IPv6, a public and a private socket.
SERVICES = """\
[::1]:{port} inet n - n - - qmqpd -o {{ qmqpd_authorized_clients = {clients} }}
public{number} unix n - n - - qmqpd -o {{ qmqpd_authorized_clients = {clients} }}
private{number} unix y - n - - qmqpd -o {{ qmqpd_authorized_clients = {clients} }}
"""
PACKET = packet(b"Subject: x\n\nb\n")
TIMEOUT = 15.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client's message left behind; numbers that differ from run to run are gone."""

    reply: str
    log: tuple[str, ...]
    facts: tuple[str, ...]  # attributes of the queue file, and the first line of its header


# The clients: an IPv6 address that they come from, or a socket below the queue directory.
CLIENTS = [NAMED, NAMELESS, "::1", "public/public", "private/private"]
SIX, SIX_NAMELESS = f"six.example.test[{NAMED}]", f"unknown[{NAMELESS}]"
LABELS = [SIX, SIX_NAMELESS, "localhost[::1]", "localhost[127.0.0.1]", "localhost[127.0.0.1]"]

ALL = set(LABELS)
LOCAL = {"localhost[::1]", "localhost[127.0.0.1]"}
MISTAKEN = "[fd66::7]/32"
LISTS = {
    "[fd66::]/64": {SIX, SIX_NAMELESS},
    "[fd66::7]": {SIX},
    "[fd66::7], [::1]": {SIX, "localhost[::1]"},
    MISTAKEN: set[str](),  # a mistake, which those of IPv4 do not meet
    "![fd66::8], [::]/0": {SIX, "localhost[::1]"},
    "example.test": {SIX},
    "localhost": LOCAL,
    "127.0.0.1": {"localhost[127.0.0.1]"},
    "127.0.0.0/8, !127.0.0.1": {"localhost[127.0.0.1]"},
    "unknown": {SIX_NAMELESS},
    "0.0.0.0/0": {"localhost[127.0.0.1]"},
    "static:all": ALL,
    "cidr:{{fd66::/64 ok}, {127.0.0.0/8 ok}}": {SIX, SIX_NAMELESS, "localhost[127.0.0.1]"},
    "!static:all": set[str](),
}


@contextlib.contextmanager
def visits(kind: type[Instance], port_logging: str = "no") -> Iterator[dict[str, dict[str, Seen]]]:
    """Run an instance with all these lists; yield what each client sees of each."""
    settings = {"inet_protocols": "all", "inet_interfaces": "127.0.0.1, [::1]"}
    settings |= {"qmqpd_client_port_logging": port_logging, "qmqpd_prefork_count": "1"}
    with private_network(FILES), kind(settings) as instance:
        ports = [free_port() for _ in LISTS]
        with (instance.config_dir / "master.cf").open("a") as master_cf:
            for number, clients in enumerate(LISTS):
                line = SERVICES.format(port=ports[number], number=number, clients=clients)
                master_cf.write(line)
        instance.start()
        yield {
            clients: {client: visit(instance, ports[number], number, client) for client in CLIENTS}
            for number, clients in enumerate(LISTS)
        }


def visit(instance: Instance, port: int, number: int, client: str) -> Seen:
    """Submit a message as a client; return what is seen."""
    position = instance.log_position()
    with connected(instance, port, number, client) as connection:
        reply = b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # a refused client's
            connection.sendall(PACKET)
        with contextlib.suppress(ConnectionResetError):
            while data := connection.recv(4096):
                reply += data
    instance.wait_for_log("disconnect from ", position)
    facts: list[str] = []
    for path in instance.queue_files().values():
        records = read_records(path)
        facts += [each.value for each in records if each.kind == "A"]
        facts += [each.value for each in records if each.value.startswith("Received: ")]
        path.unlink()
    log = [line.partition("qmqpd[")[2].partition("]: ")[2] for line in instance.log_lines(position)]
    return Seen(
        steady(reply.decode()),
        tuple(steady(line) for line in log if line),
        tuple(steady(each) for each in facts if not each.startswith("create_time=")),
    )


def connected(instance: Instance, port: int, number: int, client: str) -> socket.socket:
    """Return a connection of the client."""
    local = "/" in client
    found = socket.socket(socket.AF_UNIX if local else socket.AF_INET6)
    found.settimeout(TIMEOUT)
    if local:
        found.connect(str(instance.spool / f"{client}{number}"))
    else:
        found.bind((client, 0))
        found.connect(("::1", port))
    return found


def steady(text: str) -> str:
    """Return text without queue ids and ports, which differ from run to run.

    Of a wrong network the reference shows no brackets in its warning.
    """
    text = re.sub(r'in "\[(\S+)\](/\d+)"', r'in "\1\2"', text)
    text = re.sub(r"\b[0-9A-F]{8,}\b", "ID", text)
    return re.sub(r"(_port=|\]:)[1-9][0-9]*", r"\1PORT", text)


def expected(clients: str, label: str) -> str:
    """Return the reply of a list, without its length, to a client."""
    if clients == MISTAKEN and "::" in label:
        return "ZError: server configuration error,"
    if label in LISTS[clients]:
        return "KOk: queued as ID,"
    return f"DError: {label} is not authorized to use this service,"


def check(seen: dict[str, dict[str, Seen]]) -> None:
    """Compare with what the lists say."""
    for clients, by_client in seen.items():
        for label, one in zip(LABELS, by_client.values(), strict=True):
            assert one.reply.partition(":")[2] == expected(clients, label), (clients, label)
            assert one.log[0] == f"connect from {label}"
            assert one.log[-1] == f"disconnect from {label}"


def test_a_list_lets_in_whom_it_names_on_every_kind_of_socket() -> None:
    with visits(Postroom) as seen:
        check(seen)


def test_the_reference_lets_in_the_same() -> None:
    peers.superuser("the real Postfix")
    with visits(Postfix) as seen:
        check(seen)


def test_the_reference_calls_them_the_same_everywhere() -> None:
    peers.superuser("the real Postfix")
    with visits(Postroom, "yes") as seen:
        ours = seen
    with visits(Postfix, "yes") as seen:
        assert ours == seen
    (one,) = (each for each in ours["static:all"].values() if SIX in str(each.log))
    assert {"log_client_address=IPv6:fd66::7", "client_address_type=10"} <= set(one.facts)
    assert f"Received: from six.example.test (six.example.test [IPv6:{NAMED}])" in one.facts
    local = ours["static:all"]["public/public"]
    assert {"client_address=127.0.0.1", "client_address_type=0"} <= set(local.facts)
